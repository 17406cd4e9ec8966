//! All addresses, and what holds for every request.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use service_kit::{Health, endpoints};
use tower_http::compression::CompressionLayer;

use super::assets::Assets;
use super::problem::{Problem, with_request_id};
use super::session::{Auth, Verdict};
use super::{api, customer, sign_in};
use crate::batch::Batch;
use crate::live::Hub;
use crate::metrics::JobMetrics;

/// Time for a request to be answered, or to begin to be.
const ANSWER: Duration = Duration::from_secs(20);
/// The only body there is, that of a sign-in.
const MOST_BODY: usize = 8 << 10;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'";

/// What handlers share. Clones are handles of the same.
#[derive(Clone, Debug)]
pub(crate) struct App {
    pub batch: Arc<Batch>,
    pub hub: Arc<Hub>,
    pub auth: Arc<Auth>,
    pub assets: Assets,
    pub metrics: JobMetrics,
    pub health: Health,
    pub currency: Option<String>,
    pub stale_after: Duration,
    /// Names by which this server may be called while nobody has to sign in.
    pub hosts: Arc<Vec<String>>,
    pub requests: Arc<AtomicU64>,
}

/// The other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub IpAddr);

/// Everything that is served.
pub(crate) fn routes(app: App) -> Router {
    let open = endpoints(&app.health, &app.metrics.all);
    Router::new()
        .route("/", get(page))
        .route("/live", get(page))
        .route("/customers/", get(page))
        .route("/customers/{id}", get(page))
        .route("/assets/{*path}", get(asset))
        .route("/api/openapi.json", get(openapi))
        .route("/api/session", get(sign_in::show).post(sign_in::sign_in).delete(sign_in::sign_out))
        .route("/api/snapshots", get(api::snapshots))
        .route("/api/snapshots.csv", get(api::snapshots))
        .route("/api/segments", get(api::segments))
        .route("/api/segments.csv", get(api::segments))
        .route("/api/scatter", get(api::scatter))
        .route("/api/scatter.csv", get(api::scatter))
        .route("/api/migration", get(api::migration))
        .route("/api/migration.csv", get(api::migration))
        .route("/api/customers/{id}", get(customer::show))
        .route("/api/customers/{id}/orders", get(customer::orders))
        .route("/api/customers/{id}/orders.csv", get(customer::orders))
        .route("/api/live", get(api::live_state))
        .route("/api/stream/orders", get(api::stream))
        .with_state(app.clone())
        .merge(open)
        .fallback(async || Problem::not_found())
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .layer(DefaultBodyLimit::max(MOST_BODY))
        .layer(from_fn_with_state(app.clone(), guard))
        .layer(CompressionLayer::new())
        .layer(from_fn_with_state(app, observe))
}

async fn page(State(app): State<App>) -> Response {
    app.assets.page().await
}

async fn asset(State(app): State<App>, Path(path): Path<String>) -> Response {
    app.assets.file(&path).await
}

async fn openapi() -> Response {
    let json = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache")];
    (json, include_str!("../../openapi.json")).into_response()
}

/// What is there for everybody: the page without data, what a sign-in needs, and whether the program lives.
fn is_open(path: &str) -> bool {
    !path.starts_with("/api/") && path != "/metrics"
        || matches!(path, "/api/session" | "/api/openapi.json")
}

/// The name of a request, in answers and in the log.
#[derive(Clone, Debug)]
struct RequestId(String);

/// Lets through who may pass, and not for longer than it may take. What failed is told with the request's name, here, where
/// answers are not packed yet.
async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let id = request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
    with_request_id(pass(&app, request, next).await, &id)
}

async fn pass(app: &App, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if !app.auth.is_needed() && !is_ours(&app.hosts, request.uri().host(), request.headers()) {
        let detail = "This server is not known by that name. Use its address, or add the name to dashboard.hosts.";
        let status = StatusCode::MISDIRECTED_REQUEST;
        return Problem::new(status, "host_refused", "Unknown host", detail).into_response();
    }
    if is_foreign(request.method(), request.headers()) {
        let detail = "Requests from pages of other sites are refused.";
        let status = StatusCode::FORBIDDEN;
        return Problem::new(status, "origin_refused", "Another site", detail).into_response();
    }
    if !is_open(path) && !app.auth.has_session(request.headers()) {
        let Some(claim) = Auth::claim_of(request.headers()) else {
            return Problem::signed_out().into_response();
        };
        let from = request.extensions().get::<Peer>().map_or(IpAddr::from([0, 0, 0, 0]), |p| p.0);
        let auth = Arc::clone(&app.auth);
        match tokio::task::spawn_blocking(move || auth.verify(&claim, from)).await {
            Ok(Verdict::Accepted) => {}
            Ok(Verdict::Refused | Verdict::TooMany) => {
                app.metrics.failed_sign_ins.inc();
                return Problem::signed_out().into_response();
            }
            Err(_) => return Problem::internal().into_response(),
        }
    }
    match tokio::time::timeout(ANSWER, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::timed_out().into_response(),
    }
}

/// Whether the request calls the server by a name of its own. A page of another site may have its name lead here ("DNS
/// rebinding"), and would be taken for ours by the browser.
fn is_ours(hosts: &[String], of_uri: Option<&str>, headers: &HeaderMap) -> bool {
    let of_header = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let Some(host) = of_uri.or(of_header) else { return true };
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let is_local = |name: &str| name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    name.eq_ignore_ascii_case("localhost")
        || is_local(name)
        || hosts.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Whether a page of another site wants to change something here.
fn is_foreign(method: &Method, headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").and_then(|site| site.to_str().ok());
    !method.is_safe() && site.is_some_and(|site| !matches!(site, "same-origin" | "none"))
}

/// Names and counts each request, and adds the headers that every answer has.
async fn observe(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let number = app.requests.fetch_add(1, Ordering::Relaxed);
    let id = format!("{}-{number:06}", app.hub.boot());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let route = route.unwrap_or_else(|| "other".to_owned());
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut response = next.run(request).await;
    let status = response.status();
    app.metrics.answered(&route, status.as_u16(), started.elapsed());
    if status.is_server_error() {
        tracing::warn!(id, %method, path, status = status.as_u16(), "a request failed");
    } else {
        tracing::debug!(id, %method, path, status = status.as_u16(), "answered");
    }
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_this_server() {
        let hosts = ["rfm.shop.example".to_owned()];
        let is_ours = |host: &'static str| {
            let headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static(host))]);
            is_ours(&hosts, None, &headers)
        };
        for host in
            ["localhost", "LOCALHOST:3034", "127.0.0.1:3034", "[::1]:3034", "rfm.shop.example:80"]
        {
            assert!(is_ours(host), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "192.168.0.1:3034",
            "",
            "127.0.0.1.evil.example",
        ] {
            assert!(!is_ours(host), "{host}");
        }
    }

    #[test]
    fn what_is_open() {
        for path in
            ["/", "/live", "/assets/x.js", "/healthz", "/readyz", "/api/session", "/customers/1"]
        {
            assert!(is_open(path), "{path}");
        }
        for path in ["/api/", "/api/segments", "/api/session/x", "/api/stream/orders", "/metrics"] {
            assert!(!is_open(path), "{path}");
        }
    }
}
