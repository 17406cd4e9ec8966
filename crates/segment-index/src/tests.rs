//! The index against a map of the standard library.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const N_SEGMENTS: u8 = 255;

fn segments(n: u8) -> Vec<Segment> {
    (0..n).map(|code| Segment { id: i32::from(code), name: format!("segment {code}") }).collect()
}

fn index_of(customers: &BTreeMap<i64, u8>) -> SegmentIndex {
    let mut builder = SegmentIndexBuilder::new();
    for (&id, &code) in customers {
        builder.push(id, code).unwrap();
    }
    builder.finish(segments(N_SEGMENTS), None).unwrap()
}

/// Looks up each customer, the ids beside each, some in the gaps, and `more`.
fn check(customers: &BTreeMap<i64, u8>, more: &[i64]) -> SegmentIndex {
    let index = index_of(customers);
    assert_eq!(index.len(), customers.len());
    assert_eq!(index.is_empty(), customers.is_empty());
    let gaps = customers.keys().zip(customers.keys().skip(1));
    let gaps = gaps.map(|(a, b)| ((i128::from(*a) + i128::from(*b)) / 2) as i64);
    let near = customers.keys().flat_map(|&id| [id.wrapping_sub(1), id, id.wrapping_add(1)]);
    let extremes = [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX];
    let ids: Vec<i64> = near.chain(gaps).chain(extremes).chain(more.iter().copied()).collect();
    let mut together = vec![Some(7)];
    index.get_many(&ids, &mut together);
    assert_eq!(together.len(), 1 + ids.len());
    for (&id, found) in ids.iter().zip(&together[1..]) {
        assert_eq!(index.get(id), customers.get(&id).copied(), "customer {id}");
        assert_eq!(*found, index.get(id), "customer {id} among many");
    }
    index
}

fn numbered(ids: impl IntoIterator<Item = i64>) -> BTreeMap<i64, u8> {
    let code =
        |id: i64| (id.wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as i64) >> 40) as u8 % N_SEGMENTS;
    ids.into_iter().map(|id| (id, code(id))).collect()
}

/// Runs of ids that are a step apart; where they begin and how far apart they are differs by many orders of magnitude.
fn runs() -> impl Strategy<Value = Vec<i64>> {
    let anywhere = (any::<i64>(), 0_u32..64).prop_map(|(id, bits)| id >> bits);
    let edge = prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(0_i64), Just(1_i64 << 32)];
    let start = prop_oneof![3 => anywhere, 1 => edge];
    let run = (start, 0_u32..62, 1_i64..200, any::<bool>()).prop_map(|(start, bits, n, jagged)| {
        let id = move |i: i64| {
            let jag = if jagged {
                i.wrapping_mul(0x5851_F42D_4C95_7F2D) as u64 >> (64 - bits.max(1))
            } else {
                0
            };
            start.wrapping_add(i << bits).wrapping_add(jag as i64)
        };
        (0..n).map(id).collect::<Vec<_>>()
    });
    prop::collection::vec(run, 0..12).prop_map(|runs| runs.concat())
}

proptest! {
    #[test]
    fn agrees_with_a_map(ids in runs(), more in prop::collection::vec(any::<i64>(), 0..50)) {
        check(&numbered(ids), &more);
    }

    #[test]
    fn agrees_with_a_map_when_ids_are_dense(
        first in any::<i64>().prop_map(|id| id / 2),
        present in prop::collection::vec(prop::bool::weighted(0.7), 1..3_000),
    ) {
        let ids = (first..).zip(present).filter(|(_, present)| *present).map(|(id, _)| id);
        check(&numbered(ids), &[]);
    }
}

#[test]
fn nobody_and_one() {
    for index in [SegmentIndex::empty(), check(&BTreeMap::new(), &[])] {
        assert!(index.is_empty());
        assert_eq!(index.get(0), None);
        assert_eq!(index.snapshot(), None);
    }
    assert!(SegmentIndex::empty().segments().is_empty());
    for id in [i64::MIN, -1, 0, 12_347, i64::MAX] {
        check(&numbered([id]), &[]);
    }
    check(&numbered([i64::MIN, i64::MAX]), &[]);
}

#[test]
fn many_customers_and_far_away_ones() {
    // Each is a crowd in one bucket of the root, some in one of a deeper directory too.
    let crowd = |from: i64| from..from + 60_000;
    let far = [i64::MIN, i64::MIN + 7, -5, 1 << 40, i64::MAX];
    check(&numbered(crowd(100).chain(far)), &[]);
    let three = crowd(100).chain(crowd(1 << 30)).chain(crowd(1 << 60));
    check(&numbered(three.chain(far)), &[]);
    // Gaps that double: half of the customers are always in the first bucket.
    let doubling = (0..62).flat_map(|bits| (0..2_000).map(move |n| (1_i64 << bits) + n * 3));
    check(&numbered(doubling), &[]);
}

#[test]
fn more_crowded_than_directories_are_deep() {
    // Clusters within clusters, each a 2^12th as wide as the one around it.
    let mut ids: Vec<i64> = (0..5_000).map(|n| n * 2).collect();
    for bits in [17, 29, 41, 53, 61] {
        ids.extend((1..5_000_i64).map(|n| (n << (bits - 12)).wrapping_add(1 << bits)));
    }
    let index = check(&numbered(ids), &[]);
    assert!(index.memory_bytes() < index.len() * 12, "{}", index.memory_bytes());
}

#[test]
fn is_small() {
    let per_customer = |ids: &mut dyn Iterator<Item = i64>| {
        let index = index_of(&numbered(ids));
        (index.memory_bytes() as f64 - 1_000.0) / index.len() as f64
    };
    let consecutive = per_customer(&mut (0..100_000));
    assert!(consecutive < 1.7, "{consecutive}");
    let mut id = 0_i64;
    let sparse = per_customer(&mut (0..100_000_i64).map(|n| {
        id += n.wrapping_mul(0x5851_F42D_4C95_7F2D).rotate_left(21) & ((1 << 38) - 1) | 1;
        id
    }));
    assert!(sparse < 9.0, "{sparse}");
}

#[test]
fn segments_are_sorted_and_codes_follow() {
    let named = |id, name: &str| Segment { id, name: name.to_owned() };
    let mut builder = SegmentIndexBuilder::new();
    for (id, code) in [(5, 0), (6, 1), (7, 2), (8, 1)] {
        builder.push(id, code).unwrap();
    }
    let index =
        builder.finish(vec![named(9, "nine"), named(-4, "minus"), named(2, "two")], None).unwrap();
    let ids: Vec<i32> = index.segments().iter().map(|segment| segment.id).collect();
    assert_eq!(ids, [-4, 2, 9]);
    let found = [5, 6, 7, 8].map(|id| index.segments()[usize::from(index.get(id).unwrap())].id);
    assert_eq!(found, [9, -4, 2, -4]);
}

#[test]
fn what_makes_no_index_is_refused() {
    let mut builder = SegmentIndexBuilder::new();
    builder.push(-3, 254).unwrap();
    for customer_id in [-3, -4, i64::MIN] {
        let error = builder.push(customer_id, 1).unwrap_err();
        assert_eq!(error, BuildError::NotAscending { customer_id, previous: -3 });
    }
    // also across blocks
    for id in 0..1_000 {
        builder.push(id * 7, 0).unwrap();
        let customer_id = id * 7;
        let error = builder.push(customer_id, 0).unwrap_err();
        assert_eq!(error, BuildError::NotAscending { customer_id, previous: customer_id });
    }
    let error = builder.finish(segments(254), None).unwrap_err();
    assert_eq!(error, BuildError::UnknownCode { code: 254, segments: 254 });

    let mut twice = segments(3);
    twice[2].id = 0;
    let error = SegmentIndexBuilder::new().finish(twice, None).unwrap_err();
    assert_eq!(error, BuildError::SegmentTwice { id: 0 });
    let mut many = segments(255);
    many.push(Segment { id: 255, name: String::new() });
    let error = SegmentIndexBuilder::new().finish(many, None).unwrap_err();
    assert_eq!(error, BuildError::TooManySegments { found: 256 });
}
