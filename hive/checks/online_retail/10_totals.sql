-- The published figures of the Online Retail data set, snapshot of 2011-12-10.
SELECT snapshot_date, COUNT(*), SUM(frequency), SUM(monetary)
FROM ${hivevar:database}.${hivevar:prefix}ecom_user_rfm_batch
WHERE snapshot_date = '2011-12-10'
GROUP BY snapshot_date;
