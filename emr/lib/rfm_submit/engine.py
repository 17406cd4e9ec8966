"""The cluster of `batch --engine ballista`: a YARN service of a scheduler and executors that lives as long as the run."""

import os
import sys

from . import apps, hadoop, interrupt, launcher, logs, service, staging
from .failure import RETRY, Failure, say, usage
from .job import aggregation_memory, find_program, mebibytes

SCHEDULER, EXECUTOR = "rfm-scheduler", "rfm-executor"
# MiB of the containers, and the cores of an executor, unless they are given.
SCHEDULER_MEMORY = 384
EXECUTOR_MEMORY = 2048
EXECUTOR_CORES = 2
EXECUTORS = 2
# How long the run waits for the executors: a launch takes some 20 s where there is room.
PATIENCE = "3m"
# Should submit be killed in a way that leaves it no time, YARN ends the service by itself.
LIFETIME_SECONDS = 24 * 3600
# Where the scheduler says where it is, in the caller's home folder on HDFS.
FOLDER = ".rfm-suite/engines"


def add_options(command):
    """The options of `submit batch`."""
    command.add_argument("--engine", choices=["local", "ballista"], default="local",
                         help="what reads the input: the job's own process, or a cluster of executors [%(default)s]")
    command.add_argument("--executors", type=int, metavar="N", help=f"executors that are started for the run [{EXECUTORS}]")
    command.add_argument("--executor-memory", metavar="SIZE", help=f"of an executor's container [{EXECUTOR_MEMORY // 1024}g]")
    command.add_argument("--executor-cores", type=int, metavar="N", help=f"of an executor's container [{EXECUTOR_CORES}]")
    command.add_argument("--scheduler", metavar="HOST:PORT|FILE", help="a cluster that is there already; none is started")


def of(job, options):
    """The cluster that has to be started for a job, or None. The job is told where its scheduler is."""
    if getattr(options, "engine", "local") == "local":
        given = [flag for flag in ("executors", "executor_memory", "executor_cores", "scheduler") if getattr(options, flag, None)]
        if given:
            raise usage(f"--{given[0].replace('_', '-')} needs --engine ballista")
        return None
    if options.scheduler:
        if options.executors or options.executor_memory or options.executor_cores:
            raise usage("--scheduler names a cluster that is there: leave --executors, --executor-memory and --executor-cores out")
        job.arguments = ["--engine", "ballista", "--scheduler", options.scheduler, *job.arguments]
        return None
    if options.master == "local":
        raise usage("--engine ballista starts its cluster on YARN: leave --master local out, or name a cluster with --scheduler")
    if options.wait is False:
        raise usage("--detach: the executors live as long as submit does; start a cluster of its own and name it with --scheduler")
    cluster = Cluster(job, options)
    # What the user says of it comes later and holds.
    job.arguments = ["--set", f"batch.ballista.wait={PATIENCE}", "--engine", "ballista", "--scheduler", cluster.endpoint,
                     *job.arguments]
    return cluster


def positive(flag, value, default):
    if value is not None and value < 1:
        raise usage(f"{flag} {value}: it must be 1 or more")
    return value or default


class Cluster:
    """A scheduler and executors for one run."""

    def __init__(self, job, options):
        self.name = f"{job.name[:40]}-engine-{os.getpid()}"
        self.queue, self.env = job.queue, job.env
        self.executors = positive("--executors", options.executors, EXECUTORS)
        self.cores = positive("--executor-cores", options.executor_cores, EXECUTOR_CORES)
        self.memory = mebibytes(options.executor_memory) if options.executor_memory else EXECUTOR_MEMORY
        self.sums_memory = aggregation_memory(self.memory, EXECUTOR)
        self.programs = {name: beside(job.binary, name) for name in (SCHEDULER, EXECUTOR)}
        self.folder = f"{staging.home()}/{FOLDER}/{self.name}"
        self.endpoint = f"{self.folder}/scheduler"

    def specification(self):
        """What `yarn app -launch` is given."""
        scheduler = ["--bind", "0.0.0.0", "--executors", str(self.executors), "--endpoint-file", self.endpoint]
        executor = ["--bind", "0.0.0.0", "--scheduler", self.endpoint, "--cores", str(self.cores),
                    "--memory", f"{self.sums_memory} MiB", "--work-folder", "work"]
        return {
            "name": self.name, "version": "1.0", "queue": self.queue, "lifetime": str(LIFETIME_SECONDS),
            "configuration": {"properties": {**service.properties(), "yarn.service.container-failure.retry-interval-ms": "1000"}},
            "components": [
                self.component("scheduler", 1, 1, SCHEDULER_MEMORY, SCHEDULER, scheduler),
                {**self.component("executor", self.executors, self.cores, self.memory, EXECUTOR, executor),
                 "dependencies": ["scheduler"]},
            ],
        }

    def component(self, name, number, cores, memory, program, arguments):
        script = launcher.process(program, arguments, {"HADOOP_USER_NAME": hadoop.user(), **self.env})
        address = staging.stage(self.programs[program], program)[0]
        return {
            "name": name, "number_of_containers": number, "restart_policy": "ALWAYS",
            "resource": {"cpus": cores, "memory": str(memory)},
            "launch_command": service.LAUNCH_COMMAND,
            "configuration": {"files": [service.static(program, address), service.inline("start-job", script)]},
        }

    def launch(self):
        service.launch(self.name, self.specification())
        say(f"{service.count(self.executors, 'executor')} of {self.cores} cores and {self.memory} MiB: {self.name}")

    def tell(self):
        """Prints the last that scheduler and executors wrote."""
        known = service.ask(self.name)
        for piece in logs.fetch(known["id"], size=4096) if known and known.get("id") else []:
            if piece.file.startswith("stderr") and piece.text:
                print(f"  {piece.container}:", file=sys.stderr)
                for line in piece.text.splitlines()[-5:]:
                    print("    " + line[:300], file=sys.stderr)

    def remove(self):
        """Ends all of it. What cannot be removed is said; how the run ended is told by the run."""
        try:
            stopped = hadoop.run("yarn", "app", "-stop", self.name)
            destroyed = hadoop.run("yarn", "app", "-destroy", self.name)
            hadoop.run("hdfs", "dfs", "-rm", "-r", "-f", "-skipTrash", self.folder)
            left = [app for app in apps.every() if app.name == self.name and app.is_running]
            for app in left:
                # It was not up yet when it was stopped, or does not listen.
                hadoop.run("yarn", "application", "-kill", app.id).ok("kill " + app.id)
            if destroyed.code != 0 and (left or stopped.code == 0):
                hadoop.run("yarn", "app", "-destroy", self.name).ok("remove the service " + self.name)
        except Failure as failure:
            say(f"{failure}; end the executors with: yarn app -stop {self.name}; yarn app -destroy {self.name}")


def beside(batch, name):
    """The program that belongs to that rfm-batch."""
    path = os.path.join(os.path.dirname(batch), name)
    return path if os.access(path, os.X_OK) else find_program(name, None)


def around(cluster, run):
    """Runs something while the cluster is there; it goes whatever happens."""
    try:
        cluster.launch()
        code = run()
        if code == RETRY:
            cluster.tell()
        return code
    finally:
        with interrupt.undisturbed():
            cluster.remove()
            say(f"the executors of {cluster.name} have ended")
