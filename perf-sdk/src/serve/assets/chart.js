// One chart on a canvas. Its values stand beside it as text too.

import { clock, value } from "./format.js";
import { clustered, isFaint } from "./marks.js";

const HEIGHT = 132;
const PAD = { top: 8, right: 6, bottom: 18, left: 6 };
/** A limit, or what the process is a part of, is only written where it is further away than this. */
const NEAR = 3;

let theme = null;
const dark = matchMedia("(prefers-color-scheme: dark)");

function colors() {
  if (!theme) {
    const style = getComputedStyle(document.documentElement);
    const of = (name) => style.getPropertyValue(name).trim();
    theme = { bg: of("--bg"), soft: of("--soft"), grid: of("--line"), brush: of("--brush"), lines: [0, 1, 2, 3, 4, 5, 6, 7].map((n) => of(`--s${n}`)), kind: (kind) => of(`--k-${kind}`) || of("--soft") };
  }
  return theme;
}

/** The colours are asked for again. */
export function newTheme() {
  theme = null;
}

export function onTheme(redraw) {
  dark.addEventListener("change", () => {
    newTheme();
    redraw();
  });
}

/** The next of 1, 2, 5, 10, … (of bytes: powers of two). */
function nice(most, unit) {
  if (!(most > 0)) return 1;
  if (unit === "ratio" && most > 0.5 && most <= 1) return 1;
  if (unit.startsWith("bytes")) {
    const step = 2 ** Math.floor(Math.log2(most));
    return [1, 1.25, 1.5, 2].map((n) => n * step).find((n) => n >= most);
  }
  const step = 10 ** Math.floor(Math.log10(most));
  return [1, 1.5, 2, 3, 5, 7.5, 10].map((n) => n * step).find((n) => n >= most * 0.9999);
}

/** The place of a time in a line, and the value there. */
export function at(line, time) {
  const place = Math.floor((time - line.from) / line.step);
  return line.values[place] ?? null;
}

/** The latest value that is known in the view. */
export function latest(line, view) {
  const end = Math.min(line.values.length - 1, Math.floor((view.to - 1 - line.from) / line.step));
  const begin = Math.max(0, Math.floor((view.from - line.from) / line.step));
  for (let place = end; place >= begin; place -= 1) if (line.values[place] !== null) return line.values[place];
  return null;
}

/** Draws lines within a view: `from`, `to`, `cursor`, `selection`, `marks`. */
export function draw(canvas, chart, view) {
  const ratio = Math.min(devicePixelRatio || 1, 3);
  const width = Math.max(canvas.clientWidth, 50);
  const [pixels, rows] = [Math.round(width * ratio), Math.round(HEIGHT * ratio)];
  if (canvas.width !== pixels || canvas.height !== rows) [canvas.width, canvas.height] = [pixels, rows];
  const c = canvas.getContext("2d");
  c.setTransform(ratio, 0, 0, ratio, 0, 0);
  c.clearRect(0, 0, width, HEIGHT);
  const t = colors();
  const [left, right, top, bottom] = [PAD.left, width - PAD.right, PAD.top, HEIGHT - PAD.bottom];
  const x = (time) => left + ((time - view.from) / (view.to - view.from)) * (right - left);
  const visible = (line) => line.values.filter((v, place) => v !== null && line.from + (place + 1) * line.step > view.from && line.from + place * line.step < view.to);
  let most = Math.max(0, ...chart.lines.filter((l) => l.role === "line").map((l) => visible(l).reduce((m, v) => Math.max(m, v), 0)));
  const limits = chart.lines.filter((l) => l.role !== "line").map((l) => visible(l).reduce((m, v) => Math.max(m, v), 0));
  for (const limit of limits) if (limit > 0 && limit <= most * NEAR) most = Math.max(most, limit);
  const end = nice(most * 1.05, chart.unit);
  const y = (v) => bottom - (v / end) * (bottom - top);

  c.font = "11px system-ui, sans-serif";
  c.lineWidth = 1;
  c.strokeStyle = t.grid;
  c.fillStyle = t.soft;
  for (const share of [0, 0.5, 1]) {
    const row = Math.round(y(end * share)) + 0.5;
    c.beginPath();
    c.moveTo(left, row);
    c.lineTo(right, row);
    c.stroke();
  }
  times(c, view, x, [left, right, bottom], t);

  const clusters = clustered(view.marks, x);
  lines(c, clusters, [left, right, top, bottom], t);

  c.save();
  c.beginPath();
  c.rect(left, 0, right - left, bottom + 1);
  c.clip();
  chart.lines.forEach((line, number) => {
    c.strokeStyle = c.fillStyle = line.role === "limit" ? t.soft : t.lines[number % t.lines.length];
    c.setLineDash(line.role === "limit" ? [6, 4] : []);
    c.lineWidth = line.role === "limit" ? 1 : 1.6;
    trace(c, line, x, y);
  });
  c.setLineDash([]);
  c.restore();

  // Over the lines, on a plate, so that they can be read.
  c.textAlign = "left";
  c.textBaseline = "alphabetic";
  for (const share of [0.5, 1]) {
    const text = value(chart.unit, end * share);
    const row = y(end * share) + 11;
    c.fillStyle = t.bg;
    c.globalAlpha = 0.8;
    c.fillRect(left, row - 10, c.measureText(text).width + 4, 12);
    c.globalAlpha = 1;
    c.fillStyle = t.soft;
    c.fillText(text, left + 2, row);
  }

  if (view.selection) {
    const [a, b] = view.selection.map((time) => Math.min(Math.max(x(time), left), right));
    c.fillStyle = t.brush;
    c.globalAlpha = 0.25;
    c.fillRect(Math.min(a, b), top, Math.abs(b - a), bottom - top);
    c.globalAlpha = 1;
  }
  if (view.cursor !== null) {
    c.strokeStyle = t.soft;
    c.beginPath();
    c.moveTo(x(view.cursor), top);
    c.lineTo(x(view.cursor), bottom);
    c.stroke();
  }
  return { clusters, x };
}

/** What happened: thin lines, beneath the values. What matters has a flag at its top. */
function lines(c, clusters, [left, right, top, bottom], t) {
  c.font = "9px system-ui, sans-serif";
  c.textAlign = "left";
  c.textBaseline = "alphabetic";
  clusters.forEach(({ x, kind, marks }, number) => {
    const place = Math.round(Math.min(Math.max(x, left), right)) + 0.5;
    const is_faint = isFaint(kind);
    c.strokeStyle = c.fillStyle = t.kind(kind);
    c.setLineDash(is_faint ? [1, 4] : kind === "mark" ? [4, 3] : []);
    c.globalAlpha = is_faint ? 0.6 : 0.5;
    c.beginPath();
    c.moveTo(place, top);
    c.lineTo(place, bottom);
    c.stroke();
    c.globalAlpha = 1;
    if (!is_faint) {
      c.beginPath();
      c.moveTo(place - 4, top - 7);
      c.lineTo(place + 4, top - 7);
      c.lineTo(place, top);
      c.fill();
    }
    const next = clusters[number + 1]?.x ?? Infinity;
    const text = String(marks.length);
    if (marks.length > 1 && place + 6 + c.measureText(text).width < Math.min(next - 4, right)) c.fillText(text, place + (is_faint ? -2 : 6), top - 1);
  });
  c.setLineDash([]);
}

function trace(c, line, x, y) {
  const { values, from, step } = line;
  c.beginPath();
  let open = false;
  for (let place = 0; place < values.length; place += 1) {
    const v = values[place];
    if (v === null) {
      open = false;
      continue;
    }
    const [px, py] = [x(from + (place + 0.5) * step), y(v)];
    if (open) c.lineTo(px, py);
    else {
      c.moveTo(px, py);
      // A value between two gaps would not be seen.
      if ((values[place + 1] ?? null) === null) c.lineTo(px + 1.5, py);
    }
    open = true;
  }
  c.stroke();
}

const TICKS = [10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800];

function times(c, view, x, [left, right, bottom], t) {
  const span = view.to - view.from;
  const step = TICKS.find((tick) => (span / tick) * 64 <= right - left) ?? 172800;
  // Whole hours and days of the reader.
  const offset = new Date(view.from * 1000).getTimezoneOffset() * 60;
  c.textAlign = "center";
  c.textBaseline = "alphabetic";
  c.fillStyle = t.soft;
  for (let time = Math.ceil((view.from - offset) / step) * step + offset; time < view.to; time += step) {
    const place = x(time);
    const text = clock(time, step >= 86400 ? 200000 : step < 60 ? 100 : span > 64800 && step >= 21600 ? 70000 : 3600);
    const half = c.measureText(text).width / 2;
    if (place - half >= left - 4 && place + half <= right + 4) c.fillText(text, place, bottom + 13);
  }
}
