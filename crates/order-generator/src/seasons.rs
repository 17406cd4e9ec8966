//! When the shop sells: days of the period by season and weekday, minutes by time of day.

use order_model::Date;

/// Lines a trading day by month, in the real data (in hundreds; January first). December is the
/// mean of its two; it ends on the 23rd.
const MONTHS: [f64; 12] = [14.6, 11.5, 13.6, 14.2, 14.8, 14.2, 15.2, 13.6, 19.3, 23.4, 32.6, 26.0];

/// Weight of a day of the week, Monday first. The shop takes no orders on Saturdays.
const WEEKDAYS: [f64; 7] = [0.95, 1.02, 0.95, 1.04, 0.82, 0.0, 0.64];

/// Lines by hour of the day in the real data (in hundreds); nothing before 6:00 and after 20:59.
const FIRST_HOUR: usize = 6;
const HOURS: [f64; 15] = [
    0.4, 3.8, 89.0, 343.0, 490.0, 577.0, 787.0, 723.0, 675.0, 775.0, 545.0, 285.0, 80.0, 37.0, 8.7,
];

/// Maps a share of all orders (0 = first, 1 = last) to a time.
#[derive(Debug)]
pub(crate) struct Seasons {
    first_day: Date,
    /// Share of the orders before each day, and 1.0 after the last.
    before_day: Vec<f64>,
    before_hour: Vec<f64>,
}

/// A minute in the shop's own time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Minute {
    pub(crate) date: Date,
    pub(crate) hour: u32,
    pub(crate) minute: u32,
}

impl Seasons {
    pub(crate) fn new(start: Date, end: Date) -> Self {
        let days = start.days()..=end.days();
        let mut weights: Vec<f64> = days.map(|day| day_weight(Date::from_days(day))).collect();
        // A period without a trading day (one Saturday) still has to hold the orders asked for.
        if weights.iter().all(|weight| *weight == 0.0) {
            weights.fill(1.0);
        }
        Self { first_day: start, before_day: shares(&weights), before_hour: shares(&HOURS) }
    }

    /// The time by which `share` (0 to 1) of all orders were placed. Never goes back when `share`
    /// grows.
    pub(crate) fn at(&self, share: f64) -> Minute {
        let (day, in_day) = locate(&self.before_day, share);
        let (hour, in_hour) = locate(&self.before_hour, in_day);
        Minute {
            date: Date::from_days(self.first_day.days() + day as i32),
            hour: (FIRST_HOUR + hour) as u32,
            minute: ((in_hour * 60.0) as u32).min(59),
        }
    }
}

fn day_weight(date: Date) -> f64 {
    let (_, month, day) = date.ymd();
    // Closed from Christmas Eve to the third of January.
    if (month == 12 && day >= 24) || (month == 1 && day <= 3) {
        return 0.0;
    }
    // 1970-01-01 was a Thursday.
    let weekday = (date.days() + 3).rem_euclid(7) as usize;
    MONTHS[(month - 1) as usize] * WEEKDAYS[weekday]
}

/// Running sums of `weights` before each, as shares, with 1.0 at the end.
fn shares(weights: &[f64]) -> Vec<f64> {
    let total: f64 = weights.iter().sum();
    let mut sum = 0.0;
    let mut before = Vec::with_capacity(weights.len() + 1);
    for weight in weights {
        before.push(sum / total);
        sum += weight;
    }
    before.push(1.0);
    before
}

/// The interval that holds `share`, and how far into it (0 to 1).
fn locate(before: &[f64], share: f64) -> (usize, f64) {
    // Intervals of no width (closed days) have the same bound twice and are stepped over.
    let mut index = before.partition_point(|&bound| bound <= share).saturating_sub(1);
    if index + 1 >= before.len() {
        // Share 1: the end of the last interval that has a width.
        index = before.partition_point(|&bound| bound < 1.0).saturating_sub(1);
    }
    let (low, high) = (before[index], before[index + 1]);
    (index, ((share - low) / (high - low)).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    #[test]
    fn times_follow_the_share_and_stay_in_business() {
        let (start, end) = (day("2010-12-01"), day("2011-12-09"));
        let seasons = Seasons::new(start, end);
        let mut last = seasons.at(0.0);
        assert_eq!(last.date, start);
        for step in 0..=10_000 {
            let now = seasons.at(f64::from(step) / 10_000.0);
            assert!(now >= last, "{now:?} after {last:?}");
            assert_ne!((now.date.days() + 3).rem_euclid(7), 5, "{now:?} is a Saturday");
            assert!((6..=20).contains(&now.hour), "{now:?}");
            last = now;
        }
        assert_eq!(last.date, end);
    }

    #[test]
    fn autumn_is_the_peak() {
        let seasons = Seasons::new(day("2010-12-01"), day("2011-12-09"));
        let share_before = |text| {
            let index = day(text).days() - seasons.first_day.days();
            seasons.before_day[index as usize]
        };
        let november = share_before("2011-12-01") - share_before("2011-11-01");
        let february = share_before("2011-03-01") - share_before("2011-02-01");
        assert!(november > 2.0 * february, "{november} {february}");
        assert_eq!(share_before("2010-12-24"), share_before("2011-01-04"));
    }

    #[test]
    fn a_saturday_alone_is_opened() {
        let seasons = Seasons::new(day("2011-12-03"), day("2011-12-03"));
        assert_eq!(seasons.at(0.0).date, day("2011-12-03"));
        assert_eq!(seasons.at(1.0).date, day("2011-12-03"));
    }
}
