// Where data come from: this endpoint, the file itself, or a file that is opened; and the state in
// the address.
Flame.source = (() => {
  const KEY = "perf-sdk token";
  // Which route has which weights, and for how long it samples.
  const SOURCES = {
    cpu: { title: "CPU samples", path: "api/v1/flame/cpu", weights: ["cpu_samples", "samples"] },
    start: {
      title: "CPU samples since the start",
      path: "api/v1/flame/cpu",
      weights: ["cpu_samples", "samples"]
    },
    calls: {
      title: "profiled calls",
      path: "api/v1/flame",
      weights: [
        "wall",
        "cpu",
        "offcpu",
        "bytes",
        "allocations",
        "calls",
        "live",
        "live_objects",
        "retained_old",
        "live_growth"
      ]
    },
    wall: {
      title: "wall time samples",
      path: "api/v1/flame/wall",
      seconds: 10,
      weights: ["wall_samples", "offcpu_samples"]
    },
    heap: {
      title: "live heap by stack",
      path: "api/v1/flame/heap",
      instant: true,
      weights: ["heap_live", "heap_objects", "heap_allocated", "heap_allocations"]
    }
  };
  const of = weight => Object.keys(SOURCES).find(name => SOURCES[name].weights.includes(weight));

  const embedded = () => document.querySelector("#flame-data");
  const isFile = () => embedded() !== null;

  class Failure extends Error {
    constructor(text, advice, status) {
      super(text);
      this.advice = advice;
      this.status = status;
    }
  }

  const token = {
    get: () => {
      try {
        return sessionStorage.getItem(KEY);
      } catch {
        return null;
      }
    },
    set: value => {
      try {
        sessionStorage.setItem(KEY, value);
      } catch {
        /* It holds until the page is left. */
      }
      token.last = value;
    }
  };

  const advice = status =>
    ({
      0: "Is the program running? Look at the address, then try again.",
      401: "Enter the token: the program's start prints the path of its file.",
      403: "Open the page at the endpoint's own address.",
      404: "Choose other data above.",
      429: "Try again when another capture has ended.",
      503: "Try again in a moment."
    })[status] ?? "Try again.";

  // Text of a path relative to the page.
  const get = async (path, seconds) => {
    const bearer = token.get() ?? token.last;
    const headers = bearer ? { Authorization: `Bearer ${bearer}` } : {};
    const limit = (seconds + 60) * 1000;
    let response, text;
    try {
      response = await fetch(path, { headers, signal: AbortSignal.timeout(limit), cache: "no-store" });
      text = await response.text();
    } catch (error) {
      const why =
        error.name === "TimeoutError"
          ? `no answer within ${limit / 1000} s`
          : "the endpoint cannot be reached";
      throw new Failure(`${path}: ${why}.`, advice(0), 0);
    }
    if (!response.ok) throw new Failure(text.trim(), advice(response.status), response.status);
    return text;
  };

  const load = async (name, { seconds }) => {
    const source = SOURCES[name],
      wait = source.instant ? 0 : Number(seconds) || source.seconds || 0;
    const query = new URLSearchParams();
    if (wait > 0) query.set("seconds", wait);
    else if (name === "start") query.set("from", "start");
    return Flame.model.parse(await get(`${source.path}${query.size ? `?${query}` : ""}`, wait));
  };

  // The state is in the query of the page, and behind # in a file.
  const state = () => {
    const own = new URLSearchParams(isFile() ? location.hash.slice(1) : location.search);
    const kept = isFile()
      ? new URLSearchParams(JSON.parse(embedded().textContent).state ?? "")
      : new URLSearchParams();
    return Object.fromEntries([...kept, ...own]);
  };
  const query = state =>
    new URLSearchParams(
      Object.entries(state).filter(
        ([, value]) => value !== "" && value !== undefined && value !== null && value !== false
      )
    ).toString();
  const remember = state => {
    const text = query(state);
    try {
      history.replaceState(null, "", isFile() ? `#${text}` : text ? `?${text}` : location.pathname);
    } catch {
      /* Some browsers keep addresses of files as they are. */
    }
  };

  // A range such as 1700000000.25..1700000010, -30s..now or before, in microseconds.
  const moment = (text, endUs) => {
    const match = /^(?:(now)|-(\d+(?:\.\d+)?)(s|m|min|h)|(\d+(?:\.\d+)?))$/.exec(text ?? "");
    if (!match)
      throw new Failure(
        `${JSON.stringify(text)} is no time.`,
        "Allowed: now, a time before the end such as -30s (s, m, h), or seconds since 1970.",
        400
      );
    if (match[1]) return endUs;
    if (match[2]) return endUs - Number(match[2]) * { s: 1e6, m: 6e7, min: 6e7, h: 3.6e9 }[match[3]];
    return Number(match[4]) * 1e6;
  };

  // The file as it was read, before anything is added to it. Where a server sent a policy, browsers
  // hide the nonce in it.
  const original = isFile()
    ? `<!doctype html>${document.documentElement.outerHTML}`.replaceAll('nonce=""', `nonce="${document.currentScript.nonce}"`)
    : "";

  // One HTML file of what is shown: of this file with other data, or of the endpoint's parts.
  const file = async (now, base, state) => {
    const data = JSON.stringify({ ...now, base: base ?? undefined, state: query(state) }).replaceAll(
      "<",
      "\\u003c"
    );
    if (original)
      return original.replace(
        /(<script id="flame-data"[^>]*>)[^]*?(?=<\/script>)/,
        (_, begin) => begin + data
      );
    const [template, style, script] = await Promise.all(
      ["assets/flame-file.html", "assets/flame.css", "assets/flame.js"].map(path => get(path, 0))
    );
    const nonce = [...crypto.getRandomValues(new Uint8Array(16))]
      .map(byte => byte.toString(16).padStart(2, "0"))
      .join("");
    const marks = { "@NONCE@": nonce, "@STYLE@": style, "@SCRIPT@": script, "@DATA@": data };
    return template
      .split(/(@[A-Z]+@)/)
      .map(part => marks[part] ?? part)
      .join("");
  };

  return { SOURCES, Failure, of, isFile, embedded, token, load, state, remember, moment, file };
})();
