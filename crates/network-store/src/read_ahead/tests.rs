use std::cell::RefCell;

use store::StoreError;

use super::*;
use crate::Threads;

/// A file that nobody reads.
#[derive(Debug)]
struct Nothing;

impl Source for Nothing {
    type Problem = String;

    fn threads(&self) -> &'static Threads {
        static OURS: Threads = Threads::new("test");
        &OURS
    }

    fn size(&self) -> u64 {
        0
    }

    async fn fetch(&self, _: u64, _: u64) -> Result<Vec<Bytes>, String> {
        Err("nothing is there".to_owned())
    }

    fn problem(&self, _: StoreErrorKind, text: String) -> String {
        text
    }

    fn error(&self, problem: String, _: u64) -> StoreError {
        StoreError::new(StoreErrorKind::Other, "read", "nothing", problem)
    }
}

/// A chunk that is there.
fn chunk(offset: u64) -> Arc<Chunk<Nothing>> {
    let shared = Shared {
        state: Mutex::new(Some(Ok(vec![Bytes::from_static(b"abc"), Bytes::from_static(b"defg")]))),
        arrived: Condvar::new(),
    };
    Arc::new(Chunk { offset, shared: Arc::new(shared), task: None })
}

/// What of a file of 100 chunks these reads ask for: chunks by number, and bytes by themselves.
fn asked_for(reads: impl IntoIterator<Item = (u64, u64)>) -> (Vec<u64>, u64) {
    let mut ahead = ReadAhead::new(100 * CHUNK_BYTES);
    let (chunks, mut alone) = (RefCell::new(Vec::new()), 0);
    for (offset, length) in reads {
        let is_sequential = ahead.note(offset, length);
        let start = |offset, _| {
            chunks.borrow_mut().push(offset / CHUNK_BYTES);
            chunk(offset)
        };
        if ahead.chunk_for(offset, length, is_sequential, start).is_none() {
            alone += length;
        }
        assert!(ahead.chunks.len() <= HELD && ahead.runs.len() <= RUNS);
    }
    (chunks.into_inner(), alone)
}

const BLOCK: u64 = 512 << 10;

#[test]
fn reading_in_order_reads_each_chunk_once() {
    let (chunks, alone) = asked_for((0..800).map(|n| (n * BLOCK, BLOCK)));
    assert_eq!(chunks, (0..100).collect::<Vec<_>>());
    assert_eq!(alone, BLOCK);
}

#[test]
fn threads_that_take_turns_read_in_order() {
    // Each block with the byte before it, and now and then a little behind it; four threads, in any order.
    let mut blocks: Vec<u64> = (0..800).collect();
    for four in blocks.chunks_mut(4) {
        four.reverse();
    }
    let reads = blocks.into_iter().flat_map(|n| {
        let from = (n * BLOCK).saturating_sub(1);
        let behind = ((n + 1) * BLOCK, 4096.min((799 - n) * BLOCK));
        [(from, (n + 1) * BLOCK - from), behind]
    });
    // A block and the byte before it may begin in the chunk before, which `read_exact_at` cuts in two.
    let reads = reads.filter(|(_, length)| *length > 0).flat_map(|(from, length)| {
        let cut = (from / CHUNK_BYTES + 1) * CHUNK_BYTES;
        if from + length > cut {
            vec![(from, cut - from), (cut, from + length - cut)]
        } else {
            vec![(from, length)]
        }
    });
    let (mut chunks, alone) = asked_for(reads);
    chunks.sort_unstable();
    assert_eq!(chunks, (0..100).collect::<Vec<_>>());
    assert!(alone <= 4 * BLOCK, "{alone}");
}

#[test]
fn small_reads_here_and_there_read_nothing_else() {
    // A footer, then a page of each of 90 chunks.
    let footer = [(100 * CHUNK_BYTES - 8, 8), (100 * CHUNK_BYTES - 20_000, 20_000)];
    let pages = (0..90).map(|n| (n * 37 % 100 * CHUNK_BYTES + 77, 4096));
    assert_eq!(asked_for(footer.into_iter().chain(pages)), (vec![], 20_008 + 90 * 4096));
}

#[test]
fn several_columns_are_read_ahead_side_by_side() {
    let columns = [0, 20, 40, 60];
    let reads = (0..63).flat_map(|n| columns.map(|c| (c * CHUNK_BYTES + n * 65536, 65536)));
    let (chunks, alone) = asked_for(reads);
    assert_eq!(chunks, columns);
    assert_eq!(alone, 4 * START);
}

#[test]
fn bytes_are_taken_from_where_they_are() {
    let chunk = chunk(10);
    for (offset, expected) in
        [(10, &b"ab"[..]), (11, b"bcdef"), (13, b"d"), (10, b"abcdefg"), (17, b"")]
    {
        let mut buf = vec![0; expected.len()];
        chunk.copy_to(&mut buf, offset).unwrap();
        assert_eq!(buf, expected);
    }
}
