//! `/api/customers/{id}` and `/api/customers/{id}/orders`, also as tables.

use std::sync::Arc;

use axum::extract::{OriginalUri, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::answer::{Tag, envelope, json_response, live};
use super::api::{blocking, plain, snapshot, wants_csv};
use super::csv::Csv;
use super::problem::Problem;
use super::query::{Parameters, customer_id};
use super::router::App;
use super::{instant, money};
use crate::batch::{Customer, History, Snapshot};
use crate::live::{columns_of, order_cells, order_columns};

const HISTORY: u32 = 24;
const MOST_HISTORY: u32 = 120;

/// What was found of a customer.
struct Found {
    customer: Customer,
    rank: Option<(usize, usize)>,
    history: History,
    has_more: bool,
}

pub(super) async fn show(
    State(app): State<App>,
    Path(id): Path<String>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = customer_id(id.strip_suffix(".csv").unwrap_or(&id))?;
    let parameters = Parameters::read(&uri, &["snapshot", "history"])?;
    let most = parameters.number("history", 0..=MOST_HISTORY, HISTORY)?;
    let snapshot = snapshot(&app, parameters.date("snapshot")?.as_ref())?;
    let of = Arc::clone(&snapshot);
    let found = blocking(move || look_up(&app, &of, id, most as usize)).await?;
    let Some(found) = found else {
        let detail = format!("Customer {id} is not in the snapshot of {}.", snapshot.date);
        let status = StatusCode::NOT_FOUND;
        return Err(Problem::new(status, "customer_unknown", "No such customer", detail));
    };
    let runs: Vec<&str> = found.history.iter().map(|(s, _)| s.run_id.as_str()).collect();
    let parts = [uri.path(), &snapshot.run_id, &runs.join(" "), &format!("{:?}", found.rank)];
    Ok(Tag::of(&parts).answer(&headers, || {
        let columns = history_columns(&found.history);
        if wants_csv(&uri) {
            let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
            let mut csv = Csv::new(&format!("customer-{id}"), &names);
            for row in 0..found.history.len() {
                let cell = |(_, values): &(_, Vec<Value>)| values.get(row).map(plain);
                csv.row(&columns.iter().map(|c| cell(c).unwrap_or_default()).collect::<Vec<_>>());
            }
            return csv.into_response();
        }
        let columns = columns.into_iter().map(|(name, values)| (name.to_owned(), json!(values)));
        let history: serde_json::Map<_, _> = columns.collect();
        let customer = &found.customer;
        let [r, f, m] = customer.scores;
        let rank = found
            .rank
            .map(|(position, of)| json!({"position": position, "of": of, "by": "monetary"}));
        let data = json!({
            "customer_id": customer.customer_id.to_string(),
            "segment": customer.segment,
            "segment_name": customer.segment_name,
            "segment_id": customer.segment_id,
            "recency_days": customer.recency_days,
            "frequency": customer.frequency.to_string(),
            "monetary": money(customer.monetary),
            "r_score": r,
            "f_score": f,
            "m_score": m,
            "rfm_group": customer.rfm_group,
            "distance": customer.distance,
            "country": customer.country,
            "last_order": customer.last_order.map(instant),
            "rank": rank,
            "history": history,
            "history_truncated": found.has_more,
        });
        json_response(envelope(Some(&snapshot), data).to_string())
    }))
}

fn look_up(app: &App, snapshot: &Snapshot, id: i64, most: usize) -> Result<Option<Found>, Problem> {
    let Some(customer) = app.batch.customer(snapshot, id)? else { return Ok(None) };
    // Ranks of a snapshot that nobody has looked at whole are not worth reading all of it.
    let analysis = app.batch.analysis_at_hand(snapshot);
    let rank = analysis.and_then(|analysis| {
        analysis.rank(customer.segment_id, customer.monetary.ten_thousandths())
    });
    let (history, has_more) = app.batch.history(snapshot, &customer, most)?;
    Ok(Some(Found { customer, rank, history, has_more }))
}

fn history_columns(history: &History) -> Vec<(&'static str, Vec<Value>)> {
    let of = |make: fn(&Customer) -> Value| -> Vec<Value> {
        history.iter().map(|(_, c)| c.as_ref().map_or(Value::Null, make)).collect()
    };
    let about = |make: fn(&Snapshot) -> Value| -> Vec<Value> {
        history.iter().map(|(snapshot, _)| make(snapshot)).collect()
    };
    vec![
        ("snapshot_date", about(|s| json!(s.date.as_str()))),
        ("run_id", about(|s| json!(s.run_id))),
        ("segment", of(|c| json!(c.segment))),
        ("segment_name", of(|c| json!(c.segment_name))),
        ("recency_days", of(|c| json!(c.recency_days))),
        ("frequency", of(|c| json!(c.frequency.to_string()))),
        ("monetary", of(|c| json!(money(c.monetary)))),
        ("r_score", of(|c| json!(c.scores[0]))),
        ("f_score", of(|c| json!(c.scores[1]))),
        ("m_score", of(|c| json!(c.scores[2]))),
    ]
}

/// The customer's orders among those in memory. It needs no snapshot.
pub(super) async fn orders(
    State(app): State<App>,
    Path(id): Path<String>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    let id = customer_id(&id)?;
    let parameters = Parameters::read(&uri, &["max"])?;
    let most = parameters.number("max", 1..=500, 50)? as usize;
    let hub = Arc::clone(&app.hub);
    // The ring may be long.
    let recent = blocking(move || Ok(hub.orders_of(id, most))).await?;
    if wants_csv(&uri) {
        let mut csv = Csv::new(&format!("customer-{id}-orders"), columns_of());
        recent.orders.iter().for_each(|order| csv.row(&order_cells(order, &recent.slugs)));
        return Ok(csv.into_response());
    }
    Ok(live(&json!({
        "as_of": recent.newest,
        "snapshot_date": null,
        "run_id": null,
        "data": {
            "source": "live_ring",
            "upstream": app.hub.upstream().to_json(),
            "window": {"orders": recent.looked_at, "since": recent.oldest},
            "orders": order_columns(&recent.orders, &recent.slugs),
        },
    })))
}
