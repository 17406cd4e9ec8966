"""What the streaming benchmark asks of tables, with DuckDB. Runs in the peers' virtual environment; prints JSON.

    tables.py versions
    tables.py history CUSTOMERS CSV          writes purchases of so many customers, those that order-producer knows
    tables.py totals FILES                   what a table of tagged orders holds
    tables.py latencies FILES PRODUCED SEEN SINCE
                                             from being produced to being tagged, and to being visible, in ms
Tables are Parquet files, named by a glob. PRODUCED is a CSV of partition, offset and time of messages, SEEN one of files
and when they could be seen; times are milliseconds since 1970.
"""

import json
import sys
from importlib.metadata import version

import duckdb

# The customers of order-producer are numbered from here on, without gaps.
FIRST_CUSTOMER = 12346
QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999}
# All columns but ingest_time, which is nobody's twice.
COLUMNS = """invoice_no, stock_code, description, quantity, event_time, unit_price, customer_id, country, is_return, segment_id,
    segment, segment_snapshot, kafka_topic, kafka_partition, kafka_offset"""


def history(customers: str, path: str) -> dict:
    """One to five purchases of each customer. A file of order-producer would need a hundred lines a customer until it
    names all of them; who buys how much does not matter here."""
    lines = f"""
        SELECT 536365 + c * 5 + n AS "InvoiceNo", '85123A' AS "StockCode", 'LANTERN' AS "Description",
            1 + hash(c, n) % 24 AS "Quantity",
            strftime(TIMESTAMP '2010-12-01 00:00:00' + to_minutes((hash(n, c, 1) % 537120)::BIGINT), '%-m/%-d/%Y %-H:%M')
                AS "InvoiceDate",
            printf('%d.%02d', 1 + hash(c, n, 2) % 20, hash(c, n, 3) % 100) AS "UnitPrice",
            {FIRST_CUSTOMER} + c AS "CustomerID", 'United Kingdom' AS "Country"
        FROM range({int(customers)}) customers(c), range(5) purchases(n) WHERE n <= c % 5"""
    duckdb.execute(f"COPY ({lines}) TO '{path}' (HEADER)")
    return {"customers": int(customers)}


def totals(files: str) -> dict:
    rows = duckdb.read_parquet(files, hive_partitioning=True)
    query = f"""
        SELECT count(*), count(DISTINCT (kafka_partition, kafka_offset)), sum(quantity)::BIGINT,
            sum(quantity * unit_price::DECIMAL(28,4))::VARCHAR, sum(hash({COLUMNS})::HUGEINT)::VARCHAR FROM rows"""
    count, distinct, items, revenue, digest = duckdb.sql(query).fetchall()[0]
    found = {"rows": count, "messages": distinct, "items": items, "revenue": revenue, "digest": digest}
    for name, column in (("segments", "segment"), ("days", "dt::VARCHAR")):
        found[name] = dict(duckdb.sql(f"SELECT {column}, count(*) FROM rows GROUP BY ALL ORDER BY ALL").fetchall())
    return found


def latencies(files: str, produced: str, seen: str, since: str) -> dict:
    query = """
        WITH produced AS (SELECT * FROM read_csv($produced, header = false,
            columns = {'kafka_partition': 'INT', 'kafka_offset': 'BIGINT', 'at': 'DOUBLE'})),
        seen AS (SELECT * FROM read_csv($seen, header = false, columns = {'filename': 'VARCHAR', 'at': 'DOUBLE'})),
        rows AS (
            SELECT epoch_us(ingest_time) / 1000 - produced.at AS tagged, seen.at - produced.at AS visible
            FROM read_parquet($files, filename = true) JOIN produced USING (kafka_partition, kafka_offset)
            JOIN seen USING (filename) WHERE produced.at >= $since)
        SELECT count(*), quantile_cont(tagged, $quantiles), max(tagged), quantile_cont(visible, $quantiles), max(visible) FROM rows"""
    parameters = {"files": files, "produced": produced, "seen": seen, "since": float(since), "quantiles": list(QUANTILES.values())}
    count, tagged, slowest, visible, last = duckdb.sql(query, params=parameters).fetchall()[0]

    def named(values: list[float], longest: float) -> dict[str, float]:
        return {**dict(zip(QUANTILES, values)), "max": longest}

    return {"messages": count, "tagged": named(tagged, slowest), "visible": named(visible, last)}


def main(mode: str, *arguments: str) -> dict:
    if mode == "versions":
        return {name: version(name) for name in ("duckdb", "pyspark")}
    return {"history": history, "totals": totals, "latencies": latencies}[mode](*arguments)


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
