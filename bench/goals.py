"""What the suite wants to reach, and what the reports of a run say of it."""

from collections.abc import Iterator

MIB = 2**20


def table(parts: dict) -> list[str]:
    """Markdown. What was not measured is not in it."""
    found = [*batch(parts.get("batch", {}).get("found")), *streaming(parts.get("streaming", {}).get("found")),
             *lookup(parts.get("lookup", {}).get("found"))]
    if not found:
        return ["Nothing that a goal is set for was measured."]
    rows = [f"| {what} | {goal} | {value} | {'yes' if met else '**no**'} |" for what, goal, value, met in found]
    return ["| | goal | measured | met |", "| --- | --- | ---: | --- |", *rows]


def batch(report: dict | None) -> Iterator[tuple[str, str, str, bool]]:
    if not report:
        return
    # A run over a small file takes longer than its start.
    yield at_most("batch: start to exit with 200 rows, longest", report["start"]["max"] * 1e3, 50, "ms", 1)
    yield at_most("batch: the same, program read from the disk, median", report["start"]["cold_median"] * 1e3, 50, "ms", 1)
    rates = []
    for one in report["inputs"]:
        its = {name: result["summary"] for name, result in one["contenders"].items() if result.get("summary")}
        ours = its.get("rfm-batch")
        if not ours:
            continue
        size, wall = f"{one['rows']:,} rows", ours["wall"]["median"]
        rates.append((one["rows"], wall))
        large = one["rows"] >= 10_000_000
        for name, title in (("duckdb", "DuckDB's aggregate"), ("polars", "Polars' aggregate")):
            if name in its:
                yield at_least(f"{size}: whole job against {title}", its[name]["wall"]["median"] / wall, 1.5 if large else 1.0)
        dry = its.get("rfm-batch-dry-run")
        if dry and large:
            rate = one["bytes"] / dry["cpu"]["median"] / 1e9
            yield f"{size}: CSV a second of CPU, nothing written", "at least 0.8 GB/s", f"{rate:.2f} GB/s", rate >= 0.8
        if "spark" in its:
            yield at_least(f"{size}: whole job against Spark's", its["spark"]["wall"]["median"] / wall, 20 if large else 60)
        yield at_most(f"{size}: peak memory", ours["rss"]["max"] / MIB, 2048, "MiB", 0)
    rates = sorted(pair for pair in rates if pair[0] >= 1_000_000)
    if len(rates) > 1:
        (least, its), (most, others) = rates[0], rates[-1]
        growth = (others / most) / (its / least)
        yield at_most(f"time a row at {most:,} rows against {least:,}", growth, 1.10, "x", 2)


def streaming(report: dict | None) -> Iterator[tuple[str, str, str, bool]]:
    if not report:
        return
    its = {name: result["summary"] for name, result in report["contenders"].items() if result.get("summary")}
    ours = its.get("rfm-streaming")
    if ours:
        for name, title, goal in (("spark", "Structured Streaming", 5), ("kcat", "kcat, which only reads", 1)):
            if name in its:
                yield at_least(f"stream against {title}", its[name]["wall"]["median"] / ours["wall"]["median"], goal)
        yield at_most(f"stream: peak memory with {report['customers']:,} customers", ours["rss"]["max"] / MIB, 250, "MiB", 0)
    live = report.get("live", {})
    if "tagged" in live:
        yield at_most(f"produce to tagged at {live['rate']:,}/s, p99", live["tagged"]["p99"], 50, "ms", 1)
        yield at_most("produce to visible, longest, flush interval 10 s", live["visible"]["max"] / 1e3, 11, "s", 2)
    if "static member" in live:
        longest = max(live[kind]["first"]["max"] for kind in ("new member", "static member"))
        yield at_most("restart to first tagged order, longest", longest * 1e3, 1000, "ms", 0)


def lookup(report: dict | None) -> Iterator[tuple[str, str, str, bool]]:
    for one in (report or {}).get("warehouses", []):
        goal = 5 if one["customers"] <= 1_000_000 else 20
        yield at_most(f"look-up of {one['customers']:,} customers, {one['title']}, p99", one["one client"]["p99"] * 1e3, goal, "ms", 2)
        if "hive" in one:
            for name, title in (("session", "beeline in an open session"), ("command", "beeline as a command")):
                yield at_least(f"look-up against {title}", one["hive"][name] / one["one client"]["p50"], 500)


def at_least(what: str, value: float, goal: float) -> tuple[str, str, str, bool]:
    return what, f"at least {goal:g} x", f"{value:,.2f} x", value >= goal


def at_most(what: str, value: float, goal: float, unit: str, digits: int) -> tuple[str, str, str, bool]:
    return what, f"at most {goal:g} {unit}", f"{value:,.{digits}f} {unit}", value <= goal
