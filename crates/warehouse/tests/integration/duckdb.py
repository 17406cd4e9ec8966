"""Prints what DuckDB reads in Parquet files, in a form that the Rust test can compare byte for byte.

usage: duckdb.py types|rows FILE...
"""

import struct
import sys

try:
    import duckdb
except ImportError:
    sys.exit(f"DuckDB is missing; install it: {sys.executable} -m pip install duckdb")


def show(value):
    """None, a number or a text as it stands; a double as its bits."""
    if isinstance(value, float):
        return struct.pack(">d", value).hex()
    return str(value)


what, files = sys.argv[1], sys.argv[2:]
connection = duckdb.connect()
connection.execute("SET TimeZone = 'UTC'")
rows = connection.read_parquet(files)
if what == "types":
    for name, kind in zip(rows.columns, rows.types):
        print(f"{name} {kind}")
elif what == "rows":
    # microseconds as a number: nothing in between that formats a date
    columns = ", ".join(
        f"epoch_us({name}::TIMESTAMP)" if str(kind).startswith("TIMESTAMP") else name
        for name, kind in zip(rows.columns, rows.types)
    )
    for row in rows.project(columns).fetchall():
        print("|".join(show(value) for value in row))
else:
    sys.exit(__doc__)
