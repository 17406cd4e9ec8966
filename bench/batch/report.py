"""The figures of a benchmark as Markdown and JSON."""

import json
import os
import subprocess
from pathlib import Path
from statistics import median

import contenders

JOBS = {"whole": "whole job, tables written", "compute": "whole job, nothing written", "aggregate": "aggregate only"}
# Above this share of all cores used by others, figures are not to be trusted.
BUSY = 0.05


def versions() -> dict[str, str]:
    def first_line(*command: str) -> str:
        try:
            done = subprocess.run(command, capture_output=True, text=True, cwd=contenders.REPOSITORY)
        except OSError:
            return "none"
        return (done.stdout or done.stderr).strip().split("\n")[0]

    java = Path(os.environ["JAVA_HOME"]) / "bin/java" if os.environ.get("JAVA_HOME") else "java"
    return {
        "rfm-batch": first_line(str(contenders.RFM_BATCH), "--version").removeprefix("rfm-batch "),
        "commit": first_line("git", "describe", "--always", "--dirty"),
        **contenders.verify("versions"),
        "java": first_line(str(java), "-version"),
    }


def write(found: dict, out: Path) -> str:
    for one in found["inputs"]:
        for result in one["contenders"].values():
            result["summary"] = summary(result["runs"])
    text = markdown(found)
    (out / "report.json").write_text(json.dumps(found, indent=2) + "\n")
    (out / "report.md").write_text(text)
    return text


def summary(runs: list[dict]) -> dict:
    """Median, least and greatest of each measure."""
    if not runs:
        return {}
    values = {measure: [run[measure] for run in runs] for measure in ("wall", "cpu", "rss", "others")}
    return {measure: {"median": median(v), "min": min(v), "max": max(v)} for measure, v in values.items()}


def markdown(found: dict) -> str:
    machine, version = found["machine"], found["versions"]
    lines = [
        "# Batch benchmark",
        "",
        f"{found['started']}, `{found['command']}`",
        "",
        f"- Machine: {machine['cpu']}, {machine['cores']} cores, {machine['memory_bytes'] / 2**30:.1f} GiB,"
        f" {machine['system']}, Linux {machine['kernel']}",
        f"- rfm-batch {version['rfm-batch']} (commit {version['commit']}), DuckDB {version['duckdb']}, Polars {version['polars']},"
        f" scikit-learn {version['scikit-learn']}, Spark {version['pyspark']} on {version['java']}, Python {machine['python']}",
        f"- Whole processes from start to exit, warm file cache, in alternating order. Medians, then the range.",
        f"- rfm-batch on a file of 200 lines, from start to exit: {found['start']['median'] * 1e3:.1f} ms, at most {found['start']['max'] * 1e3:.1f} ms of 20 runs "
        f"({found['start']['first'] * 1e3:.1f} ms the first). With the program not in memory {found['start']['cold_median'] * 1e3:.1f} ms, at most "
        f"{found['start']['cold_max'] * 1e3:.1f} ms of 10.",
        "- × is a peer's median divided by that of rfm-batch's whole job: 10 × means that rfm-batch needs a tenth. Peers that"
        " only aggregate do less than rfm-batch in that time.",
    ]
    for one in found["inputs"]:
        lines += input_section(one)
    lines += ["", "## Commands", ""]
    for one in found["inputs"][:1]:
        for result in one["contenders"].values():
            lines += [f"{result['title']}:", "", f"    {result['command']}", ""]
    return "\n".join(lines)


def input_section(one: dict) -> list[str]:
    results = one["contenders"]
    ours = results[contenders.OURS].get("summary") or {}
    lines = [
        "",
        f"## {Path(one['path']).name}: {one['rows']:,} rows, {one['bytes'] / 1e6:,.1f} MB",
        "",
        f"{one['kept']:,} rows kept, snapshot {one['snapshot']}, timed runs of each: {one['runs']}, sha256 `{one['sha256']}`",
        "",
        "| | does | wall × | CPU × | memory × | wall | user + sys CPU | peak memory |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for result in results.values():
        found = result["summary"]
        if not found:
            lines.append(f"| {result['title']} | {JOBS[result['job']]} | disqualified | | | | | |")
            continue
        ratios = [f"{found[m]['median'] / ours[m]['median']:.2f}" if ours else "" for m in ("wall", "cpu", "rss")]
        wall, cpu = (spread(found[m], 1, "s", 2) for m in ("wall", "cpu"))
        lines.append(
            f"| {result['title']} | {JOBS[result['job']]} | {' | '.join(ratios)} | {wall} | {cpu} | {spread(found['rss'], 1e-6, 'MB', 0)} |"
        )
    busy = [result["summary"]["others"]["max"] for result in results.values() if result["summary"]]
    if busy and max(busy) > BUSY:
        lines += ["", f"**Not a quiet machine: other processes took up to {max(busy):.0%} of the cores. Do not quote these times.**"]
    lines += [
        "",
        f"Results: {one['customers']:,} customers, {one['orders']:,} orders, revenue {one['revenue']} in all qualified runs, and the"
        " same recency, frequency and monetary value for each customer.",
        "",
        "| | same segment as rfm-batch | squared distances within segments | silhouette |",
        "| --- | ---: | ---: | ---: |",
    ]
    for result in results.values():
        checked = result.get("checked", {})
        if "inertia" in checked:
            silhouette = f"{checked['silhouette']:.3f}" if "silhouette" in checked else ""
            lines.append(f"| {result['title']} | {checked['same_segment']:.1%} | {checked['inertia']:,.1f} | {silhouette} |")
    wrong = [(result["title"], why) for result in results.values() for why in result["disqualified"]]
    if wrong:
        lines += ["", "Disqualified:", ""]
        lines += [f"- {title}, {why}".replace("\n", "\n  ") for title, why in wrong]
    return lines


def spread(values: dict, factor: float, unit: str, digits: int) -> str:
    middle, least, greatest = (f"{values[key] * factor:,.{digits}f}" for key in ("median", "min", "max"))
    return f"{middle} {unit} ({least} - {greatest})"
