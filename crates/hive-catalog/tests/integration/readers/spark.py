"""Runs queries in one Spark session and prints their rows in a form that the Rust test can compare.

usage: spark.py METASTORE DEFAULT_FS ZONE

ZONE is the JVM's; the session's is UTC. A line of standard input is a query as JSON, [own reader or Hive's?, SQL], and a line
of standard output its answer, [rows, null] or [null, problem]. Ends with its input.
"""

import decimal
import json
import os
import struct
import sys
import tempfile

try:
    from pyspark.sql import SparkSession
    from pyspark.sql.types import DateType, DecimalType, TimestampType
except ImportError:
    sys.exit(f"PySpark is missing; install it: {sys.executable} -m pip install pyspark==3.5.9")

DIGITS = decimal.Context(prec=60)


def session(metastore, default_fs, zone, folder):
    java = f"-Duser.timezone={zone} -Dderby.system.home={folder} -Djava.io.tmpdir={folder}"
    java += " -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Dfile.encoding=UTF-8"
    builder = SparkSession.builder.master("local[1]")
    for name, value in {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraJavaOptions": java,
        "spark.driver.host": "127.0.0.1",
        "spark.hadoop.fs.defaultFS": default_fs,
        "spark.hadoop.hive.exec.local.scratchdir": f"{folder}/scratch",
        "spark.hadoop.hive.metastore.uris": metastore,
        "spark.local.dir": folder,
        "spark.sql.catalogImplementation": "hive",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.warehouse.dir": f"{folder}/warehouse",
        "spark.ui.enabled": "false",
    }.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def column(field):
    """Dates and times as numbers: nothing in between that formats them."""
    if isinstance(field.dataType, TimestampType):
        return f"unix_micros(`{field.name}`)"
    if isinstance(field.dataType, DateType):
        return f"unix_date(`{field.name}`)"
    return f"`{field.name}`"


def show(value, kind):
    """None, or the text that `text::of_batch` makes of the same value."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return struct.pack(">d", value).hex()
    if isinstance(value, decimal.Decimal):
        # Hive's reader gives some values more zeros than their type has digits.
        fitting = value.quantize(decimal.Decimal(1).scaleb(-kind.scale), context=DIGITS)
        return format(fitting if fitting == value else value, "f")
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).hex()
    return str(value)


def answer(spark, own, sql):
    spark.conf.set("spark.sql.hive.convertMetastoreParquet", "true" if own else "false")
    found = spark.sql(sql)
    kinds = [field.dataType for field in found.schema.fields]
    rows = found.selectExpr(*map(column, found.schema.fields)).collect()
    return [list(map(show, row, kinds)) for row in rows]


def main():
    metastore, default_fs, zone = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        spark = session(metastore, default_fs, zone, folder)
        for line in sys.stdin:
            try:
                result = [answer(spark, *json.loads(line)), None]
            except Exception as problem:  # each query has an answer, and this is one
                result = [None, str(problem)]
            print(json.dumps(result), flush=True)
        spark.stop()
        os.chdir("/")


main()
