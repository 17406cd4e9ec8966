"""The same stream on Spark: Structured Streaming reads a topic to its end, joins the segments, writes Parquet by day.

The last line of stdout is a JSON object: messages and seconds of all micro-batches, as the query's progress reports them.
"""

import argparse
import json
from datetime import datetime, timezone

from pyspark.sql import SparkSession, functions as F

SCHEMA = """invoice_no STRING, stock_code STRING, description STRING, quantity INT, invoice_date TIMESTAMP,
    unit_price DECIMAL(20,4), customer_id BIGINT, country STRING"""


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("brokers", "topic", "segments", "snapshot", "out", "checkpoint"):
        parser.add_argument(f"--{name}", required=True)
    args = parser.parse_args()
    spark = SparkSession.builder.appName("orders").getOrCreate()

    # Read once, before the stream begins, and sent to the tasks as a hash table: the join needs no shuffle.
    segments = spark.read.parquet(args.segments).select("customer_id", "segment_id", "segment").cache()
    segments.count()
    messages = (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", args.brokers)
        .option("subscribe", args.topic)
        .option("startingOffsets", "earliest")
        .load()
    )
    orders = messages.select(
        F.from_json(F.col("value").cast("string"), SCHEMA).alias("o"), "topic", "partition", "offset"
    ).select("o.*", "topic", "partition", "offset")
    tagged = orders.join(F.broadcast(segments), "customer_id", "left").select(
        "invoice_no",
        "stock_code",
        "description",
        "quantity",
        F.col("invoice_date").alias("event_time"),
        "unit_price",
        "customer_id",
        "country",
        ((F.col("quantity") < 0) | F.col("invoice_no").startswith("C")).alias("is_return"),
        "segment_id",
        F.coalesce("segment", F.lit("Unknown")).alias("segment"),
        F.lit(args.snapshot).alias("segment_snapshot"),
        F.current_timestamp().alias("ingest_time"),
        F.col("topic").alias("kafka_topic"),
        F.col("partition").alias("kafka_partition"),
        F.col("offset").alias("kafka_offset"),
        F.to_date("invoice_date").alias("dt"),
    )
    query = (
        tagged.writeStream.format("parquet")
        .partitionBy("dt")
        .option("path", args.out)
        .option("checkpointLocation", args.checkpoint)
        .trigger(availableNow=True)
        .start()
    )
    query.awaitTermination()
    batches = [progress for progress in query.recentProgress if progress["numInputRows"]]
    begun = [began(progress) for progress in batches]
    ended = [start + progress["durationMs"]["triggerExecution"] / 1e3 for start, progress in zip(begun, batches)]
    found = {"messages": sum(progress["numInputRows"] for progress in batches), "batches": len(batches)}
    print(json.dumps(found | {"seconds": max(ended) - min(begun)}))
    spark.stop()


def began(progress: dict) -> float:
    moment = datetime.strptime(progress["timestamp"], "%Y-%m-%dT%H:%M:%S.%fZ")
    return moment.replace(tzinfo=timezone.utc).timestamp()


if __name__ == "__main__":
    main()
