-- The newest snapshot of ecom_segment_profiles. The batch job replaces this view as its last step.
CREATE OR REPLACE VIEW ${hivevar:database}.${hivevar:prefix}ecom_segment_profiles_current (
  segment_id COMMENT 'number of the segment, given by its centroid and so stable between runs',
  segment COMMENT 'name of the segment',
  customers COMMENT 'number of customers in the segment',
  share COMMENT 'customers of the segment / all customers, 0 to 1',
  revenue COMMENT 'sum of monetary over the segment, exact',
  revenue_share COMMENT 'revenue of the segment / all revenue, 0 to 1',
  avg_recency_days COMMENT 'mean of recency_days',
  avg_frequency COMMENT 'mean of frequency',
  avg_monetary COMMENT 'mean of monetary, rounded to four digits',
  centroid_recency_days COMMENT 'centroid, scaled back to days',
  centroid_frequency COMMENT 'centroid, scaled back to invoices',
  centroid_monetary COMMENT 'centroid, scaled back to currency units',
  scaled_recency COMMENT 'centroid in the scaled space (log1p, standardised)',
  scaled_frequency COMMENT 'centroid in the scaled space (log1p, standardised)',
  scaled_monetary COMMENT 'centroid in the scaled space (log1p, standardised)',
  k COMMENT 'number of clusters of the run',
  inertia COMMENT 'sum of squared distances to the centroids, of the whole clustering',
  silhouette COMMENT 'mean silhouette of the whole clustering, -1 to 1',
  run_id COMMENT 'run that published the snapshot',
  snapshot_date COMMENT 'yyyy-MM-dd, the snapshot the view points to'
)
COMMENT 'size, revenue and centroid of each segment at the newest snapshot'
AS SELECT
  segment_id,
  segment,
  customers,
  share,
  revenue,
  revenue_share,
  avg_recency_days,
  avg_frequency,
  avg_monetary,
  centroid_recency_days,
  centroid_frequency,
  centroid_monetary,
  scaled_recency,
  scaled_frequency,
  scaled_monetary,
  k,
  inertia,
  silhouette,
  run_id,
  snapshot_date
FROM ${hivevar:database}.${hivevar:prefix}ecom_segment_profiles
WHERE snapshot_date = '${hivevar:snapshot_date}';
