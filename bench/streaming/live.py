"""rfm-streaming beside a live producer: how long from a message to its row, and from a restart to the first row."""

import argparse
import http.client
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import streams
from streams import TAGGED, Broker, Wrong, contenders

TOPIC = "live"
# Restarts of each kind.
RESTARTS = 5
# How long anything may take that is waited for.
PATIENCE = 120
KINDS = {"new member": [], "static member": ["--set", "streaming.instance=bench"]}


class Job:
    """An rfm-streaming that runs until it is told to stop."""

    def __init__(self, broker: Broker, warehouse: Path, folder: Path, *arguments: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        folder.mkdir(parents=True)
        self.folder = folder
        command = streams.ours(broker, TOPIC, warehouse, "--listen", f"127.0.0.1:{self.port}", *arguments)
        with open(folder / "stdout", "wb") as out, open(folder / "stderr", "wb") as err:
            self.begun = time.perf_counter()
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=contenders.clean_environment()
            )

    def metrics(self) -> dict[str, float]:
        """Those without labels; none while nobody listens."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
        except OSError:
            return {}
        finally:
            connection.close()
        fields = (line.split() for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, value, *_ in fields if "{" not in name}

    def read(self) -> int:
        """Messages that were read and tagged."""
        return int(self.metrics().get("rfm_streaming_messages_total", 0))

    def wait_until(self, condition, what: str) -> None:
        deadline = time.perf_counter() + PATIENCE
        while not condition():
            if self.process.poll() is not None or time.perf_counter() > deadline:
                raise Wrong(f"rfm-streaming: {what} was waited for in vain\n{streams.measure.tail(self.folder)}")
            time.sleep(0.005)

    def stop(self) -> float:
        """Seconds from the signal to the end."""
        begun = time.perf_counter()
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(PATIENCE) != 0:
            raise Wrong(f"rfm-streaming ended with {self.process.returncode}\n{streams.measure.tail(self.folder)}")
        return time.perf_counter() - begun

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def dump(broker: Broker, topic: str, form: str, path: Path) -> Path:
    """What kcat says of each message of a topic, one in a line. Not in memory: what this process has ever taken is
    counted to those that it starts."""
    with open(path, "wb") as out:
        command = ["kcat", "-C", "-b", broker.address, "-t", topic, "-o", "beginning", "-e", "-q", "-f", f"{form}\\n"]
        subprocess.run(command, check=True, stdout=out)
    return path


def lines(path: Path) -> Iterator[bytes]:
    with open(path, "rb") as file:
        yield from file


def measure_live(broker: Broker, warehouse: Path, args: argparse.Namespace, scratch: Path) -> dict:
    out = scratch / "out"
    shutil.copytree(warehouse, out)

    def produce(*arguments: str) -> list[str]:
        return streams.produce(broker, TOPIC, args.customers, args.partitions, *arguments)

    # Makes the topic.
    streams.must(produce("--rate", "max", "--count", "1000"), scratch / "order-producer", "order-producer")
    found = {"rate": args.rate, "seconds": args.seconds, "missing": not shutil.which("kcat")}
    if not found["missing"]:
        found |= latencies(broker, out, args, produce, scratch)
    for kind, arguments in KINDS.items():
        found[kind] = restarts(
            broker, out, produce("--rate", str(args.rate)), [*arguments, *streams.flags(args.set)], scratch / kind
        )
    return found


def latencies(broker: Broker, warehouse: Path, args: argparse.Namespace, produce, scratch: Path) -> dict:
    """From the time that a message carries to its being tagged, as its row says, and to its file being in the table."""
    job = Job(broker, warehouse, scratch / "latencies", *streams.flags(args.set))
    seen: dict[str, float] = {}

    def look() -> None:
        for path in (warehouse / TAGGED).glob("dt=*/*.parquet"):
            seen.setdefault(str(path), time.time() * 1e3)

    try:
        job.wait_until(lambda: job.read() >= 1000, "the first orders")
        since, begun, cpu = time.time() * 1e3, time.perf_counter(), streams.cpu_seconds(job.process.pid)
        command = produce("--rate", str(args.rate), "--duration", f"{args.seconds}s")
        with open(scratch / "producer", "wb") as err:
            producer = subprocess.Popen(command, stderr=err, env=contenders.clean_environment())
        while producer.poll() is None:
            look()
            time.sleep(0.01)
        if producer.returncode != 0:
            raise Wrong(f"order-producer ended with {producer.returncode}\n{(scratch / 'producer').read_text()}")
        cpu = (streams.cpu_seconds(job.process.pid) - cpu) / (time.perf_counter() - begun)
        produced = scratch / "produced.csv"
        messages = sum(1 for _ in lines(dump(broker, TOPIC, "%p,%o,%T", produced)))

        def visible() -> bool:
            look()
            return job.metrics().get("rfm_streaming_published_total") == messages

        job.wait_until(visible, f"{messages} visible rows")
        status = Path(f"/proc/{job.process.pid}/status").read_text()
        memory = int(status.split("VmHWM:")[1].split()[0]) * 1024
        job.stop()
    finally:
        job.end()
    listed = scratch / "seen.csv"
    listed.write_text("".join(f"{path},{at}\n" for path, at in seen.items()))
    found = streams.tables("latencies", str(warehouse / TAGGED / "dt=*/*.parquet"), str(produced), str(listed), str(since))
    if found["messages"] != messages - 1000:
        raise Wrong(f"{found['messages']} live rows, not {messages - 1000}")
    return found | {"cpu": cpu, "rss": memory}


def restarts(broker: Broker, warehouse: Path, produce: list[str], arguments: list[str], scratch: Path) -> dict:
    """Stops and starts it under load, several times: seconds from the start to the first tagged order, and from SIGTERM
    to the end."""
    first, stop = [], []
    with subprocess.Popen(produce, stderr=subprocess.DEVNULL, env=contenders.clean_environment()) as producer:
        try:
            # The first one finds no group, and is not counted.
            for number in range(RESTARTS + 1):
                job = Job(broker, warehouse, scratch / str(number), *arguments)
                try:
                    job.wait_until(lambda: job.read() > 0, "the first order")
                    first.append(time.perf_counter() - job.begun)
                    # It is to have something to commit.
                    before = job.read()
                    job.wait_until(lambda: job.read() > before, "another order")
                    stop.append(job.stop())
                finally:
                    job.end()
            if producer.poll() is not None:
                raise Wrong(f"order-producer ended with {producer.returncode}")
        finally:
            producer.send_signal(signal.SIGTERM)
    return {"first": spread(first[1:]), "stop": spread(stop[1:])}


def spread(values: list[float]) -> dict:
    return {"median": median(values), "min": min(values), "max": max(values)}
