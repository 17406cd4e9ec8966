"""The figures of the streaming benchmark as Markdown and JSON."""

import json
import os
import subprocess
from pathlib import Path
from statistics import median

import streams
from streams import CONNECTOR, OURS, contenders

# Above this share of all cores used by others, figures are not to be trusted.
BUSY = 0.05


def versions() -> dict[str, str]:
    def first_line(*command: str) -> str:
        try:
            done = subprocess.run(command, capture_output=True, text=True, cwd=contenders.REPOSITORY)
        except OSError:
            return "none"
        return (done.stdout or done.stderr).strip().split("\n")[0]

    def jar(name: str, folder: Path) -> str:
        return next((path.stem.rpartition("-")[2] for path in folder.glob(f"{name}-[0-9]*.jar")), "none")

    java = Path(os.environ["JAVA_HOME"]) / "bin/java" if os.environ.get("JAVA_HOME") else "java"
    kcat = subprocess.run(["sh", "-c", "kcat -V"], capture_output=True, text=True).stdout.split("Version ")
    return {
        "rfm-streaming": first_line(str(streams.RFM_STREAMING), "--version").removeprefix("rfm-streaming "),
        "commit": first_line("git", "describe", "--always", "--dirty"),
        **streams.tables("versions"),
        "connector": jar("spark-sql-kafka-0-10_2.12", CONNECTOR),
        "kafka-clients": jar("kafka-clients", CONNECTOR),
        "kcat": kcat[1].split(" builtin")[0] + ")" if len(kcat) > 1 else "none",
        "java": first_line(str(java), "-version"),
    }


def write(found: dict, out: Path) -> str:
    for result in found["contenders"].values():
        result["summary"] = summary(result["runs"], found["orders"])
    text = markdown(found)
    (out / "report.json").write_text(json.dumps(found, indent=2) + "\n")
    (out / "report.md").write_text(text)
    return text


def summary(runs: list[dict], orders: int) -> dict:
    """Median, least and greatest of each measure."""
    if not runs:
        return {}
    values = {measure: [run[measure] for run in runs] for measure in ("wall", "cpu", "rss", "others", "broker_cpu")}
    values["rate"] = [orders / run["wall"] for run in runs]
    if runs[0]["reading"]:
        values["steady"] = [orders / run["reading"] for run in runs]
    return {measure: {"median": median(v), "min": min(v), "max": max(v)} for measure, v in values.items()}


def markdown(found: dict) -> str:
    machine, version, topic = found["machine"], found["versions"], found["topic"]
    size = f", {topic['bytes'] / topic['messages']:.0f} bytes each" if "bytes" in topic else ""
    lines = [
        "# Streaming benchmark",
        "",
        f"{found['started']}, `{found['command']}`",
        "",
        *ratios(found),
        "",
        f"- Machine: {machine['cpu']}, {machine['cores']} cores, {machine['memory_bytes'] / 2**30:.1f} GiB,"
        f" {machine['system']}, Linux {machine['kernel']}; the broker runs on the same cores",
        f"- rfm-streaming {version['rfm-streaming']} (commit {version['commit']}); Spark {version['pyspark']} with its Kafka connector"
        f" {version['connector']} and kafka-clients {version['kafka-clients']} on {version['java']}; kcat {version['kcat']};"
        f" DuckDB {version['duckdb']} compares; Python {machine['python']}",
        f"- {found['orders']:,} orders{size} in {found['partitions']} Kafka partitions, lz4, sent in {topic['seconds']:.1f} s;"
        f" segments of {found['customers']:,} customers; tables on the local disk",
        f"- Whole processes from start to exit, warm file cache, timed runs of each: {found['runs']}, in alternating order. Medians,"
        " then the range.",
        "- × is a peer's median divided by that of rfm-streaming: 10 × means that rfm-streaming needs a tenth. Reading is the rate"
        " without the start and the end of the process.",
        "- A group without members is not waited for (`group.initial.rebalance.delay.ms=0`); a broker with Kafka's default makes"
        " the first rfm-streaming of a group wait 3 s longer.",
    ]
    lines += warning(found) + absolute(found) + checked(found)
    if "live" in found:
        lines += live(found["live"])
    lines += ["", "## Commands", ""]
    for result in found["contenders"].values():
        lines += [f"{result['title']}:", "", f"    {result['command']}", ""]
    return "\n".join(lines)


def ratios(found: dict) -> list[str]:
    ours = found["contenders"][OURS]["summary"]
    lines = [
        "| | does | wall × | CPU × | memory × | orders/s, whole | orders/s, reading |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for result in found["contenders"].values():
        its = result["summary"]
        if not its:
            lines.append(f"| {result['title']} | {result['does']} | disqualified | | | | |")
            continue
        cells = [f"{its[m]['median'] / ours[m]['median']:.2f}" if ours else "" for m in ("wall", "cpu", "rss")]
        cells.append(f"{its['rate']['median']:,.0f}")
        cells.append(f"{its['steady']['median']:,.0f}" if "steady" in its else "")
        lines.append(f"| {result['title']} | {result['does']} | {' | '.join(cells)} |")
    for name in found["missing"]:
        lines += ["", f"{name} is left out: it is not installed."]
    return lines


def warning(found: dict) -> list[str]:
    busy = [result["summary"]["others"]["max"] for result in found["contenders"].values() if result["summary"]]
    if not busy or max(busy) <= BUSY:
        return []
    text = f"**Not a quiet machine: other processes, the broker apart, took up to {max(busy):.0%} of the cores. Do not quote these times.**"
    return ["", text]


def absolute(found: dict) -> list[str]:
    lines = [
        "",
        "| | wall | user + sys CPU | the broker's CPU | peak memory |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for result in found["contenders"].values():
        its = result["summary"]
        if its:
            cells = [spread(its[m], 1, "s", 2) for m in ("wall", "cpu", "broker_cpu")]
            lines.append(f"| {result['title']} | {' | '.join(cells)} | {spread(its['rss'], 1e-6, 'MB', 0)} |")
    return lines


def checked(found: dict) -> list[str]:
    table = found["table"]
    lines = []
    if table:
        segments = ", ".join(f"{name} {rows:,}" for name, rows in table["segments"].items())
        days = ", ".join(f"{day} {rows:,}" for day, rows in table["days"].items())
        lines += [
            "",
            f"Results: {table['rows']:,} rows, each message once, {table['items']:,} items, revenue {table['revenue']}; {segments}; {days}."
            " The same in all qualified runs, and so are all columns of all rows but the time of ingestion (sum of their hashes).",
        ]
    wrong = [(result["title"], why) for result in found["contenders"].values() for why in result["disqualified"]]
    if wrong:
        lines += ["", "Disqualified:", ""]
        lines += [f"- {title}, {why}".replace("\n", "\n  ") for title, why in wrong]
    return lines


def live(found: dict) -> list[str]:
    lines = ["", "## Live", ""]
    if "wrong" in found:
        return [*lines, f"Not measured: {found['wrong']}"]
    if found["missing"]:
        lines += ["The latencies are left out: kcat, which tells when a message was produced, is not installed.", ""]
    else:
        lines += [
            f"{found['messages']:,} orders at {found['rate']:,} a second beside rfm-streaming, which took {found['cpu']:.0%} of a core"
            f" and at most {found['rss'] / 1e6:.0f} MB. From the time that a message carries to",
            "",
            "| | p50 | p99 | longest |",
            "| --- | ---: | ---: | ---: |",
            latency("being tagged (`ingest_time`)", found["tagged"]),
            latency("being visible in the table (default flush interval, 10 s)", found["visible"]),
            "",
        ]
    lines += [
        f"Stopped with SIGTERM and started again, {found['rate']:,} orders a second going on:",
        "",
        "| | start to first tagged order | SIGTERM to exit |",
        "| --- | ---: | ---: |",
    ]
    for kind in ("new member", "static member"):
        cells = (spread(found[kind][m], 1e3, "ms", 0) for m in ("first", "stop"))
        lines.append(f"| {kind} of the group | {' | '.join(cells)} |")
    return lines


def latency(what: str, values: dict) -> str:
    cells = (f"{values[key]:,.1f} ms" for key in ("p50", "p99", "max"))
    return f"| {what} | {' | '.join(cells)} |"


def spread(values: dict, factor: float, unit: str, digits: int) -> str:
    middle, least, greatest = (f"{values[key] * factor:,.{digits}f}" for key in ("median", "min", "max"))
    return f"{middle} {unit} ({least} - {greatest})"
