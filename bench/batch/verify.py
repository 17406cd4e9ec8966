"""Compares tables, customer by customer, with DuckDB. Runs in the peers' virtual environment; prints JSON.

    verify.py versions                            versions of the peers
    verify.py totals RFM                          customers, orders and revenue of a table
    verify.py aggregate REFERENCE RFM             differences of two tables of customers
    verify.py whole REFERENCE RFM SEGMENTS SEGMENTS
                                                  ... and of two tables of segments, the reference first
Tables are Parquet files, named by a glob.
"""

import json
import sys
from importlib.metadata import version

import duckdb

AGGREGATE = ("recency_days", "frequency", "monetary")
WHOLE = (*AGGREGATE, "last_order", "country", "r_score", "f_score", "m_score")
SEGMENTS = (*AGGREGATE, "r_score", "f_score", "m_score", "rfm_group")
PEERS = ("duckdb", "polars", "scikit-learn", "pyspark")


def one(query: str, **parameters: str) -> dict:
    relation = duckdb.sql(query, params=parameters)
    return dict(zip(relation.columns, relation.fetchall()[0]))


def totals(rfm: str) -> dict:
    query = "SELECT count(*) AS customers, sum(frequency) AS orders, sum(monetary)::VARCHAR AS revenue FROM read_parquet($rfm)"
    found = one(query, rfm=rfm)
    return {**found, "orders": int(found["orders"])}


def differences(reference: str, found: str, columns: tuple[str, ...]) -> dict:
    """By kind, how many customers differ. Nothing is rounded: decimals compare as decimals. Empty if all agree."""
    counts = ", ".join(
        f"count(*) FILTER (WHERE r.customer_id IS NOT NULL AND f.customer_id IS NOT NULL AND r.{c} IS DISTINCT FROM f.{c}) AS {c}"
        for c in columns
    )
    query = f"""
        SELECT count(*) FILTER (WHERE f.customer_id IS NULL) AS missing, count(*) FILTER (WHERE r.customer_id IS NULL) AS unknown,
            (SELECT count(*) - count(DISTINCT customer_id) FROM read_parquet($found)) AS twice, {counts}
        FROM read_parquet($reference) r FULL JOIN read_parquet($found) f ON r.customer_id = f.customer_id
    """
    return {kind: n for kind, n in one(query, reference=reference, found=found).items() if n}


def clustering(reference: str, segments: str, found: str) -> dict:
    """How many customers are in the same segment, and how tight the found segments are: the sum of squared distances to the
    segments' means, over log1p and standardised values computed here, so that all are measured with the same rod."""
    logs = ", ".join(f"ln({c}::DOUBLE + 1) AS {c}" for c in AGGREGATE)
    variances = ", ".join(f"var_samp({c}) AS {c}" for c in AGGREGATE)
    squares = " + ".join(f"var_pop(l.{c}) * count(*) / any_value(scale.{c})" for c in AGGREGATE)
    query = f"""
        WITH logs AS (SELECT customer_id, {logs} FROM read_parquet($reference)),
        scale AS (SELECT {variances} FROM logs),
        clusters AS (
            SELECT {squares} AS inertia
            FROM logs l JOIN read_parquet($found) f USING (customer_id) CROSS JOIN scale GROUP BY f.segment_id),
        same AS (
            SELECT avg((s.segment = f.segment AND s.segment_id = f.segment_id)::INTEGER) AS same_segment
            FROM read_parquet($segments) s JOIN read_parquet($found) f USING (customer_id))
        SELECT any_value(same_segment) AS same_segment, sum(inertia) AS inertia FROM clusters CROSS JOIN same
    """
    return one(query, reference=reference, segments=segments, found=found)


def main(mode: str, *tables: str) -> dict:
    if mode == "versions":
        return {peer: version(peer) for peer in PEERS}
    if mode == "totals":
        return totals(*tables)
    reference, rfm, *segments = tables
    result = totals(rfm)
    result["differences"] = differences(reference, rfm, WHOLE if mode == "whole" else AGGREGATE)
    if mode == "whole":
        for kind, n in differences(*segments, SEGMENTS).items():
            result["differences"][f"segments.{kind}"] = n
        result |= clustering(reference, *segments)
    return result


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
