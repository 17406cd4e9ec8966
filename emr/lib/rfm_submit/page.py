"""Where the dashboard's page is when the dashboard runs in a container."""

import re

from .failure import usage


def reachable(settings):
    """What the dashboard listens on, by its printed settings: ("http" or "https", port). An address of the container's node
    alone is of no use to anybody, for YARN chooses the node."""
    section = settings.partition("\n[dashboard]\n")[2].partition("\n[")[0]
    listen = re.search(r'^listen = "(.*):(\d+)"$', section, re.MULTILINE)
    if not listen:
        raise usage("rfm-dashboard --print-config names no dashboard.listen: is the program of this release?")
    host, port = listen[1].strip("[]"), int(listen[2])
    if host == "localhost" or host == "::1" or host.startswith("127."):
        raise usage(
            f"the page would be served on {host} of whatever node YARN chooses, where nobody reaches it: add --listen 0.0.0.0:PORT "
            "and a sign-in (dashboard.user and dashboard.password_hash in the job's configuration file), or run it on this node "
            "with --deploy-mode client")
    if port == 0:
        raise usage("--listen with port 0 takes any free port, which nobody would know: give one")
    return ("https" if re.search(r'^tls_certificate = "', section, re.MULTILINE) else "http"), port


def address(listen, containers):
    """The page's address by the node that YARN chose; None before it has chosen."""
    hosts = [host for host in (container.get("bare_host") or container.get("hostname") for container in containers) if host]
    return f"{listen[0]}://{hosts[0]}:{listen[1]}/" if hosts else None
