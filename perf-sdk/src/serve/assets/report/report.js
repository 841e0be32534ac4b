// Puts the report together, of the data that are in the file.

import { moved } from "../brush.js";
import { newTheme } from "../chart.js";
import { Charts } from "../charts.js";
import { clock, count, moment, nanoseconds, span } from "../format.js";
import { h } from "../html.js";
import * as marks from "../marks.js";
import { changes } from "./changes.js";
import { flames } from "./flames.js";
import { lists, measurement, readings } from "./lists.js";
import { functions } from "./rows.js";

const nonce = document.currentScript.nonce;
const data = JSON.parse(document.getElementById("report-data").textContent);
const drawn = [];

/** A part of the page with a heading, to which the list at the top leads. */
const parts = [];
function part(id, title, ...children) {
  const section = h("section", { id, "aria-labelledby": `${id}-head` }, h("h2", { id: `${id}-head` }, title), children.flat(Infinity).filter(Boolean));
  parts.push([id, title]);
  return section;
}

function side(of) {
  const length = span(of.window_ns / 1e9);
  const cpu = of.cpu_ns ? `, ${nanoseconds(of.cpu_ns)} of CPU time` : "";
  return `${of.name}: ${count(of.functions)} functions over ${length} until ${moment(of.taken_at_ms / 1000)}${cpu}`;
}

/** Charts with a range of their own. */
function charts(all) {
  // From the first value that is known to the last one.
  const ends = all.flatMap((chart) => chart.lines.flatMap((line) => [line.values.findIndex((one) => one !== null), line.values.findLastIndex((one) => one !== null) + 1].map((at) => line.from + at * line.step)));
  const whole = { from: Math.min(...ends), to: Math.max(...ends) };
  const room = h("div", {});
  const said = h("span", { class: "soft", role: "status" });
  const look = (range) => {
    const from = Math.max(range.from, whole.from);
    const to = Math.min(range.to, whole.to);
    if (to - from < 2) return;
    Object.assign(shown.view, { from, to, newest: whole.to });
    said.textContent = `${moment(from)} to ${clock(to, 0)}, ${span(to - from)}`;
    shown.redraw();
  };
  const shown = new Charts(room, 3, (from, to) => look({ from, to }));
  drawn.push(shown);
  // A report may be of some seconds.
  const closer = ({ from, to }) => ({ from: Math.floor(from + (to - from) / 4), to: Math.ceil(to - (to - from) / 4) });
  const button = (text, way) => h("button", { type: "button", onclick: () => look(way === "all" ? whole : way === "in" ? closer(shown.view) : moved({}, shown.view, way)) }, text);
  shown.set(all);
  look(whole);
  return [h("div", { class: "bar" }, button("earlier", "earlier"), button("later", "later"), button("closer", "in"), button("further", "out"), button("all", "all"), said), room,
    h("p", { class: "soft note only-screen" }, "Drag over a chart to look closer. Numbers are of the time beneath the pointer, else the latest ones.")];
}

function build() {
  marks.setMarks(data.marks.map(([at, text]) => ({ at, text })));
  const tone = { good: "good", warning: "warning", bad: "bad" };
  const sections = [
    part("summary", "Summary", h("ul", { class: "summary" }, data.summary.map(({ tone: of, text }) => h("li", { class: tone[of] ?? "" }, text)))),
    data.comparison ? part("changes", "What changed", changes(data.comparison, { now: data.now.name, before: data.before.name })) : null,
    part("judged", "Targets, alerts, findings", h("div", { id: "status" }, lists(data.status))),
    data.charts.length ? part("charts", data.before ? `Charts: ${data.now.name}` : "Charts", charts(data.charts)) : null,
    data.charts_before.length ? part("charts-before", `Charts: ${data.before.name}`, charts(data.charts_before)) : null,
    part("flamegraph", "Flamegraph", flames(data.flames, nonce)),
    part("functions", "Functions", data.functions.length ? functions(data.functions, data.others) : h("p", { class: "soft" }, "No profiled function was called.")),
    data.readings.length ? part("readings", "Readings", h("details", {}, h("summary", {}, `${count(data.readings.length)} figures of the process, the machine and instruments`), readings(data.readings))) : null,
    part("measurement", "Measurement", measurement(data.status).map((text) => h("p", {}, text)), data.missing.length ? [h("h3", {}, "What this report lacks"), h("ul", {}, data.missing.map((text) => h("li", {}, text)))] : null),
  ].filter(Boolean);
  const nav = h("nav", { "aria-label": "Parts of the report" }, parts.map(([id, title]) => h("a", { href: `#${id}` }, title)));
  document.body.append(
    h("header", {}, h("h1", {}, data.title), [data.now, data.before].filter(Boolean).map((of) => h("p", { class: "soft" }, side(of))), nav),
    h("main", {}, sections),
    h("footer", {}, h("p", {}, `Made by perf-sdk ${data.version}. This file loads nothing. Times are those of this browser's time zone.`)),
  );
}

build();

// On paper, everything is dark on white.
addEventListener("beforeprint", () => {
  document.documentElement.classList.add("print");
  newTheme();
  drawn.forEach((one) => one.drawNow());
});
addEventListener("afterprint", () => {
  document.documentElement.classList.remove("print");
  newTheme();
  drawn.forEach((one) => one.drawNow());
});
