//! The settings as a plan for Kafka.

use std::path::Path;
use std::time::Duration;

use job_kit::config::ConfigError;
use order_generator::LiveConfig;
use order_model::DateFormat;

use super::Producer;
use crate::to_kafka::{EventTimes, Limit, Noise, Orders, Plan, Speed};

/// Orders a second when nothing is said.
const DEFAULT_RATE: f64 = 10.0;
/// By which made-up event times go on when the rate has no end.
const UNPACED: f64 = 1_000.0;
/// More than any broker takes, and few enough to count with.
const MAX_RATE: f64 = 1e8;
/// Every pause of a file is over in a moment.
const MAX_SPEED_UP: f64 = 1e12;
/// librdkafka's own limits of `message.timeout.ms` are wider.
const DELIVERY_TIMEOUTS: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(86_400);

impl Producer {
    /// What to send to Kafka.
    ///
    /// # Errors
    /// The first setting that is wrong, or that does not go with another one.
    pub(crate) fn plan(&self) -> Result<Plan, ConfigError> {
        self.check()?;
        let orders = match &self.replay {
            Some(path) => {
                Orders::Replay { path: path.clone(), date_format: self.parsed_date_format()? }
            }
            None => Orders::Live(LiveConfig {
                seed: self.seed,
                customers: self.customers.unwrap_or(LiveConfig::default().customers),
                customer_ids: self.customer_ids.as_deref().map(read_ids).transpose()?,
                unknown_customers: self.unknown_customers,
                dirt: self.dirt.dirt(),
            }),
        };
        let speed = match (self.rate, &self.replay, self.speed_up.unwrap_or(1.0)) {
            (Some(0.0), ..) | (None, Some(_), 0.0) => Speed::Most,
            (Some(rate), ..) => Speed::Rate(rate),
            (None, Some(_), speed_up) => Speed::OfTheFile(speed_up),
            (None, None, _) => Speed::Rate(DEFAULT_RATE),
        };
        let event_times = match (&self.replay, &self.start_time) {
            (Some(_), _) if self.shift_to_now => EventTimes::Now,
            (Some(_), _) => EventTimes::OfTheFile,
            (None, None) => EventTimes::Now,
            (None, Some(text)) => EventTimes::Even {
                start: DateFormat::parse_any(text.as_bytes()).ok_or_else(|| {
                    let message = format!("\"{text}\" is not a time such as 2026-01-01T00:00:00Z");
                    ConfigError::invalid("producer.start_time", message)
                })?,
                per_second: if let Speed::Rate(rate) = speed { rate } else { UNPACED },
            },
        };
        Ok(Plan {
            topic: self.topic.clone(),
            create_topic: self.create_topic,
            orders,
            event_times,
            speed,
            limit: Limit {
                messages: self.count,
                duration: self.duration.map(|duration| duration.get()),
            },
            noise: Noise {
                faults: self.faults.clone(),
                fault_rate: self.fault_rate,
                late_rate: self.late_rate,
                duplicate_rate: self.duplicate_rate,
            },
            seed: self.seed,
            delivery_timeout: self.delivery_timeout.get(),
        })
    }

    fn check(&self) -> Result<(), ConfigError> {
        let wrong = |key: &str, message: String| {
            Err(ConfigError::invalid(format!("producer.{key}"), message))
        };
        if self.topic.trim().is_empty() {
            return wrong("topic", "is empty; name the topic that orders go to".to_owned());
        }
        if let Some(create) = self.create_topic
            && (create.partitions < 1 || create.replication < 1)
        {
            return wrong("create_topic", "partitions and replication are at least 1".to_owned());
        }
        if let Some(rate) = self.rate
            && !(rate == 0.0 || (1e-6..=MAX_RATE).contains(&rate))
        {
            let message = format!("{rate} is not 0 and not between 0.000001 and {MAX_RATE}");
            return wrong("rate", message);
        }
        if let Some(speed_up) = self.speed_up
            && !(speed_up == 0.0 || (1e-6..=MAX_SPEED_UP).contains(&speed_up))
        {
            let message =
                format!("{speed_up} is not 0 and not between 0.000001 and {MAX_SPEED_UP}");
            return wrong("speed_up", message);
        }
        let shares = [
            ("fault_rate", self.fault_rate),
            ("late_rate", self.late_rate),
            ("duplicate_rate", self.duplicate_rate),
        ];
        for (key, share) in shares {
            if !(0.0..=1.0).contains(&share) {
                return wrong(key, format!("{share} is not a share between 0 and 1"));
            }
        }
        let sum: f64 = shares.iter().map(|(_, share)| share).sum();
        if sum > 1.0 + 1e-9 {
            let message =
                format!("with late_rate and duplicate_rate it is {sum}, more than all messages");
            return wrong("fault_rate", message);
        }
        if self.fault_rate > 0.0 && self.faults.is_empty() {
            let message = "is empty, but fault_rate is not 0; name at least one way".to_owned();
            return wrong("faults", message);
        }
        if !DELIVERY_TIMEOUTS.contains(&self.delivery_timeout.get()) {
            let message = format!("{} is not between 1s and 1day", self.delivery_timeout);
            return wrong("delivery_timeout", message);
        }
        match self.replay {
            Some(_) => self.check_replay(),
            None => self.check_live(),
        }
    }

    fn check_replay(&self) -> Result<(), ConfigError> {
        let clash = |key: &str, message: &str| {
            Err(ConfigError::invalid(format!("producer.{key}"), message))
        };
        if self.speed_up.is_some() && self.rate.is_some() {
            return clash(
                "speed_up",
                "goes by the file's times, and producer.rate by none; set one of them",
            );
        }
        if self.start_time.is_some() {
            return clash(
                "start_time",
                "is for made-up orders; a file has its own times, or with shift_to_now those of now",
            );
        }
        if self.customer_ids.is_some() {
            return clash("customer_ids", "is for made-up orders; a file has its own customers");
        }
        if self.fault_rate + self.duplicate_rate >= 1.0 {
            return clash(
                "fault_rate",
                "leaves no room for the orders of the file; set less than 1",
            );
        }
        Ok(())
    }

    fn check_live(&self) -> Result<(), ConfigError> {
        let given = [
            ("speed_up", self.speed_up.is_some()),
            ("shift_to_now", self.shift_to_now),
            ("date_format", self.date_format.is_some()),
        ];
        match given.iter().find(|(_, given)| *given) {
            Some((key, _)) => Err(ConfigError::invalid(
                format!("producer.{key}"),
                "is for the orders of a file; name one with --replay",
            )),
            None => Ok(()),
        }
    }

    fn parsed_date_format(&self) -> Result<Option<DateFormat>, ConfigError> {
        self.date_format
            .as_deref()
            .map(|text| {
                text.parse().map_err(|message: String| {
                    ConfigError::invalid("producer.date_format", message)
                })
            })
            .transpose()
    }
}

/// Ids of customers, one in a line; the first line may be a header.
fn read_ids(path: &Path) -> Result<Vec<i64>, ConfigError> {
    let wrong = |message: String| ConfigError::invalid("producer.customer_ids", message);
    let text = std::fs::read_to_string(path)
        .map_err(|error| wrong(format!("cannot read {}: {error}", path.display())))?;
    let mut ids = Vec::new();
    for (number, line) in (1_u64..).zip(text.lines()) {
        // Quotes as beeline and spreadsheets put them.
        let field = line.trim().trim_matches(['"', '\'']);
        match field.parse::<i64>() {
            Ok(id) => ids.push(id),
            Err(_) if field.is_empty() || number == 1 => {}
            Err(_) => {
                let shown: String = field.chars().take(40).collect();
                let path = path.display();
                return Err(wrong(format!("{path}, line {number}: {shown:?} is no customer id")));
            }
        }
    }
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use job_kit::config::Loader;

    use super::*;
    use crate::config::{Config, DEFAULTS};

    fn plan(sets: &[&str]) -> Result<Plan, String> {
        let sets: Vec<String> = sets.iter().map(|set| format!("producer.{set}")).collect();
        let config: Config =
            Loader::new(DEFAULTS).sets(&sets).load().map_err(|error| error.to_string())?;
        config.producer.plan().map_err(|error| error.to_string())
    }

    #[test]
    fn the_defaults_are_ten_orders_a_second_without_end() {
        let plan = plan(&[]).unwrap();
        assert_eq!((plan.topic.as_str(), plan.create_topic), ("orders", None));
        assert_eq!(plan.speed, Speed::Rate(10.0));
        assert_eq!(plan.limit, Limit::default());
        assert_eq!(plan.event_times, EventTimes::Now);
        assert_eq!(plan.orders, Orders::Live(LiveConfig::default()));
        assert_eq!(plan.noise.faults.len(), 12);
    }

    #[test]
    fn speeds() {
        let speed = |sets: &[&str]| plan(sets).unwrap().speed;
        assert_eq!(speed(&["rate=0"]), Speed::Most);
        assert_eq!(speed(&["rate=0.5"]), Speed::Rate(0.5));
        assert_eq!(speed(&["replay=a.csv"]), Speed::OfTheFile(1.0));
        assert_eq!(speed(&["replay=a.csv", "speed_up=60"]), Speed::OfTheFile(60.0));
        assert_eq!(speed(&["replay=a.csv", "speed_up=0"]), Speed::Most);
        assert_eq!(speed(&["replay=a.csv", "rate=5"]), Speed::Rate(5.0));
    }

    #[test]
    fn event_times() {
        let times = |sets: &[&str]| plan(sets).unwrap().event_times;
        assert_eq!(times(&["replay=a.csv"]), EventTimes::OfTheFile);
        assert_eq!(times(&["replay=a.csv", "shift_to_now=true"]), EventTimes::Now);
        let EventTimes::Even { start, per_second } =
            times(&["start_time=2026-01-01T00:00:00Z", "rate=0"])
        else {
            panic!("not even");
        };
        assert_eq!((start.to_string().as_str(), per_second), ("2026-01-01 00:00:00", 1_000.0));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let check = |sets: &[&str], expected: &str| {
            let error = plan(sets).unwrap_err();
            assert!(error.starts_with(&format!("setting \"producer.{expected}")), "{error}");
        };
        check(&["topic= "], "topic\": is empty");
        check(&["rate=-1"], "rate\": -1 is not 0");
        check(&["rate=nan"], "rate\": NaN is not 0");
        check(&["late_rate=1.5"], "late_rate\": 1.5 is not a share between 0 and 1");
        check(
            &["fault_rate=0.5", "late_rate=0.6"],
            "fault_rate\": with late_rate and duplicate_rate it is 1.1, more than all messages",
        );
        check(&["fault_rate=0.5", "faults=[]"], "faults\": is empty");
        check(&["create_topic={ partitions = 0, replication = 1 }"], "create_topic\": ");
        check(&["delivery_timeout=1ms"], "delivery_timeout\": 1ms is not between 1s and 1day");
        check(&["start_time=noon"], "start_time\": \"noon\" is not a time such as");
        check(&["speed_up=2"], "speed_up\": is for the orders of a file");
        check(&["shift_to_now=true"], "shift_to_now\": is for the orders of a file");
        check(&["replay=a", "rate=1", "speed_up=2"], "speed_up\": goes by the file's times");
        check(&["replay=a", "start_time=2026-01-01"], "start_time\": is for made-up orders");
        check(&["replay=a", "fault_rate=1"], "fault_rate\": leaves no room");
        check(&["replay=a", "date_format=x"], "date_format\": unknown date format \"x\"");
        check(&["customer_ids=/no/ids.csv"], "customer_ids\": cannot read /no/ids.csv: ");
        assert!(plan(&["faults=[\"boredom\"]"]).unwrap_err().contains("expected one of not_json"));
    }

    #[test]
    fn ids_are_read_with_and_without_a_header() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ids.csv");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            read_ids(&path).map_err(|error| error.to_string())
        };
        assert_eq!(read("customer_id\n12347\n'12348'\n\n\"7\"\n"), Ok(vec![12_347, 12_348, 7]));
        assert_eq!(read("5\n6"), Ok(vec![5, 6]));
        let error = read("id\n5\nsix\n").unwrap_err();
        assert!(error.ends_with("ids.csv, line 3: \"six\" is no customer id"), "{error}");
    }
}
