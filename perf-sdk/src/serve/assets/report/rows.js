// The table of functions: all rows are in the file, and sorted and searched here.

import { COLUMNS, cell, remarks } from "../columns.js";
import { count, nanoseconds } from "../format.js";
import { arrange, h, say } from "../html.js";
import { table } from "./lists.js";

/** Rows that are shown before somebody asks for more. */
const FIRST = 50;

export function functions(rows, others) {
  const columns = COLUMNS.filter(([, , , read]) => rows.some((row) => read(row) !== null));
  let [sort, is_down, most, search] = ["self", true, FIRST, ""];
  const made = new Map();
  const heads = new Map();
  const head = (key, name, hint) => {
    const button = h("button", { type: "button", title: `${hint}; sorts by it`, onclick: () => {
      is_down = sort === key ? !is_down : key !== "name";
      sort = key;
      draw();
    } }, name);
    const th = h("th", { scope: "col", class: key === "name" ? "name" : "" }, button);
    heads.set(key, th);
    return th;
  };
  const body = h("tbody", {});
  const input = h("input", { type: "search", placeholder: "part of a name", autocomplete: "off", spellcheck: "false", oninput: () => {
    search = input.value.trim().toLowerCase();
    draw();
  } });
  const said = h("p", { class: "soft", role: "status" });
  const more = h("button", { type: "button", onclick: () => {
    most = Infinity;
    draw();
  } }, "show all");
  const heading = h("tr", {}, head("name", "function", "by name"), columns.map(([key, name, hint]) => head(key, name, hint)));
  const scroll = table("Functions", "", heading, []);
  scroll.querySelector("tbody").replaceWith(body);

  function element(row) {
    if (!made.has(row)) {
      const notes = [row.module, ...remarks(row).map(([text, hint]) => h("abbr", { title: hint }, text))].filter(Boolean);
      const place = row.file ? `${row.file}:${row.line}` : "";
      const name = h("th", { scope: "row", class: "name" }, row.name, h("small", { title: place }, notes.flatMap((note, at) => (at ? [" · ", note] : [note]))));
      const cells = columns.map(([key, , , read, show]) => {
        const td = h("td", {});
        cell(td, row, key, read(row), show);
        td.dataset.column = key;
        return td;
      });
      const tr = h("tr", {}, name, cells);
      Object.assign(tr.dataset, { name: row.name, module: row.module ?? "" });
      made.set(row, tr);
    }
    return made.get(row);
  }

  function draw() {
    const read = columns.find(([key]) => key === sort)?.[3];
    const sign = is_down ? -1 : 1;
    const by_name = (a, b) => a.name.localeCompare(b.name) || (a.module ?? "").localeCompare(b.module ?? "");
    const found = rows.filter((row) => !search || `${row.module ?? ""}::${row.name}`.toLowerCase().includes(search));
    found.sort((a, b) => {
      if (!read) return sign * by_name(a, b);
      const [x, y] = [read(a), read(b)];
      // What has no value comes last, whichever the order.
      if (x === null || y === null) return (x === null) - (y === null) || by_name(a, b);
      return sign * (x - y) || by_name(a, b);
    });
    for (const [key, th] of heads) {
      if (key === sort) th.setAttribute("aria-sort", is_down ? "descending" : "ascending");
      else th.removeAttribute("aria-sort");
    }
    arrange(body, found.slice(0, most).map(element));
    const all = search ? `${count(found.length)} of ${count(rows.length)} functions match` : `${count(rows.length)} functions`;
    const rest = others.functions ? `; ${count(others.functions)} more are not in this file: together ${count(others.calls)} calls and ${nanoseconds(others.self_ns)} of their own` : "";
    say(said, `${all}${found.length > most ? `, of which ${count(most)} are shown` : ""}${rest}.`);
    more.hidden = found.length <= most;
  }
  draw();
  return [
    h("div", { class: "bar" }, h("label", {}, "Search ", input), more),
    said,
    scroll,
    h("p", { class: "soft note" }, "“~”: may be off by more than 20 %, since few calls were measured, or they are too short. “1 in n measured”: one call in n is timed and stands for all of them. Hints say on how many calls a figure rests."),
  ];
}
