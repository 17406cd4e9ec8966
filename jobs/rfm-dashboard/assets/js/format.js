// Numbers, money, dates and ages as people read them. Null is a dash, never 0. Money stays a decimal string: Intl reads it exactly.

export const DASH = "–";

const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat(undefined, { notation: "compact", maximumSignificantDigits: 3 });
const oneDecimal = new Intl.NumberFormat(undefined, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const twoDecimals = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const threeDecimals = new Intl.NumberFormat(undefined, { minimumFractionDigits: 3, maximumFractionDigits: 3 });
const snapshotDay = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
const moment = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" });
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });

const missing = (value) => value === null || value === undefined || value === "" || Number.isNaN(value);

/** Every digit. */
export const exact = (n) => (missing(n) ? DASH : whole.format(n));

/** Exact below 100,000, then three significant digits; `exact` belongs into the title. */
export const count = (n) => (missing(n) ? DASH : Math.abs(n) < 100_000 ? whole.format(n) : compact.format(n));

/** A decimal string with two decimals and groups; exact, whatever its length. */
export const money = (text) => (missing(text) ? DASH : twoDecimals.format(text));

/** Money where space is short: whole units, compact from 100,000 on. */
export const shortMoney = (text) => (missing(text) ? DASH : count(Number(text)));

export const decimal1 = (n) => (missing(n) ? DASH : oneDecimal.format(n));
export const decimal3 = (n) => (missing(n) ? DASH : threeDecimals.format(n));
// The space before % does not break.
export const percent = (share) => (missing(share) ? DASH : `${oneDecimal.format(share * 100)}\u00a0%`);

/** With its sign in front: a proper minus, and a plus that is said. */
export function signed(n, write = exact) {
  if (missing(n)) return DASH;
  if (n === 0) return "±0";
  return (n > 0 ? "+" : "−") + write(Math.abs(n));
}

/**
 * Shares in tenths of a percent that add up to 100.0: the largest remainders get what rounding left over.
 * `parts`: numbers >= 0; answers texts; dashes when there is nothing to divide.
 */
export function shares(parts) {
  const total = parts.reduce((sum, part) => sum + part, 0);
  if (!(total > 0)) return parts.map(() => DASH);
  const raw = parts.map((part) => (part / total) * 1000);
  const tenths = raw.map(Math.floor);
  let left = 1000 - tenths.reduce((sum, n) => sum + n, 0);
  const byRemainder = raw.map((value, index) => [value - tenths[index], index]).sort((a, b) => b[0] - a[0] || a[1] - b[1]);
  for (const [, index] of byRemainder) {
    if (left-- <= 0) break;
    tenths[index] += 1;
  }
  return tenths.map((n) => `${oneDecimal.format(n / 10)}\u00a0%`);
}

/** `yyyy-MM-dd` of a snapshot; never shifted by the viewer's zone. */
export function day(text) {
  const parsed = new Date(`${text}T00:00:00Z`);
  return missing(text) || Number.isNaN(parsed.getTime()) ? DASH : snapshotDay.format(parsed);
}

const parsed = (value) => (missing(value) ? NaN : new Date(value).getTime());

/** Date and time in the viewer's zone. */
export const dateTime = (value) => (Number.isNaN(parsed(value)) ? DASH : moment.format(parsed(value)));
export const timeOfDay = (value) => (Number.isNaN(parsed(value)) ? DASH : clock.format(parsed(value)));
export const zone = () => Intl.DateTimeFormat().resolvedOptions().timeZone ?? "local time";

/** "4 s", "12 min", "3 h", "5 days". Never negative: clocks of two machines differ. */
export function span(ms) {
  if (missing(ms)) return DASH;
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

/** A lag: milliseconds below a second, tenths below 10 s. */
export const lag = (ms) => {
  if (missing(ms)) return DASH;
  if (ms < 1000) return `${exact(Math.max(0, Math.round(ms)))}\u00a0ms`;
  return ms < 10_000 ? `${oneDecimal.format(ms / 1000)}\u00a0s` : span(ms);
};

/** A rate a second: tenths below 10. */
export const rate = (n) => (missing(n) ? DASH : n > 0 && n < 10 ? oneDecimal.format(n) : count(n));

export const plural = (n, one, many = `${one}s`) => `${exact(n)} ${n === 1 ? one : many}`;
