//! Exactly once: what is in the tables against what was produced.

use std::collections::BTreeMap;
use std::time::UNIX_EPOCH;

use order_model::{MICROS_PER_DAY, Timestamp};
use stream_sink::layout::Layout;
use stream_sink::log;
use stream_sink::source::Source;
use test_cluster::Beeline;

use super::ledger::{Key, Ledger};
use super::orders::{Fate, Message};
use super::place::{Place, SEGMENTS};
use super::tables::{Rejected, Tables, Tagged};
use super::topic::Topic;
use super::wait_until;

/// Entries that a commit log has after a run: those that are kept, and those of the last commits.
const LOG_AT_MOST: usize = 16;

impl Place {
    /// Every message of the topic is in the tables exactly once, with its values, where it belongs; nothing else is.
    #[track_caller]
    pub(crate) fn check(&self, topic: &Topic) -> Tables {
        let tables = Tables::read(self);
        let found = self.fates(topic, &tables);
        compare(&topic.ledger, found);
        tables
    }

    /// The same after a run that has ended in good order: nothing is left on its way.
    #[track_caller]
    pub(crate) fn check_at_rest(&self, topic: &Topic) -> Tables {
        let tables = self.check(topic);
        let layout = Layout::new(self.catalog.warehouse(), &self.order_tables()[0]);
        for source in layout.sources(&topic.name).unwrap() {
            let names = |folder: store::Location| -> Vec<String> {
                folder.list_if_exists().unwrap().into_iter().map(|entry| entry.name).collect()
            };
            assert_eq!(names(layout.staged(&source)), [""; 0], "{source}");
            let log = names(layout.log(&source));
            assert!(log.len() <= LOG_AT_MOST, "{source}: {} entries: {log:?}", log.len());
        }
        tables
    }

    /// Where the commit logs end, by partition.
    pub(crate) fn committed(&self, topic: &Topic) -> BTreeMap<i32, i64> {
        let layout = Layout::new(self.catalog.warehouse(), &self.order_tables()[0]);
        let sources = layout.sources(&topic.name).unwrap().into_iter();
        let end = |source: Source| {
            let state = log::read(&layout.log(&source)).unwrap()?;
            Some((source.partition, state.newest.end_offset))
        };
        sources.filter_map(end).collect()
    }

    /// Waits until everything that was produced is committed.
    #[track_caller]
    pub(crate) fn wait_until_committed(&self, topic: &Topic) {
        wait_until("all is committed", || self.committed(topic) == topic.ledger.ends());
    }

    /// Waits until there are as many rows as messages, then checks them.
    #[track_caller]
    pub(crate) fn wait_until_visible(&self, topic: &Topic) -> Tables {
        wait_until("all is visible", || {
            let tables = Tables::read(self);
            tables.tagged.len() + tables.rejected.len() >= topic.ledger.len()
        });
        self.check(topic)
    }

    /// What has become of each message, by what the tables say.
    #[track_caller]
    fn fates(&self, topic: &Topic, tables: &Tables) -> BTreeMap<Key, Vec<Message>> {
        let mut found: BTreeMap<Key, Vec<Message>> = BTreeMap::new();
        let now = i64::try_from(UNIX_EPOCH.elapsed().unwrap().as_micros()).unwrap();
        let recent = now - MICROS_PER_DAY..=now;
        for row in &tables.tagged {
            self.check_segment(row);
            assert!(recent.contains(&row.ingest_time), "{row:?}");
            let fate = Fate::Tagged { day: row.day.clone(), order: row.order.clone() };
            let message = Message { key: None, value: None, fate };
            found.entry(key(topic, &row.source, row.offset)).or_default().push(message);
        }
        for row in &tables.rejected {
            assert!(recent.contains(&row.ingest_time), "{row:?}");
            check_times(row);
            let fate = Fate::Rejected { reason: row.reason.clone() };
            let message = Message { key: row.key.clone(), value: row.value.clone(), fate };
            found.entry(key(topic, &row.source, row.offset)).or_default().push(message);
        }
        found
    }

    /// Holds a row's segment against the snapshot that it names.
    #[track_caller]
    fn check_segment(&self, row: &Tagged) {
        let published = self.published.lock().unwrap();
        let snapshot = row.snapshot.as_ref().map(|date| &published[date]);
        let id = snapshot.zip(row.order.customer_id).and_then(|(of, id)| of.get(&id).copied());
        let expected = (id, id.map_or("Unknown", |id| SEGMENTS[id as usize]));
        assert_eq!((row.segment_id, row.segment.as_str()), expected, "{row:?}");
    }

    /// What Hive counts, against what was produced.
    #[track_caller]
    pub(crate) fn check_in_hive(&self, beeline: &mut Beeline, topic: &Topic) {
        let (by_day, rejected) = topic.ledger.counts();
        let database = self.database();
        let mut ask = |what: &str, of: &str| {
            beeline.query(&format!("select {what} from {database}.{of}")).unwrap()
        };
        let counts = "count(*), count(distinct kafka_partition, kafka_offset)";
        let total = by_day.values().sum::<usize>().to_string();
        assert_eq!(ask(counts, "ecom_orders_tagged"), [[total.clone(), total]]);
        let rejected = rejected.to_string();
        assert_eq!(ask(counts, "ecom_orders_rejected"), [[rejected.clone(), rejected]]);
        let in_days = ask("dt, count(*)", "ecom_orders_tagged group by dt order by dt");
        let expected: Vec<_> =
            by_day.into_iter().map(|(day, rows)| vec![day, rows.to_string()]).collect();
        assert_eq!(in_days, expected);
        // The day of the folder is that of the order.
        let misplaced = "ecom_orders_tagged where dt <> date_format(event_time, 'yyyy-MM-dd')";
        assert_eq!(ask("count(*)", misplaced), [["0"]]);
    }
}

fn key(topic: &Topic, source: &Source, offset: i64) -> Key {
    assert_eq!(source.topic, topic.name);
    (source.partition, offset)
}

#[track_caller]
fn check_times(row: &Rejected) {
    assert_eq!(row.day, Timestamp::from_micros(row.ingest_time).date().to_string(), "{row:?}");
    assert!(row.kafka_timestamp.is_some() && !row.detail.is_empty(), "{row:?}");
}

#[track_caller]
fn compare(ledger: &Ledger, mut found: BTreeMap<Key, Vec<Message>>) {
    let messages = ledger.messages();
    let mut wrong = Vec::new();
    for (key, sent) in messages.iter() {
        let mut expected: Vec<Message> = sent.iter().map(as_in_tables).collect();
        let mut there = found.remove(key).unwrap_or_default();
        expected.sort();
        there.sort();
        if there != expected {
            wrong.push((key, expected, there));
        }
    }
    let (n, all) = (wrong.len(), messages.len());
    let (missing, first) = (wrong.iter().filter(|w| w.2.len() < w.1.len()).count(), wrong.first());
    assert!(
        wrong.is_empty(),
        "{n} of {all} messages are wrong, {missing} are missing; at {:?}; the first: {first:#?}",
        ranges(wrong.iter().map(|w| *w.0)),
    );
    let more = found.iter().next();
    assert!(found.is_empty(), "{} rows of no message, the first: {more:#?}", found.len());
}

/// An order does not keep the bytes that it came as.
fn as_in_tables(message: &Message) -> Message {
    match message.fate {
        Fate::Tagged { .. } => Message { key: None, value: None, ..message.clone() },
        Fate::Rejected { .. } => message.clone(),
    }
}

/// Consecutive offsets as one: partition, first, last.
fn ranges(keys: impl Iterator<Item = Key>) -> Vec<(i32, i64, i64)> {
    let mut ranges: Vec<(i32, i64, i64)> = Vec::new();
    for (partition, offset) in keys {
        match ranges.last_mut() {
            Some(last) if last.0 == partition && last.2 + 1 == offset => last.2 = offset,
            _ => ranges.push((partition, offset, offset)),
        }
    }
    ranges
}
