// Targets, alerts, findings and leaks, and the figures of the process.

import { bytes, count, moment, number, percent, seconds, sentence } from "../format.js";
import { h } from "../html.js";

const CLASS = { met: "ok", missed: "bad", at_risk: "warn", firing: "bad", pending: "warn", cooling_down: "warn", confirmed: "bad", suspect: "warn", retention: "warn" };
const words = (name) => name.replaceAll("_", " ");
const mark = (name) => h("b", { class: CLASS[name] ?? "soft" }, words(name));

/** Key, title, what is said if there is none, one entry. */
const LISTS = [
  ["targets", "Targets", "There were no targets.", (t) => [mark(t.status), " ", t.name, t.shown ? h("span", { class: "soft" }, ` ${t.shown}, ${t.target}`) : null, t.reason ? h("small", {}, t.reason) : null]],
  ["alerts", "Alerts", "No alert was pending or fired.", (a) => [mark(a.phase), " ", a.rule, a.subject ? ` (${a.subject})` : "", h("span", { class: "soft" }, ` ${a.severity}, since ${moment(a.since_unix_ns / 1e9)}`), h("small", {}, [a.evidence, a.summary].filter(Boolean).map(sentence).join(" ")), a.bundle ? h("small", {}, `evidence: ${a.bundle}`) : null]],
  ["findings", "Findings", "Nothing was found that somebody should do.", (f) => [h("b", {}, f.claim), ". ", h("small", {}, `${sentence(f.evidence)} ${f.next_step} Refuted by: ${f.refuted_by} Confidence: ${f.confidence}.`)]],
  ["leaks", "Leaks", "Nothing looks like a leak.", (l) => [mark(l.verdict), " ", l.function || words(l.subject), h("span", { class: "soft" }, ` ${l.bytes ? bytes(l.bytes) : count(l.objects)}`), h("small", {}, l.evidence)]],
];

export function lists(status) {
  return LISTS.map(([key, title, none, entry]) => {
    const list = status[key];
    const entries = (list?.first ?? []).map((one) => h("li", {}, entry(one)));
    if (!entries.length) entries.push(h("li", { class: "soft" }, none));
    if (list && list.all > list.first.length) entries.push(h("li", { class: "soft" }, `and ${count(list.all - list.first.length)} more`));
    return h("section", { "data-list": key, "aria-labelledby": `${key}-head` }, h("h3", { id: `${key}-head` }, list?.all ? `${title}: ${count(list.all)}` : title), h("ul", { class: "list" }, entries));
  });
}

const UNITS = { bytes, seconds, ratio: percent, hertz: (n) => `${number(n)} Hz`, count: number, cores: (n) => `${number(n)} cores` };
export const shown = (unit, value) => (value === null || value === undefined ? "–" : (UNITS[unit] ?? number)(value));

/** The latest readings as a table. */
export function readings(all) {
  const rows = all.map((one) => h("tr", {},
    h("th", { scope: "row" }, one.name, Object.entries(one.labels).map(([name, text]) => h("small", { class: "soft" }, ` ${name}=${text}`))),
    h("td", { class: "number" }, shown(one.unit, one.value)),
    h("td", { class: "soft" }, one.help)));
  const head = h("tr", {}, h("th", { scope: "col" }, "reading"), h("th", { scope: "col" }, "value"), h("th", { scope: "col" }, "what it is"));
  return table("Readings", "figures", head, rows);
}

/** A table that scrolls by itself where it is wider than the page. */
export function table(name, of, head, rows) {
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `${name}, scrollable` },
    h("table", { class: of }, h("caption", { class: "hidden" }, name), h("thead", {}, head), h("tbody", {}, rows)));
}

/** How well it was measured. */
export function measurement(status) {
  const { measurement: of } = status;
  const facts = [];
  if (of.overhead_ns) facts.push(`The profiler took ${of.spent}.`);
  // What is over the budget has the same words.
  if (of.budget_said && !of.over_budget) facts.push(sentence(of.budget_said));
  facts.push(`Clock of CPU time: ${of.cpu_clock || "none"}. Live heap: ${of.heap}. Stacks: ${of.stacks}.`);
  if (!status.has_allocations) facts.push("Allocations are not counted: perf_sdk::Alloc, or CountingAlloc, as the global allocator does.");
  if (of.over_budget) facts.push(sentence(of.over_budget));
  const dropped = Object.entries(of.dropped);
  if (dropped.length) facts.push(`Not everything was recorded: ${dropped.map(([reason, n]) => `${count(n)} ${reason}`).join(", ")}.`);
  return facts;
}
