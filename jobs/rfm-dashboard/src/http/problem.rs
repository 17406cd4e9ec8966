//! Errors as `application/problem+json` (RFC 9457) with codes that stay.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::batch::BatchError;

/// The header that names a request in answers and in the log.
pub(super) const REQUEST_ID: &str = "x-request-id";

/// An error that a client is told.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    pub status: StatusCode,
    pub code: &'static str,
    pub title: &'static str,
    pub detail: String,
    /// Seconds after which it is worth another try.
    pub retry_after: Option<u32>,
}

impl Problem {
    pub(super) fn new(
        status: StatusCode,
        code: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self { status, code, title, detail: detail.into(), retry_after: None }
    }

    pub(super) fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    pub(super) fn parameter(name: &str, expected: &str) -> Self {
        let detail = format!("The parameter {name} must be {expected}.");
        Self::new(StatusCode::BAD_REQUEST, "parameter_malformed", "Bad parameter", detail)
    }

    pub(super) fn not_found() -> Self {
        let detail = "There is nothing at this address.";
        Self::new(StatusCode::NOT_FOUND, "not_found", "Not found", detail)
    }

    pub(super) fn method_not_allowed() -> Self {
        let detail = "This address does not take this method.";
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "Method not allowed",
            detail,
        )
    }

    pub(super) fn signed_out() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "signed_out", "Signed out", "Sign in to see this.")
    }

    pub(super) fn timed_out() -> Self {
        let detail = "The answer took too long. Try again.";
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self::new(status, "timed_out", "Took too long", detail).retry_after(5)
    }

    pub(super) fn internal() -> Self {
        let detail = "The server failed to answer. Its log says more.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Server error", detail)
    }
}

impl From<BatchError> for Problem {
    fn from(error: BatchError) -> Self {
        let text = format!("{:#}", anyhow::Error::new(error));
        tracing::warn!(error = text, "the warehouse cannot be read");
        let detail = format!("The warehouse cannot be read: {text}.");
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self::new(status, "warehouse_unavailable", "Warehouse unavailable", detail).retry_after(5)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self { status, code, title, detail, retry_after } = self.clone();
        let body = json!({
            "type": "about:blank",
            "title": title,
            "status": status.as_u16(),
            "detail": detail,
            "code": code,
        });
        let mut response = (status, body.to_string()).into_response();
        let headers = response.headers_mut();
        let json = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, json);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        // The outermost layer adds the id of the request.
        response.extensions_mut().insert(self);
        response
    }
}

/// The answer with the request's id in it.
pub(super) fn with_request_id(response: Response, id: &str) -> Response {
    let mut response = match response.extensions().get::<Problem>().cloned() {
        Some(problem) => {
            let (mut parts, _) = response.into_parts();
            let body = json!({
                "type": "about:blank",
                "title": problem.title,
                "status": problem.status.as_u16(),
                "detail": problem.detail,
                "code": problem.code,
                "request_id": id,
            });
            parts.headers.remove(header::CONTENT_LENGTH);
            Response::from_parts(parts, axum::body::Body::from(body.to_string()))
        }
        None => response,
    };
    if let Ok(id) = HeaderValue::from_str(id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}
