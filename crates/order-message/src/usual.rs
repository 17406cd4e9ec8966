//! Messages exactly as `order-producer` writes them, which is nearly all that a topic has: no spaces, all fields in order, no
//! escapes, short numbers.
//!
//! Only what is certainly an order is read here. Whatever else there is, right or wrong, is left to `json` and `rules`, which
//! say what an order is; this agrees with them on less work, for each step knows what has to come.

use order_model::{Money, Timestamp};

use crate::dates;
use crate::decoder::Limits;
use crate::order::Order;
use crate::words::{ShortNumber, plain_end, short_number};

/// Texts up to so many bytes have at most 1000 characters.
const MAX_BYTES: usize = 1000;

/// The order, or `None` if the message is not of this form.
#[inline(always)]
pub(crate) fn read<'a>(text: &'a str, limits: &Limits) -> Option<Order<'a>> {
    let mut message = Message { text, bytes: text.as_bytes(), at: 0 };
    message.literal(b"{\"invoice_no\":\"")?;
    let invoice_no = message.text()?;
    message.literal(b"\",\"stock_code\":\"")?;
    let stock_code = message.text()?;
    message.literal(b"\",\"description\":")?;
    let description = message.optional_text()?;
    message.literal(b",\"quantity\":")?;
    let quantity = message.integer()?;
    message.literal(b",\"invoice_date\":\"")?;
    let event_time = message.instant()?;
    message.literal(b"\",\"unit_price\":")?;
    let unit_price = message.price()?;
    message.literal(b",\"customer_id\":")?;
    let customer_id = message.customer_id()?;
    message.literal(b",\"country\":")?;
    let country = message.optional_text()?;
    message.literal(b"}")?;
    let is_within = limits.earliest <= event_time && event_time <= limits.latest;
    (is_within && message.at == message.bytes.len()).then_some(Order {
        invoice_no,
        stock_code,
        description,
        quantity,
        event_time,
        unit_price,
        customer_id,
        country,
    })
}

/// A message that is read from the front.
struct Message<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Message<'a> {
    #[inline(always)]
    fn chunk<const N: usize>(&self) -> Option<&'a [u8; N]> {
        self.bytes.get(self.at..)?.first_chunk()
    }

    #[inline(always)]
    fn literal<const N: usize>(&mut self, expected: &[u8; N]) -> Option<()> {
        let is_there = self.chunk() == Some(expected);
        self.at += N;
        is_there.then_some(())
    }

    /// What is before the next quote; not blank.
    #[inline(always)]
    fn text(&mut self) -> Option<&'a str> {
        let start = self.at;
        self.at = plain_end(self.bytes, start);
        let text = self.text.get(start..self.at)?;
        // A visible character at the start is the shortest proof that there is one.
        let is_visible = matches!(text.as_bytes().first(), Some(b'!'..=b'~'));
        (is_visible && text.len() <= MAX_BYTES).then_some(text)
    }

    #[inline(always)]
    fn optional_text(&mut self) -> Option<Option<&'a str>> {
        if self.bytes.get(self.at) != Some(&b'"') {
            self.literal(b"null")?;
            return Some(None);
        }
        self.at += 1;
        let text = self.text()?;
        self.literal(b"\"")?;
        Some(Some(text))
    }

    #[inline(always)]
    fn number(&mut self) -> Option<ShortNumber> {
        let number = short_number(self.bytes, self.at)?;
        self.at = number.end;
        Some(number)
    }

    #[inline(always)]
    fn integer(&mut self) -> Option<i32> {
        let number = self.number()?;
        (number.decimals == 0).then_some(number.value)
    }

    #[inline(always)]
    fn price(&mut self) -> Option<Money> {
        self.number()?.price()
    }

    #[inline(always)]
    fn customer_id(&mut self) -> Option<Option<i64>> {
        if self.bytes.get(self.at) == Some(&b'n') {
            self.literal(b"null")?;
            return Some(None);
        }
        let id = self.integer()?;
        (id > 0).then_some(Some(id.into()))
    }

    #[inline(always)]
    fn instant(&mut self) -> Option<Timestamp> {
        let instant = dates::producers_form(self.chunk()?);
        self.at += 20;
        instant
    }
}
