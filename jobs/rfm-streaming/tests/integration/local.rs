//! The job with a broker within this process and a warehouse in a folder: without servers.

mod backlog;
mod bad_input;
mod bytes;
mod compacting;
mod feed;
mod flow;
mod room;
mod segments;
mod settings;
mod stopping;

use std::collections::BTreeMap;

use kafka_client::EmbeddedBroker;
use order_model::{Date, Timestamp};

use crate::support::job::Job;
use crate::support::orders::{Fate, Message, Order};
use crate::support::place::{Place, Snapshot};
use crate::support::topic::Topic;

/// A broker with a topic, and a warehouse.
struct Shop {
    place: Place,
    topic: Topic,
    // The last one to be dropped.
    broker: EmbeddedBroker,
}

impl Shop {
    /// With a topic `orders` of so many partitions.
    fn new(partitions: i32) -> Self {
        let broker = EmbeddedBroker::start(&[]).unwrap();
        let topic = Topic::embedded(&broker, "orders", partitions);
        Self { place: Place::local(broker.bootstrap_servers()), topic, broker }
    }

    fn job(&self) -> Job<'_> {
        Job::new(&self.place, &self.topic)
    }
}

/// The order that others are made of, by [`with`] and by changes of [`order`].
const ORDER: &str = concat!(
    r#"{"invoice_no":"536365","stock_code":"85123A","description":"LANTERN","quantity":6,"#,
    r#""invoice_date":"2011-12-09T12:50:00Z","unit_price":2.55,"customer_id":1,"country":"France"}"#
);

/// The same as a row.
fn order() -> Order {
    Order {
        invoice_no: "536365".to_owned(),
        stock_code: "85123A".to_owned(),
        description: Some("LANTERN".to_owned()),
        quantity: 6,
        event_time: instant("2011-12-09", 12 * 3_600 + 50 * 60),
        unit_price: 25_500,
        customer_id: Some(1),
        country: Some("France".to_owned()),
        is_return: false,
    }
}

/// Microseconds since 1970.
fn instant(day: &str, second: i64) -> i64 {
    day.parse::<Date>().unwrap().midnight().micros() + second * 1_000_000
}

/// [`ORDER`] with something else in one place.
#[track_caller]
fn with(from: &str, to: &str) -> String {
    assert_eq!(ORDER.matches(from).count(), 1, "{from}");
    ORDER.replace(from, to)
}

/// A message that becomes this row.
fn kept(value: impl Into<Vec<u8>>, order: Order) -> Message {
    let day = Timestamp::from_micros(order.event_time).date().to_string();
    Message { key: None, value: Some(value.into()), fate: Fate::Tagged { day, order } }
}

/// A message that is rejected.
fn rejected(value: impl Into<Vec<u8>>, reason: &str) -> Message {
    let fate = Fate::Rejected { reason: reason.to_owned() };
    Message { key: None, value: Some(value.into()), fate }
}

/// Customers and the numbers of their segments.
fn snapshot(customers: &[(i64, i32)]) -> Snapshot {
    customers.iter().copied().collect::<BTreeMap<_, _>>()
}
