-- Two customers that every account of this data set names.
SELECT customer_id, recency_days, frequency, monetary, last_order, country
FROM ${hivevar:database}.${hivevar:prefix}ecom_user_rfm_batch
WHERE snapshot_date = '2011-12-10' AND customer_id IN (12347, 12348)
ORDER BY customer_id;
