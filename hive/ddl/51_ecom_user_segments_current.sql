-- The newest snapshot of ecom_user_segments. The batch job replaces this view as its last step.
CREATE OR REPLACE VIEW ${hivevar:database}.${hivevar:prefix}ecom_user_segments_current (
  customer_id COMMENT 'customer number, ascending within a snapshot',
  recency_days COMMENT 'calendar days (UTC) from the last kept order to the snapshot date, at least 1',
  frequency COMMENT 'number of distinct invoices',
  monetary COMMENT 'sum of quantity x unit price, exact, in the currency of the input',
  segment_id COMMENT 'number of the segment, given by its centroid and so stable between runs',
  segment COMMENT 'name of the segment',
  distance COMMENT 'distance to the centroid in the scaled space (log1p, standardised)',
  rfm_group COMMENT 'name of the RFM group that r_score, f_score and m_score fall into',
  r_score COMMENT 'recency quintile 1 to 5, 5 = most recent, ties share a score',
  f_score COMMENT 'frequency quintile 1 to 5, 5 = most orders, ties share a score',
  m_score COMMENT 'monetary quintile 1 to 5, 5 = highest revenue, ties share a score',
  snapshot_date COMMENT 'yyyy-MM-dd, the snapshot the view points to'
)
COMMENT 'segment of each customer at the newest snapshot'
AS SELECT
  customer_id,
  recency_days,
  frequency,
  monetary,
  segment_id,
  segment,
  distance,
  rfm_group,
  r_score,
  f_score,
  m_score,
  snapshot_date
FROM ${hivevar:database}.${hivevar:prefix}ecom_user_segments
WHERE snapshot_date = '${hivevar:snapshot_date}';
