//! `/api/session`: who is asking, signing in, signing out.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::live;
use super::problem::Problem;
use super::router::{App, Peer};
use super::session::{Claim, Verdict};
use crate::batch::Status;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignIn {
    token: Option<String>,
    user: Option<String>,
    password: Option<String>,
}

/// GET
pub(super) async fn show(State(app): State<App>, headers: HeaderMap) -> Response {
    live(&describe(&app, app.auth.has_session(&headers)))
}

/// POST
pub(super) async fn sign_in(
    State(app): State<App>,
    Extension(Peer(from)): Extension<Peer>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let malformed = |detail: &str| {
        Problem::new(StatusCode::BAD_REQUEST, "body_malformed", "Bad sign-in", detail)
    };
    // A form of another site cannot send this type.
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
    if kind.trim() != "application/json" {
        return Err(malformed("Send application/json."));
    }
    let given: SignIn = serde_json::from_slice(&body)
        .map_err(|_| malformed("Send {\"token\": ...}, or {\"user\": ..., \"password\": ...}."))?;
    let claim = match (given.token, given.user, given.password) {
        (Some(token), None, None) => Claim::Token(token),
        (None, Some(user), Some(password)) => Claim::Password { user, password },
        _ => return Err(malformed("Send either a token, or a user and a password.")),
    };
    let auth = std::sync::Arc::clone(&app.auth);
    let verdict = tokio::task::spawn_blocking(move || auth.verify(&claim, from)).await;
    match verdict.map_err(|_| Problem::internal())? {
        Verdict::Accepted => {
            let cookie = app.auth.begin().map_err(|error| {
                tracing::error!(error = format!("{error:#}"), "cannot begin a session");
                Problem::internal()
            })?;
            let mut response = live(&describe(&app, true));
            if let Ok(cookie) = HeaderValue::from_str(&cookie) {
                response.headers_mut().insert(header::SET_COOKIE, cookie);
            }
            tracing::info!(%from, "signed in");
            Ok(response)
        }
        Verdict::Refused => {
            app.metrics.failed_sign_ins.inc();
            tracing::warn!(%from, "a sign-in was refused");
            let detail = "This is not right. Try again.";
            Err(Problem::new(StatusCode::UNAUTHORIZED, "sign_in_failed", "Not signed in", detail))
        }
        Verdict::TooMany => {
            let detail = "Too many attempts. Wait a minute.";
            let status = StatusCode::TOO_MANY_REQUESTS;
            Err(Problem::new(status, "too_many_attempts", "Too many attempts", detail)
                .retry_after(60))
        }
    }
}

/// DELETE
pub(super) async fn sign_out(State(app): State<App>, headers: HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Ok(cookie) = HeaderValue::from_str(&app.auth.end(&headers)) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// Somebody who has not signed in learns what a sign-in needs, and nothing of the data.
fn describe(app: &App, is_signed_in: bool) -> Value {
    let mut session = json!({
        "authenticated": is_signed_in,
        "auth": app.auth.method(),
        "user": null,
        "version": env!("CARGO_PKG_VERSION"),
        "server_time": crate::http::now(),
        "currency": app.currency,
        "stale_after_seconds": app.stale_after.as_secs(),
        "snapshot": null,
        "warehouse": null,
        "live": null,
    });
    if is_signed_in {
        let snapshots = app.batch.snapshots();
        let (state, problem) = match app.batch.status() {
            Status::Loading => ("loading", None),
            Status::Empty(_) => ("empty", app.batch.problem()),
            Status::Ready => ("ready", app.batch.problem()),
            Status::Down(problem) => ("down", Some(problem)),
        };
        session["user"] = json!(app.auth.user());
        session["snapshot"] = json!(snapshots.current().map(|snapshot| json!({
            "snapshot_date": snapshot.date.as_str(),
            "run_id": snapshot.run_id,
            "as_of": snapshot.as_of,
        })));
        session["warehouse"] = json!({"state": state, "problem": problem});
        session["live"] = app.hub.upstream().to_json();
    }
    session
}
