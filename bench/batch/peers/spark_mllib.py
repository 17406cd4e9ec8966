"""The whole job on Spark: DataFrames aggregate, MLlib clusters and evaluates, three Parquet tables are written."""

import math

from pyspark.ml.clustering import KMeans
from pyspark.ml.evaluation import ClusteringEvaluator
from pyspark.ml.feature import StandardScaler, VectorAssembler
from pyspark.sql import DataFrame, SparkSession, functions as F

import common

SCHEMA = """InvoiceNo STRING, StockCode STRING, Description STRING, Quantity INT, InvoiceDate TIMESTAMP,
    UnitPrice DECIMAL(18,4), CustomerID BIGINT, Country STRING"""


def main() -> None:
    args = common.arguments()
    spark = SparkSession.builder.appName("rfm").getOrCreate()

    def save(rows: DataFrame, table: str) -> None:
        if args.database:
            rows.write.mode("overwrite").format("parquet").saveAsTable(f"{args.database}.{table}")
        else:
            rows.write.parquet(str(args.out / table))

    orders = spark.read.csv(args.input, schema=SCHEMA, header=True, escape='"', timestampFormat="M/d/yyyy H:mm")
    # Invoices first: the order lines are then aggregated by hash. For max_by over a text Spark sorts, and the few
    # invoices are sorted much faster than the lines.
    invoices = (
        orders.where(common.KEPT.format(snapshot=args.snapshot))
        .groupBy(F.col("CustomerID").alias("customer_id"), "InvoiceNo", "Country")
        .agg(F.max("InvoiceDate").alias("last"), F.sum(F.col("Quantity") * F.col("UnitPrice")).alias("amount"))
    )
    customers = (
        invoices.groupBy("customer_id")
        .agg(
            F.datediff(F.lit(args.snapshot), F.max("last")).alias("recency_days"),
            F.countDistinct("InvoiceNo").alias("frequency"),
            F.sum("amount").cast("DECIMAL(20,4)").alias("monetary"),
            F.max("last").alias("last_order"),
            F.max_by("Country", "last").alias("country"),
        )
        .cache()
    )
    totals = customers.agg(F.count("*"), F.sum("frequency"), F.sum("monetary")).first()
    rfm = customers.selectExpr("*", *common.scores(totals[0])).cache()
    save(rfm, common.RFM)

    names = [f"log_{name}" for name in common.FEATURES]
    logs = {name: F.log1p(F.col(feature).cast("double")) for name, feature in zip(names, common.FEATURES)}
    vectors = VectorAssembler(inputCols=names, outputCol="logs").transform(rfm.withColumns(logs))
    scaler = StandardScaler(inputCol="logs", outputCol="features", withMean=True, withStd=True).fit(vectors)
    points = scaler.transform(vectors).cache()
    model = KMeans(k=4, seed=42).fit(points)
    predicted = model.transform(points)
    silhouette = ClusteringEvaluator().evaluate(predicted)

    centers = model.clusterCenters()
    clusters = common.clusters_by_segment(centers)
    segment_of_cluster = F.array(*(F.lit(clusters.index(cluster)) for cluster in range(4)))
    all_centers = F.array(*(F.array(*(F.lit(float(value)) for value in center)) for center in centers))
    point = [(F.col(name) - float(mean)) / float(std) for name, mean, std in zip(names, scaler.mean, scaler.std)]
    squared = sum(F.pow(point[dimension] - all_centers[F.col("prediction")][dimension], 2) for dimension in range(3))
    located = predicted.withColumns(
        {"segment_id": segment_of_cluster[F.col("prediction")], "distance": F.sqrt(squared)}
    )
    located.createOrReplaceTempView("located")
    segments = spark.sql(f"SELECT {common.USER_SEGMENTS_COLUMNS} FROM located").cache()
    save(segments, common.USER_SEGMENTS)

    segments.createOrReplaceTempView("segments")
    scaled = [centers[cluster] for cluster in clusters]
    raw = [
        [math.expm1(value * std + mean) for value, std, mean in zip(center, scaler.std, scaler.mean)]
        for center in scaled
    ]
    profiles = common.profiles("segments", raw, scaled, repr(silhouette), spark.sparkContext.applicationId)
    save(spark.sql(profiles), common.PROFILES)
    common.print_totals(*totals, silhouette=silhouette)
    spark.stop()


if __name__ == "__main__":
    main()
