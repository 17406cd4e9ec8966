//! A latency histogram as a metric of Prometheus.

use std::fmt;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::{MetricType, TypedMetric};

use super::{Histogram, range_of};

/// Logarithms to base 2 of the ends of the first and the last finite bucket in microseconds: 64 us, 36 min.
const ENDS: [u32; 2] = [6, 31];
const N_ENDS: usize = (ENDS[1] - ENDS[0] + 1) as usize;

impl EncodeMetric for Histogram {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let snapshot = self.snapshot();
        let mut buckets = [(f64::INFINITY, 0); N_ENDS + 1];
        for (bucket, end) in buckets.iter_mut().zip(ENDS[0]..=ENDS[1]) {
            bucket.0 = seconds(1 << end);
        }
        for (bucket, &count) in snapshot.counts.iter().enumerate() {
            let (_, high) = range_of(bucket);
            // the smallest power of two that is not below the bucket
            let end = high.next_power_of_two().ilog2().clamp(ENDS[0], ENDS[1] + 1);
            buckets[(end - ENDS[0]) as usize].1 += count;
        }
        // the encoder adds them up
        encoder.encode_histogram::<NoLabelSet>(
            seconds(snapshot.sum),
            snapshot.count(),
            &buckets,
            None,
        )
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

impl TypedMetric for Histogram {
    const TYPE: MetricType = MetricType::Histogram;
}

fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}
