//! Answers about a snapshot: the envelope, and what a browser may keep.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::batch::Snapshot;

/// `data` with the snapshot that it is of.
pub(super) fn envelope(snapshot: Option<&Snapshot>, data: Value) -> Value {
    json!({
        "as_of": snapshot.and_then(|s| s.as_of.as_deref()),
        "snapshot_date": snapshot.map(|s| s.date.as_str()),
        "run_id": snapshot.map(|s| s.run_id.as_str()),
        "data": data,
    })
}

/// An answer about this very moment.
pub(super) fn live(value: &Value) -> Response {
    let mut response = json_response(value.to_string());
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, no_store);
    response
}

/// What a browser has of an answer that depends on runs and on the address alone.
#[derive(Debug)]
pub(super) struct Tag(String);

impl Tag {
    /// Of an answer that follows from `parts`.
    pub(super) fn of(parts: &[&str]) -> Self {
        let mut hash = Sha256::new();
        hash.update(env!("CARGO_PKG_VERSION"));
        for part in parts {
            hash.update([0]);
            hash.update(part);
        }
        Self(format!("W/\"{}\"", hex(hash.finalize().as_slice().get(..12).unwrap_or_default())))
    }

    /// The answer, or that the browser has it already.
    pub(super) fn answer(self, headers: &HeaderMap, make: impl FnOnce() -> Response) -> Response {
        let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
        let is_known = known.is_some_and(|tags| {
            tags.split(',').any(|tag| tag.trim() == self.0 || tag.trim() == "*")
        });
        let mut response = if is_known { StatusCode::NOT_MODIFIED.into_response() } else { make() };
        // Kept by this browser alone, and asked for each time whether it still holds.
        let private = HeaderValue::from_static("private, no-cache");
        response.headers_mut().insert(header::CACHE_CONTROL, private);
        if let Ok(tag) = HeaderValue::from_str(&self.0) {
            response.headers_mut().insert(header::ETAG, tag);
        }
        response
    }
}

pub(super) fn json_response(text: String) -> Response {
    let json = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, json)], text).into_response()
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
