//! The document of the API against the API.

use serde_json::Value;

use crate::support::program::Running;
use crate::support::shop::{Customer, Shop, customers};

fn document() -> Value {
    serde_json::from_str(include_str!("../../openapi.json")).unwrap()
}

/// Holds a value against a schema, as far as the document uses JSON Schema; the first difference.
fn difference(value: &Value, schema: &Value, document: &Value, path: &str) -> Option<String> {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.rsplit('/').next()?;
        return difference(value, &document["components"]["schemas"][name], document, path);
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind.as_str()],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => return None,
    };
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let fits = kinds.contains(&kind) || kind == "integer" && kinds.contains(&"number");
    if !fits {
        return Some(format!("{path} is {kind}, not {kinds:?}"));
    }
    if let Some(all) = schema["enum"].as_array().filter(|all| !all.contains(value)) {
        return Some(format!("{path} is {value}, not one of {all:?}"));
    }
    match value {
        Value::Array(items) => items.iter().enumerate().find_map(|(n, item)| {
            difference(item, &schema["items"], document, &format!("{path}[{n}]"))
        }),
        Value::Object(fields) => {
            let properties = schema["properties"].as_object()?;
            let unknown = fields.keys().find(|name| !properties.contains_key(*name));
            if let Some(name) = unknown {
                return Some(format!("{path}.{name} is not in the document"));
            }
            let required = schema["required"].as_array()?.iter().filter_map(Value::as_str);
            let mut required = required.filter(|name| !fields.contains_key(*name));
            if let Some(name) = required.next() {
                return Some(format!("{path}.{name} is missing"));
            }
            fields.iter().find_map(|(name, value)| {
                difference(value, &properties[name], document, &format!("{path}.{name}"))
            })
        }
        _ => None,
    }
}

#[track_caller]
fn assert_fits(value: &Value, schema: &str) {
    let document = document();
    let schemas = &document["components"]["schemas"];
    assert!(schemas[schema].is_object(), "no schema {schema}");
    assert_eq!(difference(value, &schemas[schema], &document, schema), None);
}

#[test]
fn answers_are_as_the_document_says() {
    let shop = Shop::new().with_broker();
    let fewer: Vec<Customer> = customers().into_iter().take(4).collect();
    shop.publish("2011-11-10", &fewer);
    shop.publish("2011-12-10", &customers());
    let dashboard = Running::ready(&mut shop.command());
    let mut events = dashboard.events("");
    shop.topic().send_many(5);
    for (path, schema) in [
        ("/api/session", "Session"),
        ("/api/snapshots", "Snapshots"),
        ("/api/segments", "Segments"),
        ("/api/scatter", "Scatter"),
        ("/api/migration", "Migration"),
        ("/api/customers/12350", "Customer"),
        ("/api/customers/12347/orders", "CustomerOrders"),
        ("/api/live", "Live"),
        ("/api/customers/x", "Problem"),
        ("/api/customers/1", "Problem"),
        ("/api/nothing", "Problem"),
        ("/api/scatter?max=1", "Problem"),
        ("/api/segments?snapshot=1999-01-01", "Problem"),
    ] {
        assert_fits(&dashboard.get(path).json(), schema);
    }
    for (name, schema) in
        [("heartbeat", "HeartbeatFrame"), ("orders", "OrdersFrame"), ("stats", "StatsFrame")]
    {
        assert_fits(&events.next_of(name).data, schema);
    }
    shop.publish("2011-12-11", &customers());
    assert_fits(&events.next_of("snapshot").data, "SnapshotFrame");
    dashboard.ask_to_stop();
    assert_fits(&events.next_of("bye").data, "ByeFrame");
}

#[test]
fn every_address_of_the_document_is_there() {
    let shop = Shop::open();
    let dashboard = Running::ready(&mut shop.command());
    let served = dashboard.get("/api/openapi.json").json();
    assert_eq!(served, document());
    for path in served["paths"].as_object().unwrap().keys() {
        let answer = dashboard.get(&path.replace("{id}", "12347"));
        if answer.status != 200 {
            let code = answer.problem(404);
            assert!(
                ["no_previous_snapshot", "live_not_configured"].contains(&code.as_str()),
                "{path}: {code}"
            );
        }
    }
}
