//! Orders to Kafka: on a broker within the test's process, and on a real one where that is what matters.

mod endings;
mod messages;
mod real_broker;
mod replay;
mod topic;
mod usage;
