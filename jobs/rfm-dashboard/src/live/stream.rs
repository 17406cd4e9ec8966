//! A browser's connection: a position among the frames.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, Stream};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::frame::{Filter, Frame, Rate};
use super::hub::{Hub, Place, State, event};

/// A watcher whose next frame is older is too slow: it goes on with the newest.
const TOO_SLOW: Duration = Duration::from_secs(5);
/// Orders that a new watcher begins with.
const FIRST_ORDERS: usize = 50;
/// Frames that are handed over at a time.
const AT_A_TIME: usize = 16;

/// Where a watcher was when it left.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct After {
    boot: String,
    seq: u64,
}

impl After {
    /// `<boot>.<sequence>`; `None` for anything else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (boot, seq) = text.split_once('.')?;
        let is_boot = |b: u8| b.is_ascii_alphanumeric();
        let is_one = !boot.is_empty() && boot.len() <= 32 && boot.bytes().all(is_boot);
        let seq = seq.parse().ok().filter(|_| is_one)?;
        Some(Self { boot: boot.to_owned(), seq })
    }
}

/// Opens a stream; `None` when all places are taken. `is_signed_in` is asked each second.
pub(crate) fn open(
    hub: Arc<Hub>,
    filter: Filter,
    rate: Rate,
    after: Option<After>,
    is_signed_in: impl Fn() -> bool + Send + 'static,
) -> Option<impl Stream<Item = Result<Bytes, Infallible>> + Send + 'static> {
    let place = hub.enter()?;
    let mut changes = hub.changes();
    changes.mark_changed();
    let mut watcher = Watcher {
        hub,
        filter,
        rate,
        next: 0,
        replayed: 0,
        stats: 0,
        heartbeat: 0,
        snapshot: 0,
        ready: VecDeque::new(),
        changes,
        is_signed_in: Box::new(is_signed_in),
        is_over: false,
        _place: place,
    };
    watcher.begin(after);
    Some(stream::unfold(watcher, |mut watcher| async move {
        let bytes = watcher.read().await?;
        Some((Ok(bytes), watcher))
    }))
}

struct Watcher {
    hub: Arc<Hub>,
    filter: Filter,
    rate: Rate,
    /// The next frame to give.
    next: u64,
    /// The last frame that was there when it came: those may be old.
    replayed: u64,
    /// Numbers of the last events that were given.
    stats: u64,
    heartbeat: u64,
    snapshot: u64,
    ready: VecDeque<Bytes>,
    changes: watch::Receiver<u64>,
    is_signed_in: Box<dyn Fn() -> bool + Send>,
    is_over: bool,
    _place: Place,
}

impl Watcher {
    fn begin(&mut self, after: Option<After>) {
        let hub = Arc::clone(&self.hub);
        let state = hub.state();
        self.ready.push_back(Bytes::from(format!("retry: {}\n\n", retry())));
        self.ready.push_back(state.heartbeat.text.clone());
        self.heartbeat = state.heartbeat.n;
        self.snapshot = state.snapshot.n;
        self.replayed = state.head;
        let replay_from = state.replay_from();
        self.next = match &after {
            None => self.first(&state),
            Some(After { boot, seq }) if boot == hub.boot() => {
                let wanted = seq.saturating_add(1).min(state.head + 1);
                if wanted < replay_from {
                    let gap = self.gap("too_old", Some(*seq), replay_from, &state);
                    self.ready.push_back(gap);
                }
                wanted.max(replay_from)
            }
            Some(After { boot, seq }) => {
                let gap = json!({
                    "reason": "restart",
                    "missed": null,
                    "from": format!("{boot}.{seq}"),
                    "to": hub.id(replay_from.saturating_sub(1)),
                });
                self.ready.push_back(event("gap", &gap));
                replay_from
            }
        };
    }

    /// The frame with which a new watcher begins, so that the page is not empty.
    fn first(&self, state: &State) -> u64 {
        let mut orders = 0;
        let is_wanted = |frame: &Arc<Frame>| match &self.filter {
            Filter::All => frame.orders.len(),
            Filter::Segment(slug) => {
                let position = state.slugs.iter().position(|known| known == slug);
                let wanted = |segment: u16| position == Some(usize::from(segment));
                frame.orders.iter().filter(|order| wanted(order.segment)).count()
            }
            Filter::Customer(id) => {
                frame.orders.iter().filter(|order| order.customer_id == Some(*id)).count()
            }
        };
        let enough = state.frames.iter().rev().find(|frame| {
            orders += is_wanted(frame);
            orders >= FIRST_ORDERS
        });
        enough.or(state.frames.front()).map_or(state.head + 1, |frame| frame.seq)
    }

    /// Says that the frames after `from` and before `next` are not given.
    fn gap(&self, reason: &str, from: Option<u64>, next: u64, state: &State) -> Bytes {
        let up_to = |seq: u64| state.orders_up_to(seq);
        let missed = from.and_then(|from| Some(up_to(next - 1)? - up_to(from)?));
        let gap = json!({
            "reason": reason,
            "missed": missed,
            "from": from.map(|seq| self.hub.id(seq)),
            "to": self.hub.id(next.saturating_sub(1)),
        });
        event("gap", &gap)
    }

    /// The next bytes; waits for them. `None` at the end.
    async fn read(&mut self) -> Option<Bytes> {
        loop {
            if let Some(bytes) = self.ready.pop_front() {
                return Some(bytes);
            }
            if self.is_over {
                return None;
            }
            if self.collect() {
                continue;
            }
            // The hub outlives all streams.
            self.changes.changed().await.ok()?;
        }
    }

    /// Takes what there is. Whether there is something.
    fn collect(&mut self) -> bool {
        // What comes from here on is told again.
        self.changes.mark_unchanged();
        let hub = Arc::clone(&self.hub);
        let (frames, slugs) = {
            let state = hub.state();
            if state.is_over {
                self.end("shutdown");
                return true;
            }
            let frames = self.take_frames(&state);
            if state.snapshot.n != self.snapshot {
                self.snapshot = state.snapshot.n;
                self.ready.push_back(state.snapshot.text.clone());
            }
            if state.stats.n != self.stats {
                self.stats = state.stats.n;
                self.ready.push_back(state.stats.text.clone());
                if !(self.is_signed_in)() {
                    self.end("signed_out");
                    return true;
                }
            }
            if state.heartbeat.n != self.heartbeat {
                self.heartbeat = state.heartbeat.n;
                self.ready.push_back(state.heartbeat.text.clone());
            }
            (frames, Arc::clone(&state.slugs))
        };
        let more = !frames.is_empty();
        for frame in frames {
            self.ready.extend(frame.event(hub.boot(), &self.filter, self.rate, &slugs));
        }
        // A filter may let nothing pass of what there was: then there may be more behind it.
        more || !self.ready.is_empty()
    }

    fn take_frames(&mut self, state: &State) -> Vec<Arc<Frame>> {
        let oldest = state.frames.front().map_or(state.head + 1, |frame| frame.seq);
        let at = |seq: u64| {
            let index = usize::try_from(seq.saturating_sub(oldest)).unwrap_or(usize::MAX);
            state.frames.get(index)
        };
        let is_late = at(self.next.max(oldest)).is_some_and(|f| f.made.elapsed() > TOO_SLOW);
        if self.next < oldest || is_late && self.next > self.replayed {
            let next = state.head + 1;
            let gap = self.gap("slow", Some(self.next.saturating_sub(1)), next, state);
            self.ready.push_back(gap);
            self.next = next;
        }
        let mut frames = Vec::new();
        while let Some(frame) = at(self.next).filter(|_| frames.len() < AT_A_TIME) {
            frames.push(Arc::clone(frame));
            self.next += 1;
        }
        frames
    }

    fn end(&mut self, reason: &str) {
        let bye: Value = json!({"reason": reason, "retry_ms": retry()});
        self.ready.push_back(event("bye", &bye));
        self.is_over = true;
    }
}

/// Milliseconds after which a browser comes back: not all at once.
fn retry() -> u64 {
    let mut number = [0; 2];
    let _ = getrandom::fill(&mut number);
    1_500 + u64::from(u16::from_be_bytes(number)) % 3_001
}
