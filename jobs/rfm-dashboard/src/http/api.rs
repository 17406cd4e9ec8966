//! Segments, points, migration, and the live view.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use warehouse::snapshot_date::SnapshotDate;

use super::answer::{Tag, envelope, json_response, live};
use super::csv::Csv;
use super::money;
use super::problem::Problem;
use super::query::{Parameters, customer_id};
use super::router::App;
use super::session::cookie;
use crate::batch::{Analysis, Axis, Migration, Point, Profiles, Snapshot, Status};
use crate::live::{After, Filter, Rate, Second, open_stream};

/// Most points of a scatter unless asked otherwise.
const POINTS: u32 = 5_000;

/// Whether a table is wanted.
pub(super) fn wants_csv(uri: &Uri) -> bool {
    uri.path().ends_with(".csv")
}

/// Runs what reads files on a thread where that may take its time.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Problem::internal())?
}

/// The snapshot of a day, or the newest one.
pub(super) fn snapshot(app: &App, date: Option<&SnapshotDate>) -> Result<Arc<Snapshot>, Problem> {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    match app.batch.status() {
        Status::Ready => {}
        Status::Loading => {
            let detail = "The newest snapshot is being loaded. Try again in a moment.";
            return Err(Problem::new(status, "snapshot_loading", "Loading", detail).retry_after(1));
        }
        Status::Empty(missing) => {
            let detail = match missing {
                None => "No snapshot yet. The batch job, rfm-batch, publishes one.".to_owned(),
                Some(folder) => format!(
                    "No snapshot yet: there is no folder '{}'. The batch job, rfm-batch, makes it with its first \
                     snapshot; if it has run, warehouse.path of this server names another folder.",
                    folder.display()
                ),
            };
            return Err(
                Problem::new(status, "no_snapshot", "No snapshot yet", detail).retry_after(30)
            );
        }
        Status::Down(problem) => {
            let detail = format!("The warehouse cannot be read: {problem}.");
            let title = "Warehouse unavailable";
            return Err(Problem::new(status, "warehouse_unavailable", title, detail).retry_after(5));
        }
    }
    let snapshots = app.batch.snapshots();
    let found = match date {
        Some(date) => snapshots.on(date),
        None => snapshots.current(),
    };
    found.cloned().ok_or_else(|| {
        let day = date.map_or("the newest day", SnapshotDate::as_str);
        let detail = format!("There is no snapshot of {day}.");
        Problem::new(StatusCode::NOT_FOUND, "snapshot_unknown", "No such snapshot", detail)
    })
}

/// `/api/snapshots`
pub(super) async fn snapshots(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Parameters::read(&uri, &[])?;
    let newest = snapshot(&app, None)?;
    let snapshots = app.batch.snapshots();
    let all = snapshots.all();
    let is_current = |s: &Arc<Snapshot>| s.is_same(&newest);
    let runs: Vec<&str> = all.iter().map(|s| s.run_id.as_str()).collect();
    Ok(Tag::of(&[uri.path(), &newest.run_id, &runs.join(" ")]).answer(&headers, || {
        if wants_csv(&uri) {
            let columns = ["snapshot_date", "run_id", "as_of", "customers", "is_current"];
            let mut csv = Csv::new("snapshots", &columns);
            for s in all {
                csv.row(&[
                    s.date.as_str(),
                    &s.run_id,
                    s.as_of.as_deref().unwrap_or_default(),
                    &s.customers.map(|n| n.to_string()).unwrap_or_default(),
                    &is_current(s).to_string(),
                ]);
            }
            return csv.into_response();
        }
        let data = json!({
            "snapshot_date": all.iter().map(|s| s.date.as_str()).collect::<Vec<_>>(),
            "run_id": runs,
            "as_of": all.iter().map(|s| s.as_of.as_deref()).collect::<Vec<_>>(),
            "customers": all.iter().map(|s| s.customers).collect::<Vec<_>>(),
            "is_current": all.iter().map(is_current).collect::<Vec<_>>(),
        });
        json_response(envelope(Some(&newest), data).to_string())
    }))
}

/// `/api/segments`
pub(super) async fn segments(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let parameters = Parameters::read(&uri, &["snapshot"])?;
    let snapshot = snapshot(&app, parameters.date("snapshot")?.as_ref())?;
    let of = Arc::clone(&snapshot);
    let profiles = blocking(move || Ok(app.batch.profiles(&of)?)).await?;
    Ok(Tag::of(&[uri.path(), &snapshot.run_id]).answer(&headers, || {
        let columns = profile_columns(&profiles);
        if wants_csv(&uri) {
            let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
            let mut csv = Csv::new(&format!("segments-{}", snapshot.date), &names);
            for row in 0..profiles.segments.len() {
                let cell = |(_, values): &(_, Vec<Value>)| values.get(row).map(plain);
                csv.row(&columns.iter().map(|c| cell(c).unwrap_or_default()).collect::<Vec<_>>());
            }
            return csv.into_response();
        }
        let columns = columns.into_iter().map(|(name, values)| (name.to_owned(), json!(values)));
        let data = json!({
            "model": {
                "k": profiles.k,
                "inertia": profiles.inertia,
                "silhouette": profiles.silhouette,
                "customers": profiles.customers(),
                "revenue": money(profiles.revenue()),
            },
            "segments": columns.collect::<serde_json::Map<_, _>>(),
        });
        json_response(envelope(Some(&snapshot), data).to_string())
    }))
}

fn profile_columns(profiles: &Profiles) -> Vec<(&'static str, Vec<Value>)> {
    let column =
        |make: fn(&crate::batch::Profile) -> Value| profiles.segments.iter().map(make).collect();
    vec![
        ("segment", column(|s| json!(s.slug))),
        ("name", column(|s| json!(s.name))),
        ("segment_id", column(|s| json!(s.id))),
        ("customers", column(|s| json!(s.customers))),
        ("share", column(|s| json!(s.share))),
        ("revenue", column(|s| json!(money(s.revenue)))),
        ("revenue_share", column(|s| json!(s.revenue_share))),
        ("avg_recency_days", column(|s| json!(s.avg_recency_days))),
        ("avg_frequency", column(|s| json!(s.avg_frequency))),
        ("avg_monetary", column(|s| json!(money(s.avg_monetary)))),
        ("centroid_recency_days", column(|s| json!(s.centroid[0]))),
        ("centroid_frequency", column(|s| json!(s.centroid[1]))),
        ("centroid_monetary", column(|s| json!(s.centroid[2]))),
    ]
}

/// A value as a cell.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// `/api/scatter`
pub(super) async fn scatter(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let parameters = Parameters::read(&uri, &["snapshot", "x", "y", "max"])?;
    let axis = |name, default| match parameters.get(name) {
        None => Ok(default),
        Some(text) => Axis::parse(text)
            .ok_or_else(|| Problem::parameter(name, "recency, frequency or monetary")),
    };
    let (x, y) = (axis("x", Axis::Recency)?, axis("y", Axis::Monetary)?);
    if x == y {
        return Err(Problem::parameter("y", "another one than x"));
    }
    let most = parameters.number("max", 100..=20_000, POINTS)?;
    let snapshot = snapshot(&app, parameters.date("snapshot")?.as_ref())?;
    let of = Arc::clone(&snapshot);
    let analysis = blocking(move || Ok(app.batch.analysis(&of)?)).await?;
    let key = [uri.path(), &snapshot.run_id, x.name(), y.name(), &most.to_string()];
    Ok(Tag::of(&key).answer(&headers, || {
        let points = analysis.points(most as usize);
        if wants_csv(&uri) {
            return scatter_csv(&analysis, &points, &snapshot).into_response();
        }
        let data = scatter_json(&analysis, &points, x, y);
        json_response(envelope(Some(&snapshot), data).to_string())
    }))
}

fn scatter_json(analysis: &Analysis, points: &[Vec<Point>], x: Axis, y: Axis) -> Value {
    let all = || points.iter().enumerate().flat_map(|(n, of)| of.iter().map(move |p| (n, p)));
    let shown = all().count();
    let is_sampled = (shown as u64) < analysis.total;
    let column = |make: fn(&Point) -> Value| all().map(|(_, p)| make(p)).collect::<Vec<_>>();
    let amount = |p: &Point| json!(money(order_model::Money::from_ten_thousandths(p.monetary)));
    let grid = is_sampled.then(|| {
        let cells = analysis.density(x, y);
        json!({
            "x_edges": cells.x_edges,
            "y_edges": cells.y_edges,
            "ix": cells.ix,
            "iy": cells.iy,
            "customers": cells.customers,
            "segment": cells.segment,
        })
    });
    json!({
        "x": x.name(),
        "y": y.name(),
        "total": analysis.total,
        "shown": shown,
        "sampled": is_sampled,
        "segments": analysis.segments.iter().map(|s| &s.slug).collect::<Vec<_>>(),
        "names": analysis.segments.iter().map(|s| &s.name).collect::<Vec<_>>(),
        "points": {
            "customer_id": column(|p| json!(p.customer_id.to_string())),
            "segment": all().map(|(n, _)| n).collect::<Vec<_>>(),
            "recency": column(|p| json!(p.recency)),
            "frequency": column(|p| json!(p.frequency)),
            "monetary": column(amount),
        },
        "grid": grid,
    })
}

fn scatter_csv(analysis: &Analysis, points: &[Vec<Point>], snapshot: &Snapshot) -> Csv {
    let columns = ["customer_id", "segment", "recency_days", "frequency", "monetary"];
    let mut csv = Csv::new(&format!("customers-{}", snapshot.date), &columns);
    for (segment, points) in analysis.segments.iter().zip(points) {
        for p in points {
            csv.row(&[
                &p.customer_id.to_string(),
                &segment.slug,
                &p.recency.to_string(),
                &p.frequency.to_string(),
                &money(order_model::Money::from_ten_thousandths(p.monetary)),
            ]);
        }
    }
    csv
}

/// `/api/migration`
pub(super) async fn migration(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let parameters = Parameters::read(&uri, &["from", "to"])?;
    let to = snapshot(&app, parameters.date("to")?.as_ref())?;
    let from = match parameters.date("from")? {
        Some(date) => snapshot(&app, Some(&date))?,
        None => app.batch.snapshots().before(&to.date).cloned().ok_or_else(|| {
            let detail = format!("There is no snapshot before {}.", to.date);
            let status = StatusCode::NOT_FOUND;
            Problem::new(status, "no_previous_snapshot", "No earlier snapshot", detail)
        })?,
    };
    let (of, since) = (Arc::clone(&to), Arc::clone(&from));
    let moved = blocking(move || Ok(app.batch.migration(&since, &of)?)).await?;
    Ok(Tag::of(&[uri.path(), &from.run_id, &to.run_id]).answer(&headers, || {
        if wants_csv(&uri) {
            return migration_csv(&moved, &from, &to).into_response();
        }
        let day = |s: &Snapshot| json!({"snapshot_date": s.date.as_str(), "run_id": s.run_id});
        let data = json!({
            "from": day(&from),
            "to": day(&to),
            "rows": moved.rows.iter().map(slug_of).collect::<Vec<_>>(),
            "columns": moved.columns.iter().map(slug_of).collect::<Vec<_>>(),
            "row_names": moved.rows.iter().map(name_of).collect::<Vec<_>>(),
            "column_names": moved.columns.iter().map(name_of).collect::<Vec<_>>(),
            "customers": moved.customers,
        });
        json_response(envelope(Some(&to), data).to_string())
    }))
}

fn slug_of(segment: &Option<(String, String)>) -> &str {
    segment.as_ref().map_or("absent", |(slug, _)| slug)
}

fn name_of(segment: &Option<(String, String)>) -> &str {
    segment.as_ref().map_or("Not a customer", |(_, name)| name)
}

fn migration_csv(moved: &Migration, from: &Snapshot, to: &Snapshot) -> Csv {
    let name = format!("migration-{}-{}", from.date, to.date);
    let mut csv = Csv::new(&name, &["from", "to", "customers"]);
    for (row, counts) in moved.rows.iter().zip(&moved.customers) {
        for (column, n) in moved.columns.iter().zip(counts) {
            csv.row(&[slug_of(row), slug_of(column), &n.to_string()]);
        }
    }
    csv
}

/// `/api/live`
pub(super) async fn live_state(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    Parameters::read(&uri, &[])?;
    let (seconds, total, head) = app.hub.seconds();
    let snapshots = app.batch.snapshots();
    let time = |s: &Second| {
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(s.time);
        warehouse::run_id::utc_timestamp(time)
    };
    let data = json!({
        "upstream": app.hub.upstream().to_json(),
        "boot": app.hub.boot(),
        "head": head,
        "total": total,
        "connections": app.hub.streams(),
        "seconds": {
            "time": seconds.iter().map(time).collect::<Vec<_>>(),
            "orders": seconds.iter().map(|s| s.orders).collect::<Vec<_>>(),
            "known": seconds.iter().map(|s| s.known).collect::<Vec<_>>(),
            "lag_ms": seconds.iter().map(|s| s.lag_ms).collect::<Vec<_>>(),
        },
    });
    let mut answer = envelope(snapshots.current().map(Arc::as_ref), data);
    answer["as_of"] = json!(super::now());
    Ok(live(&answer))
}

/// `/api/stream/orders`
pub(super) async fn stream(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let parameters = Parameters::read(&uri, &["segment", "customer", "after", "rate"])?;
    if app.hub.upstream().topic.is_none() {
        let detail = "No topic of tagged orders is configured: dashboard.topic, which is streaming.tagged_topic of \
                      rfm-streaming.";
        let status = StatusCode::NOT_FOUND;
        return Err(Problem::new(status, "live_not_configured", "No live feed", detail));
    }
    let filter = match (parameters.get("segment"), parameters.get("customer")) {
        (Some(_), Some(_)) => {
            return Err(Problem::parameter("segment", "left out where customer is given"));
        }
        (Some(slug), None) if slug.len() > 200 => {
            return Err(Problem::parameter("segment", "a segment"));
        }
        (Some(slug), None) => Filter::Segment(slug.to_owned()),
        (None, Some(customer)) => Filter::Customer(customer_id(customer)?),
        (None, None) => Filter::All,
    };
    let rate = Rate::at_least(parameters.number("rate", 1..=1_000, 1_000)?);
    let last_id = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    // A browser repeats the address it began with: what it has seen since is in the header. An id that is none is
    // as good as none.
    let after = last_id.and_then(After::parse).or_else(|| After::parse(parameters.get("after")?));
    let auth = Arc::clone(&app.auth);
    // A program that proves itself in each request has no session that could end.
    let session = cookie(&headers).filter(|cookie| auth.is_session(cookie));
    let is_signed_in = move || session.as_ref().is_none_or(|session| auth.is_session(session));
    let Some(events) = open_stream(Arc::clone(&app.hub), filter, rate, after, is_signed_in) else {
        app.metrics.refused_streams.inc();
        let detail = "All live connections are taken. Try again later.";
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let problem = Problem::new(status, "too_many_streams", "Too many viewers", detail);
        return Err(problem.retry_after(30));
    };
    let mut response = Body::from_stream(events).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}
