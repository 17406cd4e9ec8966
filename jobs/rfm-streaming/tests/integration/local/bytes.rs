//! Any bytes are a message, and none of them ends the job.

use std::time::UNIX_EPOCH;

use order_message::{Decoder, Limits};
use order_model::{MICROS_PER_DAY, Timestamp};

use crate::support::orders::{Fate, Message, Order, Orders};
use crate::support::random::Random;

use super::{ORDER, Shop};

/// What the messages depend on: told when the test fails, and set by this to see it fail again.
const SEED: &str = "RFM_BYTES_SEED";

fn messages(random: &mut Random, count: usize) -> Vec<Message> {
    let mut orders = Orders::of_days(random.next(), &["2011-12-08", "2011-12-09"]);
    (0..count)
        .map(|_| {
            let message = orders.next();
            let value = message.value.clone().unwrap_or_default();
            match random.below(8) {
                0 => message,
                1 => made_of(random, |random| random.below(256) as u8),
                2 => made_of(random, |random| *random.pick(br#"{}[]":,\-+.eE0123 nulltruefas"#)),
                _ => {
                    let mut value = if random.below(2) == 0 { value } else { ORDER.into() };
                    for _ in 0..=random.below(3) {
                        damage(random, &mut value);
                    }
                    with_fate(random, value)
                }
            }
        })
        .collect()
}

fn made_of(random: &mut Random, byte: impl Fn(&mut Random) -> u8) -> Message {
    let length = random.below(300);
    let value = (0..length).map(|_| byte(random)).collect();
    with_fate(random, value)
}

/// One bit, one byte, or a piece that is gone or there twice.
fn damage(random: &mut Random, value: &mut Vec<u8>) {
    let at = random.below(value.len() as u64 + 1) as usize;
    let end = (at + 1 + random.below(20) as usize).min(value.len());
    match random.below(5) {
        0 if at < value.len() => value[at] ^= 1 << random.below(8),
        1 => value.insert(at, random.below(256) as u8),
        2 => value.truncate(at),
        3 => drop(value.drain(at..end.max(at))),
        _ => {
            let piece = value[at..end.max(at)].to_vec();
            drop(value.splice(at..at, piece));
        }
    }
}

/// What becomes of it is the decoder's business, which has its own tests.
fn with_fate(random: &mut Random, value: Vec<u8>) -> Message {
    // As the job has it, but for a moment.
    let now = i64::try_from(UNIX_EPOCH.elapsed().unwrap().as_micros()).unwrap();
    let latest = Timestamp::from_micros(now + MICROS_PER_DAY);
    let fate = match Decoder::new().decode(Some(&value), &Limits::until(latest)) {
        Ok(order) => Fate::Tagged {
            day: order.event_time.date().to_string(),
            order: Order {
                invoice_no: order.invoice_no.to_owned(),
                stock_code: order.stock_code.to_owned(),
                description: order.description.map(str::to_owned),
                quantity: order.quantity,
                event_time: order.event_time.micros(),
                unit_price: order.unit_price.ten_thousandths(),
                customer_id: order.customer_id,
                country: order.country.map(str::to_owned),
                is_return: order.is_return(),
            },
        },
        Err(rejection) => Fate::Rejected { reason: rejection.reason().as_str().to_owned() },
    };
    let key = (random.below(3) > 0).then(|| {
        let length = random.below(10);
        (0..length).map(|_| random.below(256) as u8).collect()
    });
    Message { key, value: Some(value), fate }
}

#[test]
#[expect(clippy::print_stdout, reason = "shown when the test fails")]
fn no_message_ends_it() {
    let seed = std::env::var(SEED).map_or_else(|_| Random::seed(), |seed| seed.parse().unwrap());
    println!("{SEED}={seed}");
    let mut random = Random::new(seed);
    let shop = Shop::new(3);
    for partition in 0..3 {
        shop.topic.send_all(messages(&mut random, 1_500), partition);
    }
    let ended = shop.job().catch_up();
    assert_eq!(ended.messages(), 4_500, "{ended}");
    let tables = shop.place.check_at_rest(&shop.topic);
    assert!(tables.tagged.len() > 500 && tables.rejected.len() > 1_000, "{seed}");
}
