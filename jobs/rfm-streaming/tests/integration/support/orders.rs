//! Made-up messages that say what is to become of them.

use std::fmt::Write;

use order_model::Date;

use super::random::Random;

/// An order line as the table is to have it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Order {
    pub(crate) invoice_no: String,
    pub(crate) stock_code: String,
    pub(crate) description: Option<String>,
    pub(crate) quantity: i32,
    /// Microseconds since 1970, UTC.
    pub(crate) event_time: i64,
    /// In ten-thousandths.
    pub(crate) unit_price: i128,
    pub(crate) customer_id: Option<i64>,
    pub(crate) country: Option<String>,
    pub(crate) is_return: bool,
}

/// What is to become of a message.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Fate {
    /// A row of the orders, on this day.
    Tagged { day: String, order: Order },
    /// A row of the rejected messages, for this reason.
    Rejected { reason: String },
}

/// A message, as it is sent.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Message {
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) fate: Fate,
}

/// Makes messages, no two alike: about one in twelve is no order.
#[derive(Debug)]
pub(crate) struct Orders {
    random: Random,
    number: u64,
    days: Vec<Date>,
}

/// Customers have the numbers from 1 to this.
pub(crate) const CUSTOMERS: u64 = 40;

impl Orders {
    /// Orders of these days: `2011-12-08`.
    pub(crate) fn of_days(seed: u64, days: &[&str]) -> Self {
        let days = days.iter().map(|day| day.parse().unwrap()).collect();
        Self { random: Random::new(seed), number: 0, days }
    }

    pub(crate) fn next(&mut self) -> Message {
        self.number += 1;
        match self.random.below(12) {
            0 => self.bad(),
            _ => self.good(),
        }
    }

    fn good(&mut self) -> Message {
        let (number, random) = (self.number, &mut self.random);
        let day = *random.pick(&self.days);
        let second = random.below(86_400);
        let cents = random.below(100_000) as i64 - 5_000;
        let quantity = random.below(50) as i32 - 5;
        let cancels = random.below(10) == 0;
        let customer_id = (random.below(10) > 0).then(|| 1 + random.below(CUSTOMERS) as i64);
        let description = match random.below(4) {
            0 => None,
            1 => Some(format!("TEA \"ROSÉ\" \\ \t{number}")),
            _ => Some(format!("LANTERN {number}")),
        };
        let country = (random.below(5) > 0).then(|| "Côte d'Ivoire".to_owned());
        let order = Order {
            invoice_no: format!("{}{number}", if cancels { "C" } else { "" }),
            stock_code: format!("{}A", random.below(1_000)),
            description,
            quantity,
            event_time: day.midnight().micros() + second as i64 * 1_000_000,
            unit_price: i128::from(cents) * 100,
            customer_id,
            country,
            is_return: quantity < 0 || cancels,
        };
        Message {
            key: customer_id.map(|id| id.to_string().into_bytes()),
            value: Some(json(&order, day, second, cents).into_bytes()),
            fate: Fate::Tagged { day: day.to_string(), order },
        }
    }

    fn bad(&mut self) -> Message {
        let number = self.number;
        let text = |text: String| Some(text.into_bytes());
        let with_date = |date: &str| {
            let start =
                format!("{{\"invoice_no\":\"{number}\",\"stock_code\":\"A\",\"quantity\":1,");
            text(format!("{start}\"unit_price\":1,\"invoice_date\":\"{date}\"}}"))
        };
        let (value, reason) = match self.random.below(8) {
            0 => (None, "tombstone"),
            1 => (text(format!("{{\"invoice_no\":\"{number}\"")), "not_json"),
            2 => (text(format!("[{number}]")), "not_an_object"),
            3 => (text(format!("{{\"invoice_no\":\"{number}\"}}")), "missing_field"),
            4 => (
                Some([&b"{\"invoice_no\":\"\xff\xfe\0"[..], &number.to_be_bytes()].concat()),
                "not_utf8",
            ),
            5 => (with_date("soon"), "bad_date"),
            6 => (with_date("1971-01-01T00:00:00Z"), "date_out_of_range"),
            _ => (with_date("2098-01-01T00:00:00Z"), "date_out_of_range"),
        };
        // Bytes of no character set.
        let key = (self.random.below(2) == 0).then(|| vec![0xff, 0, b'k', number as u8]);
        Message { key, value, fate: Fate::Rejected { reason: reason.to_owned() } }
    }
}

/// Written by hand, not by the code that the producer and the program share.
fn json(order: &Order, day: Date, second: u64, cents: i64) -> String {
    let text = |text: &str| serde_json::to_string(text).unwrap();
    let optional = |value: &Option<String>| value.as_deref().map_or("null".to_owned(), text);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let sign = if cents < 0 { "-" } else { "" };
    let mut json = String::from("{");
    write!(json, "\"invoice_no\": {}, ", text(&order.invoice_no)).unwrap();
    write!(json, "\"stock_code\": {}, ", text(&order.stock_code)).unwrap();
    write!(json, "\"description\": {}, ", optional(&order.description)).unwrap();
    write!(json, "\"quantity\": {}, ", order.quantity).unwrap();
    write!(json, "\"invoice_date\": \"{day}T{hour:02}:{minute:02}:{second:02}Z\", ").unwrap();
    write!(json, "\"unit_price\": {sign}{}.{:02}, ", cents.abs() / 100, cents.abs() % 100).unwrap();
    if let Some(id) = order.customer_id {
        write!(json, "\"customer_id\": {id}, ").unwrap();
    }
    write!(json, "\"country\": {}, \"unknown\": [1, null]}}", optional(&order.country)).unwrap();
    json
}
