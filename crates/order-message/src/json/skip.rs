//! Values that are no field of an order: checked as all others, and left.

use super::{MAX_DEPTH, Reader, Slot, Stop};

impl Reader<'_, '_> {
    /// Skips a value of any kind within `depth` open objects and lists. No recursion: a message cannot use up the stack.
    #[inline(never)]
    pub(super) fn skip_value(&mut self, depth: u32) -> Result<(), Stop> {
        let outer = depth;
        let mut depth = depth;
        // Of each open level whether it is an object, the innermost one in the lowest bit.
        let mut objects: u64 = 0;
        loop {
            let mut open = false;
            match self.peek() {
                Some(b'"') => self.skip_string()?,
                Some(b'-' | b'0'..=b'9') => self.number(&mut Slot::Null)?,
                Some(b'n') => self.literal("null")?,
                Some(b't') => self.literal("true")?,
                Some(b'f') => self.literal("false")?,
                Some(b'{') => {
                    objects = objects << 1 | 1;
                    open = true;
                }
                Some(b'[') => {
                    objects <<= 1;
                    open = true;
                }
                _ => return self.stop(self.at, "expected a JSON value"),
            }
            if open {
                depth += 1;
                if depth > MAX_DEPTH {
                    return self.stop(self.at, "nested deeper than 64");
                }
                self.at += 1;
                self.skip_space();
                let is_object = objects & 1 == 1;
                if self.peek() != Some(if is_object { b'}' } else { b']' }) {
                    if is_object {
                        self.skip_key()?;
                    }
                    continue;
                }
                self.at += 1;
                objects >>= 1;
                depth -= 1;
            }
            // A value ended, and perhaps what it is in.
            loop {
                if depth == outer {
                    return Ok(());
                }
                self.skip_space();
                match (self.peek(), objects & 1 == 1) {
                    (Some(b','), is_object) => {
                        self.at += 1;
                        self.skip_space();
                        if is_object {
                            self.skip_key()?;
                        }
                        break;
                    }
                    (Some(b'}'), true) | (Some(b']'), false) => {
                        self.at += 1;
                        objects >>= 1;
                        depth -= 1;
                    }
                    (_, true) => return self.stop(self.at, "expected , or } after a value"),
                    (_, false) => return self.stop(self.at, "expected , or ] after a value"),
                }
            }
        }
    }

    fn skip_key(&mut self) -> Result<(), Stop> {
        self.key()?;
        self.skip_space();
        Ok(())
    }

    fn skip_string(&mut self) -> Result<(), Stop> {
        let mut text = Slot::Null;
        self.string(&mut text)?;
        if let Slot::Escaped { scratch_start, .. } = text {
            self.scratch.truncate(scratch_start as usize);
        }
        Ok(())
    }
}
