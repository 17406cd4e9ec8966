"""The whole job in Python: DuckDB reads and aggregates, scikit-learn clusters, DuckDB writes three Parquet tables."""

import duckdb
import numpy as np
from sklearn.cluster import KMeans
from sklearn.preprocessing import StandardScaler

import common
import duckdb_aggregate


def main() -> None:
    args = common.arguments()
    connection = duckdb.connect()
    last = ", max(InvoiceDate) AS last_order, max_by(Country, InvoiceDate) AS country"
    duckdb_aggregate.load(connection, args.input, args.snapshot, last)
    customers, orders, revenue = duckdb_aggregate.totals(connection)
    connection.execute(f"CREATE TEMP TABLE rfm AS SELECT *, {', '.join(common.scores(customers))} FROM customers")

    features = ", ".join(f"CAST({name} AS DOUBLE) AS {name}" for name in common.FEATURES)
    columns = connection.sql(f"SELECT customer_id, {features} FROM customers").fetchnumpy()
    scaler = StandardScaler()
    points = scaler.fit_transform(np.log1p(np.column_stack([columns[name] for name in common.FEATURES])))
    kmeans = KMeans(n_clusters=4, n_init=10, random_state=42).fit(points)

    clusters = common.clusters_by_segment(kmeans.cluster_centers_)
    segment_of_cluster = np.argsort(clusters)
    labels = {
        "customer_id": columns["customer_id"],
        "segment_id": segment_of_cluster[kmeans.labels_].astype(np.int32),
        "distance": np.linalg.norm(points - kmeans.cluster_centers_[kmeans.labels_], axis=1),
    }
    connection.execute(
        f"CREATE TEMP TABLE segments AS SELECT {common.USER_SEGMENTS_COLUMNS} FROM rfm JOIN labels USING (customer_id)"
    )
    scaled = kmeans.cluster_centers_[clusters]
    raw = np.expm1(scaler.inverse_transform(scaled))
    # Scikit-learn's silhouette takes time in the square of the customers, so it is left out.
    profiles = common.profiles("segments", raw, scaled, "NULL", "duckdb-sklearn")
    for table, rows in ((common.RFM, "FROM rfm"), (common.USER_SEGMENTS, "FROM segments"), (common.PROFILES, profiles)):
        (args.out / table).mkdir(parents=True)
        connection.sql(rows).write_parquet(str(args.out / table / "part-0.parquet"))
    common.print_totals(customers, orders, revenue)


if __name__ == "__main__":
    main()
