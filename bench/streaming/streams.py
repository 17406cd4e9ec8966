"""Who competes over the stream: the broker, how each contender is started, and what it says about itself."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / name) for name in ("", "batch")]
import contenders
import measure
from contenders import HOME, RELEASE, REPOSITORY, SEGMENTS, VENV, Wrong

HERE = Path(__file__).resolve().parent
LAUNCHER = REPOSITORY / "dev/cluster/cluster"
RFM_STREAMING = Path(os.environ.get("RFM_STREAMING") or RELEASE / "rfm-streaming").absolute()
CONNECTOR = HOME / "spark-kafka"
OURS = "rfm-streaming"
TAGGED = "ecom_orders_tagged"
# The day that the segments are of.
SNAPSHOT = "2011-12-10"
SEED = "42"


class Broker:
    """A Kafka broker in a folder of its own. It ends with this process."""

    def __init__(self, home: Path) -> None:
        self.environment = os.environ | {"RFM_CLUSTER_HOME": str(home)}
        command = [LAUNCHER, "up", "--free-ports", "--while", str(os.getpid()), "--wipe", "kafka"]
        subprocess.run(command, check=True, env=self.environment, stdout=sys.stderr)
        exports = [line for line in self._cluster("env").splitlines() if line.startswith("export RFM_BROKERS=")]
        self.address = shlex.split(exports[0])[1].partition("=")[2]
        status = next(line for line in self._cluster("status").splitlines() if line.startswith("kafka"))
        self.pid = int(status.split("pid ")[1].split()[0])

    def _cluster(self, command: str) -> str:
        return subprocess.run(
            [LAUNCHER, command], check=True, env=self.environment, capture_output=True, text=True
        ).stdout

    def cpu(self) -> float:
        return cpu_seconds(self.pid)

    def wipe(self) -> None:
        subprocess.run([LAUNCHER, "wipe"], env=self.environment, stdout=sys.stderr)


def cpu_seconds(pid: int) -> float:
    """User + system seconds of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Stream:
    """What there is to read: a topic, and a warehouse in which the segments are published."""

    broker: Broker
    topic: str
    messages: int
    warehouse: Path
    segments: str  # Parquet files, as a glob
    settings: tuple[str, ...] = ()  # of rfm-streaming, beyond its defaults


def produce(broker: Broker, topic: str, customers: int, partitions: int, *arguments: str) -> list[str]:
    return [
        *(str(contenders.ORDER_PRODUCER), "--brokers", broker.address, "--topic", topic, "--seed", SEED),
        *("--customers", str(customers), "--quiet"),
        *("--set", f"producer.create_topic={{ partitions = {partitions}, replication = 1 }}"),
        *arguments,
    ]


def ours(broker: Broker, topic: str, warehouse: Path, *arguments: str) -> list[str]:
    command = [str(RFM_STREAMING), "--brokers", broker.address, "--topic", topic, "--warehouse", f"file:{warehouse}"]
    return [*command, "--log-format", "json", *arguments]


def flags(settings: Iterable[str]) -> list[str]:
    return [text for setting in settings for text in ("--set", setting)]


@dataclass(frozen=True)
class Contender:
    """A way to read the stream to its end. `does` is said in the report."""

    name: str
    title: str
    does: str

    def command(self, stream: Stream, folder: Path) -> list[str]:
        if self.name == OURS:
            return ours(stream.broker, stream.topic, folder / "out", "--until-caught-up", *flags(stream.settings))
        if self.name == "kcat":
            kcat = ["kcat", "-C", "-b", stream.broker.address, "-t", stream.topic, "-o", "beginning", "-e", "-q"]
            return ["sh", "-c", f"exec {shlex.join(kcat)} >/dev/null"]
        jars = ",".join(str(jar) for jar in sorted(CONNECTOR.glob("*.jar")))
        arguments = {
            "brokers": stream.broker.address,
            "topic": stream.topic,
            "segments": stream.segments,
            "snapshot": SNAPSHOT,
            "out": str(folder / "out"),
            "checkpoint": str(folder / "checkpoint"),
        }
        given = [text for name, value in arguments.items() for text in (f"--{name}", value)]
        return [*contenders.spark_submit(), "--jars", jars, str(HERE / "peers/spark_streaming.py"), *given]

    def environment(self, folder: Path) -> dict[str, str]:
        environment = contenders.clean_environment()
        if self.name == "spark":
            environment |= {
                "SPARK_HOME": str(contenders.spark_home()),
                "SPARK_LOCAL_IP": "127.0.0.1",
                "SPARK_LOCAL_DIRS": str(folder),
                "PYSPARK_PYTHON": str(VENV / "bin/python"),
            }
        return environment

    def files(self, folder: Path) -> str:
        """What it has written."""
        table = folder / "out" / TAGGED if self.name == OURS else folder / "out"
        return str(table / "dt=*" / "*.parquet")

    def reading(self, folder: Path, stdout: str) -> float | None:
        """Seconds without the start and the end of the process, from its own words."""
        if self.name == "spark":
            return json.loads(stdout.splitlines()[-1])["seconds"]
        if self.name == OURS:
            events = (json.loads(line) for line in (folder / "stderr").read_text().splitlines() if line.startswith("{"))
            begun = min(moment(event) for event in events if event.get("message") == "taken over")
            # Bringing the last file into its folder is what makes it visible.
            return max(day.stat().st_mtime for day in (folder / "out" / TAGGED).glob("dt=*")) - begun
        return None


CONTENDERS = [
    Contender(OURS, "rfm-streaming", "decode, tag, Parquet by day, exactly once"),
    Contender("spark", "Spark Structured Streaming", "decode, tag, Parquet by day, exactly once for Spark's own readers"),
    Contender("kcat", "kcat", "consume only"),
]


def moment(event: dict) -> float:
    return datetime.fromisoformat(event["timestamp"]).timestamp()


def tables(*arguments: str) -> dict:
    """What DuckDB says, see tables.py."""
    command = [str(VENV / "bin/python"), str(HERE / "tables.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise Wrong(f"no result that can be read: {done.stderr.strip()[-2000:]}")
    return json.loads(done.stdout)


def must(command: list[str], folder: Path, what: str) -> measure.Measured:
    done = measure.run(command, folder, contenders.clean_environment())
    if done.exit_code != 0:
        raise Wrong(f"{what} ended with {done.exit_code}:\n{measure.tail(folder)}")
    return done


def publish_segments(customers: int, scratch: Path) -> tuple[Path, str]:
    """A warehouse with segments of so many customers, and their Parquet files."""
    csv, warehouse, folder = scratch / "history.csv", scratch / "warehouse", scratch / "rfm-batch"
    tables("history", str(customers), str(csv))
    report = folder / "report.json"
    command = [str(contenders.RFM_BATCH), "--input", str(csv), "--warehouse", str(warehouse)]
    must([*command, "--snapshot-date", SNAPSHOT, "--report", str(report)], folder, "rfm-batch")
    csv.unlink()
    published = json.loads(report.read_text())
    if published["customers"] != customers:
        raise Wrong(f"rfm-batch has segments of {published['customers']} customers, not {customers}")
    return warehouse, contenders.tables_of_report(published)[SEGMENTS]


def one_run(contender: Contender, stream: Stream, folder: Path) -> tuple[measure.Measured, dict]:
    """Starts a contender in an empty folder, which is removed afterwards; what is in its table, and its own figures."""
    folder.mkdir(parents=True)
    try:
        if contender.name == OURS:
            shutil.copytree(stream.warehouse, folder / "out")
        served = stream.broker.cpu()
        measured = measure.run(contender.command(stream, folder), folder, contender.environment(folder))
        served = stream.broker.cpu() - served
        if measured.exit_code != 0:
            raise Wrong(f"exit code {measured.exit_code}\n{measure.tail(folder)}")
        # The broker works for the contender.
        others = max(0.0, measured.others - served / (measured.wall * measure.CORES))
        found = {"reading": contender.reading(folder, measured.stdout), "broker_cpu": served}
        if contender.name != "kcat":
            found["table"] = tables("totals", contender.files(folder))
        return replace(measured, others=others), found
    finally:
        shutil.rmtree(folder)
