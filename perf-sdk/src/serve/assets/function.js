// The page of one function.

import { Charts } from "./charts.js";
import { basis, remarks } from "./columns.js";
import { json, query, Failure } from "./data.js";
import { bytes, count, moment, nanoseconds, percent } from "./format.js";
import { Heatmap } from "./heatmap.js";
import { h, say } from "./html.js";
import { address, change } from "./state.js";
import { trend } from "./table.js";

const go = (part) => (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  change(part);
};
const link = (name, module) => h("a", { href: address({ f: name, m: module }), onclick: go({ f: name, m: module }) }, name);

export class FunctionPage {
  #head = h("h2", { id: "function-head", tabindex: "-1" });
  #notes = h("p", { class: "soft" });
  #facts = h("dl", { class: "facts" });
  #plots = h("div", {});
  #lists = h("div", { class: "grid lists" });
  #slow = h("div", {});
  #details;
  #heatmap = new Heatmap();
  #of = null;
  #parent;
  charts;

  constructor(parent, chosen) {
    this.#parent = parent;
    this.charts = new Charts(this.#plots, 3, chosen);
    this.#details = h("details", { ontoggle: () => this.#details.open && this.#loadSlow() }, h("summary", {}, "Its slowest calls"), this.#slow);
    parent.append(h("p", {}, h("a", { href: address({ f: null, m: null }), id: "back", onclick: go({ f: null, m: null }) }, "← all functions")), this.#head, this.#notes, this.#facts, this.#heatmap.element, this.#plots, this.#lists, this.#details);
  }

  /** Another function is shown from now on. */
  open(name, module) {
    this.#of = { name, module };
    say(this.#head, name);
    say(this.#notes, module ?? "");
    this.#facts.replaceChildren();
    this.#lists.replaceChildren();
    this.#heatmap.set(null);
    this.charts.clear();
    this.#details.open = false;
    this.#details.hidden = true;
    this.#slow.replaceChildren();
    this.#parent.querySelector("#back").setAttribute("href", address({ f: null, m: null }));
    this.#head.focus({ preventScroll: true });
    scrollTo({ top: 0 });
  }

  unknown(text) {
    say(this.#notes, text);
  }

  set(detail) {
    const row = detail.function;
    const parts = [row.module, row.file ? `${row.file}:${row.line}` : ""].filter(Boolean);
    this.#notes.replaceChildren(parts.join(" · "), ...remarks(row).map(([text, hint]) => h("span", { class: "remark" }, h("b", {}, text), `: ${hint}`)));
    if (row.samples >= row.calls) this.#notes.append(h("span", { class: "remark" }, "Since recording began. All calls were measured: quantiles are within 1.1 %."));
    this.#figures(row, detail);
    this.#heatmap.set(detail.heatmap);
    this.charts.set(detail.charts);
    this.#lists.replaceChildren(...this.#tables(detail));
    this.#details.hidden = false;
  }

  #figures(row, detail) {
    const change_ = h("dd", {});
    trend(change_, row, { ...detail, from: null });
    const is_exact = row.samples >= row.calls;
    const of = (name, value, show, column = null) => (value === null || value === undefined ? null : h("div", {}, h("dt", {}, name), h("dd", { "data-v": String(value), "data-column": column ?? name }, `${column && row.weak.includes(column) ? "~" : ""}${show(value)}`, column && !is_exact ? h("small", {}, basis(row, column)) : null)));
    const future = detail.future;
    this.#facts.replaceChildren(...[
      of("calls", row.calls, count),
      of("errors", row.errors, (n) => `${count(n)}${row.calls ? ` (${percent(n / row.calls)})` : ""}`),
      row.cancelled ? of("cancelled", row.cancelled, count) : null,
      of("running", row.running, count),
      of("p50", row.p50_ns, nanoseconds, "p50"),
      of("p95", row.p95_ns, nanoseconds, "p95"),
      of("p99", row.p99_ns, nanoseconds, "p99"),
      of("total", row.total_ns, nanoseconds, "total"),
      of("self", row.self_ns, nanoseconds, "self"),
      of("CPU", row.cpu_ns, nanoseconds, "cpu"),
      of("self CPU", row.self_cpu_ns, nanoseconds, "self_cpu"),
      of("bytes/call", row.bytes_per_call, bytes),
      of("self bytes/call", row.self_bytes_per_call, bytes),
      of("live", row.live_bytes, bytes),
      future ? of("polls", future.polls, count) : null,
      future ? of("longest poll", future.longest_poll_ns, nanoseconds) : null,
      h("div", {}, h("dt", {}, "p95 vs 1 h ago"), change_),
    ].filter(Boolean));
  }

  #tables(detail) {
    const relative = (r) => [r.name ? link(r.name, r.module) : h("span", { class: "soft" }, "the program itself"), count(r.calls), nanoseconds(r.total_ns)];
    const wait = (w) => [w.lock, count(w.contentions), nanoseconds(w.delay_ns)];
    return [
      list("Callers", ["function", "calls", "time"], detail.callers.map(relative)),
      list("Callees", ["function", "calls", "time"], detail.callees.map(relative)),
      list("Waits for locks", ["lock", "waits", "time"], detail.waits.map(wait)),
      list("Others wait while it holds", ["lock", "waits", "time"], detail.holds.map(wait)),
      list("Caches, pools, queues, queries", ["what", "operations", "waited"], detail.instruments.map((u) => [`${u.kind} ${u.name}`, count(u.operations), nanoseconds(u.wait_ns)])),
      list("Statements that a call repeats", ["statement", "runs", "time"], detail.statements.map((s) => [h("code", {}, s.statement), count(s.calls), nanoseconds(s.total_ns)])),
      detail.live ? list("Memory", ["what", "objects", "bytes"], [["live", count(detail.live.objects), bytes(detail.live.bytes)], ["of these old", "", bytes(detail.live.old_bytes)], ["allocated since sampling began", count(detail.live.allocated_objects), bytes(detail.live.allocated_bytes)]]) : null,
      list("Leaks", ["verdict", "objects", "bytes"], detail.leaks.map((l) => [h("span", { title: l.evidence }, l.verdict), count(l.objects), bytes(l.bytes)])),
    ].filter(Boolean);
  }

  async #loadSlow() {
    const { name, module } = this.#of;
    this.#slow.replaceChildren(h("p", { class: "soft" }, "…"));
    try {
      const found = await json(`api/v1/slow?${query({ function: module ? `${module}::${name}` : name })}`);
      const calls = found.functions.flatMap((f) => [...f.slowest, ...f.failed]);
      this.#slow.replaceChildren(...(calls.length ? [slow(calls), h("p", {}, h("a", { href: `slow?${query({ function: module ? `${module}::${name}` : name })}` }, "what they did"))] : [none()]));
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      this.#slow.replaceChildren(error.status === 404 ? none() : h("p", { class: "bad" }, error.message));
    }
  }
}

const none = () => h("p", { class: "soft" }, "Calls are kept of roots only: #[perf_sdk::profiled(root)], and requests of watch_http. None of this function has ended lately.");

function slow(calls) {
  const row = (call) => [moment(call.began_unix_ns / 1e9), nanoseconds(call.duration_ns), nanoseconds(call.cpu_ns), call.outcome, call.labels.map(([key, value]) => `${key}=${value}`).join(" "), call.trace_id];
  return list(null, ["began", "took", "CPU", "outcome", "labels", "trace"], calls.map(row));
}

/** A small table; without rows there is none. */
function list(title, heads, rows) {
  if (!rows.length) return null;
  const table = h("table", {}, h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))), h("tbody", {}, rows.map((row) => h("tr", {}, row.map((value) => h("td", {}, value))))));
  const scroll = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": title ?? "Calls" }, table);
  return h("section", {}, title ? h("h3", {}, title) : null, scroll);
}
