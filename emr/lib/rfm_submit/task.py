"""Jobs that run to their end on YARN: one container of Hadoop's distributed shell, whose failure comes back with the exit code
and the last of what the job wrote."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

from . import apps, hadoop, launcher, logs, staging
from .failure import DONE, FAILED, RETRY, Failure, say
from .job import hive_conf_of_client, hive_settings

# The distributed shell's client kills the job after this many milliseconds; this is as long as it knows.
NO_TIMEOUT = str(2**31 - 1)
# MiB of the application master, all of it Java heap.
MASTER_MEMORY = "256"

# What the client says is how we learn of the job, whatever the cluster's own configuration of logs leaves out.
LOG_PROPERTIES = """\
log4j.rootLogger=WARN,submit
log4j.logger.org.apache.hadoop.yarn=INFO
log4j.appender.submit=org.apache.log4j.ConsoleAppender
log4j.appender.submit.target=System.err
log4j.appender.submit.layout=org.apache.log4j.PatternLayout
log4j.appender.submit.layout.ConversionPattern=%p %c{1}: %m%n
"""

SUBMITTED = re.compile(r"Submitted application (application_\d+_\d+)")
REPORT = re.compile(r"appDiagnostics=(.*?), appMasterHost=.*?, yarnAppState=(\w+), distributedFinalState=(\w+)", re.DOTALL)
STATE = re.compile(r", yarnAppState=(\w+), distributedFinalState=(\w+)")
EXIT_CODE = re.compile(r"(?:[Ee]xit ?[Cc]ode|exitStatus)(?: is|[:=]) *(-?\d+)")
STDERR_HEAD = re.compile(r"Last 4096 bytes of \S+ *:\n?")


def run(job, wait, quiet):
    """Submits the job. With `wait` its exit code, else 0 as soon as YARN has it."""
    staged, checksum = staging.stage(job.binary, job.program)
    folder = tempfile.mkdtemp(prefix="rfm-submit-")
    try:
        client = start_client(job, folder, staged, checksum)
        said, app_id = [], None
        try:
            for line in client.stdout:
                said.append(line)
                found = SUBMITTED.search(line)
                if found:
                    app_id = found[1]
                    break
        finally:
            if app_id is None:
                end_client(client)
        if app_id is None:
            raise refused("".join(said))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if not wait:
        # It would only watch.
        end_client(client)
        print(app_id)
        say(f"submitted {job.name}; `submit status {app_id}` tells how it is, `submit logs {app_id}` what it says")
        return DONE
    say(f"submitted {job.name} as {app_id}")
    return watch(client, app_id, job.name, quiet)


def start_client(job, folder, staged, checksum):
    job.ship_config()
    if "hive-site.xml" not in job.files:
        text = hive_settings(hive_conf_of_client())
        if text:
            job.files["hive-site.xml"] = written(folder, "hive-site.xml", text)
    # All files lie in the container's working folder.
    hive_conf = "." if "hive-site.xml" in job.files else None
    script = written(folder, "start-job", launcher.task(job, hadoop.user(), staged, checksum, hive_conf))
    properties = written(folder, "log4j.properties", LOG_PROPERTIES)
    localised = []
    for name, path in job.files.items():
        # The distributed shell keeps names.
        os.makedirs(os.path.join(folder, "files"), exist_ok=True)
        copy = os.path.join(folder, "files", name)
        shutil.copyfile(path, copy)
        localised.append(copy)
    jar = hadoop.distributed_shell_jar()
    arguments = [
        "-jar", jar, "-appname", job.name, "-queue", job.queue, "-timeout", NO_TIMEOUT, "-num_containers", "1",
        "-master_memory", MASTER_MEMORY, "-container_memory", str(job.memory), "-container_vcores", str(job.cores),
        "-shell_script", script, "-log_properties", properties]
    if localised:
        arguments += ["-localize_files", ",".join(localised)]
    return hadoop.start("yarn", "jar", jar, "org.apache.hadoop.yarn.applications.distributedshell.Client", *arguments,
                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def written(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def end_client(client):
    """Not by SIGTERM: it could take its application along."""
    try:
        os.killpg(client.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    client.wait()


def refused(said):
    """Why the client submitted nothing."""
    return Failure(f"YARN did not take the job: {hadoop.last_words(said)}", RETRY if hadoop.retryable(said) else FAILED)


def watch(client, app_id, name, quiet):
    """Waits until the application has ended; gives the job's exit code."""
    state, report = "", []
    try:
        for line in client.stdout:
            # Diagnostics have several lines, and stand in the middle of a report.
            report = [line] if "Got application report" in line else report + [line]
            found = STATE.search(line)
            if found and found[1] != state:
                state = found[1]
                say(f"{app_id} {state}")
    except KeyboardInterrupt:
        say(f"{app_id} goes on; end it with `submit kill {app_id}`")
        raise
    finally:
        end_client(client)
    found = REPORT.search("".join(report))
    if found and found[2] not in apps.RUNNING:
        diagnostics, state, final = found.groups()
    else:
        # The client was ended by somebody, or lost the ResourceManager.
        now = apps.report(app_id)
        if now.is_running:
            raise Failure(f"lost sight of {app_id}, which is {now.state}; ask `submit status {app_id}`", RETRY)
        diagnostics, state, final = now.diagnostics, now.state, now.final
    cleaning = threading.Thread(target=remove_files, args=(app_id, name))
    cleaning.start()
    try:
        return tell(app_id, state, final, diagnostics, quiet)
    finally:
        cleaning.join()


def remove_files(app_id, name):
    """Removes what the distributed shell leaves on HDFS: from Hadoop 3.4 on a folder, before that its files too."""
    folder = f"{staging.home()}/{name}"
    hadoop.run("hdfs", "dfs", "-rm", "-r", "-f", "-skipTrash", f"{folder}/{app_id}")
    # Others of that name may be at work.
    hadoop.run("hdfs", "dfs", "-rmdir", "--ignore-fail-on-non-empty", folder)


def tell(app_id, state, final, diagnostics, quiet):
    """Prints how it ended; gives the job's exit code."""
    if (state, final) == ("FINISHED", "SUCCEEDED"):
        if not quiet:
            pieces = logs.fetch_of_ended(app_id, lambda found: any(p.file.startswith("stdout") for p in found))
            for piece in pieces:
                if piece.file.startswith("stdout"):
                    print(piece.text, end="", flush=True)
        return DONE
    if state == "KILLED":
        say(f"{app_id} was killed")
        return 128 + signal.SIGTERM
    code, cause = failure_of(diagnostics)
    for line in cause.splitlines():
        print("  " + line, file=sys.stderr)
    say(f"{app_id} failed" + (f": the job ended with exit code {code}" if code else "; YARN knows no exit code"))
    return code or FAILED


def failure_of(diagnostics):
    """Exit code (None if there is none) and cause from what YARN says of a failed application."""
    codes = [int(code) for code in EXIT_CODE.findall(diagnostics) if 0 < int(code) < 256]
    parts = STDERR_HEAD.split(diagnostics)
    cause = parts[-1].strip() if len(parts) > 1 else diagnostics.strip()
    return (codes[-1] if codes else None), cause


def status(app):
    """Prints the state of one and removes the files of one that has ended; gives 0 or the job's exit code."""
    report = apps.report(app.id)
    print(f"{app.name}  {app.id}  {report.state if report.is_running else report.final}")
    if report.is_running:
        return DONE
    remove_files(app.id, app.name)
    return tell(app.id, report.state, report.final, report.diagnostics, quiet=True)


def kill(app, patience):
    """Lets the job end in order if it does within `patience` seconds, then ends the application."""
    if app.is_running:
        if patience:
            apps.ask_to_stop(apps.containers(app.id))
            end = time.monotonic() + patience
            while time.monotonic() < end and apps.report(app.id).is_running:
                time.sleep(1)
        if apps.report(app.id).is_running:
            hadoop.run("yarn", "application", "-kill", app.id).ok("kill " + app.id)
        say(f"{app.id} has ended")
    else:
        say(f"{app.id} had ended already")
    remove_files(app.id, app.name)
    return DONE
