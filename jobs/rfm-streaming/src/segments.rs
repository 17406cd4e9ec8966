//! The segments that orders are tagged with: loaded while the job joins its group, before the first order, and again whenever
//! the batch layer has published.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use segment_index::{LoadError, SegmentIndex, Snapshot, current_snapshot, load};
use service_kit::signals::Stop;
use warehouse::ddl::USER_SEGMENTS_CURRENT;

use crate::config::Place;

/// Loads the segments, and looks for new ones, on a thread of its own.
#[derive(Debug)]
pub(crate) struct SegmentWatch {
    loaded: Receiver<Arc<SegmentIndex>>,
    stop: Stop,
    thread: Option<JoinHandle<()>>,
}

/// Segments, and how long loading them took.
fn load_now(place: &Place) -> Result<Option<Arc<SegmentIndex>>, LoadError> {
    let Ok(view) = place.ddl.view(USER_SEGMENTS_CURRENT) else { return Ok(None) };
    let started = Instant::now();
    let Some(index) = load(place.catalog.as_ref(), view)? else { return Ok(None) };
    let snapshot = index.snapshot().map(|s| s.date.to_string()).unwrap_or_default();
    tracing::info!(
        snapshot,
        customers = index.len(),
        bytes = index.memory_bytes(),
        seconds = started.elapsed().as_secs_f64(),
        "segments loaded"
    );
    Ok(Some(Arc::new(index)))
}

/// The segments as they are now; empty ones when nothing has been published yet, or when they cannot be read now:
/// orders are then tagged `Unknown`, and the watch goes on looking.
fn first(place: &Place) -> Arc<SegmentIndex> {
    match load_now(place) {
        Ok(Some(index)) => index,
        Ok(None) => {
            tracing::warn!(
                "no segments are published yet: orders are tagged Unknown until rfm-batch has run"
            );
            Arc::new(SegmentIndex::empty())
        }
        Err(error) => {
            let error = anyhow::Error::new(error);
            tracing::warn!(
                error = format!("{error:#}"),
                "cannot load segments; orders are tagged Unknown until it works"
            );
            Arc::new(SegmentIndex::empty())
        }
    }
}

impl SegmentWatch {
    /// Loads what there is, then looks every `refresh` whether another snapshot is published.
    pub(crate) fn start(place: &Place, refresh: Duration) -> std::io::Result<Self> {
        // One at a time: whoever takes it frees the old ones before the next are loaded.
        let (send, loaded) = mpsc::sync_channel(0);
        let stop = Stop::new();
        let (place, stopped) = (place.clone(), stop.clone());
        let thread = std::thread::Builder::new().name("segments".to_owned()).spawn(move || {
            let index = first(&place);
            let mut current = index.snapshot().cloned();
            if send.send(index).is_err() {
                return;
            }
            let mut failing = false;
            while !stopped.wait_timeout(refresh) {
                match newer(&place, current.as_ref()) {
                    Ok(found) => {
                        failing = false;
                        let Some(index) = found else { continue };
                        current = index.snapshot().cloned();
                        if send.send(index).is_err() {
                            return;
                        }
                    }
                    Err(error) => {
                        let retryable = error.is_retryable();
                        let error = format!("{:#}", anyhow::Error::new(error));
                        if !failing {
                            tracing::warn!(
                                error,
                                retryable,
                                "cannot look for new segments; going on with those there are"
                            );
                        }
                        failing = true;
                    }
                }
            }
        })?;
        Ok(Self { loaded, stop, thread: Some(thread) })
    }

    /// New segments, if there are some within this time.
    pub(crate) fn take(&self, wait: Duration) -> Option<Arc<SegmentIndex>> {
        self.loaded.recv_timeout(wait).ok()
    }
}

impl Drop for SegmentWatch {
    fn drop(&mut self) {
        self.stop.set();
        // Whoever waits to hand over an index is told that nobody takes it.
        let (_, nobody) = mpsc::sync_channel(0);
        self.loaded = nobody;
        // A thread that waits for a catalog ends with the process.
        if let Some(thread) = self.thread.take()
            && thread.is_finished()
        {
            let _ = thread.join();
        }
    }
}

fn newer(
    place: &Place,
    current: Option<&Snapshot>,
) -> Result<Option<Arc<SegmentIndex>>, LoadError> {
    let Ok(view) = place.ddl.view(USER_SEGMENTS_CURRENT) else { return Ok(None) };
    match current_snapshot(place.catalog.as_ref(), view)? {
        Some(published) if Some(&published) != current => load_now(place),
        _ => Ok(None),
    }
}
