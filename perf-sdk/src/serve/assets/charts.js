// All charts of a page: what they show, and how newer points come into them.

import { brush } from "./brush.js";
import { at, draw, latest, onTheme } from "./chart.js";
import { value } from "./format.js";
import { arrange, h, say } from "./html.js";
import * as marks from "./marks.js";

/** The pointer is over a line that is so close, which then is named; and by so many lines. */
const OVER_PX = 6;
const NAMED = 4;

const GROUPS = [
  ["Requests", ["rate", "errors", "p50", "p95", "p99"]],
  ["CPU and memory", ["cpu", "memory", "self", "self_cpu", "allocated", "live"]],
  ["Runtime and queues", ["runtime", "tasks", "queues"]],
  ["Locks and pools", ["locks", "pools", "pool_waits"]],
  ["Caches and queries", ["caches", "queries"]],
];

export class Charts {
  #parent;
  #charts = new Map();
  #drawn = new Map();
  #groups = new Map();
  #frame = 0;
  view = { from: 0, to: 1, newest: 1, cursor: null, over: null, selection: null, marks: [] };
  #chosen;
  #level;

  /** `level` is that of the headings; `chosen(from, to)` is told of a brushed range. */
  constructor(parent, level, chosen) {
    this.#parent = parent;
    parent.classList.add("flow");
    this.#level = level;
    this.#chosen = chosen;
    onTheme(() => this.redraw());
    new ResizeObserver(() => this.redraw()).observe(parent);
  }

  /** Shows these charts and no others. */
  set(charts) {
    this.#charts = new Map(charts.map((chart) => [chart.id, chart]));
    this.#lay();
  }

  clear() {
    this.set([]);
  }

  /** The first second of which newer points are wanted: that of the last steps again. */
  get since() {
    const ends = [...this.#charts.values()].flatMap((chart) => chart.lines.map((line) => line.from + (line.values.length - 2) * line.step));
    // A line that has ended long ago is not waited for; the range is never empty.
    return ends.length ? Math.min(...ends.filter((end) => end > this.view.newest - 900), this.view.newest - 2) : null;
  }

  /** Adds newer points, up to `to`. Returns `false` if all must be asked for again. */
  add(charts, from, to) {
    let is_whole = true;
    const seen = new Set();
    for (const chart of charts) {
      const known = this.#charts.get(chart.id);
      if (!known) {
        is_whole = false;
        continue;
      }
      for (const line of chart.lines) {
        const mine = known.lines.find((one) => one.id === line.id);
        if (!mine || mine.step !== line.step || !merge(mine, line)) is_whole = false;
        else seen.add(mine);
      }
    }
    for (const line of [...this.#charts.values()].flatMap((chart) => chart.lines)) {
      // A line that is not in the answer has no newer value.
      const length = Math.floor((to - line.from) / line.step);
      if (!seen.has(line)) while (line.values.length < length) line.values.push(null);
      drop(line, from);
    }
    this.redraw();
    return is_whole;
  }

  get values() {
    return [...this.#charts.values()].reduce((sum, chart) => sum + chart.lines.reduce((n, line) => n + line.values.length, 0), 0);
  }

  redraw() {
    if (!this.#frame) this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw();
    });
  }

  /** Draws at once, as before printing. */
  drawNow() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.#draw();
  }

  #lay() {
    const sections = [];
    for (const [title, ids] of GROUPS) {
      const shown = ids.filter((id) => this.#charts.has(id));
      if (!shown.length) continue;
      let group = this.#groups.get(title);
      if (!group) {
        const grid = h("div", { class: "grid" });
        group = { section: h("section", {}, h(`h${this.#level}`, {}, title), grid), grid };
        this.#groups.set(title, group);
      }
      arrange(group.grid, shown.map((id) => this.#figure(id)));
      group.section.style.setProperty("--n", shown.length);
      sections.push(group.section);
    }
    arrange(this.#parent, sections);
    for (const id of [...this.#drawn.keys()]) if (!this.#charts.has(id)) this.#drawn.delete(id);
    this.redraw();
  }

  #figure(id) {
    const chart = this.#charts.get(id);
    let drawn = this.#drawn.get(id);
    if (!drawn) {
      const canvas = h("canvas", { "aria-hidden": "true" });
      const legend = h("ul", { class: "legend" });
      // The list of events says the same to who sees no charts.
      const tip = h("div", { class: "tip", "aria-hidden": "true", hidden: true });
      const figure = h("figure", { class: "chart", "data-chart": id }, h("figcaption", { title: chart.hint }, chart.title), canvas, legend, tip);
      brush(canvas, () => this.view, {
        cursor: (time) => this.#look({ cursor: time, over: id }),
        selection: (selection) => this.#look({ selection }),
        chosen: (from, to) => this.#chosen(from, to),
      });
      drawn = { figure, canvas, legend, tip, items: new Map() };
      this.#drawn.set(id, drawn);
    }
    return drawn.figure;
  }

  /** Shows a moment in all charts. */
  point(time) {
    this.#look({ cursor: time, over: null });
  }

  #look(part) {
    Object.assign(this.view, part);
    this.redraw();
  }

  #draw() {
    const view = { ...this.view, marks: marks.within(this.view.from, this.view.to) };
    for (const [id, { canvas, legend, tip, items }] of this.#drawn) {
      const chart = this.#charts.get(id);
      if (!chart) continue;
      const { clusters, x } = draw(canvas, chart, view);
      name(tip, canvas, view.over === id && view.cursor !== null ? clusters.find((one) => Math.abs(one.x - x(view.cursor)) <= OVER_PX) : null);
      const shown = chart.lines.map((line, number) => {
        let item = items.get(line.id);
        if (!item) {
          item = { name: h("span", { class: "name" }), number: h("b", {}), swatch: h("i", {}) };
          item.element = h("li", {}, item.swatch, item.name, item.number);
          items.set(line.id, item);
        }
        const is_limit = line.role === "limit";
        item.swatch.className = is_limit ? "limit" : `c${number % 8}`;
        const now = view.cursor === null ? latest(line, view) : at(line, view.cursor);
        say(item.name, line.name);
        item.name.title = line.name;
        item.element.dataset.line = line.id;
        item.number.dataset.v = now ?? "";
        say(item.number, value(chart.unit, now) + (is_limit ? share(chart, view, now) : ""));
        return item.element;
      });
      if (chart.more) shown.push(h("li", { class: "soft" }, `and ${chart.more} more`));
      arrange(legend, shown);
    }
  }
}

/** What the line beneath the pointer is, beside it. */
function name(tip, canvas, cluster) {
  tip.hidden = !cluster;
  if (!cluster) return;
  const lines = marks.said(cluster, NAMED);
  arrange(tip, lines.map((text, at) => {
    const line = tip.children[at] ?? h("div", {});
    say(line, text);
    return line;
  }));
  const is_right = cluster.x > canvas.clientWidth / 2;
  const room = is_right ? cluster.x : canvas.clientWidth - cluster.x;
  Object.assign(tip.style, { top: `${canvas.offsetTop + 10}px`, maxWidth: `${room - 8}px`, left: is_right ? "auto" : `${cluster.x + 8}px`, right: is_right ? `${canvas.clientWidth - cluster.x + 8}px` : "auto" });
}

/** How much of a limit is used. */
function share(chart, view, limit) {
  const used = chart.lines.find((line) => line.role === "line");
  const now = used && (view.cursor === null ? latest(used, view) : at(used, view.cursor));
  return limit > 0 && now !== null && now !== undefined ? ` (${((now / limit) * 100).toFixed(now / limit < 0.1 ? 1 : 0)} %)` : "";
}

/** Newer values replace those of the same steps. `false` if there is a gap between both. */
function merge(mine, line) {
  const place = (line.from - mine.from) / line.step;
  if (!Number.isInteger(place) || place < 0 || place > mine.values.length) return false;
  mine.values.length = place;
  for (const one of line.values) mine.values.push(one);
  return true;
}

/** Values before a time go, so that memory stays as it is. */
function drop(line, from) {
  const old = Math.floor((from - line.from) / line.step) - 1;
  if (old > 0) {
    line.values.splice(0, old);
    line.from += old * line.step;
  }
}
