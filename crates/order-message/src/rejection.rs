//! Why a message is no order.

use std::fmt::{self, Write};

use thiserror::Error;

use crate::field::Field;

/// The rule that a message breaks; of several the first in the order of [`Reason::ALL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// No value at all: how a compacted topic marks a deleted key.
    Tombstone,
    /// More bytes than [`crate::Limits::max_bytes`].
    TooLarge,
    /// The bytes are not UTF-8.
    NotUtf8,
    /// Not one JSON value: also trailing text, a byte order mark, `NaN`, control characters or lone surrogates in a
    /// text, and nesting deeper than 64.
    NotJson,
    /// JSON, but no object.
    NotAnObject,
    /// A field of an order is there twice, so that readers could differ on its value.
    DuplicateField,
    /// A required field is absent or null.
    MissingField,
    /// A value of a kind that the field cannot have, such as a list.
    WrongType,
    /// Not a number, not a whole one where one is needed, or a price of more than 4 decimals.
    BadNumber,
    /// A quantity that needs more than 32 bits, a price of 10^14 or more, a customer id that is not positive or needs
    /// more than 64 bits.
    OutOfRange,
    /// Neither ISO 8601 nor `yyyy-MM-dd HH:mm:ss`, or no day of the calendar.
    BadDate,
    /// A date outside [`crate::Limits`], or outside the years 1970 to 2099.
    DateOutOfRange,
    /// A blank invoice number or stock code.
    EmptyField,
    /// A text of more than 1000 characters, or with a NUL character, which readers of the tables cut texts at.
    BadText,
}

impl Reason {
    /// All reasons, in the order in which they are tried.
    pub const ALL: [Reason; 14] = [
        Reason::Tombstone,
        Reason::TooLarge,
        Reason::NotUtf8,
        Reason::NotJson,
        Reason::NotAnObject,
        Reason::DuplicateField,
        Reason::MissingField,
        Reason::WrongType,
        Reason::BadNumber,
        Reason::OutOfRange,
        Reason::BadDate,
        Reason::DateOutOfRange,
        Reason::EmptyField,
        Reason::BadText,
    ];

    /// The name used in tables and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Reason::Tombstone => "tombstone",
            Reason::TooLarge => "too_large",
            Reason::NotUtf8 => "not_utf8",
            Reason::NotJson => "not_json",
            Reason::NotAnObject => "not_an_object",
            Reason::DuplicateField => "duplicate_field",
            Reason::MissingField => "missing_field",
            Reason::WrongType => "wrong_type",
            Reason::BadNumber => "bad_number",
            Reason::OutOfRange => "out_of_range",
            Reason::BadDate => "bad_date",
            Reason::DateOutOfRange => "date_out_of_range",
            Reason::EmptyField => "empty_field",
            Reason::BadText => "bad_text",
        }
    }

    /// Position in [`Reason::ALL`], for tables of counts.
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A message that is no order. Prints where in the message and what is there, in one line of printable characters.
///
/// Trying again never helps: the same bytes are rejected for the same reason, under the same [`crate::Limits`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{detail}")]
pub struct Rejection {
    reason: Reason,
    detail: Box<str>,
}

impl Rejection {
    /// The rule that is broken.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    #[cold]
    pub(crate) fn tombstone() -> Rejection {
        Rejection { reason: Reason::Tombstone, detail: "the message has no value".into() }
    }

    #[cold]
    pub(crate) fn too_large(bytes: usize, most: usize) -> Rejection {
        let detail = format!("{bytes} bytes; at most {most} are read");
        Rejection { reason: Reason::TooLarge, detail: detail.into() }
    }

    /// `at`: where the bytes stop being UTF-8.
    #[cold]
    pub(crate) fn not_utf8(value: &[u8], at: usize) -> Rejection {
        let context = value.get(at.saturating_sub(16)..).unwrap_or_default();
        let context = String::from_utf8_lossy(context.get(..4 * EXCERPT).unwrap_or(context));
        let detail = format!("not UTF-8 at byte {at}, near {}", excerpt(&context));
        Rejection { reason: Reason::NotUtf8, detail: detail.into() }
    }
}

/// What is wrong, and where: made at once, turned into a [`Rejection`] when the message is given up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    pub(crate) reason: Reason,
    pub(crate) field: Option<Field>,
    /// The value or the rest of the message that is at fault, in bytes from the start of the message.
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) expected: &'static str,
}

impl Fault {
    #[cold]
    #[inline(never)]
    pub(crate) fn into_rejection(self, text: &str) -> Rejection {
        let mut detail = String::new();
        // Writing to a string does not fail.
        let _ = self.describe(text, &mut detail);
        Rejection { reason: self.reason, detail: detail.into() }
    }

    fn describe(&self, text: &str, detail: &mut String) -> fmt::Result {
        let Fault { start, expected, .. } = *self;
        match self.field {
            Some(field) if self.reason == Reason::MissingField => {
                return write!(detail, "{field}: {expected}");
            }
            Some(field) => write!(detail, "{field} at byte {start}: {expected}")?,
            None => write!(detail, "byte {start}: {expected}")?,
        }
        // A fault in the JSON may be within a character.
        let start = text.floor_char_boundary(start);
        let end = text.floor_char_boundary(self.end);
        match text.get(start..end).unwrap_or_default() {
            "" => write!(detail, ", found the end of the message"),
            found => write!(detail, ", found {}", excerpt(found)),
        }
    }
}

/// Characters of a message that are shown.
const EXCERPT: usize = 80;

/// The beginning of a text, printable.
fn excerpt(text: &str) -> String {
    let mut shown = String::new();
    for (count, char) in text.chars().enumerate() {
        if count == EXCERPT {
            shown.push('…');
            break;
        }
        match char {
            // As JSON has them; all else that does not print is shown as \u{...}.
            '"' | '\\' | '\'' => shown.push(char),
            _ => shown.extend(char.escape_debug()),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_follow_the_order_of_all() {
        for (index, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason.index(), index);
            let others = Reason::ALL.iter().filter(|other| other.as_str() == reason.as_str());
            assert_eq!(others.count(), 1, "{reason}");
        }
    }

    #[test]
    fn excerpts_are_short_and_printable() {
        assert_eq!(excerpt("\"Größe\t\u{0}\u{202e}\\n"), "\"Größe\\t\\0\\u{202e}\\n");
        let long = excerpt(&"ß\u{7}".repeat(1000));
        assert_eq!(long.chars().filter(|&char| char == 'ß').count(), 40);
        assert!(long.ends_with('…'), "{long}");
        assert!(!long.chars().any(char::is_control), "{long}");
    }
}
