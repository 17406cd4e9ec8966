//! The page's files: in the program, under an address that changes with them, so that browsers may keep them for ever.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

// `FILES`: path below assets/ and contents; `TREE`: the beginning of the SHA-256 of all of them.
include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// Where the files are served.
const PREFIX: &str = "/assets/";
const PAGE: &str = "index.html";

/// The files, from the program or, while working on them, from a folder.
#[derive(Clone, Debug)]
pub(crate) struct Assets {
    folder: Option<PathBuf>,
    page: Arc<Bytes>,
}

impl Assets {
    pub(crate) fn new(folder: Option<PathBuf>) -> Self {
        let page = FILES.iter().find(|(path, _)| *path == PAGE);
        let page = page.map_or(String::new(), |(_, bytes)| {
            // Names in the page lead to the tree's own folder; within it they are relative.
            let text = String::from_utf8_lossy(bytes);
            text.replace("\"/assets/", &format!("\"{PREFIX}{TREE}/"))
        });
        Self { folder, page: Arc::new(Bytes::from(page)) }
    }

    /// The page; the same for all its addresses.
    pub(super) async fn page(&self) -> Response {
        let bytes = match &self.folder {
            Some(folder) => read(folder, PAGE).await.unwrap_or_default(),
            None => self.page.as_ref().clone(),
        };
        if bytes.is_empty() {
            let text = "this build has no page; the API is at /api/openapi.json\n";
            return (StatusCode::NOT_FOUND, text).into_response();
        }
        respond(bytes, "text/html; charset=utf-8", "no-cache")
    }

    /// A file, by what follows `/assets/`.
    pub(super) async fn file(&self, path: &str) -> Response {
        let within = path.strip_prefix(TREE).and_then(|rest| rest.strip_prefix('/'));
        let (name, cache) = match within {
            Some(name) => (name, "public, max-age=31536000, immutable"),
            None => (path, "no-cache"),
        };
        let bytes = match &self.folder {
            Some(folder) => read(folder, name).await,
            None => {
                let file = FILES.iter().find(|(known, _)| *known == name);
                file.map(|(_, bytes)| Bytes::from_static(bytes))
            }
        };
        match bytes {
            Some(bytes) => respond(bytes, type_of(name), cache),
            None => (StatusCode::NOT_FOUND, "no such file\n").into_response(),
        }
    }
}

/// A file of a folder; nothing outside of it.
async fn read(folder: &Path, name: &str) -> Option<Bytes> {
    let relative = Path::new(name);
    if !relative.components().all(|part| matches!(part, Component::Normal(_))) {
        return None;
    }
    let path = folder.join(relative);
    let read = tokio::task::spawn_blocking(move || std::fs::read(path)).await;
    read.ok()?.ok().map(Bytes::from)
}

fn respond(bytes: Bytes, kind: &'static str, cache: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CACHE_CONTROL, HeaderValue::from_static(cache)),
    ];
    (headers, bytes).into_response()
}

fn type_of(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "json" | "webmanifest" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        _ => "text/plain; charset=utf-8",
    }
}
