// The address is the state: what is shown can be sent to a colleague. Defaults are left out; a value that makes no sense becomes a notice.

const DAY = /^\d{4}-\d{2}-\d{2}$/;
const SLUG = /^[a-z0-9-]{1,64}$/;
const AXES = ["recency", "frequency", "monetary"];

/** Which parameters a page knows, and what they may be; a test answers whether a text is one. */
const oneOf = (...values) => (text) => values.includes(text);
const COMMON = { theme: oneOf("light", "dark"), view: oneOf("wall") };
const PARAMETERS = {
  overview: {
    snapshot: (text) => DAY.test(text),
    vs: (text) => DAY.test(text) || text === "none",
    x: oneOf(...AXES),
    y: oneOf(...AXES),
    scale: oneOf("linear"),
    segment: (text) => SLUG.test(text),
    table: (text) => text.split(",").every((name) => SLUG.test(name)),
    flow: oneOf("moves"),
  },
  live: { segment: (text) => SLUG.test(text), customer: (text) => /^\d{1,19}$/.test(text) },
  customer: { snapshot: (text) => DAY.test(text) },
  lost: {},
};

/** Reads an address: {page, customer, values, refused}. `customer` is the id as typed: the server judges it. */
export function readAddress(location) {
  const path = location.pathname;
  let page = "lost";
  let customer = null;
  if (path === "/" || path === "/index.html") page = "overview";
  else if (path === "/live") page = "live";
  else if (path === "/customers" || path === "/customers/") {
    page = "customer";
    customer = "";
  } else if (path.startsWith("/customers/")) {
    page = "customer";
    customer = decode(path.slice("/customers/".length));
  }
  const known = { ...COMMON, ...PARAMETERS[page] };
  const values = {};
  const refused = [];
  for (const [name, text] of new URLSearchParams(location.search)) {
    if (known[name]?.(text)) values[name] = text;
    else refused.push(name);
  }
  return { page, customer, values, refused };
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function customerAddress(id, snapshot) {
  const query = snapshot ? `?snapshot=${encodeURIComponent(snapshot)}` : "";
  return `/customers/${encodeURIComponent(id)}${query}`;
}

/** Calls `onChange(route)` now and whenever the address changes, whoever changed it. */
export function startRouter(onChange) {
  let route = readAddress(location);
  const tell = (kind) => {
    route = readAddress(location);
    onChange(route, kind);
  };
  addEventListener("popstate", () => tell("history"));
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    if (!link || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    if (link.origin !== location.origin || link.hasAttribute("download") || link.target || link.pathname.startsWith("/api/")) return;
    if (link.hash && link.pathname === location.pathname) return;
    event.preventDefault();
    go(link.pathname + link.search);
  });

  /** Navigation: a new entry in the history. */
  function go(address) {
    if (address !== location.pathname + location.search) history.pushState(null, "", address);
    tell("navigation");
  }

  /** A change of what the page shows. Null removes a parameter. `push` keeps the old view reachable with Back. */
  function update(changes, { push = false } = {}) {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries({ ...route.values, ...changes })) {
      if (value !== null && value !== undefined && value !== "") query.set(name, value);
    }
    // Commas of a list are legal in a query, and more readable than their escapes.
    const text = query.toString().replaceAll("%2C", ",");
    history[push ? "pushState" : "replaceState"](null, "", location.pathname + (text ? `?${text}` : ""));
    tell("update");
  }

  return { start: () => onChange(route, "start"), go, update, current: () => route };
}
