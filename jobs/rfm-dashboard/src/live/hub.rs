//! What is live, in one place: frames of the last orders, counts by second, the state of the feed.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::frame::{FRESH, Frame, MOST_ORDERS};
use super::order::LiveOrder;
use super::seconds::{Second, Seconds};
use crate::batch::slug;
use crate::http::{instant_of, now};

/// How long orders may wait for others of their frame.
const FRAME_TIME: Duration = Duration::from_millis(100);
/// Seconds between heartbeats.
const HEARTBEAT: u64 = 5;
/// How far back a watcher who comes back is given what it missed.
const REPLAY: Duration = Duration::from_secs(60);
/// Most orders that it is given then, or after a restart.
const REPLAY_ORDERS: u64 = 60_000;
/// Frames for which it is known how many orders came before them: an hour of them.
const CHECKPOINTS: usize = 36_000;
/// Segments that are told apart; orders of others are shown as unknown.
const MOST_SEGMENTS: usize = 64;

/// How many orders are kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RingLimits {
    pub orders: usize,
    pub bytes: usize,
}

/// Whether Kafka can be read.
#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    pub state: UpstreamState,
    pub topic: Option<String>,
    since: SystemTime,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum UpstreamState {
    NotConfigured,
    Connecting,
    Connected,
    /// With the reason.
    Down(String),
}

impl Upstream {
    /// As the API tells it.
    pub(crate) fn to_json(&self) -> Value {
        let (state, problem) = match &self.state {
            UpstreamState::NotConfigured => ("not_configured", None),
            UpstreamState::Connecting => ("connecting", None),
            UpstreamState::Connected => ("connected", None),
            UpstreamState::Down(problem) => ("down", Some(problem)),
        };
        json!({"state": state, "topic": self.topic, "since": instant_of(self.since), "problem": problem})
    }
}

/// The hub. Shared as an `Arc`.
#[derive(Debug)]
pub(crate) struct Hub {
    /// Differs between starts of the program.
    boot: String,
    limits: RingLimits,
    most_streams: usize,
    streams: AtomicUsize,
    state: Mutex<State>,
    /// Changes whenever a watcher may have something to read.
    changed: watch::Sender<u64>,
}

#[derive(Debug)]
pub(super) struct State {
    pub frames: VecDeque<Arc<Frame>>,
    ring_orders: usize,
    ring_bytes: usize,
    /// The newest frame; 0 before the first.
    pub head: u64,
    /// First frames of the ring that have forgotten what was encoded of them, by number of the frame.
    cooled: u64,
    pending: Vec<LiveOrder>,
    pending_since: Option<Instant>,
    /// Orders since the start.
    pub total: u64,
    /// By frame, the orders up to it.
    checkpoints: VecDeque<(u64, u64)>,
    /// Slug of each segment that was met; the first one is unknown.
    pub slugs: Arc<Vec<String>>,
    names: Vec<String>,
    seconds: Seconds,
    ticks: u64,
    last_order: Option<Instant>,
    last_snapshot: Option<Box<str>>,
    behind: Option<u64>,
    upstream: Upstream,
    pub stats: Event,
    pub heartbeat: Event,
    pub snapshot: Event,
    pub is_over: bool,
}

/// The newest event of a kind, with its number.
#[derive(Clone, Debug, Default)]
pub(super) struct Event {
    pub n: u64,
    pub text: Bytes,
}

impl Event {
    fn set(&mut self, name: &str, data: &Value) {
        self.n += 1;
        self.text = event(name, data);
    }
}

/// An event of the stream without an id.
pub(super) fn event(name: &str, data: &Value) -> Bytes {
    Bytes::from(format!("event: {name}\ndata: {data}\n\n"))
}

impl Hub {
    pub(crate) fn new(topic: Option<String>, limits: RingLimits, most_streams: usize) -> Self {
        let state =
            if topic.is_some() { UpstreamState::Connecting } else { UpstreamState::NotConfigured };
        let mut number = [0; 4];
        // Not a secret: two starts only must not have the same.
        if getrandom::fill(&mut number).is_err() {
            number = std::process::id().to_be_bytes();
        }
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let state = State {
            frames: VecDeque::new(),
            ring_orders: 0,
            ring_bytes: 0,
            head: 0,
            cooled: 0,
            pending: Vec::new(),
            pending_since: None,
            total: 0,
            checkpoints: VecDeque::from([(0, 0)]),
            slugs: Arc::new(vec!["unknown".to_owned()]),
            names: vec!["Unknown".to_owned()],
            seconds: Seconds::default(),
            ticks: 0,
            last_order: None,
            last_snapshot: None,
            behind: None,
            upstream: Upstream { state, topic, since: SystemTime::now() },
            stats: Event::default(),
            heartbeat: Event::default(),
            snapshot: Event::default(),
            is_over: false,
        };
        let hub = Self {
            boot: format!("{seconds:x}{:04x}", u32::from_be_bytes(number) & 0xffff),
            limits,
            most_streams,
            streams: AtomicUsize::new(0),
            state: Mutex::new(state),
            changed: watch::Sender::new(0),
        };
        hub.beat(&mut hub.state());
        hub
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    pub(crate) fn boot(&self) -> &str {
        &self.boot
    }

    pub(crate) fn upstream(&self) -> Upstream {
        self.state().upstream.clone()
    }

    /// A place for a stream, unless all are taken.
    pub(super) fn enter(self: &Arc<Self>) -> Option<Place> {
        let place = Place { hub: Arc::clone(self) };
        let taken = self.streams.fetch_add(1, Ordering::Relaxed);
        // Dropping the place gives it back.
        (taken < self.most_streams).then_some(place)
    }

    pub(crate) fn streams(&self) -> usize {
        self.streams.load(Ordering::Relaxed)
    }

    /// The position of a segment by its name; the first one for those without.
    pub(super) fn position_of(&self, name: &str) -> u16 {
        let mut state = self.state();
        if let Some(position) = state.names.iter().position(|known| known == name) {
            return u16::try_from(position).unwrap_or(0);
        }
        if state.names.len() == MOST_SEGMENTS {
            return 0;
        }
        state.names.push(name.to_owned());
        let mut slugs = state.slugs.as_ref().clone();
        slugs.push(slug(name));
        state.slugs = Arc::new(slugs);
        u16::try_from(state.names.len() - 1).unwrap_or(0)
    }

    /// Takes an order in. `is_old`: it was in Kafka before this program started, and counts for no rate.
    pub(super) fn push(&self, order: LiveOrder, is_old: bool) {
        let mut state = self.state();
        let now = Instant::now();
        if !is_old {
            state.total += 1;
            state.last_order = Some(now);
            let arrived = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let lag = order.ingested().map(|ingested| {
                // Clocks differ: an order that comes from the future came now.
                (i64::try_from(arrived.as_micros()).unwrap_or(i64::MAX) - ingested).max(0) / 1_000
            });
            state.seconds.count(order.segment, order.segment != 0, lag);
        }
        if order.segment_snapshot > state.last_snapshot {
            state.last_snapshot.clone_from(&order.segment_snapshot);
        }
        state.pending.push(order);
        state.pending_since.get_or_insert(now);
        if state.pending.len() >= MOST_ORDERS {
            self.make_frame(&mut state);
            drop(state);
            self.wake();
        }
    }

    /// Makes a frame of orders that have waited long enough. To be called often.
    pub(super) fn flush(&self) {
        let mut state = self.state();
        if state.pending_since.is_some_and(|since| since.elapsed() >= FRAME_TIME) {
            self.make_frame(&mut state);
            drop(state);
            self.wake();
        }
    }

    fn make_frame(&self, state: &mut State) {
        state.pending_since = None;
        let orders = std::mem::take(&mut state.pending);
        if orders.is_empty() {
            return;
        }
        state.head += 1;
        let before = state.checkpoints.back().map_or(0, |(_, orders)| *orders);
        let up_to = before + orders.len() as u64;
        let frame = Frame::new(state.head, orders, state.seconds.rate(), before);
        state.checkpoints.push_back((state.head, up_to));
        if state.checkpoints.len() > CHECKPOINTS {
            state.checkpoints.pop_front();
        }
        state.ring_orders += frame.orders.len();
        state.ring_bytes += frame.bytes;
        state.frames.push_back(Arc::new(frame));
        while state.frames.len() > 1
            && (state.ring_orders > self.limits.orders || state.ring_bytes > self.limits.bytes)
        {
            let Some(oldest) = state.frames.pop_front() else { break };
            state.ring_orders -= oldest.orders.len();
            state.ring_bytes -= oldest.bytes;
        }
        let warm = state.frames.iter().filter(|frame| frame.seq > state.cooled);
        let cold = warm.take_while(|frame| frame.made.elapsed() > FRESH);
        let last = cold.inspect(|frame| frame.cool()).last().map(|frame| frame.seq);
        state.cooled = last.unwrap_or(state.cooled);
    }

    /// Does what is due each second.
    pub(crate) fn tick(&self) {
        let mut state = self.state();
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        state.seconds.tick(time);
        state.ticks += 1;
        let stats = self.stats(&state);
        state.stats.set("stats", &stats);
        if state.ticks.is_multiple_of(HEARTBEAT) {
            self.beat(&mut state);
        }
        drop(state);
        self.wake();
    }

    fn stats(&self, state: &State) -> Value {
        let nothing = Second::default();
        let second = state.seconds.last().unwrap_or(&nothing);
        let counts = (0..state.slugs.len()).map(|n| second.by_segment.get(n).copied().unwrap_or(0));
        // Unknown is shown last.
        let mut by_segment: Vec<(&String, u64)> = state.slugs.iter().zip(counts).collect();
        by_segment.rotate_left(1);
        let (slugs, counts): (Vec<&String>, Vec<u64>) = by_segment.into_iter().unzip();
        json!({
            "time": instant_of(UNIX_EPOCH + Duration::from_secs(second.time)),
            "rate": second.orders,
            "total": state.total,
            "by_segment": {"segment": slugs, "orders": counts},
            "hit_rate": state.seconds.hit_rate(),
            "lag_ms": second.lag_ms,
            "behind": state.behind,
            "sampled": state.seconds.rate().div_ceil(1_000).max(1),
            "snapshot_date": state.last_snapshot,
            "connections": self.streams(),
        })
    }

    fn beat(&self, state: &mut State) {
        let beat = json!({
            "server_time": now(),
            "boot": self.boot,
            "head": self.id(state.head),
            "upstream": state.upstream.to_json(),
            "quiet_ms": state.last_order.map(|at| at.elapsed().as_millis() as u64),
        });
        state.heartbeat.set("heartbeat", &beat);
    }

    /// The id of a frame.
    pub(super) fn id(&self, seq: u64) -> String {
        format!("{}.{seq}", self.boot)
    }

    /// Tells how it is with Kafka. Watchers hear of a change at once.
    pub(super) fn set_upstream(&self, new: UpstreamState) {
        let mut state = self.state();
        if state.upstream.state == new {
            return;
        }
        state.upstream.state = new;
        state.upstream.since = SystemTime::now();
        self.beat(&mut state);
        drop(state);
        self.wake();
    }

    pub(super) fn set_behind(&self, orders: Option<u64>) {
        self.state().behind = orders;
    }

    /// Tells watchers of a newer snapshot.
    pub(crate) fn announce_snapshot(&self, date: &str, run_id: &str, as_of: Option<&str>) {
        let data = json!({"snapshot_date": date, "run_id": run_id, "as_of": as_of});
        self.state().snapshot.set("snapshot", &data);
        self.wake();
    }

    /// Ends all streams.
    pub(crate) fn close(&self) {
        self.state().is_over = true;
        self.wake();
    }

    fn wake(&self) {
        self.changed.send_modify(|n| *n += 1);
    }

    /// The newest orders of a customer, newest first; how many orders were looked at, and the time of the oldest and the
    /// newest of them.
    pub(crate) fn orders_of(&self, customer_id: i64, most: usize) -> Recent {
        let (frames, slugs) = {
            let mut state = self.state();
            // What came in the last tenth of a second as well.
            self.make_frame(&mut state);
            (state.frames.iter().cloned().collect::<Vec<_>>(), Arc::clone(&state.slugs))
        };
        self.wake();
        let all = || frames.iter().rev().flat_map(|frame| frame.orders.iter().rev());
        let of_customer = all().filter(|order| order.customer_id == Some(customer_id));
        Recent {
            orders: of_customer.take(most).cloned().collect(),
            looked_at: all().count(),
            newest: all().next().map(|order| order.ingest_time.clone()),
            oldest: all().last().map(|order| order.ingest_time.clone()),
            slugs,
        }
    }

    /// The seconds of the last quarter of an hour, and orders since the start.
    pub(crate) fn seconds(&self) -> (Vec<Second>, u64, String) {
        let state = self.state();
        let seconds = state.seconds.past().iter().cloned().collect();
        (seconds, state.total, self.id(state.head))
    }

    /// Orders and bytes in the ring.
    pub(crate) fn ring(&self) -> (usize, usize) {
        let state = self.state();
        (state.ring_orders, state.ring_bytes)
    }
}

/// What [`Hub::orders_of`] found.
#[derive(Debug)]
pub(crate) struct Recent {
    pub orders: Vec<LiveOrder>,
    pub looked_at: usize,
    pub newest: Option<Box<str>>,
    pub oldest: Option<Box<str>>,
    pub slugs: Arc<Vec<String>>,
}

impl State {
    /// Orders up to a frame and with it, if that is known.
    pub(super) fn orders_up_to(&self, seq: u64) -> Option<u64> {
        let at = self.checkpoints.binary_search_by_key(&seq, |(seq, _)| *seq).ok()?;
        self.checkpoints.get(at).map(|(_, orders)| *orders)
    }

    /// The first frame from which on a watcher is given what it missed.
    pub(super) fn replay_from(&self) -> u64 {
        let up_to = self.checkpoints.back().map_or(0, |(_, orders)| *orders);
        let is_old = |frame: &Arc<Frame>| {
            frame.made.elapsed() > REPLAY || up_to - frame.before > REPLAY_ORDERS
        };
        let skip = self.frames.partition_point(is_old);
        self.frames.get(skip).map_or(self.head + 1, |frame| frame.seq)
    }
}

/// A stream that is open.
#[derive(Debug)]
pub(super) struct Place {
    hub: Arc<Hub>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.hub.streams.fetch_sub(1, Ordering::Relaxed);
    }
}
