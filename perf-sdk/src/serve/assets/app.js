// The dashboard: asks the program, and shows what it answers.

import { moved, PRESETS } from "./brush.js";
import { Charts } from "./charts.js";
import { Failure, json, query, setToken } from "./data.js";
import { clock, moment, span } from "./format.js";
import { FunctionPage } from "./function.js";
import { arrange, byId, h, say } from "./html.js";
import * as marks from "./marks.js";
import { change, get, isLive, listen } from "./state.js";
import * as status from "./status.js";
import { follow } from "./stream.js";
import { FunctionTable } from "./table.js";

/** Everything but new points is asked for after this time, or later if it takes the program long. */
const SLOW_MS = 30000;
/** A reader may take this part of a core. */
const SHARE = 0.0002;
const TICK_MS = 5000;

let paused = false;
let failure = null;
let answered = null;
/** The server's time less that of this browser, in seconds. */
let ahead = 0;
let program = null;
let step = null;
let newest = 0;
let due = { tick: 0, slow: 0 };
let busy = null;
let shown = null;
let awaits = null;

const chosen = (from, to) => change({ from, to });
const charts = new Charts(byId("charts"), 2, chosen);
const table = new FunctionTable(byId("functions"));
const page = new FunctionPage(byId("function"), chosen);
const now = () => Date.now() / 1000 + ahead;
const active = () => (get().f === null ? charts : page.charts);

// ---- the range

const buttons = [];
function controls() {
  const parent = byId("controls");
  for (const [last, name] of PRESETS) {
    const button = h("button", { type: "button", "data-last": String(last), onclick: () => change({ last, from: null, to: null }) }, name);
    buttons.push([button, () => isLive() && get().last === last]);
    parent.append(button);
  }
  for (const [way, name, hint] of [["earlier", "◀", "earlier"], ["later", "▶", "later"], ["in", "+", "shorter range"], ["out", "−", "longer range"]]) {
    parent.append(h("button", { type: "button", "aria-label": hint, title: hint, "data-way": way, onclick: () => change(moved(get(), active().view, way)) }, name));
  }
  const live = h("button", { type: "button", id: "live", onclick: () => {
    paused = isLive() && !paused;
    if (!isLive()) {
      paused = false;
      change({ from: null, to: null });
    } else if (!paused) load("all");
    draw();
  } }, "pause");
  parent.append(live);
}

/** What of time is shown. */
function look() {
  const { last, from, to } = get();
  const view = active().view;
  view.newest = newest || Math.floor(now());
  if (isLive()) [view.from, view.to] = [view.newest - last, view.newest];
  else [view.from, view.to] = [from, to];
}

function draw() {
  const { last } = get();
  for (const [button, is_pressed] of buttons) button.setAttribute("aria-pressed", String(is_pressed()));
  say(byId("live"), !isLive() ? "back to live" : paused ? "go on" : "pause");
  const { from, to } = active().view;
  const text = isLive() ? `the last ${span(last)}${paused ? `, paused at ${clock(to, 0)}` : ""}` : `${moment(from)} to ${moment(to)}, ${span(to - from)}`;
  say(byId("range"), shown?.range.is_clamped && shown.kept ? `${text}; known from ${moment(shown.kept.from)} to ${clock(shown.kept.to, 0)}` : text);
  marks.list(byId("events"), from, to, { look: (time) => active().point(time), chosen });
  byId("report").setAttribute("href", `report?${query(range())}`);
  active().redraw();
  connection();
}

// ---- the connection

function connection() {
  const element = byId("connection");
  const text = failure ? why(failure) : answered === null ? "connecting …" : paused ? "paused" : isLive() ? "live" : "a range of the past";
  element.className = failure ? "bad" : "soft";
  say(element, text);
  document.body.classList.toggle("stale", Boolean(failure) && answered !== null);
}

/** A program that ended and a proxy without one look different. */
function why({ status: code, message }) {
  const since = answered === null ? "" : ` Shown is what was known at ${clock(answered, 0)}.`;
  if (code === 0) return `Cannot be reached (${message}): the program has ended, or the network is gone.${since}`;
  if (code === 401) return "The token is missing or wrong.";
  if (code === 429) return `Too many readers: ${message}.${since}`;
  if (code >= 502 && code <= 504) return `A server on the way answers ${code} (${message}): the program behind it does not answer, or is being started.${since}`;
  return `The program answers ${code}: ${message}.${since}`;
}

function failed(error) {
  failure = error;
  if (error.status === 401) askToken();
  connection();
}

function askToken() {
  const form = byId("token");
  if (form.hidden) {
    form.hidden = false;
    byId("token-text").focus();
  }
}

byId("token").addEventListener("submit", (event) => {
  event.preventDefault();
  setToken(byId("token-text").value.trim());
  say(byId("token-said"), "…");
  load("all").then(() => {
    const is_wrong = failure?.status === 401;
    byId("token").hidden = !is_wrong;
    say(byId("token-said"), is_wrong ? "This is not the token." : "");
  });
});

// ---- data

/** What an answer says of the program. */
function take(overview) {
  ahead = overview.now_unix_ms / 1000 - Date.now() / 1000;
  const is_other = program !== null && program.start !== overview.program.start;
  program = overview.program;
  newest = overview.kept?.to ?? Math.floor(now());
  marks.setMarks(overview.marks);
  const { name, pid } = program;
  say(byId("program"), `${name} ${pid}`);
  document.title = `${name} – perf-sdk`;
  status.profiler(overview);
  const said = status.complaints(overview);
  arrange(byId("notices"), said.map((text) => [...byId("notices").children].find((one) => one.textContent === text) ?? h("p", {}, text)));
  if (is_other) marks.forget();
  return is_other;
}

function range() {
  const { last, from, to } = get();
  return isLive() ? { from: `-${last}s` } : { from, to };
}

/** `all`, `slow` (lists and tables), or `tick` (new points). One at a time; the latest wish wins. */
async function load(what) {
  if (busy) {
    if (what === "tick") return;
    busy.abort();
  }
  const stop = (busy = new AbortController());
  try {
    await (what === "tick" ? tick(stop.signal) : whole(stop.signal, what));
    failure = null;
    answered = now();
    byId("token").hidden = true;
  } catch (error) {
    if (stop.signal.aborted) return;
    if (!(error instanceof Failure)) throw error;
    failed(error);
  } finally {
    if (busy === stop) busy = null;
    awaits = null;
  }
  look();
  draw();
}

/** The pause after which the program is asked again for what took it so long. */
const after = (took_ms, least) => performance.now() + Math.max(least, took_ms / SHARE);

async function whole(signal, what) {
  const { f, m } = get();
  const is_all = what === "all";
  due.tick = performance.now() + TICK_MS;
  if (f !== null) {
    const [detail, overview] = await Promise.all([
      json(`api/v1/function?${query({ name: f, module: m, ...range() })}`, signal).catch((error) => {
        if (error.status !== 404) throw error;
        page.unknown(error.message);
        return null;
      }),
      json(`api/v1/overview?${query({ from: "-10s" })}`, signal),
    ]);
    take(overview);
    if (detail) {
      shown = detail;
      look();
      page.set(detail);
    }
    due.slow = after((detail?.took_ms ?? 0) * 3, SLOW_MS);
    return;
  }
  const parts = is_all || !isLive() ? range() : { from: charts.since, step };
  const [overview, functions] = await Promise.all([
    json(`api/v1/overview?${query({ ...parts, status: "on" })}`, signal),
    json(`api/v1/functions?${query(table.request())}`, signal),
  ]);
  const is_other = take(overview);
  if (is_all || !isLive()) {
    shown = overview;
    step = overview.range.step;
    look();
    charts.set(overview.charts);
  } else {
    look();
    if (!charts.add(overview.charts, charts.view.from, overview.range.to) || is_other) awaitAll();
  }
  table.set(functions);
  status.show(byId("status"), overview.status);
  due.slow = after((overview.took_ms + functions.took_ms) * 2, SLOW_MS);
}

async function tick(signal) {
  const since = charts.since;
  const overview = await json(`api/v1/overview?${query(since === null ? range() : { from: since, step })}`, signal);
  const is_other = take(overview);
  look();
  due.tick = after(overview.took_ms * 2, TICK_MS);
  if (since === null) {
    step = overview.range.step;
    shown = overview;
    charts.set(overview.charts);
  } else if (!charts.add(overview.charts, charts.view.from, overview.range.to) || is_other) awaitAll();
}

let wholeAt = 0;
/** Something is there that was not: all of it is asked for, once in a while. */
function awaitAll() {
  if (performance.now() < wholeAt) return;
  wholeAt = performance.now() + SLOW_MS;
  setTimeout(() => load("all"), 0);
}

/** Something may be due. Hidden and paused pages ask nothing. */
function beat() {
  if (document.hidden || paused || busy) return;
  const at = performance.now();
  if (failure && failure.status === 401) return;
  if (failure && at >= due.tick) {
    due.tick = at + TICK_MS;
    load(answered === null ? "all" : "slow");
  } else if (isLive() && at >= due.slow) {
    load("slow");
  } else if (isLive() && get().f === null && at >= due.tick - 500) {
    load("tick");
  } else if (!isLive() && at >= due.slow) {
    // A range of the past does not change; what the profiler costs does.
    due.slow = at + SLOW_MS;
    json(`api/v1/overview?${query({ from: "-10s" })}`).then(take).then(() => { failure = null; }, failed).then(draw);
  }
}

follow({
  event: (record) => {
    const kind = marks.hear(record);
    if (["alert", "leak", "mark"].includes(kind) && answered !== null && record.at_unix_ns / 1e9 > newest - 5) {
      due.slow = Math.min(due.slow, performance.now() + 1000);
    }
    clearTimeout(awaits);
    awaits = setTimeout(draw, 100);
  },
  tick: beat,
  state: (error) => {
    // A profiler that was not started has no events; that is said elsewhere.
    const is_unstarted = error?.status === 503 && program !== null && !program.is_started;
    if (error && !is_unstarted && (error.status === 0 || error.status >= 502)) failed(error);
    else if (!error && failure && failure.status !== 401) load("slow");
  },
});
// Where there is no stream, such as before the profiler was started.
setInterval(beat, 2 * TICK_MS);
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  // After a long time all is asked for again, at the step of the range.
  if (isLive() && !paused && now() - newest > 300) load("all");
  else beat();
});

listen((state, before) => {
  const is_other = state.f !== before.f || state.m !== before.m;
  if (is_other) opened();
  if (paused && !(state.from === before.from && state.last === before.last)) paused = false;
  look();
  draw();
  load(is_other || state.from !== before.from || state.to !== before.to || state.last !== before.last ? "all" : "slow");
});

function opened() {
  const { f, m } = get();
  byId("overview").hidden = f !== null;
  byId("function").hidden = f === null;
  if (f !== null) page.open(f, m);
  else {
    say(byId("range"), "");
    document.querySelector("#functions tbody a")?.focus({ preventScroll: true });
    byId("functions-head").scrollIntoView();
  }
}

controls();
if (get().f !== null) opened();
look();
draw();
load("all");

/** For tests: how many values are held. */
globalThis.perfDashboard = { values: () => charts.values, view: () => ({ ...active().view }) };
