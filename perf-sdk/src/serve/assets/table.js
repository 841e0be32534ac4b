// The table of functions: sorted and searched by the program, shown by pages.

import { COLUMNS, cell, remarks } from "./columns.js";
import { count, nanoseconds, span, clock, moment } from "./format.js";
import { arrange, h, say, svg } from "./html.js";
import { address, change, get } from "./state.js";

export const ROWS = 50;

export class FunctionTable {
  #rows = new Map();
  #parts = {};
  #answer = null;
  #typing = 0;

  constructor(parent) {
    const search = h("input", { type: "search", id: "search", placeholder: "part of a name, or a pattern with *", autocomplete: "off", spellcheck: "false" });
    search.value = get().q;
    search.addEventListener("input", () => {
      clearTimeout(this.#typing);
      this.#typing = setTimeout(() => change({ q: search.value.trim(), page: 0 }, true), 250);
    });
    const heads = COLUMNS.map(([key, head, hint]) => this.#head(key, head, hint));
    const first = this.#head("name", "function", "by name");
    first.className = "name";
    const lately = [
      h("th", { scope: "col", title: "calls per second" }, "15 min"),
      h("th", { scope: "col", title: "p95 of the last 10 minutes against the same 10 minutes an hour ago" }, "p95 vs 1 h ago"),
    ];
    const body = h("tbody", {});
    const table = h("table", {}, h("caption", { class: "hidden" }, "Functions"), h("thead", {}, h("tr", {}, first, heads,
      lately)), body);
    const said = h("p", { class: "soft", id: "functions-said", role: "status" });
    const pages = h("p", { class: "pages" });
    const previous = h("button", { type: "button", onclick: () => change({ page: Math.max(0, get().page - 1) }) }, "previous");
    const next = h("button", { type: "button", onclick: () => change({ page: get().page + 1 }) }, "next");
    pages.append(previous, h("span", {}), next);
    const scroll = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Functions, scrollable" }, table);
    const legend = h("p", { class: "soft note" }, "“~”: may be off by more than 20 %, since few calls were measured, or they are too short. “1 in n measured”: one call in n is timed and stands for all of them. Hints say on how many calls a figure rests, and between which values it lies.");
    const empty = h("p", { class: "empty" });
    parent.append(h("p", {}, h("label", { for: "search" }, "Search "), search), said, empty, scroll, pages, legend);
    this.#parts = { lately, search, heads: [first, ...heads], body, said, pages, previous, next, scroll, empty, legend };
  }

  #head(key, head, hint) {
    const button = h("button", { type: "button", title: `${hint}; sorts by it`, onclick: () => {
      const { sort, order } = get();
      const usual = key === "name" ? "ascending" : "descending";
      const other = usual === "ascending" ? "descending" : "ascending";
      change({ sort: key, order: sort === key && order === usual ? other : usual, page: 0 });
    } }, head);
    const cell = h("th", { scope: "col" }, button);
    cell.dataset.column = key;
    return cell;
  }

  /** Parameters of the request. */
  request() {
    const { q, sort, order, page, from, to } = get();
    return { q, sort, order, limit: ROWS, offset: page * ROWS, from, to };
  }

  set(answer) {
    this.#answer = answer;
    const { sort, order, page, q } = get();
    const { heads, body, said, pages, previous, next, scroll, empty, legend, search } = this.#parts;
    if (document.activeElement !== search && search.value.trim() !== q) search.value = q;
    for (const head of heads) {
      if (head.dataset.column === sort) head.setAttribute("aria-sort", order);
      else head.removeAttribute("aria-sort");
    }
    const rows = answer.rows.map((row) => this.#row(row));
    arrange(body, rows.map((row) => row.element));
    const keys = new Set(answer.rows.map(keyOf));
    for (const key of [...this.#rows.keys()]) if (!keys.has(key)) this.#rows.delete(key);
    // A column without a value is left out.
    COLUMNS.forEach(([, , , read], at) => {
      const is_there = answer.rows.length === 0 || answer.rows.some((row) => read(row) !== null);
      [heads[at + 1], ...rows.map((row) => row.cells[at])].forEach((cell) => { cell.hidden = !is_there; });
    });
    // So is what there is only of now.
    [this.#parts.lately, ...rows.map((row) => [row.spark, row.trend])].flat().forEach((cell) => { cell.hidden = answer.from !== null; });
    say(said, this.#summary());
    const has_none = answer.functions === 0;
    empty.hidden = !has_none;
    scroll.hidden = legend.hidden = has_none;
    if (has_none) {
      empty.replaceChildren("No profiled function was called yet. Put ", h("code", {}, "#[perf_sdk::profiled]"), " on one.");
    }
    pages.hidden = answer.matching <= ROWS;
    previous.disabled = page === 0;
    next.disabled = (page + 1) * ROWS >= answer.matching;
    say(pages.children[1], ` ${Math.min(page * ROWS + 1, answer.matching)} to ${Math.min((page + 1) * ROWS, answer.matching)} of ${count(answer.matching)} `);
    if (answer.matching > 0 && page * ROWS >= answer.matching) change({ page: 0 }, true);
  }

  #summary() {
    const { from, to, is_clamped, matching, functions, kept } = this.#answer;
    const { q } = get();
    if (functions === 0) return "";
    if (from === null && get().from !== null) return "There is no history, so a range has no figures of functions.";
    const of = from === null ? "since recording began" : `from ${moment(from)} to ${clock(to, 0)}, ${span(to - from)}`;
    const all = q ? `${count(matching)} of ${count(functions)} functions match` : `${count(functions)} functions`;
    const known = from !== null && matching < functions && !q ? `; the history has ${count(matching)} of them, the most expensive ones` : "";
    const cut = is_clamped ? `; less is kept than was asked for${kept ? `: from ${moment(kept.from)} on` : ""}` : "";
    return `${all}, ${of}${known}${cut}.`;
  }

  #row(row) {
    const key = keyOf(row);
    let known = this.#rows.get(key);
    if (!known) {
      const link = h("a", { href: address({ f: row.name, m: row.module }), onclick: (event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
        event.preventDefault();
        change({ f: row.name, m: row.module });
      } }, row.name);
      const notes = h("small", {});
      const name = h("th", { scope: "row", class: "name" }, link, notes);
      const cells = COLUMNS.map(() => h("td", {}));
      const spark = h("td", { class: "spark" });
      const trend = h("td", {});
      known = { element: h("tr", {}, name, cells, spark, trend), link, notes, cells, spark, trend };
      known.element.dataset.name = row.name;
      known.element.dataset.module = row.module ?? "";
      this.#rows.set(key, known);
    }
    known.link.setAttribute("href", address({ f: row.name, m: row.module }));
    known.notes.replaceChildren(...join([row.module ?? "of an unknown module", ...remarks(row).map(([text, hint]) => h("abbr", { title: hint }, text))]));
    COLUMNS.forEach(([column, , , read, show], at) => cell(known.cells[at], row, column, read(row), show));
    spark(known.spark, row.recent);
    trend(known.trend, row, this.#answer);
    return known;
  }
}

const keyOf = (row) => `${row.module ?? ""}\u0000${row.name}`;
const join = (parts) => parts.filter(Boolean).flatMap((part, at) => (at ? [" · ", part] : [part]));

/** Calls per second as a small line. */
function spark(element, recent) {
  if (!recent) {
    element.replaceChildren();
    return;
  }
  const { values } = recent;
  const most = Math.max(...values.filter((v) => v !== null), 1e-9);
  const parts = [];
  let open = false;
  values.forEach((v, at) => {
    if (v === null) open = false;
    else {
      const point = `${((at / Math.max(values.length - 1, 1)) * 78 + 1).toFixed(1)} ${(17 - (v / most) * 15).toFixed(1)}`;
      parts.push(`${open ? "L" : "M"}${point}`);
      if (!open) parts.push(`h.5`);
      open = true;
    }
  });
  let picture = element.firstChild;
  if (!picture) {
    picture = svg("svg", { viewBox: "0 0 80 18", width: "80", height: "18", role: "img" });
    picture.append(svg("path", {}));
    element.append(picture);
  }
  picture.setAttribute("aria-label", `up to ${Number(most.toPrecision(3))} calls per second`);
  picture.firstChild.setAttribute("d", parts.join(""));
}

/** The change against an hour ago, or why there is none. */
export function trend(element, row, answer) {
  const { change: since } = row;
  if (!since) {
    element.className = "soft";
    const kept = answer.kept;
    const is_short = kept && kept.to - kept.from < 4200;
    element.title = is_short ? `an hour ago is not covered: the history begins ${span(kept.to - kept.from)} ago` : "not covered: it had too few calls an hour ago or now, or the history does not have it";
    say(element, "–");
    return;
  }
  const ratio = since.p95_ns / since.p95_before_ns - 1;
  element.title = `p95 ${nanoseconds(since.p95_ns)} of ${count(since.calls)} calls in the last 10 minutes, ${nanoseconds(since.p95_before_ns)} of ${count(since.calls_before)} an hour ago`;
  element.className = ratio > 0.25 ? "bad" : ratio < -0.25 ? "ok" : "";
  say(element, `${ratio > 0 ? "+" : "−"}${Math.abs(ratio * 100).toFixed(0)} %`);
}
