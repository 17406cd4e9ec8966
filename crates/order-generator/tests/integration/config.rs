use std::io;

use order_generator::{Dirt, Generator, GeneratorConfig};
use order_model::Date;

fn check(config: GeneratorConfig, expected: &str) {
    assert_eq!(Generator::new(config).unwrap_err().to_string(), expected);
}

#[test]
fn what_cannot_be_generated_is_named() {
    let base = GeneratorConfig::default();
    check(
        GeneratorConfig { customers: Some(0), ..base.clone() },
        "customers: 0 is not between 1 and 2147483648",
    );
    check(
        GeneratorConfig { end: Date::from_days(0), ..base.clone() },
        "end: 1970-01-01 is before the start 2010-12-01",
    );
    check(
        GeneratorConfig { end: "2111-12-01".parse().unwrap(), ..base.clone() },
        "end: 2010-12-01 to 2111-12-01 is longer than 100 years",
    );
    check(
        GeneratorConfig { fault_rate: 1.5, ..base.clone() },
        "fault_rate: 1.5 is not a share between 0 and 1",
    );
    check(
        GeneratorConfig { fault_rate: f64::NAN, ..base.clone() },
        "fault_rate: NaN is not a share between 0 and 1",
    );
    let dirt = Dirt { duplicates: -0.1, ..Dirt::default() };
    check(
        GeneratorConfig { dirt, ..base.clone() },
        "dirt.duplicates: -0.1 is not a share between 0 and 1",
    );
    let dirt = Dirt { cancellations: 0.6, missing_customer: 0.6, ..Dirt::NONE };
    check(
        GeneratorConfig { dirt, ..base.clone() },
        "dirt: cancellations, missing_customer, zero_price and adjustments add up to 1.200; they \
         share the lines of one file, so at most 1",
    );
    check(
        GeneratorConfig { lines: u64::MAX, ..base },
        "lines: 18446744073709551615 is more than 1000000000000",
    );
}

#[test]
fn the_default_is_the_size_of_the_real_data() {
    let config = GeneratorConfig::default();
    assert_eq!(
        (config.start.to_string(), config.end.to_string()),
        ("2010-12-01".to_owned(), "2011-12-09".to_owned())
    );
    assert_eq!(config.customer_count(), 4_335);
}

#[test]
fn an_error_of_the_writer_ends_the_file() {
    struct Full(usize);
    impl io::Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let generator = Generator::new(GeneratorConfig::default()).unwrap();
    let error = generator.write_csv(Full(2_000_000), |_| {}).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
}
