//! Up to 55 customers in the 64 bytes that a processor fetches from memory at once.
//!
//! A block has the smallest id whole. Of the others it has the distance from there, in as many bytes as the largest
//! distance needs; of ids that are close together it has no distances at all, but a code for each id from the smallest
//! one on.
//!
//! | bytes of a distance | distances below | customers | bytes a customer |
//! | --- | --- | --- | --- |
//! | 0 | 55 | 1 to 55 | 1.2 when no id is left out |
//! | 1 | 2^8 | 28 | 2.3 |
//! | 2 | 2^16 | 19 | 3.4 |
//! | 3 | 2^24 | 14 | 4.6 |
//! | 4 | 2^32 | 11 | 5.8 |
//! | 5 | 2^40 | 10 | 6.4 |
//! | 6 | 2^48 | 8 | 8.0 |
//! | 8 | 2^64 | 7 | 9.1 |

/// In place of a code: nobody.
pub(crate) const ABSENT: u8 = u8::MAX;

/// The most customers of a block.
pub(crate) const MAX_CUSTOMERS: usize = PAYLOAD_BYTES;

const PAYLOAD_BYTES: usize = 64 - size_of::<i64>() - size_of::<u8>();

/// The customers of a block whose distances have this many bytes. The smallest id needs a code only.
const fn slots(width: usize) -> usize {
    (PAYLOAD_BYTES + width) / (1 + width)
}

/// Some customers with neighbouring ids.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Block {
    /// The smallest id.
    base: i64,
    /// Bytes of a distance.
    width: u8,
    /// Of width 0 the codes of `base`, `base + 1`, and so on. Else the distances of all but the first, little-endian, and
    /// then [`slots`] codes. Slots not in use have the largest distance, and the code [`ABSENT`].
    payload: [u8; PAYLOAD_BYTES],
}

const _: () = assert!(size_of::<Block>() == 64);

impl Block {
    /// A block of as many of these customers, from the first one on, as can be in one. `ids` ascend and are not empty;
    /// `codes` are theirs. Also gives the number of customers that are in it.
    pub(crate) fn encode(ids: &[i64], codes: &[u8]) -> (Self, usize) {
        let base = ids[0];
        let distance = |id: i64| id.wrapping_sub(base).cast_unsigned();
        let (mut width, mut n) =
            (0, ids.partition_point(|&id| distance(id) < PAYLOAD_BYTES as u64));
        for wider in [1, 2, 3, 4, 5, 6, 8] {
            if n >= slots(wider) {
                break;
            }
            let candidates = &ids[..ids.len().min(slots(wider))];
            let fitting = candidates.partition_point(|&id| fits(distance(id), wider));
            if fitting > n {
                (width, n) = (wider, fitting);
            }
        }
        let mut block = Self { base, width: width as u8, payload: [ABSENT; PAYLOAD_BYTES] };
        if width == 0 {
            for (&id, &code) in ids[..n].iter().zip(codes) {
                block.payload[distance(id) as usize] = code;
            }
        } else {
            let (in_distances, in_codes) = block.payload.split_at_mut((slots(width) - 1) * width);
            in_codes[..n].copy_from_slice(&codes[..n]);
            for (&id, slot) in ids[1..n].iter().zip(in_distances.chunks_exact_mut(width)) {
                slot.copy_from_slice(&distance(id).to_le_bytes()[..width]);
            }
        }
        (block, n)
    }

    /// The smallest id.
    pub(crate) fn base(&self) -> i64 {
        self.base
    }

    /// The code of a customer whose id is not below [`Self::base`], or [`ABSENT`].
    #[inline]
    pub(crate) fn code_of(&self, customer_id: i64) -> u8 {
        let distance = customer_id.wrapping_sub(self.base).cast_unsigned();
        match self.width {
            0 => match usize::try_from(distance) {
                Ok(index) if index < PAYLOAD_BYTES => self.payload[index],
                _ => ABSENT,
            },
            1 => self.search::<1>(distance),
            2 => self.search::<2>(distance),
            3 => self.search::<3>(distance),
            4 => self.search::<4>(distance),
            5 => self.search::<5>(distance),
            6 => self.search::<6>(distance),
            _ => self.search::<8>(distance),
        }
    }

    /// Counts the smaller distances, without a branch on any: the processor cannot guess where a customer is, and while
    /// it waits for one block it is to ask for those of the next customers.
    #[inline]
    fn search<const WIDTH: usize>(&self, distance: u64) -> u8 {
        let codes = &self.payload[const { (slots(WIDTH) - 1) * WIDTH }..];
        let last = const { slots(WIDTH) - 2 };
        let smaller: usize =
            (0..=last).map(|n| usize::from(self.number::<WIDTH>(n) < distance)).sum();
        let n = smaller.min(last);
        let is_first = distance == 0;
        let is_found = is_first | (self.number::<WIDTH>(n) == distance);
        let code = codes[if is_first { 0 } else { n + 1 }];
        code | u8::from(!is_found).wrapping_neg()
    }

    /// The distance in a slot. Codes come after the distances, so that eight bytes can be read everywhere.
    #[inline]
    fn number<const WIDTH: usize>(&self, slot: usize) -> u64 {
        let bytes = self.payload[slot * WIDTH..].first_chunk();
        let number = bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes));
        number & (u64::MAX >> (64 - 8 * WIDTH))
    }
}

fn fits(distance: u64, width: usize) -> bool {
    width >= 8 || distance >> (8 * width) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Encodes ids at these distances, and looks each of them up as well as its neighbours.
    fn check(base: i64, distances: &[u64]) -> (u8, usize) {
        let ids: Vec<i64> = distances.iter().map(|d| base.wrapping_add_unsigned(*d)).collect();
        let codes: Vec<u8> = (0..ids.len() as u8).rev().collect();
        let (block, n) = Block::encode(&ids, &codes);
        for (index, &id) in ids[..n].iter().enumerate() {
            assert_eq!(block.code_of(id), codes[index], "{id}");
            let next = id.checked_add(1).filter(|next| ids.get(index + 1) != Some(next));
            assert!(next.is_none_or(|next| block.code_of(next) == ABSENT), "{id} + 1");
        }
        assert_eq!(block.code_of(base.saturating_add(i64::MAX).max(ids[n - 1] + 1)), ABSENT);
        (block.width, n)
    }

    #[test]
    fn takes_the_form_that_holds_most() {
        let every = |step: u64| (0..55).map(|n| n * step).collect::<Vec<_>>();
        for (step, shape) in [
            (1, (0, 55)),
            (2, (0, 28)),
            (3, (1, 28)),
            (9, (1, 28)),
            (20, (2, 19)),
            (1 << 11, (2, 19)),
            (1 << 12, (2, 16)),
            (1 << 13, (3, 14)),
            (1 << 20, (3, 14)),
            (1 << 21, (4, 11)),
            (1 << 28, (4, 11)),
            (1 << 29, (5, 10)),
            (1 << 36, (5, 10)),
            (1 << 38, (6, 8)),
            (1 << 44, (6, 8)),
            (1 << 46, (8, 7)),
            (1 << 56, (8, 7)),
        ] {
            assert_eq!(check(-5, &every(step)), shape, "step {step}");
        }
    }

    #[test]
    fn holds_one_customer_and_the_largest_distance() {
        assert_eq!(check(7, &[0]), (0, 1));
        assert_eq!(check(7, &[0, 54]), (0, 2));
        assert_eq!(check(7, &[0, 55]), (1, 2));
        assert_eq!(check(7, &[0, 255, 256]), (2, 3));
        let edges = [0, 1, 0xFFFF_FFFF, 0x1_0000_0000];
        assert_eq!(check(i64::MIN, &edges), (5, 4));
        let (block, n) = Block::encode(&[i64::MIN, -1, 0, i64::MAX], &[1, 2, 3, 4]);
        assert_eq!((block.width, n), (8, 4));
        let found = [i64::MIN, -1, 0, i64::MAX, 1].map(|id| block.code_of(id));
        assert_eq!(found, [1, 2, 3, 4, ABSENT]);
    }

    #[test]
    fn a_gap_ends_a_block_only_when_that_holds_more() {
        let mut distances: Vec<u64> = (0..40).collect();
        distances.push(1 << 60);
        assert_eq!(check(0, &distances), (0, 40));
        assert_eq!(check(0, &[0, 1, 2, 3, 1 << 60]), (8, 5));
    }
}
