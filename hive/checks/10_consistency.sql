-- What must hold for every snapshot that was published. A column is a check, true if it holds.
-- The customers: there, each once, with positive values, scores of 1 to 5, and recency counted from the last order.
SELECT
  'customers',
  COUNT(*) > 0,
  COUNT(*) = COUNT(DISTINCT customer_id),
  SUM(IF(recency_days >= 1 AND frequency >= 1 AND monetary > 0, 0, 1)) = 0,
  SUM(IF(r_score BETWEEN 1 AND 5 AND f_score BETWEEN 1 AND 5 AND m_score BETWEEN 1 AND 5, 0, 1)) = 0,
  SUM(IF(recency_days = DATEDIFF(snapshot_date, last_order), 0, 1)) = 0
FROM ${hivevar:database}.${hivevar:prefix}ecom_user_rfm_current;
-- Both tables of customers have the same customers, with the same values, at the same snapshot.
SELECT
  'tables',
  SUM(IF(r.customer_id IS NULL OR s.customer_id IS NULL, 1, 0)) = 0,
  SUM(IF(
    r.recency_days = s.recency_days AND r.frequency = s.frequency AND r.monetary = s.monetary
      AND r.r_score = s.r_score AND r.f_score = s.f_score AND r.m_score = s.m_score AND r.snapshot_date = s.snapshot_date,
    0, 1)) = 0
FROM ${hivevar:database}.${hivevar:prefix}ecom_user_rfm_current r
FULL OUTER JOIN ${hivevar:database}.${hivevar:prefix}ecom_user_segments_current s ON r.customer_id = s.customer_id;
-- The profiles count the customers and add up the revenue of each segment, exactly.
SELECT 'segments', SUM(IF(p.customers = c.customers AND p.revenue = c.revenue AND p.snapshot_date = c.snapshot_date, 0, 1)) = 0
FROM ${hivevar:database}.${hivevar:prefix}ecom_segment_profiles_current p
FULL OUTER JOIN (
  SELECT segment_id, segment, snapshot_date, COUNT(*) AS customers, SUM(monetary) AS revenue
  FROM ${hivevar:database}.${hivevar:prefix}ecom_user_segments_current
  GROUP BY segment_id, segment, snapshot_date
) c ON p.segment_id = c.segment_id AND p.segment = c.segment;
-- The profiles are k rows of one run, whose shares add up to one.
SELECT
  'profiles',
  COUNT(*) = MAX(k),
  COUNT(DISTINCT run_id) = 1,
  ABS(SUM(share) - 1) < 1e-9,
  ABS(SUM(revenue_share) - 1) < 1e-9
FROM ${hivevar:database}.${hivevar:prefix}ecom_segment_profiles_current;
