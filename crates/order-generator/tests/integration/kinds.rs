//! The four kinds of customers can be told apart by recency, frequency and monetary value.

use std::collections::{HashMap, HashSet};

use order_generator::{CustomerKind, Generator, GeneratorConfig};
use order_model::clean_line;

use crate::table::table;

#[derive(Default)]
struct Customer {
    last_day: i32,
    invoices: HashSet<String>,
    monetary: f64,
}

/// Mean recency (days), frequency and monetary value by kind, and customers without orders.
fn means(config: &GeneratorConfig) -> (HashMap<CustomerKind, [f64; 3]>, usize) {
    let mut buyers: HashMap<i64, Customer> = HashMap::new();
    for line in table(config.clone()).lines {
        let kept = clean_line(line.invoice.as_bytes(), line.customer, line.quantity, line.price);
        if let (Ok(()), Some(id)) = (kept, line.customer) {
            let buyer = buyers.entry(id).or_default();
            buyer.last_day = buyer.last_day.max(line.day().days());
            buyer.monetary += (line.price * line.quantity).to_f64();
            buyer.invoices.insert(line.invoice);
        }
    }
    let generator = Generator::new(config.clone()).unwrap();
    let snapshot = config.end.next().days();
    let (mut means, mut absent) = (HashMap::new(), 0);
    for kind in CustomerKind::ALL {
        let (mut sum, mut n) = ([0.0; 3], 0.0);
        for index in generator.customers().of_kind(kind) {
            let id = generator.customers().customer(index).id;
            let Some(buyer) = buyers.get(&(id as i64)) else {
                absent += 1;
                continue;
            };
            let values =
                [f64::from(snapshot - buyer.last_day), buyer.invoices.len() as f64, buyer.monetary];
            for (sum, value) in sum.iter_mut().zip(values) {
                *sum += value;
            }
            n += 1.0;
        }
        means.insert(kind, sum.map(|sum| sum / n));
    }
    (means, absent)
}

fn check_separate(config: &GeneratorConfig) -> HashMap<CustomerKind, [f64; 3]> {
    let (means, _) = means(config);
    let [vip, loyal, new, churn] = CustomerKind::ALL.map(|kind| means[&kind]);
    let (r, f, m) = (0, 1, 2);
    assert!(churn[r] > 3.0 * new[r] && churn[r] > 3.0 * loyal[r], "{means:?}");
    assert!(vip[r] < loyal[r], "{means:?}");
    assert!(vip[f] > 2.0 * loyal[f], "{means:?}");
    assert!(loyal[f] > 3.0 * new[f] && loyal[f] > 3.0 * churn[f], "{means:?}");
    assert!(vip[m] > 5.0 * loyal[m], "{means:?}");
    assert!(loyal[m] > 3.0 * new[m] && loyal[m] > 3.0 * churn[m], "{means:?}");
    means
}

#[test]
fn the_default_has_four_kinds() {
    let means = check_separate(&GeneratorConfig::default());
    let new = means[&CustomerKind::New];
    assert!((1.0..2.0).contains(&new[1]), "{means:?}");
    assert!(means[&CustomerKind::ChurnRisk][0] > 180.0, "{means:?}");
}

#[test]
fn so_has_a_small_file_and_another_period() {
    check_separate(&GeneratorConfig {
        lines: 40_000,
        seed: 3,
        start: "2023-01-01".parse().unwrap(),
        end: "2024-02-29".parse().unwrap(),
        ..GeneratorConfig::default()
    });
}

#[test]
fn every_customer_orders() {
    let (_, absent) = means(&GeneratorConfig::default());
    assert_eq!(absent, 0);
}
