"""CSV -> recency, frequency and monetary value per customer, by DuckDB on all cores."""

import duckdb

import common


def load(connection: duckdb.DuckDBPyConnection, path: str, snapshot, more_columns: str = "") -> None:
    """Fills table `customers`."""
    connection.execute(
        f"""
        CREATE TEMP TABLE customers AS
        SELECT CustomerID AS customer_id,
            CAST(date_diff('day', CAST(max(InvoiceDate) AS DATE), DATE '{snapshot}') AS INTEGER) AS recency_days,
            count(DISTINCT InvoiceNo) AS frequency,
            CAST(sum(Quantity * UnitPrice) AS DECIMAL(20,4)) AS monetary
            {more_columns}
        FROM read_csv($path, auto_detect=false, header=true, delim=',', quote='"', escape='"', ignore_errors=true,
            timestampformat='%m/%d/%Y %H:%M',
            columns={{'InvoiceNo': 'VARCHAR', 'StockCode': 'VARCHAR', 'Description': 'VARCHAR', 'Quantity': 'INTEGER',
                'InvoiceDate': 'TIMESTAMP', 'UnitPrice': 'DECIMAL(18,4)', 'CustomerID': 'BIGINT', 'Country': 'VARCHAR'}})
        WHERE {common.KEPT.format(snapshot=snapshot)}
        GROUP BY CustomerID
        """,
        {"path": path},
    )


def totals(connection: duckdb.DuckDBPyConnection) -> tuple:
    return connection.sql("SELECT count(*), sum(frequency), sum(monetary) FROM customers").fetchall()[0]


def main() -> None:
    args = common.arguments()
    connection = duckdb.connect()
    load(connection, args.input, args.snapshot)
    common.print_totals(*totals(connection))
    if args.out:
        connection.sql("FROM customers").write_parquet(str(args.out / "customers.parquet"))


if __name__ == "__main__":
    main()
