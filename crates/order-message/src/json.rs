//! One pass over the JSON: checks all of it, and notes where the fields of an order are.
//!
//! Grammar: RFC 8259, without a byte order mark.

mod skip;

use crate::field::Field;
use crate::rejection::{Fault, Reason};
use crate::words::{ShortNumber, load_16, plain_end, short_number};

/// Objects and lists that may be open at once.
pub(crate) const MAX_DEPTH: u32 = 64;

/// The value of a field. Positions are bytes from the start of the message; it is shorter than 4 GiB.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Slot {
    Absent,
    Null,
    /// What is between the quotes, without an escape in it.
    Text {
        start: u32,
        end: u32,
    },
    /// What is between the quotes, and where in the scratch it is with its escapes resolved.
    Escaped {
        start: u32,
        end: u32,
        scratch_start: u32,
        scratch_end: u32,
    },
    /// A number of few digits.
    Short {
        start: u32,
        number: ShortNumber,
    },
    /// Any other number.
    Number {
        start: u32,
        end: u32,
    },
    /// `true`, `false`, an object or a list.
    Other {
        start: u32,
        end: u32,
    },
}

impl Slot {
    /// Where the value is in the message, quotes and all; 0 and 0 if there is none.
    pub(crate) fn range(&self) -> (usize, usize) {
        let (start, end) = match *self {
            Slot::Absent | Slot::Null => (0, 0),
            Slot::Text { start, end } | Slot::Escaped { start, end, .. } => (start - 1, end + 1),
            Slot::Short { start, number } => return (start as usize, number.end),
            Slot::Number { start, end } | Slot::Other { start, end } => (start, end),
        };
        (start as usize, end as usize)
    }
}

pub(crate) type Slots = [Slot; Field::COUNT];

/// Reads a message into `slots`, which are absent at first. Escaped texts are put together in `scratch`, empty at first.
#[inline(always)]
pub(crate) fn read(text: &str, slots: &mut Slots, scratch: &mut String) -> Result<(), Fault> {
    let mut reader = Reader { text, bytes: text.as_bytes(), at: 0, scratch, fault: None };
    // Where it stops it leaves a fault; it may also leave one and go on, for a fault in the JSON comes before it.
    let _ = reader.message(slots);
    reader.fault.map_or(Ok(()), Err)
}

/// The message is no JSON: the reader's fault says where. A fault as the error of each step would be copied with each result.
struct Stop;

struct Reader<'t, 's> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    scratch: &'s mut String,
    fault: Option<Fault>,
}

impl Reader<'_, '_> {
    #[inline(always)]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[inline(always)]
    fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    #[cold]
    #[inline(never)]
    fn stop<T>(&mut self, at: usize, expected: &'static str) -> Result<T, Stop> {
        self.fault = Some(Fault {
            reason: Reason::NotJson,
            field: None,
            start: at,
            end: usize::MAX,
            expected,
        });
        Err(Stop)
    }

    #[inline(always)]
    fn message(&mut self, slots: &mut Slots) -> Result<(), Stop> {
        self.skip_space();
        if self.peek() == Some(b'{') {
            self.at += 1;
            self.members(slots)?;
        } else {
            self.no_object()?;
        }
        self.skip_space();
        if self.at != self.bytes.len() {
            return self.stop(self.at, "expected nothing after the JSON value");
        }
        Ok(())
    }

    #[cold]
    fn no_object(&mut self) -> Result<(), Stop> {
        let start = self.at;
        self.skip_value(0)?;
        self.fault = Some(Fault {
            reason: Reason::NotAnObject,
            field: None,
            start,
            end: self.at,
            expected: "a JSON object is needed",
        });
        Ok(())
    }

    /// What follows the brace that opens the message, with the one that closes it.
    #[inline(always)]
    fn members(&mut self, slots: &mut Slots) -> Result<(), Stop> {
        // Producers write the fields in one order: the next one is nearly always known.
        let mut next = 0;
        self.skip_space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            let start = self.at;
            let pattern = &Field::PATTERNS[next % Field::COUNT];
            let field = if pattern.begins(load_16(self.bytes, self.at)) {
                self.at += pattern.len;
                Some(Field::ALL[next % Field::COUNT])
            } else {
                self.key()?
            };
            self.skip_space();
            if let Some(field) = field {
                next = field.index() + 1;
                let slot = &mut slots[field.index()];
                let is_first = matches!(slot, Slot::Absent);
                self.value(slot)?;
                if !is_first {
                    self.duplicate(field, start);
                }
            } else {
                self.skip_value(1)?;
            }
            self.skip_space();
            match self.peek() {
                Some(b',') => {
                    self.at += 1;
                    self.skip_space();
                }
                Some(b'}') => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return self.stop(self.at, "expected , or } after a value"),
            }
        }
    }

    /// A field that was there before began at `start` and ends here.
    #[cold]
    fn duplicate(&mut self, field: Field, start: usize) {
        self.fault.get_or_insert(Fault {
            reason: Reason::DuplicateField,
            field: Some(field),
            start,
            end: self.at,
            expected: "the field is there twice",
        });
    }

    /// A name, and the colon after it.
    #[inline(never)]
    fn key(&mut self) -> Result<Option<Field>, Stop> {
        if self.peek() != Some(b'"') {
            return self.stop(self.at, "expected a name in quotes");
        }
        let mut name = Slot::Null;
        self.string(&mut name)?;
        let field = match name {
            Slot::Escaped { scratch_start, .. } => {
                let name = self.scratch.get(scratch_start as usize..).unwrap_or_default();
                let field = Field::of_name(name.as_bytes());
                self.scratch.truncate(scratch_start as usize);
                field
            }
            Slot::Text { start, end } => {
                self.bytes.get(start as usize..end as usize).and_then(Field::of_name)
            }
            _ => None,
        };
        self.skip_space();
        if self.peek() != Some(b':') {
            return self.stop(self.at, "expected : after a name");
        }
        self.at += 1;
        Ok(field)
    }

    /// The value of a field.
    #[inline(always)]
    fn value(&mut self, slot: &mut Slot) -> Result<(), Stop> {
        match self.peek() {
            Some(b'"') => self.string(slot),
            Some(b'-' | b'0'..=b'9') => self.number(slot),
            Some(b'n') => {
                *slot = Slot::Null;
                self.literal("null")
            }
            _ => {
                let start = self.at;
                self.skip_value(1)?;
                *slot = Slot::Other { start: start as u32, end: self.at as u32 };
                Ok(())
            }
        }
    }

    #[inline(always)]
    fn string(&mut self, slot: &mut Slot) -> Result<(), Stop> {
        let start = self.at + 1;
        let end = plain_end(self.bytes, start);
        if self.bytes.get(end) == Some(&b'"') {
            self.at = end + 1;
            *slot = Slot::Text { start: start as u32, end: end as u32 };
            return Ok(());
        }
        self.escaped(start, end, slot)
    }

    /// A text from `start` on whose first escape, or what should not be in it, is at `at`.
    #[inline(never)]
    fn escaped(&mut self, start: usize, mut at: usize, slot: &mut Slot) -> Result<(), Stop> {
        let scratch_start = self.scratch.len();
        let mut plain = start;
        loop {
            self.scratch.push_str(self.text.get(plain..at).unwrap_or_default());
            self.at = at;
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => self.escape()?,
                Some(_) => {
                    return self.stop(self.at, "control characters in a text have to be escaped");
                }
                None => return self.stop(self.at, "expected \" at the end of a text"),
            }
            plain = self.at;
            at = plain_end(self.bytes, plain);
        }
        self.at += 1;
        *slot = Slot::Escaped {
            start: start as u32,
            end: at as u32,
            scratch_start: scratch_start as u32,
            scratch_end: self.scratch.len() as u32,
        };
        Ok(())
    }

    /// Puts the character that an escape stands for into the scratch.
    fn escape(&mut self) -> Result<(), Stop> {
        let start = self.at;
        let char = match self.bytes.get(start + 1) {
            Some(&byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at = start + 6;
                let code = self.hex(start + 2)?;
                let code = match code {
                    0xd800..=0xdbff => {
                        let low = match self.bytes.get(self.at..self.at + 2) {
                            Some(b"\\u") => self.hex(self.at + 2)?,
                            _ => 0,
                        };
                        self.at += 6;
                        match low {
                            0xdc00..=0xdfff => 0x1_0000 + ((code - 0xd800) << 10) + (low - 0xdc00),
                            _ => 0xd800,
                        }
                    }
                    code => code,
                };
                let Some(char) = char::from_u32(code) else {
                    return self.stop(start, "half of a surrogate pair");
                };
                self.scratch.push(char);
                return Ok(());
            }
            _ => return self.stop(self.at, "no such escape"),
        };
        self.scratch.push(char);
        self.at = start + 2;
        Ok(())
    }

    fn hex(&mut self, at: usize) -> Result<u32, Stop> {
        let digits = self.bytes.get(at..at + 4).unwrap_or_default();
        let code = digits
            .iter()
            .try_fold(0, |code, &digit| Some(code << 4 | char::from(digit).to_digit(16)?));
        match code {
            Some(code) if digits.len() == 4 => Ok(code),
            _ => self.stop(at, "expected four hexadecimal digits"),
        }
    }

    #[inline(always)]
    fn number(&mut self, slot: &mut Slot) -> Result<(), Stop> {
        let Some(number) = short_number(self.bytes, self.at) else {
            return self.long_number(slot);
        };
        *slot = Slot::Short { start: self.at as u32, number };
        self.at = number.end;
        Ok(())
    }

    #[inline(never)]
    fn long_number(&mut self, slot: &mut Slot) -> Result<(), Stop> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.skip_digits()?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.skip_digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.skip_digits()?;
        }
        *slot = Slot::Number { start: start as u32, end: self.at as u32 };
        Ok(())
    }

    /// One digit or more.
    fn skip_digits(&mut self) -> Result<(), Stop> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == start { self.stop(self.at, "expected a digit") } else { Ok(()) }
    }

    fn literal(&mut self, literal: &'static str) -> Result<(), Stop> {
        let tail = self.bytes.get(self.at..).unwrap_or_default();
        if !tail.starts_with(literal.as_bytes()) {
            return self.stop(self.at, "expected a JSON value");
        }
        self.at += literal.len();
        Ok(())
    }
}
