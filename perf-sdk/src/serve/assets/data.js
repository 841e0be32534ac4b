// Requests to this endpoint.

const TOKEN = "perf-sdk token";
/** Nothing takes longer than this in a program that answers. */
const PATIENCE_MS = 15000;

/** Why there is no answer. `status` is 0 if nobody answered. */
export class Failure extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

export function setToken(token) {
  try {
    sessionStorage.setItem(TOKEN, token);
  } catch {
    // A browser that keeps nothing asks again after a reload.
  }
  kept = token;
}

let kept = null;

export function headers(more = {}) {
  try {
    kept ??= sessionStorage.getItem(TOKEN);
  } catch {
    kept ??= "";
  }
  return kept ? { ...more, Authorization: `Bearer ${kept}` } : more;
}

export const url = (path) => new URL(path, document.baseURI);

/** The query of a request, without what is not given. */
export function query(parts) {
  const given = new URLSearchParams();
  for (const [key, value] of Object.entries(parts)) if (value !== null && value !== undefined && value !== "") given.set(key, value);
  return given.toString();
}

/** JSON of a route. */
export async function json(path, signal) {
  const timeout = AbortSignal.timeout(PATIENCE_MS);
  const both = signal ? AbortSignal.any([signal, timeout]) : timeout;
  let answer;
  try {
    answer = await fetch(url(path), { headers: headers({ Accept: "application/json" }), signal: both, cache: "no-store" });
    if (answer.ok) return await answer.json();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Failure(0, error.name === "TimeoutError" ? "no answer in 15 s" : "no connection");
  }
  const text = (await answer.text().catch(() => "")).trim().split("\n")[0].slice(0, 300);
  throw new Failure(answer.status, answer.headers.get("content-type")?.startsWith("text/plain") ? text : answer.statusText);
}
