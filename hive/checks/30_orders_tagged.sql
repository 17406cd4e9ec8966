-- Needs: ecom_orders_tagged
-- The orders of the stream. A column is a check, true if it holds, also for a table without rows.
-- Each message once.
SELECT 'tagged once', COUNT(*) = 0
FROM (
  SELECT kafka_topic, kafka_partition, kafka_offset
  FROM ${hivevar:database}.${hivevar:prefix}ecom_orders_tagged
  GROUP BY kafka_topic, kafka_partition, kafka_offset
  HAVING COUNT(*) > 1
) doubled;
-- In the partition of the day of the order (UTC), with a place in Kafka. Unknown is who has no segment, and a segment
-- is one of a snapshot.
SELECT
  'tagged',
  COALESCE(SUM(IF(CAST(CAST(event_time AS DATE) AS STRING) = dt, 0, 1)), 0) = 0,
  COALESCE(SUM(IF(kafka_topic IS NOT NULL AND kafka_partition >= 0 AND kafka_offset >= 0, 0, 1)), 0) = 0,
  COALESCE(SUM(IF((segment_id IS NULL) = (segment = 'Unknown'), 0, 1)), 0) = 0,
  COALESCE(SUM(IF(segment_id IS NULL OR segment_snapshot IS NOT NULL, 0, 1)), 0) = 0
FROM ${hivevar:database}.${hivevar:prefix}ecom_orders_tagged;
