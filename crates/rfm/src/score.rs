//! Scores from 1 to 5.

/// Which end of a value is the good one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Best {
    /// Frequency, monetary.
    Highest,
    /// Recency: the fewer days ago, the better.
    Lowest,
}

/// Scores values by quintile: 5 for the best fifth, 1 for the worst.
///
/// A value's score is `1 + floor(5 x (worse + equal / 2) / n)`, where `worse` values of the `n` are worse and `equal` are equal, itself
/// included: the quintile in which the middle of its ties lies. So equal values have equal scores, also
/// where a third of all customers ordered exactly once, and without ties the fifths are equal in size (`NTILE(5)`).
/// One value alone scores 3.
///
/// ```
/// use rfm::{Best, quintile_scores};
/// assert_eq!(quintile_scores(&[10, 20, 30, 40, 50], Best::Highest), [1, 2, 3, 4, 5]);
/// assert_eq!(quintile_scores(&[1, 1, 1, 2, 9], Best::Highest), [2, 2, 2, 4, 5]);
/// assert_eq!(quintile_scores(&[1, 1, 1, 2, 9], Best::Lowest), [4, 4, 4, 2, 1]);
/// ```
pub fn quintile_scores<T: Copy + Ord>(values: &[T], best: Best) -> Vec<u8> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let n = sorted.len();
    // starts[i] is the smallest value that scores i + 2 when the highest is best.
    let mut starts: [Option<T>; 4] = [None; 4];
    // When the lowest is best: the largest value that scores i + 2.
    let mut ends: [Option<T>; 4] = [None; 4];
    let mut below = 0;
    for ties in sorted.chunk_by(|a, b| a == b) {
        let Some(&value) = ties.first() else { continue };
        let middle = 2 * below + ties.len();
        below += ties.len();
        for (index, start) in starts.iter_mut().enumerate() {
            if 5 * middle >= 2 * n * (index + 1) {
                start.get_or_insert(value);
            }
        }
        for (index, end) in ends.iter_mut().enumerate() {
            if 5 * (2 * n - middle) >= 2 * n * (index + 1) {
                *end = Some(value);
            }
        }
    }
    let score = |value: &T| match best {
        Best::Highest => 1 + starts.iter().filter(|s| s.is_some_and(|s| *value >= s)).count(),
        Best::Lowest => 1 + ends.iter().filter(|e| e.is_some_and(|e| *value <= e)).count(),
    };
    values.iter().map(|value| score(value) as u8).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The rule of the documentation, word for word.
    fn naive(values: &[i32], best: Best) -> Vec<u8> {
        let worse = |a: i32, b: i32| match best {
            Best::Highest => a < b,
            Best::Lowest => a > b,
        };
        let score = |value: i32| {
            let worse = values.iter().filter(|&&v| worse(v, value)).count();
            let equal = values.iter().filter(|&&v| v == value).count();
            (1 + 5 * (2 * worse + equal) / (2 * values.len())) as u8
        };
        values.iter().map(|&value| score(value)).collect()
    }

    #[test]
    fn few_values() {
        assert_eq!(quintile_scores::<i32>(&[], Best::Highest), []);
        assert_eq!(quintile_scores(&[7], Best::Highest), [3]);
        assert_eq!(quintile_scores(&[7, 7, 7], Best::Lowest), [3, 3, 3]);
        assert_eq!(quintile_scores(&[1, 2], Best::Lowest), [4, 2]);
    }

    proptest! {
        #[test]
        fn agrees_with_the_rule(values in proptest::collection::vec(-20..20_i32, 0..60)) {
            for best in [Best::Highest, Best::Lowest] {
                let scores = quintile_scores(&values, best);
                prop_assert_eq!(&scores, &naive(&values, best));
                prop_assert!(scores.iter().all(|score| (1..=5).contains(score)));
            }
        }

        #[test]
        fn fifths_are_equal_without_ties(fifth in 1..40_usize, seed: u64) {
            let mut values: Vec<u64> = (0..5 * fifth as u64).map(|v| v.wrapping_mul(seed | 1)).collect();
            values.sort_unstable();
            values.dedup();
            prop_assume!(values.len() == 5 * fifth);
            let scores = quintile_scores(&values, Best::Highest);
            for score in 1..=5 {
                prop_assert_eq!(scores.iter().filter(|&&s| s == score).count(), fifth);
            }
        }
    }
}
