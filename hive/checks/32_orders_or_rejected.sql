-- Needs: ecom_orders_tagged ecom_orders_rejected
-- A message is an order or it is not.
SELECT 'tagged or rejected', COUNT(*) = 0
FROM ${hivevar:database}.${hivevar:prefix}ecom_orders_tagged t
JOIN ${hivevar:database}.${hivevar:prefix}ecom_orders_rejected r
  ON t.kafka_topic = r.kafka_topic AND t.kafka_partition = r.kafka_partition AND t.kafka_offset = r.kafka_offset;
