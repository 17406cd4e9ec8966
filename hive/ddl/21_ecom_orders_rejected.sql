-- One row a Kafka message that is no order, kept as it came.
CREATE EXTERNAL TABLE IF NOT EXISTS ${hivevar:database}.${hivevar:prefix}ecom_orders_rejected (
  reason STRING COMMENT 'why: the first rule that the message breaks',
  detail STRING COMMENT 'where in the message, and what was found there',
  message_key BINARY COMMENT 'key of the message, byte for byte, null if it has none',
  message_value BINARY COMMENT 'value of the message, byte for byte, null for a tombstone',
  ingest_time TIMESTAMP COMMENT 'when the message was read from Kafka (UTC)',
  kafka_timestamp TIMESTAMP COMMENT 'time that the message carries (UTC), null if it has none',
  kafka_topic STRING COMMENT 'topic of the message',
  kafka_partition INT COMMENT 'partition of the message within its topic',
  kafka_offset BIGINT COMMENT 'offset of the message within its partition'
)
COMMENT 'messages that could not be read as orders, each once'
PARTITIONED BY (dt STRING COMMENT 'yyyy-MM-dd, day of ingest_time (UTC)')
STORED AS PARQUET
LOCATION '${hivevar:warehouse}/${hivevar:prefix}ecom_orders_rejected'
TBLPROPERTIES ('discover.partitions'='false', 'external.table.purge'='false', 'parquet.compression'='SNAPPY');
