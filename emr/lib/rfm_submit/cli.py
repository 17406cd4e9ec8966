"""What the user types."""

import argparse
import os
import subprocess
import sys

from . import apps, engine, hadoop, interrupt, logs, page, service, task
from .failure import BAD_USAGE, DONE, Failure, say, usage
from .job import Job

EPILOG = """\
examples:
  submit batch --master yarn --memory 4g --cores 4 -- --config config/emr.toml --snapshot-date 2026-11-01
  submit batch --master yarn --deploy-mode client -- --config config/emr.toml
  submit batch --engine ballista --executors 4 --executor-memory 8g --executor-cores 4 -- --config config/emr.toml
  submit streaming --master yarn --instances 3 -- --config config/emr.toml --brokers HOST:9098
  submit producer --master yarn --detach -- --config config/emr.toml --brokers HOST:9098 --count 1000000
  submit dashboard --files shop.toml -- --config shop.toml --listen 0.0.0.0:3034
  submit status                       # what runs
  submit logs rfm-streaming --follow
  submit scale rfm-streaming 5
  submit kill rfm-streaming

exit codes: the job's own where it ran to its end; else 0 done, 1 failed, 2 bad usage, 3 worth a retry, 143 killed
"""

JOB_HELP = {
    "batch": "segment the customers of the order files (rfm-batch)",
    "streaming": "tag orders as they come (rfm-streaming)",
    "producer": "make up orders (order-producer)",
    "dashboard": "serve the page of segments, orders and customers (rfm-dashboard)",
}


def parser():
    top = argparse.ArgumentParser(
        prog="submit", description="Starts the jobs of rfm-suite here or on YARN, and looks after them.", epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = top.add_subparsers(dest="command", metavar="COMMAND")
    for kind, text in JOB_HELP.items():
        command = commands.add_parser(kind, help=text, description=text, epilog="What stands after -- is for the job.")
        add_job(command)
        if kind == "batch":
            engine.add_options(command)
    listing = commands.add_parser("status", help="what runs, or how one job is")
    listing.add_argument("job", nargs="?", metavar="NAME|ID")
    shown = commands.add_parser("logs", help="what a job wrote, while it runs or afterwards")
    shown.add_argument("job", metavar="NAME|ID")
    shown.add_argument("-f", "--follow", action="store_true", help="go on until the job ends")
    shown.add_argument("--bytes", type=natural, default=logs.WINDOW_BYTES, metavar="N",
                       help="the last N bytes of each file [%(default)s]")
    scaled = commands.add_parser("scale", help="change the number of instances of a stream")
    scaled.add_argument("job", metavar="NAME|ID")
    scaled.add_argument("instances", type=natural, metavar="N")
    killed = commands.add_parser("kill", help="end a job and remove what is left of it")
    killed.add_argument("job", metavar="NAME|ID")
    killed.add_argument("--grace", type=whole, default=service.DRAIN_SECONDS, metavar="SECONDS",
                        help="time for the job to write what it has; 0 ends it at once [%(default)s]")
    return top


def add_job(command):
    command.add_argument("--master", choices=["local", "yarn"], default="yarn",
                         help="yarn, or local: this machine, no cluster needed [%(default)s]")
    command.add_argument("--deploy-mode", choices=["client", "cluster"], default="cluster",
                         help="cluster: in YARN's containers; client: on this node, with the cluster's data [%(default)s]")
    command.add_argument("--queue", default="default", help="YARN's queue [%(default)s]")
    command.add_argument("--name", help="name of the job on YARN [the program's]")
    command.add_argument("--memory", metavar="SIZE", help="of a container, as 2048m or 2g [batch 2g, streaming 1g, dashboard 768m, producer 512m]")
    command.add_argument("--cores", type=natural, metavar="N", help="of a container [batch 2, else 1]")
    command.add_argument("--instances", type=natural, metavar="N", help="containers of a stream [1]")
    command.add_argument("--files", action="append", default=[], metavar="PATH[#NAME],...",
                         help="files to take along, for the job in its working folder (repeatable)")
    command.add_argument("--env", action="append", default=[], metavar="NAME=VALUE",
                         help="variable of the job (repeatable); readable on HDFS while it runs, so no secrets")
    command.add_argument("--conf", action="append", default=[], metavar="KEY=VALUE",
                         help="setting of the job, as its own --set (repeatable)")
    command.add_argument("--program", metavar="FILE", help="the program to run [that of this release]")
    waiting = command.add_mutually_exclusive_group()
    waiting.add_argument("--wait", dest="wait", action="store_true", default=None,
                         help="stay until the job ends [unless it is a stream that goes on]")
    waiting.add_argument("--detach", dest="wait", action="store_false", help="return when YARN runs it")
    command.add_argument("--quiet", action="store_true", help="do not print what the job printed")


def natural(text):
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no number above 0")
    return int(text)


def whole(text):
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"'{text}' is no number")
    return int(text)


def split(words):
    """Submit's own words, and the job's behind `--`."""
    at = words.index("--") if "--" in words else len(words)
    return words[:at], words[at + 1:]


def submit(options, arguments):
    job = Job(options.command, options, arguments)
    cluster = engine.of(job, options)
    if cluster is None:
        return run(job, options)
    # Before anything is started.
    check_settings(job)
    return engine.around(cluster, lambda: run(job, options, stay=True))


def run(job, options, stay=False):
    """Runs the job where the user wants it. With `stay` this process is still there afterwards."""
    if options.master == "local" or options.deploy_mode == "client":
        return run_here(job, options, stay)
    settings = check_settings(job)
    if job.is_service and job.kind == "dashboard":
        job.listen = page.reachable(settings)
    wait = options.wait if options.wait is not None else not job.is_service
    if job.is_service:
        return service.run(job, wait)
    return task.run(job, wait, options.quiet)


def run_here(job, options, stay):
    """Becomes the job, or waits for it."""
    if options.wait is False:
        raise usage("--detach needs a job in YARN's containers: --master yarn --deploy-mode cluster")
    if job.instances > 1:
        raise usage("--instances needs YARN's containers: --master yarn --deploy-mode cluster")
    for name, path in job.files.items():
        if os.path.abspath(path) != os.path.abspath(name):
            raise usage(f"--files: the job runs in this folder and finds '{path}' by its path; leave --files out")
    env = job.sized_env(in_container=False)
    if options.master == "yarn":
        env = hadoop.environment(env)
        if not env.get("HADOOP_CONF_DIR"):
            raise usage("HADOOP_CONF_DIR is not set and there is no /etc/hadoop/conf: where is the cluster?")
    else:
        env = {**os.environ, **env}
    sys.stdout.flush()
    if not stay:
        os.execve(job.binary, [job.program, *job.arguments], env)
    child = None
    try:
        with interrupt.after_this():
            child = subprocess.Popen([job.binary, *job.arguments], env=env)
        code = child.wait()
    except KeyboardInterrupt:
        if child is not None:
            child.terminate()
            child.wait()
        raise
    return code if code >= 0 else 128 - code


def check_settings(job):
    """Has the program look at its settings here, so that a misspelt one needs no container; gives them as it prints them."""
    # Settings in this shell's variables do not travel.
    env = {name: value for name, value in os.environ.items() if not name.startswith("RFM_")}
    done = subprocess.run([job.binary, *job.arguments, "--print-config"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", errors="replace",
                          env={**env, **job.sized_env(in_container=True)})
    if done.returncode == BAD_USAGE:
        raise usage(done.stderr.strip() or "the job's settings are wrong")
    return done.stdout


def overview():
    running = [app for app in apps.every() if app.is_running and app.user == hadoop.user()]
    for app in running:
        print(f"{app.name}  {app.id}  {app.state}" + ("  service" if app.is_service else ""))
    if not running:
        say("nothing of yours runs on YARN")
    return DONE


def look_after(options):
    if options.command == "status" and options.job is None:
        return overview()
    if options.command == "logs":
        logs.show(options.job, options.bytes, options.follow)
        return DONE
    app = apps.find(options.job)
    if options.command == "status":
        return service.status(app) if app.is_service else task.status(app)
    if options.command == "kill":
        return service.kill(app, options.grace) if app.is_service else task.kill(app, options.grace)
    if not app.is_service:
        raise usage(f"{app.name} is no stream: it runs in one container")
    return service.scale(app.name, options.instances)


def main(words):
    """Does what the user asks for; gives the exit code."""
    interrupt.listen()
    own, arguments = split(words)
    commands = parser()
    options = commands.parse_args(own)
    if options.command is None:
        commands.print_help(sys.stderr)
        return BAD_USAGE
    try:
        if options.command in JOB_HELP:
            return submit(options, arguments)
        if arguments:
            raise usage(f"{options.command} takes nothing after --")
        return look_after(options)
    except Failure as failure:
        for line in str(failure).splitlines():
            say(line)
        return failure.code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read the output has had enough.
        sys.stderr.close()
        return DONE
