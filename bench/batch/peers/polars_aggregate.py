"""CSV -> recency, frequency and monetary value per customer, by Polars' streaming engine on all cores."""

from datetime import datetime, time

import polars as pl
from polars import col

import common

SCHEMA = {
    "InvoiceNo": pl.String,
    "StockCode": pl.String,
    "Description": pl.String,
    "Quantity": pl.Int64,
    "InvoiceDate": pl.String,
    "UnitPrice": pl.Decimal(18, 4),
    "CustomerID": pl.Int64,
    "Country": pl.String,
}


def main() -> None:
    args = common.arguments()
    snapshot = pl.lit(args.snapshot)
    instant = col("InvoiceDate").str.to_datetime("%m/%d/%Y %H:%M", time_unit="us", strict=False)
    customers = (
        pl.scan_csv(args.input, schema=SCHEMA, ignore_errors=True)
        .filter(
            col("CustomerID") > 0,
            col("Quantity") > 0,
            col("UnitPrice") > 0,
            ~col("InvoiceNo").str.slice(0, 1).is_in(["C", "A"]),
        )
        .with_columns(instant)
        .filter(col("InvoiceDate") < datetime.combine(args.snapshot, time()))
        .group_by(customer_id="CustomerID")
        .agg(
            recency_days=(snapshot - col("InvoiceDate").max().dt.date()).dt.total_days().cast(pl.Int32),
            frequency=col("InvoiceNo").n_unique().cast(pl.Int64),
            monetary=(col("Quantity") * col("UnitPrice")).sum().cast(pl.Decimal(20, 4)),
        )
        .collect(engine="streaming")
    )
    common.print_totals(len(customers), customers["frequency"].sum(), customers["monetary"].sum())
    if args.out:
        customers.write_parquet(args.out / "customers.parquet")


if __name__ == "__main__":
    main()
