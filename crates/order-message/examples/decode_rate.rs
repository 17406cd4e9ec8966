//! How fast messages are read and written, on one thread, from memory.
//!
//! `cargo run --release -p order-message --example decode_rate`
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::hint::black_box;
use std::time::Instant;

use order_generator::{Generator, GeneratorConfig};
use order_message::{Decoder, Limits, Order, encode};
use order_model::{Date, DateFormat, Money};

/// Distinct orders: too many for the branch predictor to learn them by heart.
const ORDERS: u64 = 16_000;

fn main() {
    let config = GeneratorConfig { lines: ORDERS, fault_rate: 0.0, ..GeneratorConfig::default() };
    let csv = Generator::new(config).unwrap().chunk(0).csv;
    let rows: Vec<Vec<String>> = std::str::from_utf8(&csv).unwrap().lines().map(split).collect();
    let orders: Vec<Order<'_>> = rows.iter().filter_map(|row| order(row)).collect();
    let messages: Vec<Vec<u8>> = orders
        .iter()
        .map(|order| {
            let mut message = Vec::new();
            encode(order, &mut message);
            message
        })
        .collect();
    // As json.dumps of Python writes them: a space after each comma and colon.
    let spaced: Vec<Vec<u8>> = messages.iter().map(|message| respace(message)).collect();
    // As maps without an order write them.
    let turned: Vec<Vec<u8>> = messages.iter().map(|message| turn(message)).collect();

    {
        for (name, messages) in
            [("decode", &messages), ("decode, spaces", &spaced), ("decode, turned", &turned)]
        {
            let mut decoder = Decoder::new();
            let limits = Limits::until(Date::from_ymd(2026, 1, 1).unwrap().midnight());
            let check = || {
                let mut sum = 0;
                for message in messages {
                    let order = decoder.decode(Some(black_box(message)), &limits).unwrap();
                    sum += i64::from(black_box(&order).quantity);
                }
                sum
            };
            measure(name, messages, check);
        }
        let mut out = Vec::new();
        let write = || {
            let mut bytes = 0;
            for order in &orders {
                out.clear();
                encode(black_box(order), &mut out);
                bytes += black_box(&out).len();
            }
            bytes as i64
        };
        measure("encode", &messages, write);
    }
}

/// Runs through all messages several times and prints the quickest: the one that other work on the machine disturbed least.
fn measure(name: &str, messages: &[Vec<u8>], mut run: impl FnMut() -> i64) {
    const TIMES: usize = 100;
    let bytes: usize = messages.iter().map(Vec::len).sum();
    let count = messages.len() as f64;
    let mut seconds = f64::INFINITY;
    for _ in 0..TIMES {
        let start = Instant::now();
        black_box(run());
        seconds = seconds.min(start.elapsed().as_secs_f64());
    }
    println!(
        "{name:<15} {:6.1} ns a message of {} bytes, {:5.2} million/s, {:.2} GB/s",
        seconds * 1e9 / count,
        bytes / messages.len(),
        count / 1e6 / seconds,
        bytes as f64 / 1e9 / seconds,
    );
}

/// The fields of a CSV line.
fn split(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    for char in line.chars() {
        match char {
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            _ => fields.last_mut().unwrap().push(char),
        }
    }
    fields
}

fn order(row: &[String]) -> Option<Order<'_>> {
    let [invoice, stock, description, quantity, date, price, customer, country] = row else {
        return None;
    };
    let some = |text: &'_ String| (!text.trim().is_empty()).then_some(());
    Some(Order {
        invoice_no: invoice,
        stock_code: stock,
        description: some(description).map(|()| description.as_str()),
        quantity: quantity.parse().ok()?,
        event_time: DateFormat::parse_any(date.as_bytes())?,
        unit_price: Money::parse(price.as_bytes()).ok()?,
        customer_id: customer.parse().ok(),
        country: some(country).map(|()| country.as_str()),
    })
}

fn respace(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut quoted = false;
    for (at, &byte) in message.iter().enumerate() {
        if byte == b'"' && message[at.saturating_sub(1)] != b'\\' {
            quoted = !quoted;
        }
        out.push(byte);
        if !quoted && matches!(byte, b',' | b':') {
            out.push(b' ');
        }
    }
    out
}

fn turn(message: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(message).unwrap();
    let mut starts: Vec<usize> = text.match_indices(",\"").map(|(at, _)| at).collect();
    starts.insert(0, 0);
    starts.push(text.len() - 1);
    let mut members: Vec<&str> =
        starts.windows(2).map(|range| &text[range[0] + 1..range[1]]).collect();
    members.reverse();
    format!("{{{}}}", members.join(",")).into_bytes()
}
