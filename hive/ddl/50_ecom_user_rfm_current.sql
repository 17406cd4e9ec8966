-- The newest snapshot of ecom_user_rfm_batch. The batch job replaces this view as its last step.
CREATE OR REPLACE VIEW ${hivevar:database}.${hivevar:prefix}ecom_user_rfm_current (
  customer_id COMMENT 'customer number, ascending within a snapshot',
  recency_days COMMENT 'calendar days (UTC) from the last kept order to the snapshot date, at least 1',
  frequency COMMENT 'number of distinct invoices',
  monetary COMMENT 'sum of quantity x unit price, exact, in the currency of the input',
  last_order COMMENT 'time of the last kept order, UTC',
  country COMMENT 'country of the customer',
  r_score COMMENT 'recency quintile 1 to 5, 5 = most recent, ties share a score',
  f_score COMMENT 'frequency quintile 1 to 5, 5 = most orders, ties share a score',
  m_score COMMENT 'monetary quintile 1 to 5, 5 = highest revenue, ties share a score',
  snapshot_date COMMENT 'yyyy-MM-dd, the snapshot the view points to'
)
COMMENT 'recency, frequency and monetary value per customer at the newest snapshot'
AS SELECT
  customer_id,
  recency_days,
  frequency,
  monetary,
  last_order,
  country,
  r_score,
  f_score,
  m_score,
  snapshot_date
FROM ${hivevar:database}.${hivevar:prefix}ecom_user_rfm_batch
WHERE snapshot_date = '${hivevar:snapshot_date}';
