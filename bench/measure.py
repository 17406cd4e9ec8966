"""Measures whole processes, from start to exit, as the kernel accounts for them (Linux)."""

import os
import platform
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

CORES = len(os.sched_getaffinity(0))


@dataclass
class Measured:
    """A process and all its descendants that it waited for."""

    exit_code: int
    wall: float  # seconds from start to exit
    cpu: float  # seconds, user + system
    rss: int  # bytes, the peak of the largest process
    others: float  # share of all cores that other processes used meanwhile, 0 to 1
    stdout: str


def run(command: list[str], folder: Path, environment: dict[str, str] | None = None) -> Measured:
    """Runs a command in `folder`; its stdout and stderr are kept there."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "stdout", "wb") as out, open(folder / "stderr", "wb") as err:
        busy = _busy_seconds()
        begun = time.perf_counter()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=folder, env=environment
        )
        try:
            # Unlike RUSAGE_CHILDREN, which only grows, this is the usage of one child and of what it waited for.
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            raise
        wall = time.perf_counter() - begun
        busy = _busy_seconds() - busy
    process.returncode = os.waitstatus_to_exitcode(status)
    cpu = usage.ru_utime + usage.ru_stime
    return Measured(
        exit_code=process.returncode,
        wall=wall,
        cpu=cpu,
        rss=usage.ru_maxrss * 1024,
        others=max(0.0, busy - cpu) / (wall * CORES),
        stdout=(folder / "stdout").read_text(errors="replace"),
    )


def tail(folder: Path, lines: int = 15) -> str:
    """The end of what a command said on stderr."""
    return "\n".join((folder / "stderr").read_text(errors="replace").splitlines()[-lines:])


def _busy_seconds() -> float:
    """CPU seconds that all processes of the machine have used since it started."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields)
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def machine() -> dict[str, str | int]:
    """What the figures depend on."""
    cpuinfo = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":", 1)[1].strip() for line in cpuinfo if line.startswith("model name")), "")
    try:
        system = platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        system = ""
    return {
        "cpu": model or platform.machine(),
        "cores": CORES,
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "kernel": platform.release(),
        "system": system or platform.system(),
        "python": platform.python_version(),
    }
