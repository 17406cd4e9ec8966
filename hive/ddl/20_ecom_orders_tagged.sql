-- One row an order line that came through Kafka, with the segment its customer had when it came.
CREATE EXTERNAL TABLE IF NOT EXISTS ${hivevar:database}.${hivevar:prefix}ecom_orders_tagged (
  invoice_no STRING COMMENT 'invoice number, C or A in front for cancellations and adjustments',
  stock_code STRING COMMENT 'article number',
  description STRING COMMENT 'article name, null if the message has none',
  quantity INT COMMENT 'number of items, negative for returns',
  event_time TIMESTAMP COMMENT 'when the order was placed (UTC)',
  unit_price DECIMAL(20,4) COMMENT 'price of one item, exact, in the currency of the input',
  customer_id BIGINT COMMENT 'customer number, null for an order without one',
  country STRING COMMENT 'country of the customer, null if the message has none',
  is_return BOOLEAN COMMENT 'whether the quantity is negative or the invoice cancels another one',
  segment_id INT COMMENT 'number of the segment of the customer, null if it has none',
  segment STRING COMMENT 'name of the segment of the customer, Unknown if it has none',
  segment_snapshot STRING COMMENT 'snapshot_date of the segments that were used, null when there were none yet',
  ingest_time TIMESTAMP COMMENT 'when the message was read from Kafka (UTC)',
  kafka_topic STRING COMMENT 'topic of the message',
  kafka_partition INT COMMENT 'partition of the message within its topic',
  kafka_offset BIGINT COMMENT 'offset of the message within its partition'
)
COMMENT 'order lines from Kafka with the segment of their customer, each message once'
PARTITIONED BY (dt STRING COMMENT 'yyyy-MM-dd, day of event_time (UTC)')
STORED AS PARQUET
LOCATION '${hivevar:warehouse}/${hivevar:prefix}ecom_orders_tagged'
TBLPROPERTIES ('discover.partitions'='false', 'external.table.purge'='false', 'parquet.compression'='SNAPPY');
