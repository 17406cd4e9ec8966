//! Orders to messages and back.

use order_message::{Decoder, Limits, Order, encode};
use order_model::{Money, Timestamp};
use proptest::prelude::*;

fn any_time() -> Limits {
    Limits {
        max_bytes: 1024 * 1024,
        earliest: Timestamp::from_micros(i64::MIN),
        latest: Timestamp::from_micros(i64::MAX),
    }
}

fn encoded(order: &Order<'_>) -> String {
    // What is there already stays.
    let mut out = b"before".to_vec();
    encode(order, &mut out);
    String::from_utf8(out).unwrap().strip_prefix("before").unwrap().to_owned()
}

const ORDER: Order<'static> = Order {
    invoice_no: "536365",
    stock_code: "85123A",
    description: Some("WHITE HANGING HEART T-LIGHT HOLDER"),
    quantity: 6,
    event_time: Timestamp::from_micros(1_323_435_000_000_000),
    unit_price: Money::from_ten_thousandths(25_500),
    customer_id: Some(17_850),
    country: Some("United Kingdom"),
};

#[test]
fn messages_are_written_in_one_form() {
    assert_eq!(
        encoded(&ORDER),
        "{\"invoice_no\":\"536365\",\"stock_code\":\"85123A\",\"description\":\"WHITE HANGING HEART T-LIGHT HOLDER\",\
         \"quantity\":6,\"invoice_date\":\"2011-12-09T12:50:00Z\",\"unit_price\":2.55,\"customer_id\":17850,\
         \"country\":\"United Kingdom\"}"
    );
    let order = Order {
        description: None,
        quantity: -80_995,
        event_time: Timestamp::from_micros(1_323_435_000_000_400),
        unit_price: Money::ZERO,
        customer_id: None,
        country: None,
        ..ORDER
    };
    assert_eq!(
        encoded(&order),
        "{\"invoice_no\":\"536365\",\"stock_code\":\"85123A\",\"description\":null,\"quantity\":-80995,\
         \"invoice_date\":\"2011-12-09T12:50:00.000400Z\",\"unit_price\":0,\"customer_id\":null,\"country\":null}"
    );
}

#[test]
fn prices_are_written_exactly() {
    for (value, expected) in [
        (1, "0.0001"),
        (10, "0.001"),
        (-5_000, "-0.5"),
        (180_000, "18"),
        (-110_620_600, "-11062.06"),
        (i128::from(u64::MAX), "1844674407370955.1615"),
        (99_999_999_999_999_999_999, "9999999999999999.9999"),
        (i128::MIN, "-17014118346046923173168730371588410.5728"),
    ] {
        let message = encoded(&Order { unit_price: Money::from_ten_thousandths(value), ..ORDER });
        assert!(message.contains(&format!("\"unit_price\":{expected},")), "{message}");
    }
}

fn text() -> impl Strategy<Value = String> {
    let char = prop_oneof![
        6 => prop::char::range(' ', '~'),
        1 => prop::char::range('\u{0}', '\u{1f}'),
        1 => Just('"'),
        1 => Just('\\'),
        1 => any::<char>(),
    ];
    prop::collection::vec(char, 0..60).prop_map(|chars| chars.into_iter().collect())
}

/// A text that the rules keep as it is.
fn good_text() -> impl Strategy<Value = String> {
    text()
        .prop_map(|text| text.replace('\0', ""))
        .prop_filter("blank", |text| !text.trim().is_empty())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn there_and_back(
        invoice_no in good_text(),
        stock_code in good_text(),
        description in prop::option::of(good_text()),
        quantity: i32,
        // 1970-01-01 to 2099-12-31.
        micros in prop_oneof![
            0_i64..4_102_444_800_000_000,
            (0_i64..4_102_444_800).prop_map(|seconds| seconds * 1_000_000),
        ],
        price in prop_oneof![-999_999_999_999_999_999_i128..=999_999_999_999_999_999, -100_000_i128..=100_000],
        customer_id in prop::option::of(prop_oneof![1..=i64::MAX, 1_i64..100_000]),
        country in prop::option::of(good_text()),
    ) {
        let order = Order {
            invoice_no: &invoice_no,
            stock_code: &stock_code,
            description: description.as_deref(),
            quantity,
            event_time: Timestamp::from_micros(micros),
            unit_price: Money::from_ten_thousandths(price),
            customer_id,
            country: country.as_deref(),
        };
        let message = encoded(&order);
        let mut decoder = Decoder::new();
        let found = decoder.decode(Some(message.as_bytes()), &any_time());
        prop_assert_eq!(found, Ok(order), "{}", message);
        prop_assert!(!message.chars().any(|char| char < ' '), "{}", message);
    }

    #[test]
    fn any_order_is_valid_json(
        invoice_no in text(),
        stock_code in text(),
        description in prop::option::of(text()),
        quantity: i32,
        micros: i64,
        price: i128,
        customer_id: Option<i64>,
        country in prop::option::of(text()),
    ) {
        let message = encoded(&Order {
            invoice_no: &invoice_no,
            stock_code: &stock_code,
            description: description.as_deref(),
            quantity,
            event_time: Timestamp::from_micros(micros),
            unit_price: Money::from_ten_thousandths(price),
            customer_id,
            country: country.as_deref(),
        });
        let value: serde_json::Value = serde_json::from_str(&message).unwrap();
        prop_assert_eq!(value.as_object().unwrap().len(), 8);
        prop_assert_eq!(value["invoice_no"].as_str(), Some(invoice_no.as_str()));
        prop_assert_eq!(value["stock_code"].as_str(), Some(stock_code.as_str()));
        prop_assert_eq!(value["description"].as_str(), description.as_deref());
        prop_assert_eq!(value["quantity"].as_i64(), Some(quantity.into()));
        prop_assert_eq!(value["customer_id"].as_i64(), customer_id);
        prop_assert_eq!(value["country"].as_str(), country.as_deref());
        prop_assert!(value["invoice_date"].is_string() && value["unit_price"].is_number());
    }
}
