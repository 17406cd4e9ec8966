// The one voice for screen readers: changes of kind only, at most one sentence every ten seconds, the newest wins.

const PAUSE_MS = 10_000;
let region = null;
let saidAt = -Infinity;
let waiting = null;
let last = "";

export function connectAnnouncer(element) {
  region = element;
}

/** Says a sentence politely. `now` is for answers to what the user just did. */
export function announce(sentence, now = false) {
  if (sentence === last && !now) return;
  clearTimeout(waiting);
  const wait = now ? 0 : Math.max(0, saidAt + PAUSE_MS - performance.now());
  waiting = setTimeout(() => {
    last = sentence;
    saidAt = performance.now();
    if (region) region.textContent = sentence;
  }, wait);
}
