-- One row a customer and snapshot: recency, frequency, monetary and their scores.
-- Files lie under _runs/<run id>/ and the batch job points the partitions there, so MSCK REPAIR is never needed.
CREATE EXTERNAL TABLE IF NOT EXISTS ${hivevar:database}.${hivevar:prefix}ecom_user_rfm_batch (
  customer_id BIGINT COMMENT 'customer number, ascending within a snapshot',
  recency_days INT COMMENT 'calendar days (UTC) from the last kept order to the snapshot date, at least 1',
  frequency BIGINT COMMENT 'number of distinct invoices',
  monetary DECIMAL(20,4) COMMENT 'sum of quantity x unit price, exact, in the currency of the input',
  last_order TIMESTAMP COMMENT 'time of the last kept order, UTC',
  country STRING COMMENT 'country of the customer',
  r_score INT COMMENT 'recency quintile 1 to 5, 5 = most recent, ties share a score',
  f_score INT COMMENT 'frequency quintile 1 to 5, 5 = most orders, ties share a score',
  m_score INT COMMENT 'monetary quintile 1 to 5, 5 = highest revenue, ties share a score'
)
COMMENT 'recency, frequency and monetary value per customer'
PARTITIONED BY (snapshot_date STRING COMMENT 'yyyy-MM-dd, orders before this day (UTC) are counted')
STORED AS PARQUET
LOCATION '${hivevar:warehouse}/${hivevar:prefix}ecom_user_rfm_batch'
TBLPROPERTIES ('discover.partitions'='false', 'external.table.purge'='false', 'parquet.compression'='SNAPPY');
