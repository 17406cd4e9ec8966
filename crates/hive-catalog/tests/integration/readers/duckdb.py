"""Prints the rows that DuckDB finds in Parquet files in a form that the Rust test can compare: a JSON list.

usage: duckdb.py FILE...
"""

import decimal
import json
import struct
import sys

try:
    import duckdb
except ImportError:
    sys.exit(f"DuckDB is missing; install it: {sys.executable} -m pip install duckdb")


def show(value):
    """None, or the text that `rows::text` makes of the same value."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return struct.pack(">d", value).hex()
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).hex()
    return str(value)


def column(name, kind):
    """Dates and times as numbers: nothing in between that formats them."""
    if str(kind).startswith("TIMESTAMP"):
        return f"epoch_us({name}::TIMESTAMP)"
    if str(kind) == "DATE":
        return f"date_diff('day', DATE '1970-01-01', {name})"
    return name


connection = duckdb.connect()
connection.execute("SET TimeZone = 'UTC'")
rows = connection.read_parquet(sys.argv[1:])
columns = ", ".join(map(column, rows.columns, rows.types))
json.dump([list(map(show, row)) for row in rows.project(columns).fetchall()], sys.stdout)
