//! Values of fields to an order: the rules that go beyond JSON.

use order_model::{Money, Timestamp};

use crate::dates::{self, DateError};
use crate::decimal::{DecimalError, scaled};
use crate::decoder::Limits;
use crate::field::Field;
use crate::json::{Slot, Slots};
use crate::order::Order;
use crate::rejection::{Fault, Reason};
use crate::words::ShortNumber;

/// Characters that a text may have.
const MAX_CHARS: usize = 1000;
/// Prices are below this many ten-thousandths, as [`Money::parse`] has it, so that a line that counts in the batch layer
/// counts here.
const PRICE_LIMIT: i128 = 10_i128.pow(18);

/// What the slots are positions in.
#[derive(Clone, Copy)]
pub(crate) struct Values<'a, 's> {
    pub(crate) text: &'a str,
    pub(crate) scratch: &'a str,
    pub(crate) slots: &'s Slots,
    pub(crate) limits: &'s Limits,
}

impl<'a, 's> Values<'a, 's> {
    /// The order, or the first fault in the order of [`Reason::ALL`].
    #[inline(always)]
    pub(crate) fn order(&self) -> Result<Order<'a>, Fault> {
        self.read().map_err(|fault| self.first_fault(fault))
    }

    #[inline(always)]
    fn read(&self) -> Result<Order<'a>, Fault> {
        Ok(Order {
            invoice_no: self.code(Field::InvoiceNo)?,
            stock_code: self.code(Field::StockCode)?,
            description: self.text(Field::Description)?,
            quantity: self.quantity()?,
            event_time: self.event_time()?,
            unit_price: self.unit_price()?,
            customer_id: self.customer_id()?,
            country: self.text(Field::Country)?,
        })
    }

    /// [`Values::read`] stops at the first field with a fault; a later one may break an earlier rule.
    #[cold]
    #[inline(never)]
    fn first_fault(&self, fault: Fault) -> Fault {
        let faults = [
            self.code(Field::InvoiceNo).err(),
            self.code(Field::StockCode).err(),
            self.text(Field::Description).err(),
            self.quantity().err(),
            self.event_time().err(),
            self.unit_price().err(),
            self.customer_id().err(),
            self.text(Field::Country).err(),
        ];
        // Of equals the first one.
        faults.into_iter().flatten().min_by_key(|fault| fault.reason).unwrap_or(fault)
    }

    #[inline(always)]
    fn slot(&self, field: Field) -> &'s Slot {
        &self.slots[field.index()]
    }

    /// The text in a slot, its escapes resolved; `None` for any other value.
    #[inline(always)]
    fn text_in(&self, slot: &Slot) -> Option<&'a str> {
        match *slot {
            Slot::Text { start, end } => self.text.get(start as usize..end as usize),
            Slot::Escaped { scratch_start, scratch_end, .. } => {
                self.scratch.get(scratch_start as usize..scratch_end as usize)
            }
            _ => None,
        }
    }

    /// A number as it is in the message.
    fn raw(&self, slot: &Slot) -> &'a str {
        let (start, end) = slot.range();
        self.text.get(start..end).unwrap_or_default()
    }

    /// A description or a country.
    #[inline(always)]
    fn text(&self, field: Field) -> Result<Option<&'a str>, Fault> {
        let slot = self.slot(field);
        let Some(text) = self.text_in(slot) else {
            return match slot {
                Slot::Absent | Slot::Null => Ok(None),
                _ => Err(wrong(field, slot, Reason::WrongType, "a text is needed")),
            };
        };
        if is_blank(text) {
            return Ok(None);
        }
        self.check_text(field, slot, text)?;
        Ok(Some(text))
    }

    /// An invoice number or a stock code.
    #[inline(always)]
    fn code(&self, field: Field) -> Result<&'a str, Fault> {
        let slot = self.slot(field);
        let Some(text) = self.text_in(slot) else { return self.code_of_number(field, slot) };
        if is_blank(text) {
            return Err(wrong(field, slot, Reason::EmptyField, "must not be blank"));
        }
        self.check_text(field, slot, text)?;
        Ok(text)
    }

    #[inline(never)]
    fn code_of_number(&self, field: Field, slot: &Slot) -> Result<&'a str, Fault> {
        match *slot {
            Slot::Absent | Slot::Null => Err(missing(field)),
            Slot::Short { .. } | Slot::Number { .. } => {
                let digits = self.raw(slot);
                if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                    let expected = "a text or digits are needed";
                    return Err(wrong(field, slot, Reason::BadNumber, expected));
                }
                self.check_text(field, slot, digits)?;
                Ok(digits)
            }
            _ => Err(wrong(field, slot, Reason::WrongType, "a text or digits are needed")),
        }
    }

    #[inline(always)]
    fn check_text(&self, field: Field, slot: &Slot, text: &str) -> Result<(), Fault> {
        if text.len() > MAX_CHARS && text.chars().count() > MAX_CHARS {
            return Err(wrong(field, slot, Reason::BadText, "longer than 1000 characters"));
        }
        // Without an escape it would be a fault in the JSON.
        if matches!(slot, Slot::Escaped { .. }) && text.contains('\0') {
            return Err(wrong(field, slot, Reason::BadText, "a NUL character is in it"));
        }
        Ok(())
    }

    #[inline(always)]
    fn quantity(&self) -> Result<i32, Fault> {
        let slot = self.slot(Field::Quantity);
        if let Slot::Short { number: ShortNumber { value, decimals: 0, .. }, .. } = *slot {
            return Ok(value);
        }
        self.quantity_slow(slot)
    }

    #[inline(never)]
    fn quantity_slow(&self, slot: &Slot) -> Result<i32, Fault> {
        let field = Field::Quantity;
        let text = self.numeric(field, slot)?.ok_or_else(|| missing(field))?;
        let value = self.integer(field, slot, text)?;
        i32::try_from(value)
            .map_err(|_| wrong(field, slot, Reason::OutOfRange, "does not fit 32 bits"))
    }

    #[inline(always)]
    fn customer_id(&self) -> Result<Option<i64>, Fault> {
        let slot = self.slot(Field::CustomerId);
        match *slot {
            Slot::Short { number: ShortNumber { value: id @ 1.., decimals: 0, .. }, .. } => {
                Ok(Some(i64::from(id)))
            }
            Slot::Absent | Slot::Null => Ok(None),
            _ => self.customer_id_slow(slot),
        }
    }

    #[inline(never)]
    fn customer_id_slow(&self, slot: &Slot) -> Result<Option<i64>, Fault> {
        let field = Field::CustomerId;
        let Some(text) = self.numeric(field, slot)? else { return Ok(None) };
        if is_blank(text) {
            return Ok(None);
        }
        match i64::try_from(self.integer(field, slot, text)?) {
            Ok(id @ 1..) => Ok(Some(id)),
            Ok(_) => Err(wrong(field, slot, Reason::OutOfRange, "must be positive")),
            Err(_) => Err(wrong(field, slot, Reason::OutOfRange, "does not fit 64 bits")),
        }
    }

    #[inline(always)]
    fn unit_price(&self) -> Result<Money, Fault> {
        let slot = self.slot(Field::UnitPrice);
        if let Slot::Short { number, .. } = slot
            && let Some(price) = number.price()
        {
            return Ok(price);
        }
        self.unit_price_slow(slot)
    }

    #[inline(never)]
    fn unit_price_slow(&self, slot: &Slot) -> Result<Money, Fault> {
        let field = Field::UnitPrice;
        let text = self.numeric(field, slot)?.ok_or_else(|| missing(field))?;
        let value = match scaled(text.as_bytes(), Money::SCALE.into()) {
            Ok(value) if value.abs() < PRICE_LIMIT => {
                return Ok(Money::from_ten_thousandths(value));
            }
            Ok(_) => DecimalError::TooLarge,
            Err(error) => error,
        };
        Err(match value {
            DecimalError::NotANumber => wrong(field, slot, Reason::BadNumber, "not a number"),
            DecimalError::TooPrecise => {
                wrong(field, slot, Reason::BadNumber, "more than 4 decimals")
            }
            DecimalError::TooLarge => {
                wrong(field, slot, Reason::OutOfRange, "must be below 100000000000000")
            }
        })
    }

    /// The text of a number, or a text that should be one; `None` if the field is absent.
    fn numeric(&self, field: Field, slot: &Slot) -> Result<Option<&'a str>, Fault> {
        match *slot {
            Slot::Absent | Slot::Null => Ok(None),
            Slot::Short { .. } | Slot::Number { .. } => Ok(Some(self.raw(slot))),
            Slot::Other { .. } => Err(wrong(field, slot, Reason::WrongType, "a number is needed")),
            Slot::Text { .. } | Slot::Escaped { .. } => Ok(self.text_in(slot)),
        }
    }

    fn integer(&self, field: Field, slot: &Slot, text: &str) -> Result<i128, Fault> {
        scaled(text.as_bytes(), 0).map_err(|error| match error {
            DecimalError::NotANumber => wrong(field, slot, Reason::BadNumber, "not a number"),
            DecimalError::TooPrecise => wrong(field, slot, Reason::BadNumber, "not a whole number"),
            DecimalError::TooLarge => wrong(field, slot, Reason::OutOfRange, "too large"),
        })
    }

    #[inline(always)]
    fn event_time(&self) -> Result<Timestamp, Fault> {
        let field = Field::InvoiceDate;
        let slot = self.slot(field);
        let Some(text) = self.text_in(slot) else {
            return Err(match slot {
                Slot::Absent | Slot::Null => missing(field),
                _ => wrong(field, slot, Reason::WrongType, "a text with a date is needed"),
            });
        };
        let fault = |reason, expected| Err(wrong(field, slot, reason, expected));
        match dates::parse(text.as_bytes()) {
            Ok(instant) if instant < self.limits.earliest => {
                fault(Reason::DateOutOfRange, "before the earliest date that is taken")
            }
            Ok(instant) if instant > self.limits.latest => {
                fault(Reason::DateOutOfRange, "after the latest date that is taken")
            }
            Ok(instant) => Ok(instant),
            Err(DateError::OtherYear) => {
                fault(Reason::DateOutOfRange, "not in the years 1970 to 2099")
            }
            Err(DateError::NotADate) => {
                fault(Reason::BadDate, "neither ISO 8601 nor yyyy-MM-dd HH:mm:ss")
            }
        }
    }
}

/// White space alone, or nothing.
#[inline(always)]
fn is_blank(text: &str) -> bool {
    !matches!(text.as_bytes().first(), Some(b'!'..=b'~')) && text.trim().is_empty()
}

#[cold]
#[inline(never)]
fn missing(field: Field) -> Fault {
    let expected = "the field is missing or null";
    Fault { reason: Reason::MissingField, field: Some(field), start: 0, end: 0, expected }
}

#[cold]
#[inline(never)]
fn wrong(field: Field, slot: &Slot, reason: Reason, expected: &'static str) -> Fault {
    let (start, end) = slot.range();
    Fault { reason, field: Some(field), start, end, expected }
}
