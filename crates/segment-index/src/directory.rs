//! Which block an id is in, without a search where ids are spread evenly.
//!
//! The range of the ids is cut into equal buckets, a power of two wide, two to four a block. Of each bucket the directory
//! has the last block that begins in it or before it. Where ids are not spread evenly, many blocks begin in one bucket;
//! such a bucket has a directory of its own, down to a depth of four. So one customer with an absurd id, or shops whose ids are
//! in ranges far apart, do not make look-ups slow.

/// Buckets a block, at most.
const MAX_BUCKETS_PER_BLOCK: u64 = 4;
/// A bucket with more blocks than this has a directory of its own.
const CROWDED: usize = 32;
/// Directories within one another. Each level costs up to 16 bytes a block, so there is an end to it.
const MAX_DEPTH: usize = 4;
/// The most blocks. The highest bit of an entry says that it is a node.
pub(crate) const MAX_BLOCKS: usize = NODE as usize;

const NODE: u32 = 1 << 31;

/// The directory of all blocks. Empty when there are none.
#[derive(Default, Debug)]
pub(crate) struct Directory {
    /// The first one is the root.
    nodes: Vec<Node>,
    /// Per bucket a block, or [`NODE`] and the index of a node.
    entries: Vec<u32>,
}

/// Buckets of equal width.
#[derive(Debug)]
struct Node {
    /// Where the first bucket begins: the base of `first_block`.
    min: i64,
    /// A bucket is 2^shift wide.
    shift: u32,
    first_block: u32,
    /// In `entries`.
    first_entry: usize,
    last_bucket: u64,
}

impl Node {
    /// Of an id that is not below `min`. The last one has no end.
    #[inline]
    fn bucket(&self, id: i64) -> usize {
        let distance = id.wrapping_sub(self.min).cast_unsigned();
        (distance >> self.shift).min(self.last_bucket) as usize
    }
}

impl Directory {
    /// Of `n_blocks` blocks, at most [`MAX_BLOCKS`], whose bases ascend.
    pub(crate) fn build(n_blocks: usize, base: impl Fn(usize) -> i64) -> Self {
        let mut directory = Self::default();
        if n_blocks > 0 {
            directory.add_node(0, n_blocks, &base, 1);
            directory.nodes.shrink_to_fit();
            directory.entries.shrink_to_fit();
        }
        directory
    }

    /// Adds a directory of the blocks `start..end` and those below it. Gives its index.
    fn add_node(
        &mut self,
        start: usize,
        end: usize,
        base: &impl Fn(usize) -> i64,
        depth: usize,
    ) -> usize {
        let min = base(start);
        let span = base(end - 1).wrapping_sub(min).cast_unsigned();
        let max_buckets = MAX_BUCKETS_PER_BLOCK * (end - start) as u64;
        let shift = (0..u64::BITS).find(|shift| span >> shift < max_buckets).unwrap_or_default();
        let first_entry = self.entries.len();
        let last_bucket = span >> shift;
        let node = Node { min, shift, first_block: start as u32, first_entry, last_bucket };
        let bucket = |block| first_entry + node.bucket(base(block));
        self.entries.reserve(last_bucket as usize + 1);
        let mut crowded = Vec::new();
        let mut first_of_bucket = start;
        for block in start + 1..end {
            let (before, now) = (bucket(block - 1), bucket(block));
            if now > before {
                self.entries.resize(now, block as u32 - 1);
                if block - first_of_bucket > CROWDED {
                    crowded.push((first_of_bucket, block));
                }
                first_of_bucket = block;
            }
        }
        self.entries.push(end as u32 - 1);
        if end - first_of_bucket > CROWDED {
            crowded.push((first_of_bucket, end));
        }
        let crowded = crowded.into_iter().map(|(start, end)| (bucket(start), start, end));
        let crowded: Vec<_> = crowded.collect();
        let index = self.nodes.len();
        self.nodes.push(node);
        if depth < MAX_DEPTH {
            for (entry, start, end) in crowded {
                let child = self.add_node(start, end, base, depth + 1);
                self.entries[entry] = NODE | child as u32;
            }
        }
        index
    }

    /// A block that is not before the one that may have `id`, and seldom far behind it. `None` when `id` is smaller
    /// than all.
    #[inline]
    pub(crate) fn at_or_after(&self, id: i64) -> Option<usize> {
        let mut node = self.nodes.first()?;
        loop {
            if id < node.min {
                return node.first_block.checked_sub(1).map(|block| block as usize);
            }
            let entry = self.entries[node.first_entry + node.bucket(id)];
            if entry & NODE == 0 {
                return Some(entry as usize);
            }
            node = &self.nodes[(entry & !NODE) as usize];
        }
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.nodes.capacity() * size_of::<Node>() + self.entries.capacity() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The most blocks that an id's own block is before the one that the directory gives.
    fn overshoot(bases: &[i64]) -> usize {
        let directory = Directory::build(bases.len(), |block| bases[block]);
        let entries = directory.memory_bytes() / size_of::<u32>();
        assert!(entries <= bases.len() * 4 * MAX_DEPTH + 100, "{entries}");
        assert_eq!(directory.at_or_after(i64::MIN).is_some(), bases[0] == i64::MIN);
        assert_eq!(directory.at_or_after(i64::MAX), Some(bases.len() - 1));
        let of_block = |block: usize| {
            let next = bases.get(block + 1).copied().unwrap_or(i64::MAX);
            let ids = [bases[block], i64::midpoint(bases[block], next), next - 1];
            ids.map(|id| directory.at_or_after(id).unwrap().checked_sub(block).unwrap())
        };
        (0..bases.len()).flat_map(of_block).max().unwrap()
    }

    #[test]
    fn leads_to_the_block_or_one_near_it() {
        let even = |from: i64, step: i64| (0..10_000).map(move |n| from + n * step);
        assert!(overshoot(&even(-300_000, 55).collect::<Vec<_>>()) <= 1);
        assert!(overshoot(&even(i64::MIN, i64::MAX / 10_000).collect::<Vec<_>>()) <= 1);
        // one customer far away; two shops far apart; both, at every scale
        let far = even(0, 55).chain([i64::MAX - 1]).collect::<Vec<_>>();
        assert!(overshoot(&far) <= 1);
        let shops = even(0, 55).chain(even(1 << 60, 55)).collect::<Vec<_>>();
        assert!(overshoot(&shops) <= 1);
        let shops = shops.into_iter().chain([i64::MAX - 1]).collect::<Vec<_>>();
        assert!(overshoot(&shops) <= 1);
    }

    #[test]
    fn ends_at_its_depth() {
        // Clusters within clusters, the blocks of each 2^10 times as far apart as those of the one within.
        let cluster = |bits: u32| (1_i64..50).map(move |n| n << bits);
        let mut bases: Vec<i64> = (0..6).flat_map(|n| cluster(n * 10)).collect();
        bases.sort_unstable();
        bases.dedup();
        // There is a bucket that is crowded all the same, so blocks must be searched for.
        let overshoot = overshoot(&bases);
        assert!((CROWDED..bases.len() / 2).contains(&overshoot), "{overshoot}");
    }
}
