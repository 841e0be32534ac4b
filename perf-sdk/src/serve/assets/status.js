// Targets, alerts, findings, leaks, and what the profiler itself costs.

import { bytes, count, moment, seconds, sentence } from "./format.js";
import { arrange, byId, h, say } from "./html.js";
import { address, change } from "./state.js";

const CLASS = { met: "ok", missed: "bad", at_risk: "warn", firing: "bad", pending: "warn", cooling_down: "warn", confirmed: "bad", suspect: "warn", retention: "warn" };
const words = (name) => name.replaceAll("_", " ");
const mark = (name) => h("b", { class: CLASS[name] ?? "soft" }, words(name));

const LISTS = {
  targets: ["Targets", "targets", "There are no targets. Set PERF_TARGETS, or Builder::target.", (t) => [mark(t.status), " ", t.name, t.shown ? h("span", { class: "soft" }, ` ${t.shown}, ${t.target}`) : null, t.reason ? h("small", {}, t.reason) : null]],
  alerts: ["Alerts", "alerts", "No alert is pending or fires.", (a) => [mark(a.phase), " ", a.rule, a.subject ? ` (${a.subject})` : "", h("span", { class: "soft" }, ` ${a.severity}, since ${moment(a.since_unix_ns / 1e9)}`), h("small", {}, [a.evidence, a.summary].filter(Boolean).map(sentence).join(" ")), a.bundle ? h("a", { href: `api/v1/flight/${encodeURIComponent(a.bundle)}` }, "evidence") : null]],
  findings: ["Findings", "findings", "Nothing was found that somebody should do.", (f) => [h("b", {}, f.claim), ". ", h("small", {}, `${sentence(f.evidence)} ${f.next_step}`), f.link ? h("a", { href: f.link }, "more") : null]],
  leaks: ["Leaks", "leaks", "Nothing looks like a leak.", (l) => [mark(l.verdict), " ", l.function ? link(l) : words(l.subject), h("span", { class: "soft" }, ` ${l.bytes ? bytes(l.bytes) : count(l.objects)}`), h("small", {}, l.evidence)]],
};
const NOT_YET = { targets: null, alerts: "There are no rules, or none was judged yet.", leaks: "Nothing was judged yet: the first verdict takes some windows." };

function link({ function: name, module }) {
  return h("a", { href: address({ f: name, m: module }), onclick: (event) => {
    event.preventDefault();
    change({ f: name, m: module });
  } }, name);
}

const sections = new Map();

export function show(parent, status) {
  const shown = Object.entries(LISTS).map(([key, [title, page, none, entry]]) => {
    let known = sections.get(key);
    if (!known) {
      const items = h("ul", { class: "list" });
      const head = h("h2", {}, title);
      known = { section: h("section", { "data-list": key }, head, items), items, head, said: "" };
      sections.set(key, known);
    }
    const list = status[key];
    const said = JSON.stringify(list);
    if (known.said !== said) {
      known.said = said;
      say(known.head, list?.all ? `${title}: ${list.all}` : title);
      const entries = (list?.first ?? []).map((one) => h("li", {}, entry(one)));
      if (!entries.length) entries.push(h("li", { class: "soft" }, list ? none : (NOT_YET[key] ?? none)));
      if (list && list.all > list.first.length) entries.push(h("li", {}, h("a", { href: page }, `all ${list.all}`)));
      else if (key === "findings") entries.push(h("li", { class: "soft" }, h("a", { href: page }, "findings"), " has those too that need the history"));
      known.items.replaceChildren(...entries);
    }
    return known.section;
  });
  arrange(parent, shown);
}

let measured = null;

/** What the profiler takes: of the last minutes, as the program says it, and since the start. */
export function profiler({ profiler: now, status }) {
  if (status) measured = status;
  const parts = [];
  if (now.cpu_seconds.length) {
    const sum = now.cpu_seconds.reduce((all, [, s]) => all + s, 0);
    const most = [...now.cpu_seconds].sort((a, b) => b[1] - a[1]).slice(0, 3).map(([part, s]) => `${part} ${seconds(s)}`);
    parts.push(`${seconds(sum)} of CPU time since the start (most for ${most.join(", ")})`);
  } else if (measured) {
    parts.push(`some ${measured.measurement.spent} for recording (there is no budget, so the rest is not counted)`);
  }
  parts.push(`${bytes(now.memory_bytes)} of memory${now.memory_limit_bytes ? `, at most ${bytes(now.memory_limit_bytes)}` : ""}`);
  say(byId("profiler"), `The profiler itself: ${parts.join("; ")}.${now.budget ? ` ${sentence(now.budget)}` : ""}`);
}

/** What is wrong with the measurement, for the notices. */
export function complaints({ program, status, kept }) {
  const all = [];
  if (!program.is_started) all.push("The profiler was not started: functions are recorded since the program began, and there are no charts. Call perf_sdk::start().");
  else if (!kept) all.push("There is no history: PERF_HISTORY is false, PERF_MEMORY is below 16 MiB, or the first second is not over. Charts and ranges need it.");
  if (!program.is_recording) all.push("Recording is off: calls that begin are not counted. Handle::set_recording, or enabled=on at /api/v1/settings, switches it on.");
  const now = status ?? measured;
  if (now) {
    if (!now.has_allocations) all.push("Allocations are not counted: perf_sdk::Alloc, or CountingAlloc, as the global allocator does.");
    if (now.measurement.over_budget) all.push(sentence(now.measurement.over_budget));
    const dropped = Object.entries(now.measurement.dropped);
    if (dropped.length) all.push(`Not everything was recorded: ${dropped.map(([reason, n]) => `${count(n)} ${reason}`).join(", ")}.`);
  }
  return all;
}
