//! Customer id to segment, in memory: what the speed layer tags its orders with.
//!
//! [`load`] reads the newest published snapshot of the table of segments, [`current_snapshot`] says whether there is a
//! newer one. An index never changes: whoever reloads makes another one and lets the old one go, so readers need no
//! lock.
//!
//! ```
//! use segment_index::{Segment, SegmentIndexBuilder};
//!
//! let segments = vec![
//!     Segment { id: 0, name: "Churn Risk".to_owned() },
//!     Segment { id: 3, name: "High Value VIP".to_owned() },
//! ];
//! let mut builder = SegmentIndexBuilder::new();
//! builder.push(12_346, 0)?;
//! builder.push(12_347, 1)?;
//! let index = builder.finish(segments, None)?;
//! let code = index.get(12_347).ok_or("nobody")?;
//! assert_eq!(index.segments()[usize::from(code)].name, "High Value VIP");
//! assert_eq!(index.get(12_348), None);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How it is laid out
//! Customers, sorted by id, are in blocks of 64 bytes (`block.rs`), which hold 55 of them when ids are consecutive, 28
//! when they are a few apart, 10 of 10^8 random 63-bit ids. A directory (`directory.rs`) leads to the block, so a
//! look-up reads memory in two places, whatever the number of customers; at worst it is a binary search of the blocks.
//!
//! # Memory and time
//! Figures of `examples/lookup_rate.rs`; time of the processor, on a shared machine where one read of memory that is in no
//! cache takes 0.2 to 0.4 us:
//!
//! | 10^8 customers | bytes a customer | index | old and new | [`SegmentIndex::get_many`] | [`SegmentIndex::get`] |
//! | --- | --- | --- | --- | --- | --- |
//! | one of fifty ids left out | 1.4 | 0.14 GB | 0.29 GB | 60 ns | 0.14 us |
//! | ids 5 apart on average | 2.6 | 0.26 GB | 0.52 GB | 80 ns | 0.35 us |
//! | random 63-bit ids | 7.9 | 0.79 GB | 1.6 GB | 80 ns | 0.45 us |
//!
//! With 10^6 customers it is 10 to 40 ns and 20 to 80 ns. Building needs the index itself and nothing else of that size.
//! **While a snapshot is reloaded, the old index and the new one exist at once**: plan for the column *old and new*.

mod block;
mod builder;
mod directory;
mod load;

#[cfg(test)]
mod tests;

pub use self::builder::{BuildError, SegmentIndexBuilder};
pub use self::load::{LoadError, current_snapshot, load};

use std::fmt;

use warehouse::snapshot_date::SnapshotDate;

use self::block::{ABSENT, Block};
use self::directory::Directory;

/// The most segments. One of the 256 codes means that there is no such customer.
pub const MAX_SEGMENTS: usize = 255;

/// A segment of the customers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Segment {
    /// `segment_id` of the table.
    pub id: i32,
    /// `segment` of the table: what the segment is called.
    pub name: String,
}

/// A published snapshot. A date that is published again has another run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Snapshot {
    /// The day of the snapshot.
    pub date: SnapshotDate,
    /// The run that published it.
    pub run_id: String,
}

/// The segment of each customer of a snapshot. Does not change; shared as an `Arc`.
pub struct SegmentIndex {
    blocks: Blocks,
    directory: Directory,
    /// Number of customers.
    len: usize,
    /// What the codes in the blocks are in `segments`: they were given in the order in which segments were met.
    positions: [u8; 256],
    segments: Vec<Segment>,
    snapshot: Option<Snapshot>,
}

impl SegmentIndex {
    /// An index without customers, for as long as nothing has been published.
    pub fn empty() -> Self {
        Self {
            blocks: Blocks::default(),
            directory: Directory::default(),
            len: 0,
            positions: [ABSENT; 256],
            segments: Vec::new(),
            snapshot: None,
        }
    }

    /// The segment of a customer, as its position in [`Self::segments`]; `None` for a customer who has none.
    ///
    /// A look-up costs two reads of memory. For the orders of a batch use [`Self::get_many`].
    pub fn get(&self, customer_id: i64) -> Option<u8> {
        let at_or_after = self.directory.at_or_after(customer_id)?;
        let block = self.blocks.last_from(customer_id, at_or_after);
        self.position(block.code_of(customer_id))
    }

    /// What [`Self::get`] gives, added to `found` for each of `customer_ids`.
    ///
    /// With an index that is larger than the caches this is several times as fast: while one part of memory is waited
    /// for, those of the other customers are on their way.
    pub fn get_many(&self, customer_ids: &[i64], found: &mut Vec<Option<u8>>) {
        /// Enough for all the reads that a processor has under way at a time.
        const GROUP: usize = 32;
        found.reserve(customer_ids.len());
        for ids in customer_ids.chunks(GROUP) {
            // Three short loops, so that the processor gets around to the next read before the one at hand is done. The
            // first one waits for the directory, the second one for the blocks, the third one for next to nothing.
            let mut blocks = [None; GROUP];
            for (block, &id) in blocks.iter_mut().zip(ids) {
                *block = self.directory.at_or_after(id);
            }
            for (block, &id) in blocks.iter_mut().zip(ids) {
                *block = block.map(|from| self.blocks.step_back(id, from));
            }
            found.extend(blocks.into_iter().zip(ids).map(|(block, &id)| {
                let block = self.blocks.last_from(id, block?);
                self.position(block.code_of(id))
            }));
        }
    }

    #[inline]
    fn position(&self, code: u8) -> Option<u8> {
        let position = self.positions[usize::from(code)];
        (position != ABSENT).then_some(position)
    }

    /// The segments that customers are in, sorted by id, at most [`MAX_SEGMENTS`].
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Number of customers.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nobody is in it.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of memory that it holds, without what the allocator adds. Twice that is needed while it is being replaced.
    pub fn memory_bytes(&self) -> usize {
        let names: usize = self.segments.iter().map(|segment| segment.name.capacity()).sum();
        let segments = self.segments.capacity() * size_of::<Segment>() + names;
        size_of::<Self>() + self.blocks.memory_bytes() + self.directory.memory_bytes() + segments
    }

    /// The snapshot it was loaded from; `None` when it was not loaded from one.
    pub fn snapshot(&self) -> Option<&Snapshot> {
        self.snapshot.as_ref()
    }
}

impl fmt::Debug for SegmentIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SegmentIndex")
            .field("len", &self.len)
            .field("segments", &self.segments)
            .field("snapshot", &self.snapshot)
            .finish_non_exhaustive()
    }
}

/// Blocks in the order of their ids.
///
/// They are in several pieces of memory, so that adding one never moves the others: no moment at which they are there
/// twice, which for a large index would be most of the memory that is needed to build it.
#[derive(Default)]
struct Blocks {
    pieces: Vec<Vec<Block>>,
}

impl Blocks {
    /// Blocks of a piece: 16 MB.
    const PIECE: usize = 1 << 18;

    fn push(&mut self, block: Block) {
        match self.pieces.last_mut() {
            Some(piece) if piece.len() < Self::PIECE => piece.push(block),
            _ => self.pieces.push(vec![block]),
        }
    }

    fn len(&self) -> usize {
        let full = self.pieces.len().saturating_sub(1) * Self::PIECE;
        self.pieces.last().map_or(0, |last| full + last.len())
    }

    #[inline]
    fn get(&self, index: usize) -> &Block {
        &self.pieces[index / Self::PIECE][index % Self::PIECE]
    }

    /// The block before `from` if that begins after `id`. Which it is cannot be guessed, so there is no branch.
    #[inline]
    fn step_back(&self, id: i64, from: usize) -> usize {
        from.saturating_sub(usize::from(self.get(from).base() > id))
    }

    /// The last block that does not begin after `id`. It is not after the block `from`, and most often is that one or
    /// the one before; the first block begins at or before `id`.
    #[inline]
    fn last_from(&self, id: i64, from: usize) -> &Block {
        let guess = self.step_back(id, from);
        let block = self.get(guess);
        if block.base() <= id { block } else { self.search_back(id, guess) }
    }

    /// The same when `from` begins after `id`: steps back, each twice as far, then halves the last one.
    #[cold]
    fn search_back(&self, id: i64, from: usize) -> &Block {
        let (mut after, mut step) = (from, 1);
        let mut low = from.saturating_sub(step);
        while low > 0 && self.get(low).base() > id {
            after = low;
            step *= 2;
            low = low.saturating_sub(step);
        }
        while after - low > 1 {
            let middle = low + (after - low) / 2;
            if self.get(middle).base() <= id {
                low = middle;
            } else {
                after = middle;
            }
        }
        self.get(low)
    }

    fn shrink_to_fit(&mut self) {
        self.pieces.shrink_to_fit();
        if let Some(last) = self.pieces.last_mut() {
            last.shrink_to_fit();
        }
    }

    fn memory_bytes(&self) -> usize {
        let blocks: usize = self.pieces.iter().map(Vec::capacity).sum();
        blocks * size_of::<Block>() + self.pieces.capacity() * size_of::<Vec<Block>>()
    }
}
