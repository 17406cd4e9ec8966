"""Who competes: how each is started, and how its result is checked."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import measure

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
HOME = Path(os.environ.get("RFM_BENCH_HOME") or Path.home() / ".cache/rfm-suite/bench").absolute()
VENV = HOME / "venv"
RELEASE = REPOSITORY.joinpath(os.environ.get("CARGO_TARGET_DIR") or "target") / "release"
RFM_BATCH = Path(os.environ.get("RFM_BATCH") or RELEASE / "rfm-batch").absolute()
ORDER_PRODUCER = Path(os.environ.get("ORDER_PRODUCER") or RELEASE / "order-producer").absolute()

RFM, SEGMENTS = "ecom_user_rfm_batch", "ecom_user_segments"
OURS = "rfm-batch"
# What the results are compared with: the tables of the first rfm-batch run over an input.
Reference = dict


class Wrong(Exception):
    """A result that disqualifies its run."""


@dataclass(frozen=True)
class Job:
    """One process to start."""

    input: Path
    snapshot: str
    folder: Path
    # Aggregates are written to files only then; tables always are.
    verify: bool


@dataclass(frozen=True)
class Contender:
    """A way to do the job. `job` is what it does of it: whole, compute (nothing is written), aggregate."""

    name: str
    title: str
    job: str

    def command(self, job: Job) -> list[str]:
        out = str(job.folder / "out")
        if self.name.startswith(OURS):
            command = [str(RFM_BATCH), "--input", str(job.input), "--snapshot-date", job.snapshot]
            command += ["--dry-run"] if self.job == "compute" else ["--warehouse", out]
            return [*command, "--report", str(job.folder / "report.json")]
        arguments = ["--input", str(job.input), "--snapshot", job.snapshot]
        if self.job == "whole" or job.verify:
            arguments += ["--out", out]
        script = str(HERE / "peers" / SCRIPTS[self.name])
        start = spark_submit() if self.name == "spark" else [str(VENV / "bin/python")]
        return [*start, script, *arguments]

    def environment(self, job: Job) -> dict[str, str]:
        environment = clean_environment()
        if self.name == "spark":
            environment |= {
                "SPARK_HOME": str(spark_home()),
                "SPARK_LOCAL_IP": "127.0.0.1",
                "SPARK_LOCAL_DIRS": str(job.folder),
                "PYSPARK_PYTHON": str(VENV / "bin/python"),
            }
        return environment

    def check(self, job: Job, stdout: str, reference: Reference) -> dict:
        """What is said about the result, or why it is wrong."""
        if self.job == "compute":
            result = json.loads((job.folder / "report.json").read_text())
            result["silhouette"] = result["clustering"]["silhouette"]
        elif self.name == OURS:
            report = json.loads((job.folder / "report.json").read_text())
            silhouette = report["clustering"]["silhouette"]
            found = tables_of_report(report)
            result = verify("whole", reference[RFM], found[RFM], reference[SEGMENTS], found[SEGMENTS])
            result["silhouette"] = silhouette
        else:
            result = json.loads(stdout.splitlines()[-1])
            out = job.folder / "out"
            if self.job == "whole":
                found = {table: str(out / table / "*.parquet") for table in (RFM, SEGMENTS)}
                result |= verify("whole", reference[RFM], found[RFM], reference[SEGMENTS], found[SEGMENTS])
            elif job.verify:
                result |= verify("aggregate", reference[RFM], str(out / "customers.parquet"))
        for total in ("customers", "orders", "revenue"):
            if result[total] != reference[total]:
                raise Wrong(f"{total} {result[total]}, not {reference[total]}")
        if result.get("differences"):
            counts = ", ".join(f"{kind} {n}" for kind, n in result["differences"].items())
            raise Wrong(f"customers that differ: {counts}")
        kept = ("customers", "orders", "revenue", "same_segment", "inertia", "silhouette")
        return {key: result[key] for key in kept if key in result}


SCRIPTS = {
    "duckdb": "duckdb_aggregate.py",
    "polars": "polars_aggregate.py",
    "duckdb-sklearn": "duckdb_sklearn.py",
    "spark": "spark_mllib.py",
}
OUR_CONTENDERS = [
    Contender(OURS, "rfm-batch", "whole"),
    Contender("rfm-batch-dry-run", "rfm-batch --dry-run", "compute"),
]
PEERS = [
    Contender("duckdb", "DuckDB", "aggregate"),
    Contender("polars", "Polars", "aggregate"),
    Contender("duckdb-sklearn", "DuckDB + scikit-learn", "whole"),
    Contender("spark", "Spark + MLlib", "whole"),
]


def clean_environment() -> dict[str, str]:
    # RFM_ variables would be settings of rfm-batch; those of this benchmark it would refuse.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RFM_")}
    return environment | {"PYTHONDONTWRITEBYTECODE": "1"}


def spark_home() -> Path:
    return next(VENV.glob("lib/python3*/site-packages/pyspark"))


def spark_submit() -> list[str]:
    # The JVM is the process that is started and Python its child, so that its end is waited for and all is accounted.
    # On one machine Spark's defaults of a 1 GB heap and 200 shuffle partitions would be too little and too many.
    settings = {
        "spark.driver.memory": "4g",
        "spark.sql.shuffle.partitions": str(measure.CORES),
        "spark.serializer": "org.apache.spark.serializer.KryoSerializer",
        "spark.sql.session.timeZone": "UTC",
        "spark.driver.extraJavaOptions": "-Duser.timezone=UTC",
        "spark.ui.enabled": "false",
        "spark.log.level": "ERROR",
    }
    command = [str(spark_home() / "bin/spark-submit"), "--master", "local[*]"]
    for key, value in settings.items():
        command += ["--conf", f"{key}={value}"]
    return command


def verify(*arguments: str) -> dict:
    command = [str(VENV / "bin/python"), str(HERE / "verify.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise Wrong(f"no result that can be read: {done.stderr.strip()[-2000:]}")
    return json.loads(done.stdout)


def tables_of_report(report: dict) -> dict[str, str]:
    """The Parquet files of the tables that an rfm-batch run published."""
    warehouse = Path(report["warehouse"])
    tables = ((table["name"].rpartition(".")[2], table["location"]) for table in report["tables"])
    return {name: str(warehouse / location / "*.parquet") for name, location in tables}


def make_reference(path: Path, folder: Path) -> Reference:
    """Runs rfm-batch once. Its snapshot date, the day after the last order, is then given to all."""
    command = [str(RFM_BATCH), "--input", str(path), "--warehouse", str(folder / "out")]
    command += ["--report", str(folder / "report.json")]
    done = measure.run(command, folder, clean_environment())
    if done.exit_code != 0:
        raise Wrong(f"rfm-batch ended with {done.exit_code}:\n{measure.tail(folder)}")
    report = json.loads((folder / "report.json").read_text())
    tables = tables_of_report(report)
    written = verify("totals", tables[RFM])
    for total, value in written.items():
        if report[total] != value:
            raise Wrong(f"rfm-batch reports {total} {report[total]}, but its table holds {value}")
    facts = {"rows": report["rows"]["read"], "kept": report["rows"]["kept"], "snapshot": report["snapshot_date"]}
    return facts | written | tables
