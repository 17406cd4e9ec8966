//! Where fields and lines end, found 64 bytes at a time.

#[cfg(target_arch = "x86_64")]
mod simd;

/// Bytes looked at in one step; blocks are padded to a multiple of it.
pub(crate) const STEP: usize = 64;

/// Field and line ends of a block, as positions in it. Reused from block to block.
#[derive(Debug, Default)]
pub struct Boundaries {
    /// Positions of commas and line feeds, ascending; only the first `len` count (the rest is room for whole-vector writes).
    positions: Vec<u32>,
    len: usize,
    /// For each line the index in `positions` of the line feed that ends it.
    line_ends: Vec<u32>,
    /// Positions of quotes, ascending.
    quotes: Vec<u32>,
}

impl Boundaries {
    /// Positions of all commas and line feeds, those inside quotes included.
    pub fn positions(&self) -> &[u32] {
        self.positions.get(..self.len).unwrap_or_default()
    }

    /// For each line the index in [`Boundaries::positions`] of its line feed.
    pub fn line_ends(&self) -> &[u32] {
        &self.line_ends
    }

    /// Positions of all quotes.
    pub fn quotes(&self) -> &[u32] {
        &self.quotes
    }

    fn clear(&mut self, data_len: usize) {
        // Room for the worst block, so that the writer below never has to grow it. Zeroed pages that
        // are not written cost nothing.
        let room = data_len + 2 * STEP;
        if self.positions.len() < room {
            self.positions = vec![0; room];
        }
        self.len = 0;
        self.line_ends.clear();
        self.quotes.clear();
    }

    /// Takes the findings of one step: bit i of a mask stands for byte `base + i`.
    #[inline(always)]
    fn push(&mut self, base: u32, masks: Masks) {
        let Masks { separators, line_feeds, quotes } = masks;
        let mut rest = line_feeds;
        while rest != 0 {
            let before = separators & ((rest & rest.wrapping_neg()) - 1);
            self.line_ends.push(self.len as u32 + before.count_ones());
            rest &= rest - 1;
        }
        let count = separators.count_ones() as usize;
        let mut bits = separators;
        let mut at = self.len;
        // Eight slots are written without asking how many of them count: a step of order lines has five to eight
        // separators, and a loop that ends with the last of them is hard to predict (simdjson does the same).
        while bits != 0 {
            if let Some(slots) = self.positions.get_mut(at..at + 8) {
                for slot in slots {
                    *slot = base + bits.trailing_zeros();
                    bits &= bits.wrapping_sub(1);
                }
            }
            at += 8;
        }
        self.len += count;
        let mut rest = quotes;
        while rest != 0 {
            self.quotes.push(base + rest.trailing_zeros());
            rest &= rest - 1;
        }
    }
}

/// Bit i tells about byte i of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Masks {
    /// Comma or line feed.
    separators: u64,
    line_feeds: u64,
    quotes: u64,
}

/// Finds all commas, line feeds and quotes of `data`. Positions are 32 bits: blocks stay far below 4 GiB.
///
/// With AVX2 where the processor has it, elsewhere as [`find_boundaries_portable`].
pub fn find_boundaries(data: &[u8], into: &mut Boundaries) {
    #[cfg(target_arch = "x86_64")]
    if simd::find(data, into) {
        return;
    }
    find_boundaries_portable(data, into);
}

/// The same as [`find_boundaries`] in portable code, against which it is tested.
pub fn find_boundaries_portable(data: &[u8], into: &mut Boundaries) {
    find(data, into, masks_portable);
}

#[inline(always)]
fn find(data: &[u8], into: &mut Boundaries, masks: impl Fn(&[u8; STEP]) -> Masks) {
    into.clear(data.len());
    let (steps, rest) = data.as_chunks::<STEP>();
    let mut base = 0_u32;
    for step in steps {
        into.push(base, masks(step));
        base += STEP as u32;
    }
    if !rest.is_empty() {
        let mut step = [0; STEP];
        for (to, from) in step.iter_mut().zip(rest) {
            *to = *from;
        }
        into.push(base, masks(&step));
    }
}

#[inline(always)]
fn masks_portable(step: &[u8; STEP]) -> Masks {
    let mut masks = Masks { separators: 0, line_feeds: 0, quotes: 0 };
    for (index, half) in step.as_chunks::<8>().0.iter().enumerate() {
        let word = u64::from_le_bytes(*half);
        let feeds = equal_bytes(word, b'\n');
        let shift = 8 * index;
        masks.separators |= (equal_bytes(word, b',') | feeds) << shift;
        masks.line_feeds |= feeds << shift;
        masks.quotes |= equal_bytes(word, b'"') << shift;
    }
    masks
}

/// Bit i of the result is set where byte i of the word equals `byte`.
#[inline(always)]
fn equal_bytes(word: u64, byte: u8) -> u64 {
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let difference = word ^ (u64::from(byte) * 0x0101_0101_0101_0101);
    // The high bit of each byte: set exactly where the byte of `difference` is zero (no carry crosses a byte).
    let zero = !(((difference & LOW) + LOW) | difference | LOW);
    // Gathers the eight high bits into one byte.
    (zero >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn naive(data: &[u8]) -> (Vec<u32>, Vec<u32>, Vec<u32>) {
        let (mut positions, mut line_ends, mut quotes) = (vec![], vec![], vec![]);
        for (at, byte) in data.iter().enumerate() {
            match byte {
                b'\n' => {
                    line_ends.push(positions.len() as u32);
                    positions.push(at as u32);
                }
                b',' => positions.push(at as u32),
                b'"' => quotes.push(at as u32),
                _ => {}
            }
        }
        (positions, line_ends, quotes)
    }

    fn check(data: &[u8]) {
        let expected = naive(data);
        for find in [find_boundaries, find_boundaries_portable] {
            let mut found = Boundaries::default();
            // The second pass must not see anything of the first.
            for _ in 0..2 {
                find(data, &mut found);
                assert_eq!(found.positions(), expected.0);
                assert_eq!(found.line_ends(), expected.1);
                assert_eq!(found.quotes(), expected.2);
            }
        }
    }

    #[test]
    fn dense_and_empty_blocks() {
        check(b"");
        check(b"\n");
        check(&[b','; 1_000]);
        check(&[b'\n'; 129]);
        check(&[b'"'; 64]);
        check(&(0..=255).collect::<Vec<u8>>());
    }

    proptest! {
        #[test]
        fn both_ways_find_what_a_plain_loop_finds(
            data in proptest::collection::vec(
                prop_oneof![Just(b','), Just(b'\n'), Just(b'"'), any::<u8>()], 0..400)
        ) {
            check(&data);
        }
    }
}
