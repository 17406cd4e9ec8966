// Calls of the JSON API. Every failure becomes an ApiError with a sentence for people; a lost sign-in is told once, to everybody.

const TIMEOUT_MS = 15_000;

export const sessionEvents = new EventTarget();

/** `status` 0: no answer at all. `code`: the stable name of the problem, "" if the server gave none. */
export class ApiError extends Error {
  constructor(status, code, message, requestId = "") {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.requestId = requestId;
  }
}

/** `parameters` that are null or empty are left out. */
export function address(path, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined && value !== "") query.set(name, value);
  }
  const text = query.toString();
  return text ? `/api/${path}?${text}` : `/api/${path}`;
}

export const getJson = (path, parameters, signal) => call(address(path, parameters), { signal });

export const session = () => call("/api/session", {}, { quiet: true });

export const signIn = (credentials) =>
  call("/api/session", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(credentials) }, { quiet: true });

export const signOut = () => call("/api/session", { method: "DELETE" }, { quiet: true });

async function call(url, options, { quiet = false } = {}) {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
  let response;
  try {
    response = await fetch(url, { credentials: "same-origin", headers: { accept: "application/json" }, ...options, signal });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    const message = timeout.aborted ? "The server did not answer within 15 s." : "The server cannot be reached.";
    throw new ApiError(0, timeout.aborted ? "timeout" : "unreachable", message);
  }
  if (response.ok) {
    if (response.status === 204) return null;
    try {
      return await response.json();
    } catch (error) {
      if (options.signal?.aborted) throw error;
      throw new ApiError(response.status, "cut_off", "The server's answer ended early.");
    }
  }
  const problem = await response.json().catch(() => ({}));
  if (response.status === 401 && !quiet) sessionEvents.dispatchEvent(new Event("signedout"));
  const message = problem.detail || problem.title || `The server answered ${response.status}.`;
  throw new ApiError(response.status, problem.code ?? "", message, problem.request_id ?? response.headers.get("x-request-id") ?? "");
}

/** The answer of a call as {value}, {error} or {aborted}, so that one failure does not hide the others. */
export async function settle(promise) {
  try {
    return { value: await promise };
  } catch (error) {
    return error?.name === "AbortError" ? { aborted: true } : { error };
  }
}
