use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::*;
use crate::customers::{Customers, FIRST_ID};

#[derive(Clone, Debug, PartialEq)]
struct Owned {
    invoice: String,
    code: String,
    description: Option<String>,
    quantity: i32,
    price: Money,
    customer: Option<i64>,
    country: &'static str,
}

fn lines(config: &LiveConfig, count: usize) -> Vec<Owned> {
    let mut orders = LiveOrders::new(config.clone()).unwrap();
    (0..count)
        .map(|_| {
            orders.advance();
            let line = orders.line().unwrap();
            Owned {
                invoice: line.invoice_no.to_owned(),
                code: line.stock_code.to_owned(),
                description: line.description.map(str::to_owned),
                quantity: line.quantity,
                price: line.unit_price,
                customer: line.customer_id,
                country: line.country,
            }
        })
        .collect()
}

fn share(lines: &[Owned], is: impl Fn(&Owned) -> bool) -> f64 {
    lines.iter().filter(|line| is(line)).count() as f64 / lines.len() as f64
}

#[test]
fn nothing_is_there_before_the_first_line() {
    let mut orders = LiveOrders::new(LiveConfig::default()).unwrap();
    assert_eq!(orders.line(), None);
    orders.advance();
    assert_eq!(orders.line().unwrap().invoice_no, "600000");
}

#[test]
fn the_same_seed_makes_the_same_orders() {
    let config = LiveConfig::default();
    assert_eq!(lines(&config, 5_000), lines(&config, 5_000));
    assert_ne!(lines(&config, 100), lines(&LiveConfig { seed: 43, ..config }, 100));
}

#[test]
fn an_invoice_is_of_one_customer_and_of_a_few_lines() {
    let mut sizes: HashMap<String, (usize, Option<i64>)> = HashMap::new();
    let mut last = String::new();
    for line in lines(&LiveConfig::default(), 50_000) {
        if line.invoice != last {
            assert!(!sizes.contains_key(&line.invoice), "{} in two pieces", line.invoice);
        }
        let (size, customer) = sizes.entry(line.invoice.clone()).or_insert((0, line.customer));
        *size += 1;
        assert_eq!(*customer, line.customer);
        last = line.invoice;
    }
    assert!(sizes.values().all(|(size, _)| *size <= 20));
    assert!(sizes.values().any(|(size, _)| *size == 1));
    let mean = 50_000.0 / sizes.len() as f64;
    assert!((4.0..9.0).contains(&mean), "{mean}");
}

#[test]
fn dirt_has_the_shares_of_a_file() {
    let dirt = Dirt {
        cancellations: 0.05,
        missing_customer: 0.25,
        zero_price: 0.03,
        negative_quantity: 0.02,
        adjustments: 0.01,
        duplicates: 0.03,
        missing_description: 0.04,
    };
    let made = lines(&LiveConfig { dirt, ..LiveConfig::default() }, 200_000);
    let near = |name, found: f64, wanted: f64| {
        assert!((found - wanted).abs() < 0.1 * wanted + 0.001, "{name}: {found}, wanted {wanted}");
    };
    let cancelled = |line: &Owned| line.invoice.starts_with('C');
    let adjusted = |line: &Owned| line.invoice.starts_with('A');
    near("cancellations", share(&made, cancelled), 0.05);
    near("adjustments", share(&made, adjusted), 0.01);
    near("missing_customer", share(&made, |line| line.customer.is_none()), 0.25);
    near("zero_price", share(&made, |line| line.price == Money::ZERO), 0.03);
    let negative = |line: &Owned| line.quantity < 0 && !cancelled(line);
    near("negative_quantity", share(&made, negative), 0.02);
    near("missing_description", share(&made, |line| line.description.is_none()), 0.04);
    let repeats = made.windows(2).filter(|pair| pair[0] == pair[1]).count() as f64;
    near("duplicates", repeats / made.len() as f64, 0.03);
}

#[test]
fn clean_orders_are_purchases_alone() {
    let config = LiveConfig { dirt: Dirt::NONE, unknown_customers: 0.0, ..LiveConfig::default() };
    let made = lines(&config, 20_000);
    assert!(made.iter().all(|line| line.quantity > 0 && line.price > Money::ZERO));
    assert!(made.iter().all(|line| line.description.is_some() && line.customer.is_some()));
    assert!(made.iter().all(|line| line.invoice.bytes().all(|byte| byte.is_ascii_digit())));
}

#[test]
fn customers_are_those_of_a_file_and_their_countries_too() {
    let config = LiveConfig { unknown_customers: 0.1, ..LiveConfig::default() };
    let customers = Customers::new(config.seed, config.customers as u32);
    let countries: HashMap<i64, &str> = (0..customers.count())
        .map(|index| customers.customer(index))
        .map(|customer| (customer.id as i64, customer.country))
        .collect();
    let made = lines(&config, 100_000);
    let (mut known, mut unknown) = (HashMap::<i64, u32>::new(), 0);
    for line in &made {
        let Some(id) = line.customer else { continue };
        match countries.get(&id) {
            Some(country) => {
                assert_eq!(line.country, *country);
                *known.entry(id).or_default() += 1;
            }
            None => unknown += 1,
        }
    }
    let total: u32 = known.values().sum();
    let share = f64::from(unknown) / f64::from(unknown + total);
    assert!((0.08..0.12).contains(&share), "{share}");
    // A few customers order most.
    let mut counts: Vec<u32> = known.into_values().collect();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    let top: u32 = counts[..counts.len() / 5].iter().sum();
    assert!(counts.len() > 1_500 && top > total / 2, "{} {top} of {total}", counts.len());
}

#[test]
fn ids_may_be_given() {
    let ids: Vec<i64> = (1..=500).map(|number| number * 7).collect();
    let config = LiveConfig {
        customer_ids: Some(ids.clone()),
        unknown_customers: 0.0,
        ..LiveConfig::default()
    };
    let ids: HashSet<i64> = ids.into_iter().collect();
    let seen: HashSet<i64> =
        lines(&config, 50_000).iter().filter_map(|line| line.customer).collect();
    assert!(seen.is_subset(&ids));
    assert!(seen.len() > 300, "{}", seen.len());
}

#[test]
fn the_made_up_ids_in_a_list_change_nothing() {
    let config = LiveConfig { customers: 700, unknown_customers: 0.0, ..LiveConfig::default() };
    let ids = (0..700).rev().map(|number| FIRST_ID as i64 + number).collect();
    let given = LiveConfig { customer_ids: Some(ids), ..config.clone() };
    assert_eq!(lines(&config, 5_000), lines(&given, 5_000));
}

#[test]
fn what_cannot_be_used_is_named() {
    let check = |config, expected: &str| {
        assert_eq!(LiveOrders::new(config).unwrap_err().to_string(), expected);
    };
    let base = LiveConfig::default();
    check(
        LiveConfig { customers: 0, ..base.clone() },
        "customers: 0 is not between 1 and 2147483648",
    );
    check(
        LiveConfig { customer_ids: Some(vec![]), ..base.clone() },
        "customer_ids: at least one id is needed, and none below 1",
    );
    check(
        LiveConfig { unknown_customers: f64::NAN, ..base.clone() },
        "unknown_customers: NaN is not a share between 0 and 1",
    );
    let dirt = Dirt { duplicates: 2.0, ..Dirt::default() };
    check(LiveConfig { dirt, ..base }, "dirt.duplicates: 2 is not a share between 0 and 1");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_dirt_and_any_number_of_customers_make_orders(
        customers in 1_u64..50,
        seed: u64,
        shares in prop::array::uniform5(0.0_f64..=1.0),
        rates in prop::array::uniform3(0.0_f64..=1.0),
        fullness in 0.0_f64..=1.0,
    ) {
        let sum: f64 = shares.iter().sum::<f64>().max(1e-9);
        let [cancellations, missing_customer, zero_price, other, adjustments] =
            shares.map(|share| share / sum * fullness);
        let negative_quantity = other.min(zero_price);
        let [duplicates, missing_description, unknown_customers] = rates;
        let dirt = Dirt {
            cancellations,
            missing_customer,
            zero_price,
            negative_quantity,
            adjustments,
            duplicates,
            missing_description,
        };
        let config = LiveConfig { seed, customers, unknown_customers, dirt, customer_ids: None };
        for line in lines(&config, 500) {
            prop_assert!(!line.invoice.is_empty() && !line.code.is_empty());
            prop_assert!(line.quantity != 0);
            prop_assert!(line.customer.is_none_or(|id| id > 0));
        }
    }
}
