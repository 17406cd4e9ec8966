"""What all peers share: the cleaning rule, and how scores, groups and segments get their names.

SQL in this file is valid for DuckDB and for Spark.
"""

import argparse
import json
from datetime import date
from pathlib import Path

FEATURES = ("recency_days", "frequency", "monetary")
SEGMENTS = ("Churn Risk", "Loyal / Frequent", "New / Promising", "High Value VIP")
RFM, USER_SEGMENTS, PROFILES = "ecom_user_rfm_batch", "ecom_user_segments", "ecom_segment_profiles"

# A value that does not parse has become NULL, or its row is gone: both count as malformed.
KEPT = """
    CustomerID > 0 AND Quantity > 0 AND UnitPrice > 0
    AND substr(InvoiceNo, 1, 1) NOT IN ('C', 'A')
    AND InvoiceDate < TIMESTAMP '{snapshot} 00:00:00'
"""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--input", required=True)
    parser.add_argument("--snapshot", required=True, type=date.fromisoformat)
    parser.add_argument("--out", type=Path, help="folder for the result")
    parser.add_argument("--database", help="Hive database for the result, instead of a folder")
    return parser.parse_args()


def print_totals(customers: int, orders: int, revenue: object, **more: object) -> None:
    """What the benchmark compares after every run. Money is a text, for it is an exact decimal."""
    print(json.dumps({"customers": customers, "orders": orders, "revenue": str(revenue), **more}))


def score(value: str, worst_first: str, customers: int) -> str:
    """Quintile of the middle of a value's ties, 5 = best: worse values + those and the equal ones, halved."""
    window = f"OVER (ORDER BY {value} {worst_first})"
    twice = f"(rank() {window} - 1 + round(cume_dist() {window} * {customers}))"
    return f"CAST(1 + floor(5e0 * {twice} / (2e0 * {customers})) AS INT)"


def scores(customers: int) -> list[str]:
    return [
        f"{score('recency_days', 'DESC', customers)} AS r_score",
        f"{score('frequency', 'ASC', customers)} AS f_score",
        f"{score('monetary', 'ASC', customers)} AS m_score",
    ]


RFM_GROUP = """
    CASE WHEN r_score = 5 AND f_score >= 4 THEN 'Champions'
         WHEN r_score >= 3 AND f_score >= 4 THEN 'Loyal Customers'
         WHEN r_score >= 4 AND f_score >= 2 THEN 'Potential Loyalists'
         WHEN r_score = 5 THEN 'New Customers'
         WHEN r_score = 4 THEN 'Promising'
         WHEN r_score = 3 AND f_score = 3 THEN 'Need Attention'
         WHEN r_score = 3 THEN 'About To Sleep'
         WHEN f_score = 5 THEN concat('Can', chr(39), 't Lose Them')
         WHEN f_score >= 3 THEN 'At Risk'
         ELSE 'Hibernating' END
"""

SEGMENT_NAME = "CASE segment_id" + "".join(f" WHEN {i} THEN '{name}'" for i, name in enumerate(SEGMENTS)) + " END"

USER_SEGMENTS_COLUMNS = f"""
    customer_id, recency_days, frequency, monetary, segment_id, {SEGMENT_NAME} AS segment, distance,
    {RFM_GROUP} AS rfm_group, r_score, f_score, m_score
"""


def clusters_by_segment(centroids) -> list[int]:
    """Which cluster has segment id 0, 1, 2, 3. A centroid is recency, frequency, monetary, scaled or not."""
    left = list(range(len(centroids)))
    ordered = {}
    for segment, feature in ((3, 2), (0, 0), (1, 1)):
        ordered[segment] = max(left, key=lambda cluster: centroids[cluster][feature])
        left.remove(ordered[segment])
    ordered[2] = left[0]
    return [ordered[segment] for segment in range(4)]


def profiles(segments: str, raw, scaled, silhouette: str, run_id: str) -> str:
    """Rows of the segment profiles; `raw` and `scaled` are the centroids by segment id."""
    centroids = ", ".join(
        f"({i}, {', '.join(f'CAST({float(v)!r} AS DOUBLE)' for v in (*raw[i], *scaled[i]))})" for i in range(len(raw))
    )
    return f"""
        WITH totals AS (SELECT count(*) AS n, sum(monetary) AS revenue, sum(distance * distance) AS inertia FROM {segments})
        SELECT s.segment_id, s.segment, count(*) AS customers, count(*) / CAST(any_value(t.n) AS DOUBLE) AS share,
            CAST(sum(s.monetary) AS DECIMAL(24,4)) AS revenue,
            CAST(sum(s.monetary) AS DOUBLE) / CAST(any_value(t.revenue) AS DOUBLE) AS revenue_share,
            avg(s.recency_days) AS avg_recency_days, avg(s.frequency) AS avg_frequency,
            CAST(avg(s.monetary) AS DECIMAL(20,4)) AS avg_monetary,
            any_value(c0) AS centroid_recency_days, any_value(c1) AS centroid_frequency, any_value(c2) AS centroid_monetary,
            any_value(s0) AS scaled_recency, any_value(s1) AS scaled_frequency, any_value(s2) AS scaled_monetary,
            {len(raw)} AS k, any_value(t.inertia) AS inertia, CAST({silhouette} AS DOUBLE) AS silhouette, '{run_id}' AS run_id
        FROM {segments} s JOIN (VALUES {centroids}) AS c(segment_id, c0, c1, c2, s0, s1, s2) ON s.segment_id = c.segment_id
            CROSS JOIN totals t
        GROUP BY s.segment_id, s.segment
    """
