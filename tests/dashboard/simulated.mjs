// A program with a dashboard whose figures, clock and end are up to a test. The pages are those of
// the crate, with the policy that it sends; answers have the form that `live.mjs` sees of a real one.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const SOURCES = join(dirname(fileURLToPath(import.meta.url)), "../../perf-sdk/src/serve");
const POLICY = /ASKING: &str = "([^"]+)"/.exec(readFileSync(join(SOURCES, "content_security_policy.rs"), "utf8"))[1];
const TYPES = { js: "text/javascript; charset=utf-8", css: "text/css; charset=utf-8", svg: "image/svg+xml" };
/** A Monday in 2026. */
const START = 1795003200;

const wave = (at, period, phase) => 0.5 + 0.5 * Math.sin(((at % 1e7) / period) * 2 * Math.PI + phase);
/** The same number for the same place, between 0 and 1. */
function noise(at, seed) {
  let n = (Math.imul(at | 0, 2654435761) ^ Math.imul(seed + 1, 40503)) >>> 0;
  n = Math.imul(n ^ (n >>> 15), 2246822519) >>> 0;
  return ((n ^ (n >>> 13)) >>> 0) / 4294967296;
}

/** What a program under load says: rates that follow each other, and in between what matters. */
function happened(now) {
  const rates = (function_, n) => ({ rates: { by: "budget", changes: [{ function: function_, before: 1, now: n, rests: false }], further: 0 } });
  const all = Array.from({ length: 60 }, (_, n) => [700 - n * 3, rates(`Store<K, V>::operation_${n % 7}`, 4 ** (1 + (n % 3)))]);
  all.push([600, { leak: { verdict: "suspect", function: "shop::cart::remember", watched: "memory" } }]);
  all.push([200, { alert: { rule: "memory leaks", subject: "", change: "firing", severity: "critical" } }]);
  all.push([198, { relief: { level: "high", used_bytes: 9e8, limit_bytes: 1e9, trimmed: 3, took_seconds: 0.1 } }]);
  all.push([60, rates("main_loop", 64)]);
  return all.sort((a, b) => b[0] - a[0]).map(([ago, event], n) => ({ number: n + 1, at_unix_ns: (now - ago) * 1e9, event }));
}

const LINES = {
  rate: ["Calls", "count_per_second", (at, n) => 40 / (n + 1) + 10 * wave(at, 600, n) + 4 * noise(at, n)],
  errors: ["Errors", "count_per_second", (at, n) => (noise(at, n + 50) > 0.97 ? 1 + n : 0)],
  p50: ["p50", "seconds", (at, n) => 0.002 * (n + 1) + 0.001 * noise(at, n + 20)],
  p99: ["p99", "seconds", (at, n) => 0.02 * (n + 1) + 0.02 * wave(at, 900, n) + 0.01 * noise(at, n + 30)],
  cpu: ["CPU", "cores", (at) => 0.7 + 0.5 * wave(at, 700, 1) + 0.1 * noise(at, 3)],
  memory: ["Memory", "bytes", (at) => 3e8 + 4e7 * wave(at, 1800, 0) + 4e6 * noise(at, 4)],
  runtime: ["Runtime, busy", "ratio", (at) => 0.3 + 0.2 * wave(at, 500, 2)],
  queues: ["Queues", "count", (at) => Math.floor(6 * noise(at, 5))],
  locks: ["Waits for locks", "seconds_per_second", (at) => 0.02 * noise(at, 6)],
  caches: ["Cache hits", "ratio", (at) => 0.8 + 0.1 * wave(at, 400, 0)],
};

export class Program {
  now = START + 8 * 3600;
  began = START;
  functions = 40;
  has_history = true;
  has_allocations = true;
  is_started = true;
  is_recording = true;
  token = null;
  /** What is answered instead, such as 503; 0 closes the connection. */
  broken = null;
  start = "17";
  marks = [{ at: START + 8 * 3600 - 300, text: "deploy 1.2" }];
  events = happened(START + 8 * 3600);
  /** A chart whose lines have no newer values, so that they are left out. */
  silent = null;
  asked = [];
  #server = null;
  #streams = new Set();

  async listen() {
    this.#server = createServer((request, response) => this.#answer(request, response));
    await new Promise((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${this.#server.address().port}/`;
  }

  close() {
    this.#streams.forEach((stream) => stream.destroy());
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** Time goes on; readers of the stream hear a tick. */
  pass(seconds) {
    this.now += seconds;
    for (const stream of this.#streams) stream.write(`event: tick\ndata: ${this.now * 1000}\n\n`);
  }

  say(event) {
    this.events.push({ number: this.events.length + 1, at_unix_ns: this.now * 1e9, event });
    this.#streams.forEach((stream) => this.#tell(stream, this.events.at(-1)));
  }

  #tell(stream, record) {
    stream.write(`id: ${this.start}-${record.number}\ndata: ${JSON.stringify(record)}\n\n`);
  }

  #answer(request, response) {
    const url = new URL(request.url, "http://program");
    this.asked.push(url.pathname + url.search);
    if (this.asked.length > 1000) this.asked.splice(0, 500);
    if (this.broken === 0) return request.socket.destroy();
    if (this.broken !== null) return response.writeHead(this.broken, { "content-type": "text/html" }).end("<h1>Bad gateway</h1>");
    const path = url.pathname.slice(1);
    if (path === "") {
      const shell = readFileSync(join(SOURCES, "assets/dashboard.html"), "utf8");
      return response.writeHead(200, { "content-type": "text/html; charset=utf-8", "content-security-policy": POLICY }).end(shell);
    }
    if (path.startsWith("assets/")) {
      return response.writeHead(200, { "content-type": TYPES[path.split(".").pop()] }).end(readFileSync(join(SOURCES, path)));
    }
    if (this.token && request.headers.authorization !== `Bearer ${this.token}`) {
      return response.writeHead(401, { "content-type": "text/plain; charset=utf-8" }).end("this request needs the token\n");
    }
    const given = Object.fromEntries(url.searchParams);
    const json = (value) => response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(value));
    switch (path) {
      case "api/v1/overview":
        return json(this.overview(given));
      case "api/v1/functions":
        return json(this.table(given));
      case "api/v1/function":
        return json(this.detail(given));
      case "api/v1/slow":
        return json({ functions: [] });
      case "api/v1/events":
        if (!this.is_started) return response.writeHead(503, { "content-type": "text/plain; charset=utf-8" }).end("the profiler does not run\n");
        response.writeHead(200, { "content-type": "text/event-stream" });
        this.#streams.add(response);
        response.on("close", () => this.#streams.delete(response));
        response.write(`event: tick\ndata: ${this.now * 1000}\n\n`);
        this.events.forEach((record) => this.#tell(response, record));
        return undefined;
      default:
        return response.writeHead(404, { "content-type": "text/plain; charset=utf-8" }).end("there is no such route\n");
    }
  }

  get kept() {
    return this.has_history && this.is_started ? { from: this.began, to: this.now + 1 } : null;
  }

  range({ from, to, step }) {
    const time = (text, usual) => (text === undefined ? usual : text.startsWith("-") ? this.now - parseInt(text.slice(1), 10) : Number(text));
    const end = time(to, this.now + 1);
    const begin = time(from, end - 900);
    const wanted = Number(step ?? Math.ceil((end - begin) / 300));
    const nice = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600].find((one) => one >= wanted) ?? 3600;
    const cut = (at) => Math.min(Math.max(at, this.began), this.now + 1);
    return { from: cut(begin), to: cut(end), step: nice, is_clamped: cut(begin) > begin };
  }

  line(name, id, range, of, role = "line") {
    const from = Math.floor(range.from / range.step) * range.step;
    const values = [];
    for (let at = from; at < range.to; at += range.step) values.push(at < this.began ? null : Number(of(at).toPrecision(5)));
    return { name, id, role, from, step: range.step, values };
  }

  charts(range, names) {
    if (!this.kept || range.from >= range.to || !this.functions) return [];
    return Object.entries(LINES).filter(([id]) => id !== this.silent || range.to - range.from > 600).map(([id, [title, unit, of]]) => {
      const own = ["rate", "errors", "p50", "p99"].includes(id) ? names : ["process"];
      const lines = own.map((name, n) => this.line(name, `${id}|${name}`, range, (at) => of(at, n)));
      if (id === "cpu") lines.push(this.line("limit", "cpu|limit", range, () => 2, "limit"));
      if (id === "memory") lines.push(this.line("limit", "memory|limit", range, () => 2e9, "limit"));
      return { id, title, unit, hint: title, lines, more: 0 };
    });
  }

  overview(given) {
    const range = this.kept ? this.range(given) : { from: 0, to: 0, step: 0, is_clamped: false };
    const status = given.status === "on" ? { status: this.status() } : {};
    return {
      now_unix_ms: this.now * 1000,
      program: { name: "shop", pid: 4711, start: this.start, is_started: this.is_started, is_recording: this.is_recording },
      kept: this.kept, range, charts: this.charts(range, ["GET /cart", "GET /search", "POST /order"].slice(0, Math.min(3, this.functions))),
      marks: this.marks.filter(({ at }) => at <= this.now),
      profiler: { cpu_seconds: [["history", (this.now - this.began) * 0.0004], ["monitors", (this.now - this.began) * 0.0002]], memory_bytes: 9437184, memory_limit_bytes: 67108864, budget: "in the last 92.0 s the profiler took 0.40 % of the program's CPU time, 0.05 % of a core; it may take 1.00 %, 0.12 % of a core" },
      ...status, took_ms: 0.3,
    };
  }

  status() {
    const has = this.functions > 1;
    const list = (first) => ({ all: first.length, first });
    return {
      has_allocations: this.has_allocations, functions: this.functions, threads: 4, window_ns: 1e12, cpu_ns: 1e11,
      targets: has ? list([{ name: "carts are fast", metric: "p95(\"cart\")", target: "< 100ms", status: "met", shown: "87.1 ms", reason: "" }, { name: "searches succeed", metric: "error_ratio(\"search\")", target: "< 1%", status: "missed", shown: "2.1 %", reason: "2.1 % of 4,000 calls failed" }]) : null,
      alerts: has ? list([{ rule: "memory leaks", subject: "", phase: "firing", severity: "critical", evidence: "1 finding is confirmed", summary: "/leaks has the function.", since_unix_ns: (this.now - 200) * 1e9, bundle: "" }]) : null,
      findings: list(has ? [{ rule: "n_plus_one", subject: "SELECT", claim: "load_cart runs one statement 40 times a call", evidence: "4,000 runs in 100 calls.", next_step: "Ask for all items at once.", link: "queries" }] : []),
      leaks: list(has ? [{ verdict: "suspect", subject: "memory", function: "shop::cart::remember", module: "shop", bytes: 12582912, objects: 800, bytes_per_hour: 1e6, evidence: "Old objects of 9 generations survive." }] : []),
      measurement: { overhead_ns: 1e9, spent: "1.00 s of CPU time in 16.7 min, 0.10 % of a core", dropped: {}, over_budget: null, cpu_clock: "rseq", heap: "on", stacks: "on" },
    };
  }

  row(n) {
    const calls = Math.floor(1e6 / (n + 1));
    const is_sampled = n % 4 === 1;
    return {
      name: n === 0 ? "main_loop" : `Store<K, V>::operation_${n}`, module: `shop::part_${n % 7}`, file: "src/store.rs", line: n + 1,
      calls, errors: n % 5 ? 0 : n, cancelled: 0, running: n % 3, p50_ns: 1e5 * (n + 1), p95_ns: 3e5 * (n + 1), p99_ns: n % 9 === 8 ? null : 1e6 * (n + 1),
      total_ns: 4e9 / (n + 1), self_ns: 2e9 / (n + 1), cpu_ns: 1.5e9 / (n + 1), self_cpu_ns: 1e9 / (n + 1),
      bytes_per_call: this.has_allocations ? 512 * n : null, self_bytes_per_call: this.has_allocations ? 256 * n : null, live_bytes: this.has_allocations ? 4096 * n : null,
      samples: is_sampled ? Math.floor(calls / 64) : calls, one_in: is_sampled ? 64 : 1, total_error_ns: is_sampled ? 1e8 / (n + 1) : null, self_error_ns: is_sampled ? 1e8 / (n + 1) : null,
      p50_band_ns: is_sampled ? [0.9e5 * (n + 1), 1.1e5 * (n + 1)] : null, p95_band_ns: null, p99_band_ns: null, weak: n % 16 === 5 ? ["p99", "self"] : [],
      estimated_calls: n % 11 === 10 ? 1000 : 0, rests: false, is_lazy: n % 13 === 12, last_error: null,
      recent: this.kept && n < 200 ? this.line("", "", { from: this.now - 900, to: this.now, step: 30 }, (at) => LINES.rate[2](at, n)) : undefined,
      change: this.kept && this.now - this.began > 4200 && n % 2 === 0 ? { p95_ns: 3e5 * (n + 1), p95_before_ns: 3e5 * (n + 1) * (n % 4 ? 0.6 : 1.1), calls: 4000, calls_before: 3900 } : null,
    };
  }

  table({ q = "", sort = "self", order = "descending", limit = "50", offset = "0", from, to }) {
    const key = { name: (r) => r.name, calls: (r) => r.calls, errors: (r) => r.errors, running: (r) => r.running, p50: (r) => r.p50_ns, p95: (r) => r.p95_ns, p99: (r) => r.p99_ns, total: (r) => r.total_ns, self: (r) => r.self_ns, cpu: (r) => r.cpu_ns, self_cpu: (r) => r.self_cpu_ns, bytes: (r) => r.bytes_per_call, self_bytes: (r) => r.self_bytes_per_call, live: (r) => r.live_bytes }[sort];
    const sign = order === "ascending" ? 1 : -1;
    let rows = Array.from({ length: this.functions }, (_, n) => this.row(n)).filter((row) => `${row.module}::${row.name}`.toLowerCase().includes(q.toLowerCase()));
    rows.sort((a, b) => sign * (key(a) > key(b) ? 1 : key(a) < key(b) ? -1 : 0) || (a.name < b.name ? -1 : 1));
    const matching = rows.length;
    rows = rows.slice(Number(offset), Number(offset) + Number(limit));
    if (from) {
      rows = rows.map((row) => ({ ...row, calls: Math.floor(row.calls / 100), total_ns: null, cpu_ns: null, running: null, cancelled: null, samples: null, one_in: null, recent: undefined, change: null, weak: [] }));
    }
    return { now_unix_ms: this.now * 1000, from: from ? Number(from) : null, to: from ? Number(to) : null, is_clamped: false, functions: this.functions, matching, kept: this.kept, rows, took_ms: 1.2 };
  }

  detail(given) {
    const at = Array.from({ length: this.functions }, (_, n) => n).find((n) => this.row(n).name === given.name) ?? 0;
    const range = this.kept ? this.range(given) : { from: 0, to: 0, step: 0, is_clamped: false };
    const columns = this.kept ? Array.from({ length: 90 }, (_, n) => (n < 5 ? null : Array.from({ length: 8 }, (_, row) => [row + 2, Math.floor(90 * noise(n, row) / (1 + Math.abs(row - 3)))]).filter(([, calls]) => calls > 0))) : [];
    return {
      kept: this.kept, range, function: this.row(at), charts: this.charts(range, [given.name]),
      heatmap: this.kept ? { from: range.from, step: Math.ceil((range.to - range.from) / 90), rows_ns: Array.from({ length: 14 }, (_, row) => 10 ** (4 + row / 5)), columns } : null,
      callers: [{ name: "main_loop", module: "shop", calls: 900, total_ns: 3e9 }, { name: "", module: "", calls: 3, total_ns: 2e6 }],
      callees: [{ name: "Store<K, V>::operation_2", module: "shop::part_2", calls: 12000, total_ns: 1e9 }],
      future: { polls: 4000, busy_ns: 1e8, idle_ns: 4e9, longest_poll_ns: 3e6 },
      instruments: [{ kind: "cache", name: "answers", operations: 300, bytes: 0, wait_ns: 4e6 }], statements: [], live: { bytes: 4e6, objects: 300, allocated_bytes: 9e9, allocated_objects: 4e6, old_bytes: 1e6, grown_bytes: 0 },
      leaks: [], waits: [{ lock: "Mutex at src/store.rs:12", contentions: 40, delay_ns: 9e6 }], holds: [], took_ms: 2,
    };
  }
}
