//! A tagged order as `rfm-streaming` writes it to `streaming.tagged_topic`.

use std::borrow::Cow;

use order_message::{Decoder, Limits};
use order_model::{Money, Timestamp};
use serde::Deserialize;

/// A message that is longer is no order of this suite.
const MOST_BYTES: usize = 64 << 10;
/// Longest text that goes to browsers, in bytes; the tables have it whole.
const MOST_TEXT: usize = 400;

/// An order line with the segment of its customer. Texts are short, so that memory is bounded by the number of orders.
#[derive(Clone, Debug)]
pub(crate) struct LiveOrder {
    /// Of the order in the topic of orders; the same order twice has the same.
    pub partition: i64,
    pub offset: i64,
    pub invoice_no: Box<str>,
    pub stock_code: Box<str>,
    pub description: Option<Box<str>>,
    pub quantity: i32,
    pub unit_price: Money,
    pub customer_id: Option<i64>,
    pub country: Option<Box<str>>,
    /// Position in the hub's list of segments.
    pub segment: u16,
    pub segment_snapshot: Option<Box<str>>,
    pub is_return: bool,
    pub event_time: Timestamp,
    /// ISO 8601, UTC, as it came.
    pub ingest_time: Box<str>,
}

/// What the speed layer adds to an order.
#[derive(Deserialize)]
struct Tag<'a> {
    #[serde(borrow)]
    segment: Cow<'a, str>,
    #[serde(borrow, default)]
    segment_snapshot: Option<Cow<'a, str>>,
    #[serde(borrow)]
    ingest_time: Cow<'a, str>,
    kafka_partition: i64,
    kafka_offset: i64,
}

/// Reads messages, one after the other.
#[derive(Debug, Default)]
pub(super) struct Reader {
    decoder: Decoder,
}

impl Reader {
    /// Reads a message; `position` gives the position of a segment by its name. `None` for what is no tagged order.
    pub(super) fn read(
        &mut self,
        message: &[u8],
        position: impl FnOnce(&str) -> u16,
    ) -> Option<LiveOrder> {
        // Whatever the speed layer has let pass is shown.
        let limits = Limits {
            max_bytes: MOST_BYTES,
            earliest: Timestamp::from_micros(i64::MIN),
            latest: Timestamp::from_micros(i64::MAX),
        };
        let order = self.decoder.decode(Some(message), &limits).ok()?;
        let tag: Tag<'_> = serde_json::from_slice(message).ok()?;
        // Never more than a time or a date: they go to browsers as they are.
        let is_plain = |text: &str| {
            text.len() <= 32
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-:.+".contains(&b))
        };
        let snapshot = tag.segment_snapshot.as_deref();
        if !is_plain(&tag.ingest_time) || !snapshot.is_none_or(is_plain) {
            return None;
        }
        Some(LiveOrder {
            partition: tag.kafka_partition,
            offset: tag.kafka_offset,
            invoice_no: short(order.invoice_no),
            stock_code: short(order.stock_code),
            description: order.description.map(short),
            quantity: order.quantity,
            unit_price: order.unit_price,
            customer_id: order.customer_id,
            country: order.country.map(short),
            segment: position(&tag.segment),
            segment_snapshot: snapshot.map(Into::into),
            is_return: order.is_return(),
            event_time: order.event_time,
            ingest_time: tag.ingest_time.as_ref().into(),
        })
    }
}

impl LiveOrder {
    /// Bytes of memory, about.
    pub(super) fn memory_bytes(&self) -> usize {
        let texts = [
            Some(&self.invoice_no),
            Some(&self.stock_code),
            self.description.as_ref(),
            self.country.as_ref(),
            self.segment_snapshot.as_ref(),
            Some(&self.ingest_time),
        ];
        // What the allocator adds to each piece.
        let texts: usize = texts.into_iter().flatten().map(|text| text.len() + 16).sum();
        size_of::<Self>() + texts
    }

    /// Decides which orders are listed when not all can be: lines of an invoice go together.
    pub(super) fn lot(&self) -> u64 {
        // FNV-1a, then mixed: its low bits alone follow the last digits of the number.
        let hash = self.invoice_no.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        (hash ^ (hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 32
    }

    /// Quantity times price, exact.
    pub(crate) fn amount(&self) -> Money {
        let price = self.unit_price.ten_thousandths();
        Money::from_ten_thousandths(price.saturating_mul(i128::from(self.quantity)))
    }

    /// When the speed layer read it, in microseconds since 1970.
    pub(super) fn ingested(&self) -> Option<i64> {
        micros(&self.ingest_time)
    }
}

fn short(text: &str) -> Box<str> {
    if text.len() <= MOST_TEXT {
        return text.into();
    }
    let end = (0..=MOST_TEXT).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    let mut short = text.get(..end).unwrap_or_default().to_owned();
    short.push('…');
    short.into()
}

/// `2011-12-09T12:50:00.25Z` to microseconds since 1970; `None` for any other form.
fn micros(text: &str) -> Option<i64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let date: order_model::Date = date.parse().ok()?;
    let (clock, fraction) = time.split_once('.').unwrap_or((time, ""));
    let mut parts = clock.split(':').map(str::parse::<i64>);
    let mut next = || parts.next()?.ok();
    let seconds = next()? * 3_600 + next()? * 60 + next()?;
    let digits = fraction.get(..fraction.len().min(6))?;
    let fraction = if digits.is_empty() { 0 } else { digits.parse::<i64>().ok()? };
    let scale = 10_i64.pow(6 - u32::try_from(digits.len()).ok()?);
    Some(date.midnight().micros() + seconds * 1_000_000 + fraction * scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &str = concat!(
        r#"{"invoice_no":"536365","stock_code":"85123A","description":"LANTERN","quantity":6,"#,
        r#""invoice_date":"2011-12-09T12:50:00Z","unit_price":2.55,"customer_id":17850,"country":"France","#,
        r#""segment_id":3,"segment":"High Value VIP","segment_snapshot":"2011-12-10","is_return":false,"#,
        r#""ingest_time":"2011-12-09T12:50:01.25Z","kafka_partition":2,"kafka_offset":77}"#
    );

    fn read(message: &str) -> Option<LiveOrder> {
        Reader::default().read(message.as_bytes(), |name| name.len() as u16)
    }

    #[test]
    fn an_order() {
        let order = read(MESSAGE).unwrap();
        assert_eq!((order.partition, order.offset, order.segment), (2, 77, 14));
        assert_eq!(order.amount().to_string(), "15.3000");
        assert_eq!(order.customer_id, Some(17_850));
        let later = order.ingested().unwrap() - order.event_time.micros();
        assert_eq!(later, 1_250_000);
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let long = "é".repeat(900);
        let order = read(&MESSAGE.replace("LANTERN", &long)).unwrap();
        let description = order.description.unwrap();
        assert!(description.len() <= MOST_TEXT + 3 && description.ends_with("é…"));
    }

    #[test]
    fn what_is_no_tagged_order() {
        for message in [
            "",
            "{}",
            "not json",
            &MESSAGE.replace("\"segment\":", "\"other\":"),
            &MESSAGE.replace("01.25Z", "01.25Z<script>"),
            &MESSAGE.replace("2011-12-10", "2011\\n12-10"),
            &MESSAGE.replace("\"quantity\":6", "\"quantity\":true"),
        ] {
            assert!(read(message).is_none(), "{message}");
        }
    }
}
