use proptest::prelude::*;

use super::tidy::is_of_compaction;
use super::*;
use crate::publisher::is_open;

/// Noon of a day.
fn noon(day: i32) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(day as u64 * 86_400 + 43_200)
}

#[test]
fn today_begins_an_hour_late() {
    let midnight = UNIX_EPOCH + Duration::from_secs(20_000 * 86_400);
    let at = |after: u64| today(midnight + Duration::from_secs(after)).days();
    assert_eq!([at(0), at(3_599), at(3_600), at(86_399)], [19_999, 19_999, 20_000, 20_000]);
    assert_eq!(today(UNIX_EPOCH).days(), 0);
}

#[test]
fn days_that_are_left_alone() {
    let first = |older_than| first_untouched(older_than, noon(20_000)).days();
    assert_eq!([first(0), first(1), first(2), first(30)], [19_999, 19_999, 19_998, 19_970]);
    assert!(first(u32::MAX) < 0);
}

proptest! {
    /// What may be compacted is never a day that publishers take for one that does not move.
    #[test]
    fn open_days_are_never_touched(older_than in any::<u32>(), back in -3..10_i32) {
        let now = SystemTime::now();
        let first = first_untouched(older_than, now);
        let day = Date::from_days(today(now).days() - back);
        let partition = format!("dt={day}");
        prop_assert!(day >= first || !is_open(&partition), "{}", partition);
    }
}

#[test]
fn names_of_publishers_are_not_taken_for_own_ones() {
    for own in ["part-00000.parquet", "part-00123.parquet", "part-123456.parquet"] {
        assert!(is_of_compaction(own), "{own}");
    }
    for other in [
        "part-00000-0-0000000000000000000-e1-0.parquet",
        "part-orders-0-0000000000000000007-e1-0.parquet",
        "part-0.parquet",
        "part-00000.parquet.crc",
        "000000_0",
    ] {
        assert!(!is_of_compaction(other), "{other}");
    }
}

#[test]
fn days_of_partitions() {
    assert_eq!(day_of("dt=1970-01-02"), Some(Date::from_days(1)));
    for other in ["dt=__HIVE_DEFAULT_PARTITION__", "dt=1970-01-02/hour=1", "dt=1970-1-2", "dt"] {
        assert_eq!(day_of(other), None, "{other}");
    }
}
