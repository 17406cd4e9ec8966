//! Makes an index of customers that come in the order of their ids.

use crate::block::{ABSENT, Block, MAX_CUSTOMERS};
use crate::directory::{Directory, MAX_BLOCKS};
use crate::{Blocks, MAX_SEGMENTS, Segment, SegmentIndex, Snapshot};

/// Makes a [`SegmentIndex`]. What it holds in memory is the index so far, nothing else that grows.
#[derive(Default)]
pub struct SegmentIndexBuilder {
    blocks: Blocks,
    /// Customers that are not in a block yet, fewer than a block can hold.
    ids: Vec<i64>,
    codes: Vec<u8>,
    /// Customers in blocks.
    in_blocks: usize,
    max_code: Option<u8>,
}

/// Customers or segments that make no index.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BuildError {
    /// A customer comes twice, or after one with a larger id.
    #[error("customer {customer_id} comes after customer {previous}; ids must ascend")]
    NotAscending {
        /// The customer.
        customer_id: i64,
        /// The one before.
        previous: i64,
    },
    /// More than 2^31 blocks, which are 128 GiB.
    #[error("more customers than an index can have: there is no room for customer {customer_id}")]
    Full {
        /// The customer.
        customer_id: i64,
    },
    /// More segments than there are codes.
    #[error("{found} segments; at most {MAX_SEGMENTS} are possible")]
    TooManySegments {
        /// How many there are.
        found: usize,
    },
    /// A customer has a code that no segment has.
    #[error("a customer has the code {code}, but there are {segments} segments")]
    UnknownCode {
        /// The code.
        code: u8,
        /// Number of segments.
        segments: usize,
    },
    /// Two segments have the same id.
    #[error("the segment {id} is there twice")]
    SegmentTwice {
        /// The id.
        id: i32,
    },
}

impl BuildError {
    /// Never: the same customers fail again.
    pub fn is_retryable(&self) -> bool {
        false
    }
}

impl SegmentIndexBuilder {
    /// Without customers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a customer, whose id must be larger than all before. `code` is the position of the segment in what
    /// [`Self::finish`] will be given.
    ///
    /// # Errors
    /// [`BuildError::NotAscending`], [`BuildError::Full`]. The customer is then not added, and the next one may be.
    pub fn push(&mut self, customer_id: i64, code: u8) -> Result<(), BuildError> {
        // After a block was made, at least one customer is left: see `make_block`.
        if let Some(&previous) = self.ids.last()
            && previous >= customer_id
        {
            return Err(BuildError::NotAscending { customer_id, previous });
        }
        if self.ids.len() > MAX_CUSTOMERS {
            if self.blocks.len() >= MAX_BLOCKS - MAX_CUSTOMERS - 1 {
                return Err(BuildError::Full { customer_id });
            }
            self.make_block();
        }
        self.ids.push(customer_id);
        self.codes.push(code);
        self.max_code = self.max_code.max(Some(code));
        Ok(())
    }

    /// A block of those that came first. Of more than [`MAX_CUSTOMERS`] at least one is left.
    fn make_block(&mut self) {
        let (block, n) = Block::encode(&self.ids, &self.codes);
        self.blocks.push(block);
        self.ids.drain(..n);
        self.codes.drain(..n);
        self.in_blocks += n;
    }

    /// The index. `segments` may be in any order; [`SegmentIndex::segments`] is sorted by id, and what
    /// [`SegmentIndex::get`] gives are positions in that. `snapshot` is what the customers are from.
    ///
    /// # Errors
    /// [`BuildError::TooManySegments`], [`BuildError::UnknownCode`], [`BuildError::SegmentTwice`].
    pub fn finish(
        mut self,
        segments: Vec<Segment>,
        snapshot: Option<Snapshot>,
    ) -> Result<SegmentIndex, BuildError> {
        if segments.len() > MAX_SEGMENTS {
            return Err(BuildError::TooManySegments { found: segments.len() });
        }
        if let Some(code) = self.max_code.filter(|&code| usize::from(code) >= segments.len()) {
            return Err(BuildError::UnknownCode { code, segments: segments.len() });
        }
        let mut by_id: Vec<(u8, Segment)> = (0..=u8::MAX).zip(segments).collect();
        by_id.sort_by_key(|(_, segment)| segment.id);
        if let Some(twice) = by_id.windows(2).find(|pair| pair[0].1.id == pair[1].1.id) {
            return Err(BuildError::SegmentTwice { id: twice[0].1.id });
        }
        let mut positions = [ABSENT; 256];
        for (position, (code, _)) in (0..=u8::MAX).zip(&by_id) {
            positions[usize::from(*code)] = position;
        }
        while !self.ids.is_empty() {
            self.make_block();
        }
        self.blocks.shrink_to_fit();
        let blocks = self.blocks;
        let directory = Directory::build(blocks.len(), |block| blocks.get(block).base());
        Ok(SegmentIndex {
            blocks,
            directory,
            len: self.in_blocks,
            positions,
            segments: by_id.into_iter().map(|(_, segment)| segment).collect(),
            snapshot,
        })
    }
}
