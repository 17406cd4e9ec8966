//! The job on HDFS, Hive and Kafka.

mod ends;
mod health;
mod killed;
mod lost_offsets;
mod outages;
mod rebalances;
mod runs;
mod soak;
