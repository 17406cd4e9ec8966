//! The decoder against a slow reading of the same bytes (`fuzz/src/decode_message.rs`).

use proptest::prelude::*;

use crate::slow::{check, limits, slow};

/// A JSON value as it could be in any field, right or wrong.
fn any_value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        any_number(),
        any_text(),
    ];
    leaf.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|values| format!("[{}]", values.join(","))),
            prop::collection::vec((any_text(), inner), 0..4).prop_map(|members| {
                let members: Vec<_> =
                    members.iter().map(|(name, value)| format!("{name}: {value}")).collect();
                format!("{{{}}}", members.join(" ,"))
            }),
        ]
    })
}

fn any_number() -> impl Strategy<Value = String> {
    prop_oneof![
        "-?(0|[1-9][0-9]{0,9})",
        "-?(0|[1-9][0-9]{0,5})\\.[0-9]{1,6}",
        "-?(0|[1-9][0-9]{0,22})(\\.[0-9]{1,22})?([eE][-+]?[0-9]{1,3})?",
        "-?(0|[1-9][0-9]{0,3})0{0,12}(\\.0{1,12})?([eE][-+]?0{0,3}[0-9])?",
    ]
}

fn any_text() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => "[ -!#-\\[\\]-~]{0,20}",
        1 => "[ -!#-\\[\\]-~€é😀]{1,40}",
        1 => "\\\\[\"\\\\/bfnrt]",
        1 => "\\\\u[0-9a-cA-C][0-9a-fA-F]{3}",
        1 => "\\\\ud[89ab][0-9a-f]{2}\\\\ud[c-f][0-9A-F]{2}",
        1 => " {1,3}",
    ];
    // Beyond the greatest length, and with NUL.
    let bad = prop_oneof![Just("é".repeat(1001)), Just("\\u0000".to_owned())];
    let part = prop_oneof![200 => part, 1 => bad];
    prop::collection::vec(part, 0..4).prop_map(|parts| format!("\"{}\"", parts.concat()))
}

fn any_date() -> impl Strategy<Value = String> {
    let year = "(19[6-9]|20[0123])[0-9]|[0-9]{4}";
    let form = format!(
        "\"({year})-[01][0-9]-[0-3][0-9][T ][012][0-9]:[0-5][0-9](:[0-5][0-9](\\.[0-9]{{1,8}})?)?(Z|[-+][01][0-9]:?[03]0)?\""
    );
    prop_oneof![9 => Just("\"2010-12-01T08:26:00Z\"".to_owned()), 3 => prop::string::string_regex(&form).unwrap()]
}

/// Mostly a value that the field can have.
fn value_of(field: &'static str) -> impl Strategy<Value = String> {
    let good = match field {
        "quantity" | "customer_id" => {
            prop_oneof![4 => "[1-9][0-9]{0,6}", 1 => "-?[1-9][0-9]{0,9}(\\.0)?", 1 => "\" ?[0-9]{1,5} ?\""].boxed()
        }
        "unit_price" => {
            prop_oneof![4 => "[1-9]?[0-9]\\.[0-9]{1,4}", 1 => "\"[0-9]{0,5}\\.?[0-9]{0,5}(e[0-9])?\""].boxed()
        }
        "invoice_date" => any_date().boxed(),
        _ => any_text().boxed(),
    };
    prop_oneof![80 => good, 1 => any_number(), 1 => any_value()]
}

const FIELDS: [&str; 8] = [
    "invoice_no",
    "stock_code",
    "description",
    "quantity",
    "invoice_date",
    "unit_price",
    "customer_id",
    "country",
];

/// A message of all fields, some perhaps wrong, missing, twice, in another order, with others between them.
fn any_message() -> impl Strategy<Value = String> {
    let members: Vec<_> = FIELDS
        .into_iter()
        .map(|field| {
            let name = prop_oneof![
                60 => Just(format!("\"{field}\"")),
                2 => Just(format!("\"\\u{:04x}{}\"", field.as_bytes()[0], &field[1..])),
                1 => any_text(),
            ];
            let count = prop_oneof![100 => Just(1_usize), 1 => Just(0), 1 => Just(2)];
            (name, value_of(field), count)
                .prop_map(|(name, value, count)| vec![(name, value); count])
        })
        .collect();
    let others = prop::collection::vec((any_text(), any_value()), 0..3);
    let space = prop_oneof![5 => Just(""), 1 => Just(" "), 1 => Just("\r\n\t")];
    let orders = prop_oneof![Just(false), Just(true)];
    (members, others, space, orders)
        .prop_flat_map(|(members, others, space, shuffled)| {
            let mut all: Vec<_> = members.into_iter().flatten().collect();
            all.extend(others);
            let ordered = Just(all.clone()).boxed();
            (if shuffled { Just(all).prop_shuffle().boxed() } else { ordered }, Just(space))
        })
        .prop_map(|(members, space)| {
            let members: Vec<_> = members
                .iter()
                .map(|(name, value)| format!("{name}{space}:{space}{value}"))
                .collect();
            let inner = members.join(&format!("{space},{space}"));
            format!("{space}{{{space}{inner}{space}}}{space}")
        })
}

/// A change of a few bytes.
fn damage() -> impl Strategy<Value = Vec<(prop::sample::Index, u8, u8)>> {
    let byte = prop_oneof![
        any::<u8>(),
        prop::sample::select(b"\"\\{}[]:,0123456789.-+eE \nntfu\0\x1f\x80".to_vec()),
    ];
    prop::collection::vec((any::<prop::sample::Index>(), 0_u8..3, byte), 1..4)
}

fn apply(damage: Vec<(prop::sample::Index, u8, u8)>, message: String) -> Vec<u8> {
    let mut bytes = message.into_bytes();
    for (index, kind, byte) in damage {
        let at = index.index(bytes.len() + 1);
        match kind {
            0 if at < bytes.len() => bytes[at] = byte,
            1 if at < bytes.len() => {
                bytes.remove(at);
            }
            _ => bytes.insert(at, byte),
        }
    }
    bytes
}

/// A message in the form of the producer, which is read by a way of its own.
fn usual_message() -> impl Strategy<Value = String> {
    let text = || "[!-~]?[ !#-\\[\\]-~é]{0,30}";
    let optional = || prop_oneof![3 => text().prop_map(|text| format!("\"{text}\"")), 1 => Just("null".to_owned())];
    let fields = (
        "[CA]?[0-9]{1,8}",
        text(),
        optional(),
        "-?[0-9]{1,8}",
        any_date(),
        "-?[0-9]{1,3}(\\.[0-9]{1,5})?",
        "null|[0-9]{1,8}(\\.0)?",
        optional(),
    );
    fields.prop_map(|(invoice, stock, description, quantity, date, price, customer, country)| {
        format!(
            "{{\"invoice_no\":\"{invoice}\",\"stock_code\":\"{stock}\",\"description\":{description},\
             \"quantity\":{quantity},\"invoice_date\":{date},\"unit_price\":{price},\
             \"customer_id\":{customer},\"country\":{country}}}"
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn messages_are_read_alike(message in any_message()) {
        check(message.as_bytes());
    }

    #[test]
    fn damaged_messages_are_read_alike(message in any_message(), damage in damage()) {
        check(&apply(damage, message));
    }

    #[test]
    fn usual_messages_are_read_alike(message in usual_message(), damage in damage()) {
        check(message.as_bytes());
        check(&apply(damage, message));
    }

    #[test]
    fn any_json_is_read_alike(value in any_value()) {
        check(value.as_bytes());
    }

    #[test]
    fn any_bytes_are_read_alike(bytes: Vec<u8>) {
        check(&bytes);
    }

    #[test]
    fn bytes_of_json_are_read_alike(
        bytes in prop::collection::vec(prop::sample::select(b"{}[]:,\"\\u0dD8c1.-+eE \nnultrefas".to_vec()), 0..40)
    ) {
        check(&bytes);
    }

    #[test]
    fn numbers_are_read_alike(quantity in any_number(), price in any_number(), customer in any_number()) {
        let message = format!(
            "{{\"invoice_no\":1,\"stock_code\":2,\"invoice_date\":\"2010-12-01T08:26:00Z\",\
             \"quantity\":{quantity},\"unit_price\":{price},\"customer_id\":{customer}}}"
        );
        check(message.as_bytes());
    }
}

/// The strategies above reach orders, and every reason that a message of some bytes can have.
#[test]
fn the_made_up_messages_are_of_all_kinds() {
    use std::collections::BTreeMap;

    use order_message::Reason;
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let mut found: BTreeMap<Option<Reason>, u32> = BTreeMap::new();
    let messages = any_message();
    for _ in 0..2000 {
        let message = messages.new_tree(&mut runner).unwrap().current();
        *found.entry(slow(message.as_bytes(), &limits()).err()).or_default() += 1;
    }
    assert!(found.get(&None) > Some(&300), "{found:?}");
    for reason in &Reason::ALL[5..] {
        assert!(found.contains_key(&Some(*reason)), "{reason}: {found:?}");
    }
}
