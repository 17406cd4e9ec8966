// The connection to the live orders: an EventSource, what it knows of its own health, and how it comes back.
// Dead connection, quiet topic and unreachable Kafka are three different things and stay so.

import { session, sessionEvents } from "../api.js";
import { rowsOf } from "../columns.js";

const STALE_AFTER_MS = 12_000; // heartbeats come every 5 s
const GIVE_UP_AFTER_MS = 30_000; // a connection that died without a word never ends by itself
const QUIET_AFTER_MS = 120_000;
const HIDDEN_CLOSE_MS = 60_000; // browsers have six connections a host; hidden tabs let go of theirs
const RETRY_MOST_MS = 30_000;

/**
 * Events: "orders" {rows, sampled}, "stats", "gap", "snapshot" (each with the frame as detail), "state" (detail: see `state`).
 * `state`: {kind: connecting | live | waiting | quiet | upstream | stale | reconnecting | off | sleeping, since?, at?, problem?, topic?}.
 */
export class OrderStream extends EventTarget {
  #source = null;
  #filter = {};
  #lastId = null;
  #lastFrameAt = 0;
  #lastOrderAt = null;
  #heartbeat = null;
  #retryAt = null;
  #retryTimer = null;
  #failures = 0;
  #ticker = null;
  #hiddenTimer = null;
  #sleeping = false;
  #closed = true;
  #visibility = () => this.#visibilityChanged();
  #pageHide = () => this.#disconnect();
  #pageShow = (event) => event.persisted && this.#connect();
  state = { kind: "connecting" };

  /** Whether the server has a feed at all; without one there is nothing to connect to. */
  static configured = true;

  /** `filter`: {segment?, customer?, rate?}. A second call follows another filter, from the newest orders on. */
  open(filter = {}) {
    this.#filter = filter;
    this.#lastId = null;
    this.#lastOrderAt = null;
    if (this.#closed) {
      this.#closed = false;
      document.addEventListener("visibilitychange", this.#visibility);
      addEventListener("pagehide", this.#pageHide);
      addEventListener("pageshow", this.#pageShow);
      this.#ticker = setInterval(() => this.#judge(), 1000);
    }
    this.#connect();
  }

  close() {
    this.#closed = true;
    this.#disconnect();
    clearInterval(this.#ticker);
    clearTimeout(this.#hiddenTimer);
    document.removeEventListener("visibilitychange", this.#visibility);
    removeEventListener("pagehide", this.#pageHide);
    removeEventListener("pageshow", this.#pageShow);
  }

  /** The user does not want to wait for the next try. */
  retryNow() {
    if (!this.#closed) this.#connect();
  }

  #connect() {
    this.#disconnect();
    if (this.#closed) return;
    if (!OrderStream.configured) {
      this.#setState({ kind: "off" });
      return;
    }
    this.#sleeping = false;
    this.#lastFrameAt = performance.now();
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries({ ...this.#filter, after: this.#lastId })) if (value) query.set(name, value);
    const source = new EventSource(`/api/stream/orders?${query}`);
    this.#source = source;
    // A frame that cannot be read is the server's fault; the list goes on with the next one.
    const on = (name, handle) => source.addEventListener(name, (event) => {
      if (source !== this.#source) return;
      this.#lastFrameAt = performance.now();
      let frame;
      try {
        frame = JSON.parse(event.data);
      } catch {
        return;
      }
      handle(frame, event);
      if (this.state.kind === "connecting" || this.state.kind === "reconnecting" || this.state.kind === "stale") this.#judge();
    });
    on("orders", (frame, event) => this.#orders(frame, event.lastEventId));
    on("stats", (frame) => this.#tell("stats", frame));
    on("snapshot", (frame) => this.#tell("snapshot", frame));
    on("gap", (frame) => this.#tell("gap", frame));
    on("heartbeat", (frame) => {
      this.#failures = 0;
      this.#heartbeat = { ...frame, at: performance.now() };
      this.#judge();
    });
    on("bye", ({ reason, retry_ms: wait }) => {
      if (reason === "signed_out") sessionEvents.dispatchEvent(new Event("signedout"));
      else this.#retryIn(wait ?? 3000);
    });
    source.onerror = () => {
      if (source !== this.#source) return;
      if (source.readyState === EventSource.CLOSED) this.#refused();
      else this.#setState({ kind: "reconnecting" });
    };
    this.#judge();
  }

  #disconnect() {
    clearTimeout(this.#retryTimer);
    this.#retryAt = null;
    this.#source?.close();
    this.#source = null;
    this.#heartbeat = null;
  }

  /** EventSource does not say why it was refused: the session does. */
  async #refused() {
    this.#source = null;
    try {
      const now = await session();
      if (this.#closed) return;
      if (!now.authenticated) {
        sessionEvents.dispatchEvent(new Event("signedout"));
        return;
      }
      if (now.live?.state === "not_configured") {
        this.#setState({ kind: "off" });
        return;
      }
    } catch {
      // Not even that: the server is away.
    }
    if (this.#closed || this.#source || this.#retryAt) return;
    this.#failures += 1;
    const most = Math.min(RETRY_MOST_MS, 1000 * 2 ** this.#failures);
    this.#retryIn(1000 + Math.random() * (most - 1000));
  }

  #retryIn(ms) {
    this.#disconnect();
    this.#retryAt = performance.now() + ms;
    this.#retryTimer = setTimeout(() => this.#connect(), ms);
    this.#judge();
  }

  #orders(frame, id) {
    // What a replay repeats is dropped by its number; another boot counts anew.
    const [boot, number] = split(id);
    const [lastBoot, lastNumber] = split(this.#lastId);
    if (boot !== null && boot === lastBoot && number <= lastNumber) return;
    if (id) this.#lastId = id;
    this.#lastOrderAt = performance.now();
    this.#tell("orders", { rows: rowsOf(frame.orders), sampled: frame.sampled ?? 1 });
  }

  /** Says how things stand; called each second and whenever something happened. */
  #judge() {
    const now = performance.now();
    if (this.#closed) return;
    if (this.#sleeping) return this.#setState({ kind: "sleeping" });
    if (this.#retryAt !== null) return this.#setState({ kind: "reconnecting", inMs: Math.max(0, this.#retryAt - now) });
    if (!this.#source) return undefined;
    const silent = now - this.#lastFrameAt;
    if (silent > GIVE_UP_AFTER_MS) {
      this.#connect();
      return undefined;
    }
    if (silent > STALE_AFTER_MS) return this.#setState({ kind: "stale", silentMs: silent });
    if (this.#source.readyState !== EventSource.OPEN) return this.state.kind === "reconnecting" ? undefined : this.#setState({ kind: "connecting" });
    if (!this.#heartbeat) return this.#setState({ kind: "connecting" });
    const { upstream, quiet_ms: quiet, at } = this.#heartbeat;
    if (upstream.state === "not_configured") return this.#setState({ kind: "off" });
    if (upstream.state === "down") return this.#setState({ kind: "upstream", problem: upstream.problem, since: upstream.since });
    if (upstream.state === "connecting") return this.#setState({ kind: "connecting", topic: upstream.topic });
    const heard = this.#lastOrderAt === null ? null : now - this.#lastOrderAt;
    const filtered = this.#filter.segment || this.#filter.customer;
    const topicQuiet = quiet === null ? null : filtered || heard === null ? quiet + (now - at) : Math.min(heard, quiet + (now - at));
    if (topicQuiet === null) return this.#setState({ kind: "waiting", topic: upstream.topic });
    if (topicQuiet > QUIET_AFTER_MS) return this.#setState({ kind: "quiet", quietMs: topicQuiet });
    return this.#setState({ kind: "live", quietMs: topicQuiet, heardMs: heard });
  }

  #setState(state) {
    this.state = state;
    this.#tell("state", state);
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  #visibilityChanged() {
    clearTimeout(this.#hiddenTimer);
    if (document.hidden) {
      this.#hiddenTimer = setTimeout(() => {
        this.#disconnect();
        this.#sleeping = true;
        this.#judge();
      }, HIDDEN_CLOSE_MS);
    } else if (this.#sleeping) {
      this.#connect();
    }
  }
}

/** "<boot>.<sequence>" -> [boot, sequence]. */
function split(id) {
  const at = id ? id.lastIndexOf(".") : -1;
  return at < 0 ? [null, NaN] : [id.slice(0, at), Number(id.slice(at + 1))];
}
