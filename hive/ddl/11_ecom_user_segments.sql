-- One row a customer and snapshot: the k-means segment the customer belongs to.
CREATE EXTERNAL TABLE IF NOT EXISTS ${hivevar:database}.${hivevar:prefix}ecom_user_segments (
  customer_id BIGINT COMMENT 'customer number, ascending within a snapshot',
  recency_days INT COMMENT 'calendar days (UTC) from the last kept order to the snapshot date, at least 1',
  frequency BIGINT COMMENT 'number of distinct invoices',
  monetary DECIMAL(20,4) COMMENT 'sum of quantity x unit price, exact, in the currency of the input',
  segment_id INT COMMENT 'number of the segment, given by its centroid and so stable between runs',
  segment STRING COMMENT 'name of the segment',
  distance DOUBLE COMMENT 'distance to the centroid in the scaled space (log1p, standardised)',
  rfm_group STRING COMMENT 'name of the RFM group that r_score, f_score and m_score fall into',
  r_score INT COMMENT 'recency quintile 1 to 5, 5 = most recent, ties share a score',
  f_score INT COMMENT 'frequency quintile 1 to 5, 5 = most orders, ties share a score',
  m_score INT COMMENT 'monetary quintile 1 to 5, 5 = highest revenue, ties share a score'
)
COMMENT 'segment of each customer'
PARTITIONED BY (snapshot_date STRING COMMENT 'yyyy-MM-dd, orders before this day (UTC) are counted')
STORED AS PARQUET
LOCATION '${hivevar:warehouse}/${hivevar:prefix}ecom_user_segments'
TBLPROPERTIES ('discover.partitions'='false', 'external.table.purge'='false', 'parquet.compression'='SNAPPY');
