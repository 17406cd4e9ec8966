//! Where to begin, and what to do when Kafka no longer has what was not read.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, anyhow};
use job_kit::exit::RetryLater;
use rdkafka::consumer::Consumer;
use stream_sink::source::Source;

use crate::config::{OnLostOffsets, Start};
use crate::consumer::StreamConsumer;
use crate::writer::Opened;

/// How long Kafka may take to say which offsets it has.
const TIMEOUT: Duration = Duration::from_secs(15);

/// The offsets that Kafka has of a Kafka partition: from the first, up to and without the second.
pub(crate) type Range = (i64, i64);

/// Asks Kafka for the offsets that it has.
pub(crate) fn available(
    consumer: &StreamConsumer,
    topic: &str,
    partitions: &[i32],
) -> anyhow::Result<BTreeMap<Source, Range>> {
    let ask = |&partition: &i32| {
        let source = Source { topic: topic.to_owned(), partition };
        let range = consumer.fetch_watermarks(topic, partition, TIMEOUT).with_context(|| {
            RetryLater(format!("Kafka does not say which offsets {source} has"))
        })?;
        Ok((source, range))
    };
    partitions.iter().map(ask).collect()
}

/// Where Kafka partitions start that were never read. `begun_with`: partitions that the topic had when it was first read.
pub(crate) fn first(
    available: &BTreeMap<Source, Range>,
    start: Start,
    begun_with: i32,
) -> BTreeMap<Source, i64> {
    // A partition that was added to the topic later is read whole: its messages came after the stream began.
    let from_end = |source: &Source| start == Start::Latest && source.partition < begun_with;
    let pick = |(source, range): (&Source, &Range)| {
        (source.clone(), if from_end(source) { range.1 } else { range.0 })
    };
    available.iter().map(pick).collect()
}

/// Where to go on instead, if Kafka has not got the next message any more (or never had it).
///
/// # Errors
/// With [`OnLostOffsets::Stop`], naming what was lost.
pub(crate) fn next(
    opened: &Opened,
    range: Range,
    on_lost: OnLostOffsets,
) -> anyhow::Result<Option<i64>> {
    let Opened { source, next_offset, .. } = opened;
    let (low, high) = range;
    let problem = if *next_offset < low {
        format!(
            "{source}: the messages from offset {next_offset} to {} were not read, and Kafka has deleted them (its first \
             offset is {low}): its retention is shorter than this job was away",
            low - 1
        )
    } else if *next_offset > high {
        format!(
            "{source}: the next message to read has offset {next_offset}, but Kafka ends at {high}: the topic was created \
             anew, or it lost messages"
        )
    } else {
        return Ok(None);
    };
    match on_lost {
        OnLostOffsets::Continue => {
            tracing::warn!(
                "{problem}; going on at offset {low}, as streaming.on_lost_offsets says"
            );
            Ok(Some(low))
        }
        OnLostOffsets::Stop => Err(anyhow!(
            "{problem}; to go on at offset {low} set streaming.on_lost_offsets = \"continue\""
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(next_offset: i64) -> Opened {
        let source = Source { topic: "orders".to_owned(), partition: 3 };
        Opened { source, next_offset, epoch: 1 }
    }

    #[test]
    fn what_is_there_is_read_on() {
        for next_offset in [5, 7, 9] {
            assert_eq!(next(&opened(next_offset), (5, 9), OnLostOffsets::Stop).unwrap(), None);
        }
    }

    #[test]
    fn what_was_lost_is_named() {
        let error = next(&opened(4), (7, 9), OnLostOffsets::Stop).unwrap_err().to_string();
        assert!(error.contains("orders[3]") && error.contains("from offset 4 to 6"), "{error}");
        let error = next(&opened(10), (0, 9), OnLostOffsets::Stop).unwrap_err().to_string();
        assert!(error.contains("offset 10") && error.contains("ends at 9"), "{error}");
        for next_offset in [4, 10] {
            let on = next(&opened(next_offset), (7, 9), OnLostOffsets::Continue).unwrap();
            assert_eq!(on, Some(7));
        }
    }

    #[test]
    fn partitions_that_came_later_are_read_whole() {
        let source = opened(0).source;
        let available = BTreeMap::from([(source.clone(), (5, 9))]);
        let first_of = |start, begun_with| first(&available, start, begun_with)[&source];
        assert_eq!(first_of(Start::Latest, 4), 9);
        assert_eq!(first_of(Start::Latest, 3), 5);
        assert_eq!(first_of(Start::Earliest, 4), 5);
    }
}
