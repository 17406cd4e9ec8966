//! A topic of tagged orders, as rfm-streaming fills it.

use std::time::{Duration, SystemTime};

use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use serde_json::{Value, json};

pub(crate) const TOPIC: &str = "orders-tagged";

/// Sends tagged orders.
pub(crate) struct Topic {
    producer: BaseProducer,
    name: String,
    next: i64,
}

impl Topic {
    pub(crate) fn new(brokers: &str) -> Self {
        Self::named(brokers, TOPIC)
    }

    pub(crate) fn named(brokers: &str, name: &str) -> Self {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", brokers).set("linger.ms", "0");
        Self { producer: config.create().unwrap(), name: name.to_owned(), next: 0 }
    }

    /// The next order: of this customer and segment, with changes.
    pub(crate) fn order(&mut self, customer: Option<i64>, segment: &str, changes: Value) -> Value {
        let number = self.next;
        self.next += 1;
        let mut order = json!({
            "invoice_no": format!("5{number:05}"),
            "stock_code": "85123A",
            "description": "WHITE HANGING HEART T-LIGHT HOLDER",
            "quantity": 6,
            "invoice_date": "2011-12-09T12:50:00Z",
            "unit_price": 2.55,
            "customer_id": customer,
            "country": "United Kingdom",
            "segment_id": 3,
            "segment": segment,
            "segment_snapshot": "2011-12-10",
            "is_return": false,
            "ingest_time": now(),
            "kafka_partition": 0,
            "kafka_offset": number,
        });
        for (name, value) in changes.as_object().into_iter().flatten() {
            order[name] = value.clone();
        }
        order
    }

    pub(crate) fn send(&self, message: &[u8]) {
        let record = BaseRecord::<[u8], [u8]>::to(&self.name).partition(0).payload(message);
        self.producer.send(record).map_err(|(error, _)| error).unwrap();
        self.producer.poll(Duration::ZERO);
    }

    /// Sends so many orders of customers 12346, 12347, ...; gives their keys.
    pub(crate) fn send_many(&mut self, n: usize) -> Vec<String> {
        let mut keys = Vec::new();
        for number in 0..n as i64 {
            let segment = if number % 2 == 0 { "High Value VIP" } else { "Churn Risk" };
            let order = self.order(Some(12_346 + number % 10), segment, json!({}));
            keys.push(format!("0-{}", order["kafka_offset"]));
            self.send(order.to_string().as_bytes());
        }
        self.flush();
        keys
    }

    pub(crate) fn flush(&self) {
        self.producer.flush(Duration::from_secs(30)).unwrap();
    }
}

fn now() -> String {
    warehouse::run_id::utc_timestamp(SystemTime::now())
}
