"""The applications that YARN knows of, found by the name or id that the user gives."""

import re
import subprocess

from . import hadoop
from .failure import Failure, usage

ID = re.compile(r"application_\d+_\d+")
RUNNING = ("NEW", "NEW_SAVING", "SUBMITTED", "ACCEPTED", "RUNNING")
SERVICE_TYPE = "yarn-service"


class Application:
    """A line of `yarn application -list`."""

    def __init__(self, columns):
        self.id, self.name, self.type, self.user, self.queue, self.state, self.final = columns[:7]

    @property
    def is_service(self):
        return self.type == SERVICE_TYPE

    @property
    def is_running(self):
        return self.state in RUNNING


class Report:
    """What `yarn application -status` says."""

    def __init__(self, text):
        def field(name):
            match = re.search(rf"^\s*{name} : *(.*)$", text, re.MULTILINE)
            return match[1].strip() if match else ""

        self.name, self.type = field("Application-Name"), field("Application-Type")
        self.state, self.final = field("State"), field("Final-State")
        match = re.search(r"^\s*Diagnostics : *(.*?)(?:^\s*(?:Unmanaged Application|Application Node Label) |\Z)", text,
                          re.MULTILINE | re.DOTALL)
        self.diagnostics = match[1].strip() if match else ""

    @property
    def is_running(self):
        return self.state in RUNNING


def every():
    listing = hadoop.run("yarn", "application", "-list", "-appStates", "ALL").ok("list YARN's applications")
    rows = ([column.strip() for column in line.split("\t")] for line in listing.out.splitlines())
    found = [Application(row) for row in rows if len(row) >= 7 and ID.fullmatch(row[0])]
    # The newest first.
    return sorted(found, key=lambda app: tuple(map(int, re.findall(r"\d+", app.id))), reverse=True)


def find(name):
    """The application of that id, or else the newest of that name, one that runs before one that has ended."""
    known = [app for app in every() if name in (app.id, app.name)]
    if not known:
        raise usage(f"YARN knows of no job '{name}' of yours; `submit status` lists those that run")
    return next((app for app in known if app.is_running), known[0])


def report(app_id):
    answer = hadoop.run("yarn", "application", "-status", app_id)
    if answer.code != 0:
        raise Failure(f"cannot ask for {app_id}: {hadoop.last_words(answer.err)}")
    return Report(answer.out)


def containers(app_id):
    """The running containers, without the application master's."""
    attempts = hadoop.run("yarn", "applicationattempt", "-list", app_id).ok("list the attempts of " + app_id).out
    running = [line.split()[0] for line in attempts.splitlines() if line.startswith("appattempt_") and "RUNNING" in line]
    if not running:
        return []
    listing = hadoop.run("yarn", "container", "-list", running[-1]).ok("list the containers of " + app_id).out
    ids = [line.split()[0] for line in listing.splitlines() if line.startswith("container_") and "RUNNING" in line]
    # The first container of an attempt is the application master.
    return [container for container in ids if not container.endswith("_000001")]


def ask_to_stop(container_ids):
    """SIGTERM without the SIGKILL that follows 250 ms later when YARN stops a container."""
    asked = [hadoop.start("yarn", "container", "-signal", container, "GRACEFUL_SHUTDOWN", stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL)
             for container in container_ids]
    for process in asked:
        process.wait()
