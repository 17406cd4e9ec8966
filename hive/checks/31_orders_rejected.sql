-- Needs: ecom_orders_rejected
-- The messages that are no orders. A column is a check, true if it holds, also for a table without rows.
-- Each message once.
SELECT 'rejected once', COUNT(*) = 0
FROM (
  SELECT kafka_topic, kafka_partition, kafka_offset
  FROM ${hivevar:database}.${hivevar:prefix}ecom_orders_rejected
  GROUP BY kafka_topic, kafka_partition, kafka_offset
  HAVING COUNT(*) > 1
) doubled;
-- In the partition of the day on which it came (UTC), with a place in Kafka and a reason.
SELECT
  'rejected',
  COALESCE(SUM(IF(CAST(CAST(ingest_time AS DATE) AS STRING) = dt, 0, 1)), 0) = 0,
  COALESCE(SUM(IF(kafka_topic IS NOT NULL AND kafka_partition >= 0 AND kafka_offset >= 0, 0, 1)), 0) = 0,
  COALESCE(SUM(IF(reason IS NOT NULL, 0, 1)), 0) = 0
FROM ${hivevar:database}.${hivevar:prefix}ecom_orders_rejected;
