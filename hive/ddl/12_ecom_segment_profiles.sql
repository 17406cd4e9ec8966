-- One row a segment and snapshot: size, revenue, averages and the quality of the clustering.
CREATE EXTERNAL TABLE IF NOT EXISTS ${hivevar:database}.${hivevar:prefix}ecom_segment_profiles (
  segment_id INT COMMENT 'number of the segment, given by its centroid and so stable between runs',
  segment STRING COMMENT 'name of the segment',
  customers BIGINT COMMENT 'number of customers in the segment',
  share DOUBLE COMMENT 'customers of the segment / all customers, 0 to 1',
  revenue DECIMAL(24,4) COMMENT 'sum of monetary over the segment, exact',
  revenue_share DOUBLE COMMENT 'revenue of the segment / all revenue, 0 to 1',
  avg_recency_days DOUBLE COMMENT 'mean of recency_days',
  avg_frequency DOUBLE COMMENT 'mean of frequency',
  avg_monetary DECIMAL(20,4) COMMENT 'mean of monetary, rounded to four digits',
  centroid_recency_days DOUBLE COMMENT 'centroid, scaled back to days',
  centroid_frequency DOUBLE COMMENT 'centroid, scaled back to invoices',
  centroid_monetary DOUBLE COMMENT 'centroid, scaled back to currency units',
  scaled_recency DOUBLE COMMENT 'centroid in the scaled space (log1p, standardised)',
  scaled_frequency DOUBLE COMMENT 'centroid in the scaled space (log1p, standardised)',
  scaled_monetary DOUBLE COMMENT 'centroid in the scaled space (log1p, standardised)',
  k INT COMMENT 'number of clusters of the run',
  inertia DOUBLE COMMENT 'sum of squared distances to the centroids, of the whole clustering',
  silhouette DOUBLE COMMENT 'mean silhouette of the whole clustering, -1 to 1',
  run_id STRING COMMENT 'run that published the snapshot'
)
COMMENT 'size, revenue and centroid of each segment'
PARTITIONED BY (snapshot_date STRING COMMENT 'yyyy-MM-dd, orders before this day (UTC) are counted')
STORED AS PARQUET
LOCATION '${hivevar:warehouse}/${hivevar:prefix}ecom_segment_profiles'
TBLPROPERTIES ('discover.partitions'='false', 'external.table.purge'='false', 'parquet.compression'='SNAPPY');
