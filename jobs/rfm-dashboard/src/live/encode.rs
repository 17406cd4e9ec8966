//! Orders as JSON: one array a field.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::order::LiveOrder;

/// The fields of an order, in their order.
const FIELDS: [&str; 14] = [
    "key",
    "invoice_no",
    "stock_code",
    "description",
    "quantity",
    "unit_price",
    "amount",
    "customer_id",
    "country",
    "segment",
    "segment_snapshot",
    "is_return",
    "event_time",
    "ingest_time",
];

/// The names of the fields.
pub(crate) fn columns_of() -> &'static [&'static str] {
    &FIELDS
}

/// Writes the orders as an object of columns.
pub(super) fn write_orders(orders: &[&LiveOrder], slugs: &[String], out: &mut String) {
    out.push('{');
    for (position, name) in FIELDS.iter().enumerate() {
        if position > 0 {
            out.push(',');
        }
        let _ = write!(out, "\"{name}\":[");
        for (n, order) in orders.iter().enumerate() {
            if n > 0 {
                out.push(',');
            }
            write_field(order, position, slugs, out);
        }
        out.push(']');
    }
    out.push('}');
}

fn write_field(order: &LiveOrder, field: usize, slugs: &[String], out: &mut String) {
    // Writing to a String does not fail.
    let _ = match field {
        0 => write!(out, "\"{}-{}\"", order.partition, order.offset),
        1 => return write_text(&order.invoice_no, out),
        2 => return write_text(&order.stock_code, out),
        3 => return write_optional(order.description.as_deref(), out),
        4 => write!(out, "{}", order.quantity),
        5 => write!(out, "\"{}\"", crate::http::money(order.unit_price)),
        6 => write!(out, "\"{}\"", crate::http::money(order.amount())),
        7 => match order.customer_id {
            Some(id) => write!(out, "\"{id}\""),
            None => write!(out, "null"),
        },
        8 => return write_optional(order.country.as_deref(), out),
        9 => return write_text(slug_of(order, slugs), out),
        10 => return write_optional(order.segment_snapshot.as_deref(), out),
        11 => write!(out, "{}", order.is_return),
        12 => write!(out, "\"{}\"", crate::http::instant(order.event_time)),
        _ => return write_text(&order.ingest_time, out),
    };
}

fn slug_of<'s>(order: &LiveOrder, slugs: &'s [String]) -> &'s str {
    slugs.get(usize::from(order.segment)).map_or("unknown", String::as_str)
}

fn write_optional(text: Option<&str>, out: &mut String) {
    match text {
        Some(text) => write_text(text, out),
        None => out.push_str("null"),
    }
}

fn write_text(text: &str, out: &mut String) {
    // A text is always JSON.
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
}

/// The orders as an object of columns.
pub(crate) fn order_columns(orders: &[LiveOrder], slugs: &[String]) -> Value {
    let mut text = String::new();
    write_orders(&orders.iter().collect::<Vec<_>>(), slugs, &mut text);
    serde_json::from_str(&text).unwrap_or_else(|_| json!({}))
}

/// The fields of an order as texts, for a table.
pub(crate) fn order_cells(order: &LiveOrder, slugs: &[String]) -> Vec<String> {
    let columns = order_columns(std::slice::from_ref(order), slugs);
    let empty = Map::new();
    let columns = columns.as_object().unwrap_or(&empty);
    let cell = |name: &&str| match columns.get(*name).and_then(|values| values.get(0)) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    };
    FIELDS.iter().map(cell).collect()
}
