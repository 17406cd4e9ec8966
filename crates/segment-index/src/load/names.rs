//! The codes of the segments that were met, and their names.

use std::collections::BTreeMap;

use crate::block::ABSENT;
use crate::{MAX_SEGMENTS, Segment};

/// Segments in the order in which they were met; the position is the code.
///
/// A row has the id of its segment and a key, which stands for the name within a batch. Names are compared when a
/// segment comes with another key than before, which is about once a batch and segment.
pub(super) struct Names {
    segments: Vec<Segment>,
    /// Codes of the segments 0 to 255: all there are, unless somebody numbers them otherwise.
    small: [u8; 256],
    others: BTreeMap<i32, u8>,
    /// Per code the key of its name in this batch, or -1.
    keys: [i32; MAX_SEGMENTS + 1],
}

/// What came of a segment with a key that it did not have before.
pub(super) enum Met {
    /// Its code.
    Code(u8),
    /// It had another name.
    Renamed { before: String },
    /// It is one too many.
    TooMany { found: usize },
}

impl Default for Names {
    fn default() -> Self {
        Self {
            segments: Vec::new(),
            small: [ABSENT; 256],
            others: BTreeMap::new(),
            keys: [-1; MAX_SEGMENTS + 1],
        }
    }
}

impl Names {
    /// Keys are those of another dictionary from here on.
    pub(super) fn begin_batch(&mut self) {
        self.keys.fill(-1);
    }

    /// The code of a segment that has been met with this key in this batch.
    #[inline]
    pub(super) fn code_of(&self, segment_id: i32, key: i32) -> Option<u8> {
        let code = self.known(segment_id);
        (self.keys[usize::from(code)] == key).then_some(code)
    }

    /// For a segment that [`Self::code_of`] does not know, with the name behind the key.
    pub(super) fn meet(&mut self, segment_id: i32, key: i32, name: &str) -> Met {
        let mut code = self.known(segment_id);
        match self.segments.get(usize::from(code)) {
            Some(segment) if segment.name != name => {
                return Met::Renamed { before: segment.name.clone() };
            }
            Some(_) => {}
            None if self.segments.len() == MAX_SEGMENTS => {
                return Met::TooMany { found: MAX_SEGMENTS + 1 };
            }
            None => {
                code = self.segments.len() as u8;
                self.segments.push(Segment { id: segment_id, name: name.to_owned() });
                match usize::try_from(segment_id).ok().and_then(|id| self.small.get_mut(id)) {
                    Some(small) => *small = code,
                    None => drop(self.others.insert(segment_id, code)),
                }
            }
        }
        self.keys[usize::from(code)] = key;
        Met::Code(code)
    }

    /// The segments, at the positions that are their codes.
    pub(super) fn into_segments(self) -> Vec<Segment> {
        self.segments
    }

    /// The code of a segment that has been met before, or [`ABSENT`].
    #[inline]
    fn known(&self, segment_id: i32) -> u8 {
        match usize::try_from(segment_id).ok().and_then(|id| self.small.get(id)) {
            Some(code) => *code,
            None => self.others.get(&segment_id).copied().unwrap_or(ABSENT),
        }
    }
}
