-- The four segments have the names that marketing knows.
SELECT segment_id, segment FROM ${hivevar:database}.${hivevar:prefix}ecom_segment_profiles_current ORDER BY segment_id;
