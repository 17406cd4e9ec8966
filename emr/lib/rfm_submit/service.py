"""Streams and the dashboard on YARN: a YARN service. YARN starts an instance that ends again; those of a stream are of one Kafka
consumer group, and their number changes while it runs."""

import json
import re
import sys
import tempfile
import time

from . import apps, hadoop, launcher, logs, page, staging
from .failure import DONE, FAILED, RETRY, Failure, say, usage
from .job import hive_conf_of_client, hive_settings

# Those of a stream can be scaled, a page has one place.
COMPONENT, PAGE = "instance", "page"
# A container whose job ends is started again in its place, after so many seconds, so many times; then in a new container.
RETRY_INTERVAL_SECONDS = 2
RETRIES = 3
# After so many new containers the service is given up; each of them has been tried RETRIES times.
FAILURES = 20
# How long a change may take until it is said that it does not come about.
PATIENCE_SECONDS = 180
# A job that cannot work finds out, and ends, some time after YARN says that its container runs.
STEADY_SECONDS = 8
# YARN sets a locale that many nodes do not have.
LAUNCH_COMMAND = f"export LC_ALL=C; exec bash {launcher.SERVICE_CONF}/start-job"
DRAIN_SECONDS = 60


def run(job, wait):
    """Launches the service and waits until all instances run. With `wait` it stays until the service has ended."""
    launch(job.name, specification(job))
    running = await_instances(job.name, job.instances, starting=True)
    app_id = running["id"]
    if job.listen:
        say(f"the page: {page.address(job.listen, instances_of(running))} (`submit status {job.name}` names its node if YARN moves it)")
    if not wait:
        print(app_id)
        say(f"{job.name} runs in {count(job.instances)}; `submit status {job.name}` tells how it is, "
            + ("" if job.listen else f"`submit scale {job.name} N` changes their number, ") + f"`submit kill {job.name}` ends it")
        return DONE
    say(f"{job.name} runs in {count(job.instances)} as {app_id}")
    return watch(job.name, app_id)


def launch(name, spec):
    """Has YARN start a service; returns when YARN has taken it."""
    with tempfile.NamedTemporaryFile("w", suffix=".json", prefix="rfm-submit-") as file:
        json.dump(spec, file)
        file.flush()
        launched = hadoop.run("yarn", "app", "-launch", name, file.name)
    if launched.code != 0:
        words = hadoop.last_words(launched.err + launched.out)
        if "already" in words:
            raise usage(f"there is a service '{name}' already: `submit kill {name}` removes it, --name names another")
        raise Failure(f"YARN did not take the service: {words}", RETRY if hadoop.retryable(launched.err) else FAILED)
    say(f"launched the service {name}")


def count(number, what="instance"):
    return f"{number} {what}" + ("s" if number != 1 else "")


def specification(job):
    """What `yarn app -launch` is given. Small files travel in it, so nothing has to be removed afterwards."""
    job.ship_config()
    files = [static(name, staging.stage(path, name)[0]) for name, path in job.files.items()]
    files.append(static(job.program, staging.stage(job.binary, job.program)[0]))
    hive_conf = "." if "hive-site.xml" in job.files else None
    text = None if hive_conf else hive_settings(hive_conf_of_client())
    if text:
        files.append(inline("hive-site.xml", text))
        hive_conf = launcher.SERVICE_CONF
    files.append(inline("start-job", launcher.service(job, hadoop.user(), hive_conf)))
    return {
        "name": job.name, "version": "1.0", "queue": job.queue,
        "configuration": {"properties": properties()},
        "components": [{
            "name": PAGE if job.listen else COMPONENT, "number_of_containers": job.instances, "restart_policy": "ALWAYS",
            "resource": {"cpus": job.cores, "memory": str(job.memory)},
            "launch_command": LAUNCH_COMMAND,
            "configuration": {"files": files},
        }],
    }


def properties():
    return {
        "yarn.service.container-failure.retry.max": str(RETRIES),
        "yarn.service.container-failure.retry-interval-ms": str(RETRY_INTERVAL_SECONDS * 1000),
        "yarn.service.container-failure-per-component.threshold": str(FAILURES),
        "yarn.service.node-blacklist.threshold": "1000",
        "yarn.service.readiness-check-interval.seconds": "1",
    }


def static(name, address):
    return {"type": "STATIC", "src_file": address, "dest_file": name}


def inline(name, text):
    return {"type": "TEMPLATE", "dest_file": name, "properties": {"content": text}}


def ask(name):
    """What YARN knows of the service: its state, its instances. None when there is none of that name."""
    answer = hadoop.run("yarn", "app", "-status", name)
    start = answer.out.find("{")
    if answer.code != 0 or start < 0:
        if "not found" in (answer.out + answer.err).lower() or "doesn't exist" in answer.out + answer.err:
            return None
        # The application master is not there yet, or no longer.
        if answer.code == 0:
            return None
        answer.ok("ask for the service " + name)
    try:
        return json.loads(answer.out[start:])
    except ValueError:
        raise Failure(f"cannot read what YARN says of {name}: {answer.out[:500]}")


def instances_of(service):
    """The containers, the oldest instance first: YARN takes the youngest away when it has to."""
    found = [container for component in service.get("components", []) for container in component.get("containers", [])]
    return sorted(found, key=lambda container: number_of(container.get("component_instance_name", "")))


def number_of(instance_name):
    return int(instance_name.rpartition("-")[2] or 0) if instance_name.rpartition("-")[2].isdigit() else 0


def ready(service):
    return [container for container in instances_of(service) if container.get("state") == "READY"]


def await_instances(name, wanted, starting=False):
    """Waits until that many instances run, and no others. With `starting` they have to do so for a while, and it gives up at once
    when the job ends by itself, and the service with it: what fails from the beginning would be started again and again."""
    begun = time.monotonic()
    told, looked, complete_since = None, begun, None
    while True:
        service = ask(name)
        waited = time.monotonic() - begun
        if service is None and not (starting and waited < 30):
            raise Failure(f"there is no service '{name}' any more")
        running = len(ready(service or {}))
        if running != told:
            told = running
            say(f"{name}: {running} of {wanted} instances run")
        complete = running == wanted and len(instances_of(service)) == wanted
        if starting and service and (complete or time.monotonic() - looked > 10):
            stop_if_it_fails(name, service["id"])
            looked = time.monotonic()
        if complete and complete_since is None:
            complete_since = looked
        elif not complete:
            complete_since = None
        if complete and (not starting or looked - complete_since >= STEADY_SECONDS):
            return service
        if service and service.get("state") in ("FAILED", "STOPPED"):
            raise Failure(f"{name} is {service['state']}: {service.get('diagnostics') or 'YARN says no more'}")
        if waited > PATIENCE_SECONDS:
            raise Failure(
                f"{running} of {wanted} instances of {name} run after {PATIENCE_SECONDS} s; YARN goes on trying. Is there room "
                f"in the queue? `submit logs {name}` says whether they end by themselves, `submit kill {name}` ends it", RETRY)
        time.sleep(1)


def stop_if_it_fails(name, app_id):
    """Removes the service when a job of it has ended by itself, and fails with that job's exit code."""
    for piece in logs.fetch(app_id, size=4096):
        code = re.search(re.escape(launcher.ENDED) + r" (\d+)$", piece.text, re.MULTILINE)
        if code and int(code[1]) != 0:
            for line in piece.text.splitlines()[-20:]:
                print("  " + line, file=sys.stderr)
            hadoop.run("yarn", "app", "-stop", name)
            hadoop.run("yarn", "app", "-destroy", name)
            raise Failure(f"{name} failed: the job ended with exit code {code[1]}; the service is removed", int(code[1]))


def watch(name, app_id):
    """Stays until the service has ended; gives 0 if it was stopped, else 1 after the last of what it wrote."""
    try:
        report = apps.report(app_id)
        while report.is_running:
            time.sleep(5)
            report = apps.report(app_id)
    except KeyboardInterrupt:
        say(f"{name} goes on; end it with `submit kill {name}`")
        raise
    if report.final in ("SUCCEEDED", "KILLED", "ENDED"):
        say(f"{name} was stopped")
        return DONE
    print_cause(app_id)
    say(f"{name} failed: {report.diagnostics}")
    return FAILED


def print_cause(app_id):
    """The last lines of the container that wrote last."""
    pieces = logs.fetch_of_ended(app_id, lambda found: any(p.file.startswith("stderr") and p.text for p in found))
    told = [piece for piece in pieces if piece.file.startswith("stderr") and piece.text]
    if told:
        last = max(told, key=lambda piece: piece.container)
        for line in last.text.splitlines()[-20:]:
            print("  " + line, file=sys.stderr)


def status(app):
    service = ask(app.name)
    if service is None:
        report = apps.report(app.id)
        state = report.state if report.is_running else report.final
        print(f"{app.name}  {app.id}  {state}")
        if report.final == "FAILED":
            print_cause(app.id)
            return FAILED
        return DONE
    print(f"{app.name}  {app.id}  {service.get('state')}  {len(ready(service))} of {wanted_of(service)} instances run")
    for container in instances_of(service):
        print("  {}  {}  {}  {}".format(
            container.get("component_instance_name"), container.get("state"), container.get("id"),
            container.get("bare_host") or container.get("hostname")))
    return DONE


def wanted_of(service):
    return sum(component.get("number_of_containers", 0) for component in service.get("components", []))


def scale(name, wanted):
    """Changes the number of instances; those that have to go write what they have first."""
    service = ask(name)
    if service is None or service.get("state") in ("STOPPED", "FAILED"):
        raise usage(f"there is no running service '{name}'")
    if any(component.get("name") == PAGE for component in service.get("components", [])):
        raise usage(f"{name} is no stream: a page runs in one container")
    surplus = instances_of(service)[wanted:]
    drain([container for container in surplus if container.get("state") == "READY"], service["id"], DRAIN_SECONDS)
    hadoop.run("yarn", "app", "-flex", name, "-component", COMPONENT, str(wanted)).ok("scale " + name)
    await_instances(name, wanted)
    say(f"{name} runs in {count(wanted)}")
    return DONE


def drain(containers, app_id, patience):
    """Asks jobs to end in order and waits until they have. They keep their containers, see launcher.SERVICE. What does not
    end in time is not lost either, only read again by the others."""
    waiting = {container["id"] for container in containers}
    if not waiting or not patience:
        return
    apps.ask_to_stop(sorted(waiting))
    end = time.monotonic() + patience
    while waiting and time.monotonic() < end:
        for piece in logs.fetch(app_id, size=4096):
            if piece.container in waiting and launcher.DRAINED in piece.text:
                waiting.remove(piece.container)
    if waiting:
        say(f"did not end within {patience} s when asked to: {', '.join(sorted(waiting))}")


def kill(app, patience):
    """Stops the service and removes what YARN keeps of it."""
    service = ask(app.name)
    if service is not None and app.is_running:
        drain(ready(service), app.id, patience)
    if app.is_running:
        stopped = hadoop.run("yarn", "app", "-stop", app.name)
        end = time.monotonic() + 30
        while stopped.code == 0 and apps.report(app.id).is_running and time.monotonic() < end:
            time.sleep(1)
        if apps.report(app.id).is_running:
            hadoop.run("yarn", "application", "-kill", app.id).ok("kill " + app.id)
    destroyed = hadoop.run("yarn", "app", "-destroy", app.name)
    if destroyed.code != 0 and ask(app.name) is not None:
        destroyed.ok("remove the service " + app.name)
    say(f"{app.name} has ended")
    return DONE
