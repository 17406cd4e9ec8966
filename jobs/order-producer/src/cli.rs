//! What the user typed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Parser;
use job_kit::cli::CommonArgs;
use order_model::Date;
use toml::Value;

const EXAMPLES: &str = "\
Examples:
  Ten orders a second to Kafka, each shown, until Ctrl-C:
    order-producer --brokers localhost:9092
  A million messages as fast as the brokers take them, one in a hundred malformed:
    order-producer --config config/emr.toml --rate max --count 1000000 --fault-rate 0.01
  The orders of a file, a day of it in twelve minutes, as if they were placed now:
    order-producer --brokers localhost:9092 --replay online_retail.csv --speed-up 120 --shift-to-now
  A CSV file of the size of the real data set, the same every time:
    order-producer --to-csv orders.csv
  Twenty million lines of another shop, compressed:
    order-producer --to-csv orders.csv.gz --count 20000000 --seed 7
  Two years of orders, without cancellations:
    order-producer --to-csv orders.csv --start 2022-01-01 --end 2023-12-31 \\
      --set producer.dirt.cancellations=0

Exit codes: 0 done, 1 failed, 2 bad usage or configuration, 3 worth a retry.";

const KAFKA: &str = "Orders to Kafka";
const CSV: &str = "Orders to a CSV file";

/// Make up orders that look like a real shop's, and send them to Kafka or write them to a CSV file
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES)]
pub(crate) struct Cli {
    /// Messages to send [default: no end], or order lines to write [default: 541909, as in the real data set]
    // Settings are TOML values, whose integers end at 2^63.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    count: Option<u64>,

    /// The same seed makes the same orders [default: 42]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    seed: Option<u64>,

    /// Customers that order [default: one for 125 lines of a file; 4335]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=i64::MAX as u64))]
    customers: Option<u64>,

    /// Share of malformed messages or lines, 0 to 1 [default: 0]
    #[arg(long, value_name = "P")]
    fault_rate: Option<f64>,

    /// Addresses of the brokers: HOST:PORT,HOST:PORT
    #[arg(long, value_name = "LIST", help_heading = KAFKA)]
    brokers: Option<String>,

    /// Be a broker as well, in memory, for this machine; its address is written to FILE
    #[arg(long, value_name = "FILE", conflicts_with = "brokers", help_heading = KAFKA)]
    pub(crate) embedded_broker: Option<PathBuf>,

    /// Send to this topic [default: orders]
    #[arg(long, value_name = "NAME", help_heading = KAFKA)]
    topic: Option<String>,

    /// Messages a second; 0 or max: as many as the brokers take [default: 10]
    #[arg(long, value_name = "N", value_parser = number_or_max, help_heading = KAFKA)]
    rate: Option<f64>,

    /// Stop after this time, e.g. 10m
    #[arg(long, value_name = "TIME", help_heading = KAFKA)]
    duration: Option<String>,

    /// Share of messages with orders of an hour to a week ago, 0 to 1 [default: 0]
    #[arg(long, value_name = "P", help_heading = KAFKA)]
    late_rate: Option<f64>,

    /// Share of messages that repeat one of the last exactly, 0 to 1 [default: 0]
    #[arg(long, value_name = "P", help_heading = KAFKA)]
    duplicate_rate: Option<f64>,

    /// Begin event times here, instead of using the time of sending
    #[arg(long, value_name = "TIME", conflicts_with = "replay", help_heading = KAFKA)]
    start_time: Option<String>,

    /// Send the order lines of this CSV file, plain or .gz
    #[arg(long, value_name = "CSV", help_heading = KAFKA)]
    replay: Option<String>,

    /// Divide the gaps between the file's orders by this; 0 or max: no gaps [default: 1]
    #[arg(
        long,
        value_name = "X",
        value_parser = number_or_max,
        conflicts_with = "rate",
        help_heading = KAFKA
    )]
    speed_up: Option<f64>,

    /// Give the file's orders the time at which they are sent
    #[arg(long, help_heading = KAFKA)]
    shift_to_now: bool,

    /// Send to Kafka even if the configuration names a CSV file; so does every other flag of Kafka's
    #[arg(long, help_heading = KAFKA)]
    to_kafka: bool,

    /// Write a CSV file, gzip-compressed if its name ends in .gz; - is stdout
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = [
            "brokers", "embedded_broker", "topic", "rate", "duration", "late_rate", "duplicate_rate", "start_time",
            "replay", "speed_up", "shift_to_now", "to_kafka",
        ],
        help_heading = CSV
    )]
    to_csv: Option<String>,

    /// First day of business [default: 2010-12-01]
    #[arg(long, value_name = "DATE", help_heading = CSV)]
    start: Option<Date>,

    /// Last day of business [default: 2011-12-09]
    #[arg(long, value_name = "DATE", help_heading = CSV)]
    end: Option<Date>,

    /// Replace the file if it exists
    #[arg(long, help_heading = CSV)]
    pub(crate) force: bool,

    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

impl Cli {
    /// The flags that were given, by the setting they override.
    pub(crate) fn settings(&self) -> BTreeMap<String, Value> {
        let integer = |number: u64| Value::Integer(i64::try_from(number).unwrap_or(i64::MAX));
        let date = |date: Date| Value::String(date.to_string());
        let text = |text: &Option<String>| text.clone().map(Value::String);
        let given = [
            ("producer.to_csv", text(&self.to_csv)),
            ("producer.count", self.count.map(integer)),
            ("producer.seed", self.seed.map(integer)),
            ("producer.customers", self.customers.map(integer)),
            ("producer.fault_rate", self.fault_rate.map(Value::Float)),
            ("producer.start", self.start.map(date)),
            ("producer.end", self.end.map(date)),
            ("kafka.brokers", text(&self.brokers)),
            ("producer.topic", text(&self.topic)),
            ("producer.rate", self.rate.map(Value::Float)),
            ("producer.duration", text(&self.duration)),
            ("producer.late_rate", self.late_rate.map(Value::Float)),
            ("producer.duplicate_rate", self.duplicate_rate.map(Value::Float)),
            ("producer.start_time", text(&self.start_time)),
            ("producer.replay", text(&self.replay)),
            ("producer.speed_up", self.speed_up.map(Value::Float)),
            ("producer.shift_to_now", self.shift_to_now.then_some(Value::Boolean(true))),
        ];
        given.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
    }

    /// Whether a flag was given that only makes sense for Kafka.
    pub(crate) fn asks_for_kafka(&self) -> bool {
        self.to_kafka
            || self.brokers.is_some()
            || self.embedded_broker.is_some()
            || self.topic.is_some()
            || self.rate.is_some()
            || self.duration.is_some()
            || self.late_rate.is_some()
            || self.duplicate_rate.is_some()
            || self.start_time.is_some()
            || self.replay.is_some()
            || self.speed_up.is_some()
            || self.shift_to_now
    }

    /// A flag that was given and only makes sense for CSV.
    pub(crate) fn flag_of_csv(&self) -> Option<&'static str> {
        [("--start", self.start.is_some()), ("--end", self.end.is_some()), ("--force", self.force)]
            .into_iter()
            .find_map(|(flag, given)| given.then_some(flag))
    }
}

fn number_or_max(text: &str) -> Result<f64, String> {
    match text {
        "max" => Ok(0.0),
        _ => text.parse().map_err(|_| "write a number, or max".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Cli {
        Cli::try_parse_from([&["order-producer"], args].concat()).unwrap()
    }

    #[test]
    fn only_flags_that_were_given_override_settings() {
        assert!(parse(&[]).settings().is_empty());
        let given =
            parse(&["--count", "10", "--start", "2020-02-29", "--fault-rate", "0.5"]).settings();
        assert_eq!(given["producer.count"], Value::Integer(10));
        assert_eq!(given["producer.start"], Value::String("2020-02-29".to_owned()));
        assert_eq!(given["producer.fault_rate"], Value::Float(0.5));
        assert_eq!(given.len(), 3);
        let given = parse(&["--brokers", "a:1", "--rate", "max", "--shift-to-now"]).settings();
        assert_eq!(given["kafka.brokers"], Value::String("a:1".to_owned()));
        assert_eq!(given["producer.rate"], Value::Float(0.0));
        assert_eq!(given["producer.shift_to_now"], Value::Boolean(true));
        assert_eq!(given.len(), 3);
    }

    #[test]
    fn flags_say_where_orders_go() {
        for args in [&["--count", "1"][..], &["--to-csv", "-"], &["--seed", "1", "--force"]] {
            assert!(!parse(args).asks_for_kafka(), "{args:?}");
        }
        for args in [
            &["--to-kafka"][..],
            &["--brokers", "a:1"],
            &["--topic", "t"],
            &["--rate", "1"],
            &["--duration", "1s"],
            &["--late-rate", "0"],
            &["--duplicate-rate", "0"],
            &["--start-time", "2026-01-01"],
            &["--replay", "a.csv"],
            &["--speed-up", "2"],
            &["--shift-to-now"],
        ] {
            assert!(parse(args).asks_for_kafka(), "{args:?}");
            let both = [args, &["--to-csv", "-"]].concat();
            assert!(Cli::try_parse_from([&["order-producer"], &both[..]].concat()).is_err());
        }
        assert_eq!(parse(&["--rate", "1", "--force"]).flag_of_csv(), Some("--force"));
        assert_eq!(parse(&["--rate", "1"]).flag_of_csv(), None);
    }
}
