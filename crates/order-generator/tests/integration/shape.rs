//! The generated file has the shape of the real one.

use std::collections::{HashMap, HashSet};

use order_generator::{Dirt, GeneratorConfig, Summary};
use order_model::{Rejection, clean_line};
use proptest::prelude::*;

use crate::table::{DEFAULT, Line, Table, generate, rows, table};

/// Counts a file's lines as its summary does, from its text alone.
fn count(table: &Table) -> Summary {
    let mut counts = Summary { faults: table.malformed, ..Summary::default() };
    counts.lines = table.malformed + table.lines.len() as u64;
    let mut customers = HashSet::new();
    let mut by_invoice: HashMap<&str, Vec<&Line>> = HashMap::new();
    for line in &table.lines {
        let cancelled = line.invoice.starts_with('C');
        let adjusted = line.invoice.starts_with('A');
        counts.cancelled_lines += u64::from(cancelled);
        counts.adjustment_lines += u64::from(adjusted);
        counts.missing_customer_lines += u64::from(line.customer.is_none());
        counts.zero_price_lines += u64::from(line.price == order_model::Money::ZERO);
        counts.negative_quantity_lines += u64::from(line.quantity < 0 && !cancelled);
        counts.missing_description_lines += u64::from(line.description.is_empty());
        let kept = clean_line(line.invoice.as_bytes(), line.customer, line.quantity, line.price);
        if kept.is_ok() {
            counts.kept_lines += 1;
            customers.extend(line.customer);
        }
        let lines = by_invoice.entry(&line.invoice).or_default();
        counts.duplicate_lines += u64::from(lines.contains(&line));
        lines.push(line);
    }
    counts.customers = customers.len() as u64;
    counts.invoices = by_invoice.len() as u64;
    counts
}

fn check_share(name: &str, count: u64, lines: u64, expected: f64, tolerance: f64) {
    let share = count as f64 / lines as f64;
    assert!(
        (share - expected).abs() <= tolerance * expected,
        "{name}: {share:.5} for {expected:.5}"
    );
}

#[test]
fn dirt_is_as_frequent_as_in_the_real_data_and_the_summary_counts_it() {
    let table = &*DEFAULT;
    let counts = count(table);
    assert_eq!(counts, table.summary);
    let dirt = Dirt::default();
    let check = |name, count, expected, tolerance| {
        check_share(name, count, counts.lines, expected, tolerance);
    };
    check("cancellations", counts.cancelled_lines, dirt.cancellations, 0.02);
    check("missing_customer", counts.missing_customer_lines, dirt.missing_customer, 0.02);
    check("zero_price", counts.zero_price_lines, dirt.zero_price, 0.05);
    check("negative_quantity", counts.negative_quantity_lines, dirt.negative_quantity, 0.05);
    check("duplicates", counts.duplicate_lines, dirt.duplicates, 0.05);
    check("missing_description", counts.missing_description_lines, dirt.missing_description, 0.1);
    assert!((1..10).contains(&counts.adjustment_lines), "{counts:?}");
    // The real data has 397,884 such lines, 25,900 invoices, 4,338 customers.
    check("kept", counts.kept_lines, 397_884.0 / 541_909.0, 0.01);
    check_share("invoices", counts.invoices, 25_900, 1.0, 0.05);
    assert_eq!(counts.customers, 4_335);
}

#[test]
fn text_is_as_in_the_real_data() {
    let table = &*DEFAULT;
    let share = |test: &dyn Fn(&Line) -> bool| {
        table.lines.iter().filter(|line| test(line)).count() as f64 / table.lines.len() as f64
    };
    let comma = share(&|line| line.description.contains(','));
    assert!((0.006..0.014).contains(&comma), "{comma}");
    let quote = share(&|line| line.description.contains('"'));
    assert!((0.0015..0.0035).contains(&quote), "{quote}");
    let spaced = share(&|line| line.description != line.description.trim());
    assert!((0.15..0.27).contains(&spaced), "{spaced}");
    let home = share(&|line| line.country == "United Kingdom");
    assert!((0.88..0.94).contains(&home), "{home}");
    let codes: HashSet<&str> = table.lines.iter().map(|line| line.code.as_str()).collect();
    assert!((3_900..4_100).contains(&codes.len()), "{}", codes.len());
    let countries: HashSet<&str> = table.lines.iter().map(|line| line.country.as_str()).collect();
    assert!((30..=38).contains(&countries.len()), "{}", countries.len());
    assert!(table.lines.iter().all(|line| line.description.chars().count() <= 35));
    assert!(table.lines.iter().any(|line| line.description.contains('\u{a3}')));
    let revenue: f64 = table
        .lines
        .iter()
        .filter(|line| {
            clean_line(line.invoice.as_bytes(), line.customer, line.quantity, line.price).is_ok()
        })
        .map(|line| (line.price * line.quantity).to_f64())
        .sum();
    // 8.9 million in the real data.
    assert!((6.0e6..13.0e6).contains(&revenue), "{revenue}");
}

/// Lines of an invoice lie together and agree; invoices are numbered upwards in order of time.
fn check_invoices(config: GeneratorConfig) {
    let (start, end) = (config.start, config.end);
    let lines = table(config).lines;
    let mut last_number = 0;
    for invoice in lines.chunk_by(|a, b| a.invoice == b.invoice) {
        let head = &invoice[0];
        let number: u64 = head.invoice.trim_start_matches(['A', 'C']).parse().unwrap();
        assert!(number > last_number && number >= 536_365, "{number} after {last_number}");
        last_number = number;
        for line in invoice {
            assert_eq!(
                (line.at, line.customer, &line.country),
                (head.at, head.customer, &head.country)
            );
        }
    }
    assert!(lines.is_sorted_by_key(|line| line.at));
    assert!(lines.iter().all(|line| (start..=end).contains(&line.day())));
}

#[test]
fn invoices_hold_together_and_rise() {
    check_invoices(GeneratorConfig { lines: 100_000, ..GeneratorConfig::default() });
}

#[test]
fn sizes_of_invoices_are_skewed() {
    let config = GeneratorConfig { lines: 150_000, dirt: Dirt::NONE, ..GeneratorConfig::default() };
    let lines = table(config).lines;
    let mut sizes: Vec<usize> =
        lines.chunk_by(|a, b| a.invoice == b.invoice).map(<[Line]>::len).collect();
    sizes.sort_unstable();
    let mean = lines.len() / sizes.len();
    assert!((19..=23).contains(&mean), "{mean}");
    assert!(sizes[sizes.len() / 2] < mean);
    assert_eq!(sizes[0], 1);
    assert!(sizes[sizes.len() - 1] > 300);
}

#[test]
fn clean_data_has_no_dirt() {
    let config = GeneratorConfig { lines: 50_000, dirt: Dirt::NONE, ..GeneratorConfig::default() };
    let summary = table(config).summary;
    assert_eq!(summary.kept_lines, 50_000);
    assert_eq!(summary.duplicate_lines + summary.missing_description_lines, 0);
}

#[test]
fn faults_are_as_frequent_as_asked_for_and_all_malformed() {
    let table =
        table(GeneratorConfig { lines: 60_000, fault_rate: 0.05, ..GeneratorConfig::default() });
    check_share("faults", table.malformed, 60_000, 0.05, 0.1);
    assert_eq!(table.malformed, table.summary.faults);
    let counts = count(&table);
    assert_eq!(counts.kept_lines, table.summary.kept_lines);
    assert_eq!(counts.customers, table.summary.customers);
}

#[test]
fn fields_are_quoted_exactly_where_needed() {
    let (csv, _) = generate(GeneratorConfig { lines: 50_000, ..GeneratorConfig::default() });
    for row in rows(&csv) {
        let text = std::str::from_utf8(row).unwrap();
        let mut quoted = text.match_indices(",\"").map(|(at, _)| &text[at + 2..]);
        if let Some(field) = quoted.next() {
            let field = field.split("\",").next().unwrap();
            assert!(field.contains([',', '"']), "{text}");
        } else {
            assert_eq!(text.matches(',').count(), 7, "{text}");
            assert!(!text.contains('"'), "{text}");
        }
    }
}

#[test]
fn two_equal_amounts_on_one_cancellation_are_counted() {
    // Found by chance: a shop in which that happens.
    let base = GeneratorConfig::default();
    let dirt = Dirt {
        cancellations: 0.10940403402193907,
        missing_customer: 0.004403964296428763,
        zero_price: 0.07220501540168012,
        negative_quantity: 0.12092511392579082,
        adjustments: 0.18956260303077765,
        duplicates: 0.11217164701556501,
        missing_description: 0.088870034385545,
    };
    let end = order_model::Date::from_days(base.start.days() + 426);
    let seed = 14_923_023_055_181_590_851;
    let table =
        table(GeneratorConfig { lines: 5_710, seed, customers: Some(31), end, dirt, ..base });
    let cancelled = |line: &&Line| line.invoice.starts_with('C');
    let cancelled: Vec<_> = table.lines.iter().filter(cancelled).collect();
    // No line of these is repeated on purpose.
    let is_repeated = |&(at, line): &(usize, &&Line)| cancelled[..at].contains(line);
    let repeated = cancelled.iter().enumerate().filter(is_repeated);
    assert_eq!(repeated.map(|(_, line)| line.code.as_str()).collect::<Vec<_>>(), ["M"]);
    assert_eq!(count(&table), table.summary);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn any_shop_keeps_the_rules(
        lines in 1_u64..20_000,
        seed: u64,
        customers in 1_u64..5_000,
        days in 0_i32..800,
        rates in prop::array::uniform7(0.0_f64..0.2),
    ) {
        let [cancellations, missing_customer, zero_price, negative_quantity, adjustments, duplicates, missing_description] = rates;
        let base = GeneratorConfig::default();
        let end = order_model::Date::from_days(base.start.days() + days);
        let dirt = Dirt {
            cancellations, missing_customer, zero_price, negative_quantity, adjustments,
            duplicates, missing_description,
        };
        let config = GeneratorConfig { lines, seed, customers: Some(customers), end, dirt, ..base };
        check_invoices(config.clone());
        let table = table(config);
        prop_assert_eq!(count(&table), table.summary);
        let rejected = table.lines.iter().filter_map(|line| {
            clean_line(line.invoice.as_bytes(), line.customer, line.quantity, line.price).err()
        });
        prop_assert!(!rejected.into_iter().any(|reason| reason == Rejection::Malformed));
    }
}
