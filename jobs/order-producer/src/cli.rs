//! What the user typed.

use std::collections::BTreeMap;

use clap::Parser;
use job_kit::cli::CommonArgs;
use order_model::Date;
use toml::Value;

const EXAMPLES: &str = "\
Examples:
  The size of the real data set, the same file every time:
    order-producer --to-csv orders.csv
  Twenty million lines of another shop, compressed:
    order-producer --to-csv orders.csv.gz --count 20000000 --seed 7
  One line in a hundred malformed, into a pipe:
    order-producer --to-csv - --count 10000 --fault-rate 0.01 | less
  Two years of orders, without cancellations:
    order-producer --to-csv orders.csv --start 2022-01-01 --end 2023-12-31 \\
      --set producer.dirt.cancellations=0

Exit codes: 0 done, 1 failed, 2 bad usage or configuration, 3 worth a retry.";

/// Make up orders that look like a real shop's
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES)]
pub(crate) struct Cli {
    /// Write a CSV file, gzip-compressed if its name ends in .gz; - is stdout
    #[arg(long, value_name = "FILE")]
    to_csv: Option<String>,

    /// Order lines to make [default: 541909, as in the real data set]
    // Settings are TOML values, whose integers end at 2^63.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    count: Option<u64>,

    /// The same seed makes the same bytes [default: 42]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    seed: Option<u64>,

    /// Customers that order [default: one for 125 lines]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=i64::MAX as u64))]
    customers: Option<u64>,

    /// Share of malformed lines, 0 to 1 [default: 0]
    #[arg(long, value_name = "P")]
    fault_rate: Option<f64>,

    /// First day of business [default: 2010-12-01]
    #[arg(long, value_name = "DATE")]
    start: Option<Date>,

    /// Last day of business [default: 2011-12-09]
    #[arg(long, value_name = "DATE")]
    end: Option<Date>,

    /// Replace the file if it exists
    #[arg(long)]
    pub(crate) force: bool,

    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

impl Cli {
    /// The flags that were given, by the setting they override.
    pub(crate) fn settings(&self) -> BTreeMap<String, Value> {
        let integer = |number: u64| Value::Integer(i64::try_from(number).unwrap_or(i64::MAX));
        let date = |date: Date| Value::String(date.to_string());
        let given = [
            ("to_csv", self.to_csv.clone().map(Value::String)),
            ("count", self.count.map(integer)),
            ("seed", self.seed.map(integer)),
            ("customers", self.customers.map(integer)),
            ("fault_rate", self.fault_rate.map(Value::Float)),
            ("start", self.start.map(date)),
            ("end", self.end.map(date)),
        ];
        given
            .into_iter()
            .filter_map(|(key, value)| Some((format!("producer.{key}"), value?)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_flags_that_were_given_override_settings() {
        let settings = |args: &[&str]| {
            Cli::try_parse_from([&["order-producer"], args].concat()).unwrap().settings()
        };
        assert!(settings(&[]).is_empty());
        let given = settings(&["--count", "10", "--start", "2020-02-29", "--fault-rate", "0.5"]);
        assert_eq!(given["producer.count"], Value::Integer(10));
        assert_eq!(given["producer.start"], Value::String("2020-02-29".to_owned()));
        assert_eq!(given["producer.fault_rate"], Value::Float(0.5));
        assert_eq!(given.len(), 3);
    }
}
