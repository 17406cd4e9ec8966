//! The four kinds of customers can be told apart by recency, frequency and monetary value.

use std::collections::{HashMap, HashSet};

use order_generator::{CustomerKind, Generator, GeneratorConfig};
use order_model::clean_line;

use crate::table::{DEFAULT, Table, table};

#[derive(Default)]
struct Customer {
    last_day: i32,
    invoices: HashSet<String>,
    monetary: f64,
}

/// What k-means sees of a customer.
struct Seen {
    kind: CustomerKind,
    /// Recency in days, frequency, monetary value.
    rfm: [f64; 3],
}

/// The customers who ordered, with the kind they were made as.
fn customers(config: &GeneratorConfig, table: &Table) -> Vec<Seen> {
    let mut buyers: HashMap<i64, Customer> = HashMap::new();
    for line in &table.lines {
        let kept = clean_line(line.invoice.as_bytes(), line.customer, line.quantity, line.price);
        if let (Ok(()), Some(id)) = (kept, line.customer) {
            let buyer = buyers.entry(id).or_default();
            buyer.last_day = buyer.last_day.max(line.day().days());
            buyer.monetary += (line.price * line.quantity).to_f64();
            if !buyer.invoices.contains(&line.invoice) {
                buyer.invoices.insert(line.invoice.clone());
            }
        }
    }
    let generator = Generator::new(config.clone()).unwrap();
    let everybody = generator.customers();
    let snapshot = config.end.next().days();
    (0..everybody.count())
        .filter_map(|index| {
            let customer = everybody.customer(index);
            let buyer = buyers.get(&(customer.id as i64))?;
            let recency = f64::from(snapshot - buyer.last_day);
            let rfm = [recency, buyer.invoices.len() as f64, buyer.monetary];
            Some(Seen { kind: customer.kind, rfm })
        })
        .collect()
}

/// Mean recency, frequency and monetary value by kind.
fn means(customers: &[Seen]) -> HashMap<CustomerKind, [f64; 3]> {
    let mean = |kind| {
        let rfm = customers.iter().filter(|seen| seen.kind == kind).map(|seen| seen.rfm);
        mean_of(rfm).unwrap()
    };
    CustomerKind::ALL.map(|kind| (kind, mean(kind))).into()
}

fn mean_of(points: impl Iterator<Item = [f64; 3]>) -> Option<[f64; 3]> {
    let (mut sum, mut n) = ([0.0; 3], 0.0);
    for point in points {
        for (sum, value) in sum.iter_mut().zip(point) {
            *sum += value;
        }
        n += 1.0;
    }
    (n > 0.0).then(|| sum.map(|sum| sum / n))
}

fn distance(a: &[f64; 3], b: &[f64; 3]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

fn nearest(centres: &[[f64; 3]], point: &[f64; 3]) -> usize {
    let by_distance = |a: &usize, b: &usize| {
        distance(&centres[*a], point).total_cmp(&distance(&centres[*b], point))
    };
    (0..centres.len()).min_by(by_distance).unwrap()
}

/// The cluster of each point: Lloyd's k-means, k = 4, the best of 8 starts.
fn clusters(points: &[[f64; 3]]) -> Vec<usize> {
    let mut best = (f64::INFINITY, Vec::new());
    for start in 0..8 {
        let mut centres: Vec<[f64; 3]> =
            (0..4).map(|i| points[(start * 7919 + i * 104_729) % points.len()]).collect();
        let mut found = Vec::new();
        for _ in 0..40 {
            found = points.iter().map(|point| nearest(&centres, point)).collect::<Vec<_>>();
            for (index, centre) in centres.iter_mut().enumerate() {
                let own = points.iter().zip(&found).filter(|(_, cluster)| **cluster == index);
                *centre = mean_of(own.map(|(point, _)| *point)).unwrap_or(*centre);
            }
        }
        let inertia =
            points.iter().zip(&found).map(|(point, c)| distance(point, &centres[*c])).sum();
        if inertia < best.0 {
            best = (inertia, found);
        }
    }
    best.1
}

/// `log1p`, then mean 0 and deviation 1, as the batch layer does.
fn standardised(customers: &[Seen]) -> Vec<[f64; 3]> {
    let logs: Vec<[f64; 3]> = customers.iter().map(|seen| seen.rfm.map(f64::ln_1p)).collect();
    let mean = mean_of(logs.iter().copied()).unwrap();
    let variance = mean_of(
        logs.iter().map(|log| std::array::from_fn(|i| (log[i] - mean[i]) * (log[i] - mean[i]))),
    )
    .unwrap();
    let scale = |log: &[f64; 3]| std::array::from_fn(|i| (log[i] - mean[i]) / variance[i].sqrt());
    logs.iter().map(scale).collect()
}

/// Share of customers whose cluster is that of most of their kind.
fn check_found(config: &GeneratorConfig, table: &Table, at_least: f64) {
    let customers = customers(config, table);
    let clusters = clusters(&standardised(&customers));
    let (mut taken, mut right) = (HashSet::new(), 0);
    for kind in CustomerKind::ALL {
        let mut counts = [0; 4];
        for (seen, cluster) in customers.iter().zip(&clusters) {
            counts[*cluster] += u64::from(seen.kind == kind);
        }
        let (cluster, count) = counts.into_iter().enumerate().max_by_key(|&(_, n)| n).unwrap();
        assert!(taken.insert(cluster), "{kind:?} has no cluster of its own: {counts:?}");
        right += count;
    }
    let share = right as f64 / customers.len() as f64;
    assert!(share >= at_least, "{share}");
}

fn check_separate(config: &GeneratorConfig, table: &Table) -> HashMap<CustomerKind, [f64; 3]> {
    let means = means(&customers(config, table));
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
    let means = check_separate(&GeneratorConfig::default(), &DEFAULT);
    let new = means[&CustomerKind::New];
    assert!((1.0..2.0).contains(&new[1]), "{means:?}");
    assert!(means[&CustomerKind::ChurnRisk][0] > 180.0, "{means:?}");
}

#[test]
fn so_has_a_small_file_and_another_period() {
    let config = GeneratorConfig {
        lines: 40_000,
        seed: 3,
        start: "2023-01-01".parse().unwrap(),
        end: "2024-02-29".parse().unwrap(),
        ..GeneratorConfig::default()
    };
    check_separate(&config, &table(config.clone()));
}

#[test]
fn every_customer_orders() {
    let config = GeneratorConfig::default();
    assert_eq!(customers(&config, &DEFAULT).len() as u64, config.customer_count());
}

#[test]
fn k_means_finds_the_kinds() {
    check_found(&GeneratorConfig::default(), &DEFAULT, 0.97);
    for seed in [1, 2] {
        let config = GeneratorConfig { lines: 100_000, seed, ..GeneratorConfig::default() };
        check_found(&config, &table(config.clone()), 0.95);
    }
}
