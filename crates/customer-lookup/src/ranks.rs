//! The place of an amount among many, in little memory.
//!
//! Amounts are sorted and kept as differences, in as many groups of seven bits as each needs (LEB128), a block of 128 at a
//! time. Between the many customers of a large segment the differences are small: a million customers of a shop take one
//! and a half to two bytes each.

/// Amounts of a block.
const BLOCK: usize = 128;

/// How many amounts of a set are larger than a given one. Does not change.
#[derive(Debug, Default)]
pub struct Ranks {
    /// Smallest amount of each block and where its differences begin.
    blocks: Vec<(i64, usize)>,
    differences: Vec<u8>,
    /// Amounts that 64 bits cannot hold, ascending: nobody's, in a shop, but they have their place.
    large: Vec<i128>,
    /// Amounts in the blocks.
    len: usize,
}

/// Collects amounts. Eight bytes each until [`Self::finish`].
#[derive(Debug, Default)]
pub struct RanksBuilder {
    amounts: Vec<i64>,
    large: Vec<i128>,
}

impl RanksBuilder {
    /// Adds an amount.
    pub fn push(&mut self, amount: i128) {
        match i64::try_from(amount) {
            Ok(amount) => self.amounts.push(amount),
            // Below all others is as good a place as any for what no customer can have spent.
            Err(_) if amount < 0 => self.amounts.push(i64::MIN),
            Err(_) => self.large.push(amount),
        }
    }

    /// The whole.
    pub fn finish(self) -> Ranks {
        let Self { mut amounts, mut large } = self;
        amounts.sort_unstable();
        large.sort_unstable();
        let mut ranks = Ranks { len: amounts.len(), large, ..Ranks::default() };
        for block in amounts.chunks(BLOCK) {
            let Some(&first) = block.first() else { continue };
            ranks.blocks.push((first, ranks.differences.len()));
            for pair in block.windows(2) {
                let [before, after] = pair else { continue };
                push_number(after.wrapping_sub(*before) as u64, &mut ranks.differences);
            }
        }
        ranks.blocks.shrink_to_fit();
        ranks.differences.shrink_to_fit();
        ranks
    }
}

impl Ranks {
    /// Number of amounts.
    pub fn len(&self) -> usize {
        self.len + self.large.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many amounts are larger.
    pub fn larger_than(&self, amount: i128) -> usize {
        let large = self.large.len() - self.large.partition_point(|other| *other <= amount);
        match i64::try_from(amount) {
            Ok(amount) => self.len - self.up_to(amount) + large,
            Err(_) if amount < 0 => self.len(),
            Err(_) => large,
        }
    }

    /// How many amounts of the blocks are not larger.
    fn up_to(&self, amount: i64) -> usize {
        let after = self.blocks.partition_point(|(first, _)| *first <= amount);
        let Some(block) = after.checked_sub(1) else { return 0 };
        let Some(&(mut value, start)) = self.blocks.get(block) else { return 0 };
        let size = (self.len - block * BLOCK).min(BLOCK);
        let mut bytes = self.differences.get(start..).unwrap_or_default();
        let mut n = 1;
        while n < size {
            value = value.wrapping_add(take_number(&mut bytes) as i64);
            if value > amount {
                break;
            }
            n += 1;
        }
        block * BLOCK + n
    }

    /// Bytes of memory.
    pub fn memory_bytes(&self) -> usize {
        self.differences.capacity()
            + self.blocks.capacity() * size_of::<(i64, usize)>()
            + self.large.capacity() * size_of::<i128>()
    }
}

fn push_number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn take_number(bytes: &mut &[u8]) -> u64 {
    let (mut number, mut shift) = (0, 0);
    while let Some((&byte, rest)) = bytes.split_first() {
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 || shift > 63 {
            break;
        }
    }
    number
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ranks(amounts: &[i128]) -> Ranks {
        let mut builder = RanksBuilder::default();
        amounts.iter().for_each(|amount| builder.push(*amount));
        builder.finish()
    }

    #[test]
    fn ties_share_a_place() {
        let ranks = ranks(&[100, 300, 300, 200]);
        let places = [400, 300, 200, 100, 0].map(|amount| ranks.larger_than(amount) + 1);
        assert_eq!(places, [1, 1, 3, 4, 5]);
        assert!(Ranks::default().is_empty());
        assert_eq!(Ranks::default().larger_than(1), 0);
    }

    #[test]
    fn a_million_take_two_bytes_each() {
        // What customers spend differs widely; 10,000 is one unit of the currency.
        let spent = |n: u64| {
            let unit = (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11) as f64 / (1_u64 << 53) as f64;
            (1_000_000.0 * (unit * 7.0).exp()) as i128
        };
        let amounts: Vec<i128> = (0..1_000_000).map(spent).collect();
        let ranks = ranks(&amounts);
        assert_eq!(ranks.len(), 1_000_000);
        assert!(ranks.memory_bytes() < 2_500_000, "{}", ranks.memory_bytes());
    }

    proptest! {
        #[test]
        fn as_counting(
            small in prop::collection::vec(-1_000_i128..1_000, 0..600),
            wide in prop::collection::vec(any::<i64>().prop_map(i128::from), 0..300),
            large in prop::collection::vec(any::<i64>().prop_map(|n| i128::from(n).abs() * 8 + i128::from(i64::MAX)), 0..5),
            asked in prop::collection::vec(-1_001_i128..1_001, 1..20),
        ) {
            let all: Vec<i128> = small.into_iter().chain(wide).chain(large).collect();
            let ranks = ranks(&all);
            for amount in asked.iter().chain(&all) {
                let expected = all.iter().filter(|other| *other > amount).count();
                prop_assert_eq!(ranks.larger_than(*amount), expected);
            }
        }
    }
}
