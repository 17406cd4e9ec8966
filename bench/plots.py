"""Draws the figures of bench/run: plots.py REPORT.JSON FOLDER. Runs with the peers' Python, which has matplotlib."""

import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
# The same figures give the same file.
matplotlib.rcParams.update({"svg.hashsalt": "rfm", "svg.fonttype": "none", "font.size": 9, "axes.grid": True, "grid.alpha": 0.3})
import matplotlib.pyplot as plt


def save(figure, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def by_rows(batch: dict, measure: str, scale: float, label: str, path: Path) -> None:
    """A line a contender over the numbers of rows, both axes logarithmic."""
    lines: dict[str, list[tuple[int, float]]] = {}
    for one in sorted(batch["inputs"], key=lambda one: one["rows"]):
        for result in one["contenders"].values():
            if result.get("summary"):
                value = result["summary"][measure]["median"] * scale
                lines.setdefault(result["title"], []).append((one["rows"], one["rows"] / value if measure == "wall" else value))
    figure, axes = plt.subplots(figsize=(6.4, 3.6))
    for title, points in lines.items():
        axes.plot(*zip(*points), marker="o", markersize=3, label=title)
    axes.set(xscale="log", yscale="log", xlabel="rows of the CSV file", ylabel=label)
    axes.legend(fontsize=7)
    save(figure, path)


def rates(streaming: dict, path: Path) -> None:
    """A bar a contender: orders a second of the whole process."""
    its = [(r["title"], r["summary"]["rate"]) for r in streaming["contenders"].values() if r.get("summary")]
    figure, axes = plt.subplots(figsize=(6.4, 0.6 + 0.4 * len(its)))
    middles = [rate["median"] for _, rate in its]
    errors = [[m - rate["min"] for m, (_, rate) in zip(middles, its)], [rate["max"] - m for m, (_, rate) in zip(middles, its)]]
    axes.barh([title for title, _ in its], middles, xerr=errors, height=0.6)
    axes.invert_yaxis()
    axes.set(xlabel="orders a second, whole process")
    save(figure, path)


def latencies(live: dict, path: Path) -> None:
    """The share of orders that took longer than so many milliseconds."""
    figure, axes = plt.subplots(figsize=(6.4, 3.2))
    for name, title in (("tagged", "tagged"), ("visible", "visible in the table")):
        points = [(live[name][key], share) for key, share in (("p50", 0.5), ("p90", 0.1), ("p99", 0.01), ("p999", 0.001)) if key in live[name]]
        axes.plot(*zip(*points), marker="o", markersize=3, label=title)
    axes.set(xscale="log", yscale="log", xlabel="milliseconds after an order was produced", ylabel="share that takes longer")
    axes.legend(fontsize=7)
    save(figure, path)


def main() -> None:
    parts, out = json.loads(Path(sys.argv[1]).read_text())["parts"], Path(sys.argv[2])
    found = {name: part["found"] for name, part in parts.items() if part["found"]}
    if "batch" in found:
        by_rows(found["batch"], "wall", 1, "rows a second", out / "batch-rows-a-second.svg")
        by_rows(found["batch"], "rss", 1e-6, "peak memory, MB", out / "batch-memory.svg")
    if "streaming" in found:
        rates(found["streaming"], out / "streaming-rate.svg")
        if "tagged" in found["streaming"].get("live", {}):
            latencies(found["streaming"]["live"], out / "streaming-latency.svg")


if __name__ == "__main__":
    main()
