// How many calls took how long, over time.

import { clock, count, moment, nanoseconds } from "./format.js";
import { h, say } from "./html.js";

const HEIGHT = 200;
const LEFT = 58;

export class Heatmap {
  #canvas = h("canvas", { "aria-hidden": "true" });
  #said = h("p", { class: "soft", role: "status" });
  #data = null;
  element = h("figure", { class: "chart wide", "data-chart": "heatmap" }, h("figcaption", {}, "Durations"), this.#canvas, this.#said);

  constructor() {
    new ResizeObserver(() => this.draw()).observe(this.element);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    this.#canvas.addEventListener("pointermove", (event) => this.#hover(event));
    this.#canvas.addEventListener("pointerleave", () => this.#sum());
  }

  set(data) {
    this.#data = data;
    this.element.hidden = !data;
    this.draw();
    this.#sum();
  }

  #sum() {
    if (!this.#data) return;
    const { columns, rows_ns: rows } = this.#data;
    const calls = columns.flatMap((column) => column ?? []).reduce((sum, [, n]) => sum + n, 0);
    say(this.#said, `${count(calls)} measured calls stand here by their duration, from ${nanoseconds(rows[0])} to ${nanoseconds(rows.at(-1))}; the stronger the colour, the more of the calls of that moment.`);
  }

  #place(event) {
    const box = this.#canvas.getBoundingClientRect();
    const { columns, rows_ns: rows } = this.#data;
    const column = Math.floor(((event.clientX - box.left - LEFT) / (box.width - LEFT)) * columns.length);
    const row = Math.floor((1 - (event.clientY - box.top) / (HEIGHT - 18)) * (rows.length - 1));
    return [column, row];
  }

  #hover(event) {
    if (!this.#data) return;
    const [column, row] = this.#place(event);
    const { columns, rows_ns: rows, from, step } = this.#data;
    if (column < 0 || column >= columns.length || row < 0 || row + 1 >= rows.length) return;
    const cells = columns[column];
    const calls = cells?.find(([at]) => at === row)?.[1] ?? 0;
    say(this.#said, `${moment(from + column * step)}, ${nanoseconds(rows[row])} to ${nanoseconds(rows[row + 1])}: ${cells ? `${count(calls)} calls` : "nothing is known"}`);
  }

  draw() {
    if (!this.#data || this.element.hidden) return;
    const canvas = this.#canvas;
    const ratio = Math.min(devicePixelRatio || 1, 3);
    const width = Math.max(canvas.clientWidth, 120);
    [canvas.width, canvas.height] = [Math.round(width * ratio), Math.round(HEIGHT * ratio)];
    canvas.classList.add("tall");
    const c = canvas.getContext("2d");
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    const style = getComputedStyle(document.documentElement);
    const [soft, ink] = ["--soft", "--heat"].map((name) => style.getPropertyValue(name).trim());
    const { columns, rows_ns: rows, from, step } = this.#data;
    const bottom = HEIGHT - 18;
    const [w, hh] = [(width - LEFT) / columns.length, bottom / (rows.length - 1)];
    c.fillStyle = ink;
    columns.forEach((column, at) => {
      const sum = (column ?? []).reduce((all, [, n]) => all + n, 0);
      for (const [row, n] of column ?? []) {
        c.globalAlpha = 0.12 + 0.88 * Math.sqrt(n / sum);
        c.fillRect(LEFT + at * w, bottom - (row + 1) * hh, Math.max(w - 0.3, 0.6), Math.max(hh - 0.5, 0.6));
      }
    });
    c.globalAlpha = 1;
    c.fillStyle = soft;
    c.font = "11px system-ui, sans-serif";
    c.textAlign = "right";
    const each = Math.max(1, Math.ceil((rows.length - 1) / 7));
    for (let row = 0; row < rows.length; row += each) c.fillText(nanoseconds(rows[row]), LEFT - 6, Math.max(9, bottom - row * hh + (row ? 3 : 0)));
    c.textAlign = "center";
    const span = columns.length * step;
    const ticks = Math.max(2, Math.floor((width - LEFT) / 110));
    for (let tick = 0; tick < ticks; tick += 1) {
      const share = (tick + 0.5) / ticks;
      c.fillText(clock(from + share * span, span), LEFT + share * (width - LEFT), HEIGHT - 5);
    }
  }
}
