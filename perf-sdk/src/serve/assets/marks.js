// Lines in all charts: what the program said, and what happened.

import { arrange, h } from "./html.js";
import { clock, moment, bytes } from "./format.js";

/** How much a kind matters to who reads a chart. Rates only say how much of it was measured. */
const WEIGHT = { alert: 5, leak: 4, mark: 3, pressure: 2, relief: 2, rates: 0 };
const weight = (kind) => WEIGHT[kind] ?? 1;
export const isFaint = (kind) => weight(kind) === 0;
/** Lines that are closer than this are one. */
const NEAR_PX = 7;

/** Entries that are kept, and that are listed. */
const MOST = 600;
const LISTED = 30;
/** Seconds before and after an event that are shown when somebody asks for it. */
const AROUND = 60;

let told = [];
const happened = [];

/** What an event says: its kind, and a text beside it. */
const TEXTS = {
  alert: (a) => ["alert", `${a.change}: ${a.rule}${a.subject ? ` (${a.subject})` : ""}`],
  leak: (l) => ["leak", `${l.verdict}: ${l.function || l.watched}`],
  pressure: (p) => ["pressure", `${p.level}: ${bytes(p.used_bytes)} of ${bytes(p.limit_bytes)}`],
  relief: (r) => ["relief", `memory returned at ${r.level} pressure`],
  rates: (r) => ["rates", `by ${r.by}: ${r.changes.slice(0, 3).map((c) => `${c.function} ${rate(c.now)}`).join(", ")}${r.changes.length + r.further > 3 ? ` and ${r.changes.length + r.further - 3} more` : ""}`],
  bundle: (b) => ["evidence", b.name ?? ""],
  action: (a) => ["action", `${a.action} for ${a.rule}: ${a.outcome}`],
  flag: (f) => ["flag", `${f.flag} ${f.on ? "on" : "off"} by ${f.by}`],
  lost: (n) => ["lost", `${n} events were missed`],
};

const rate = (n) => (n === null ? "as usual" : n === 0 ? "counted only" : `1 in ${n}`);

/** Marks of the history, which has those of former processes too. */
export function setMarks(marks) {
  told = marks.map(({ at, text }) => ({ at, kind: "mark", text }));
}

/** Whether it is worth a line. */
export function hear(record) {
  const [kind, payload] = Object.entries(record.event)[0];
  const of = TEXTS[kind];
  if (!of) return kind;
  const [shown, text] = of(payload);
  happened.push({ at: record.at_unix_ns / 1e9, kind: shown, text, number: record.number });
  // What only says how much was measured goes first.
  if (happened.length > MOST) happened.splice(Math.max(happened.findIndex((one) => isFaint(one.kind)), 0), 1);
  return kind;
}

/** Of another process. */
export function forget() {
  happened.length = 0;
}

export const all = () => [...told, ...happened].sort((a, b) => a.at - b.at);
export const within = (from, to) => all().filter(({ at }) => at >= from && at < to);

/** Marks in the order of time as they are drawn: those that lie close are one, where the one that matters most is. */
export function clustered(marks, x) {
  const all = [];
  for (const mark of marks) {
    const place = x(mark.at);
    const last = all.at(-1);
    if (!last || place - last.begin >= NEAR_PX) {
      all.push({ begin: place, x: place, kind: mark.kind, marks: [mark] });
      continue;
    }
    last.marks.push(mark);
    if (weight(mark.kind) > weight(last.kind)) Object.assign(last, { x: place, kind: mark.kind });
  }
  return all;
}

/** What a line of a chart stands for, in so many lines of text; what matters most is first. */
export function said({ marks }, most) {
  const all = marks.map((mark) => ({ ...mark })).sort((a, b) => weight(b.kind) - weight(a.kind) || a.at - b.at);
  const lines = all.slice(0, most).map(({ at, kind, text }) => `${clock(at)} ${kind} ${text}`);
  return all.length > most ? [...lines, `and ${all.length - most} more`] : lines;
}

/** Changes of rates one after the other are one entry. */
function merged(shown) {
  const all = [];
  for (const one of shown) {
    const last = all.at(-1);
    if (last && isFaint(last.kind) && last.kind === one.kind) last.more += 1;
    else all.push({ ...one, more: 0 });
  }
  return all;
}

/**
 * The events of a range as a list: what the lines in the charts are. `hears.look(time | null)` is
 * told which one is pointed at, `hears.chosen(from, to)` that its surroundings are wanted.
 */
export function list(parent, from, to, hears) {
  const shown = merged(within(from, to).reverse());
  const items = shown.slice(0, LISTED).map(({ at, kind, text, more }) => {
    const said = more ? `${text}; ${more} earlier changes` : text;
    const key = `${at}|${said}`;
    const known = [...parent.children].find((item) => item.dataset.key === key);
    if (known) return known;
    const begin = Math.floor(at) - AROUND;
    const leave = () => hears.look(null);
    const button = h("button", { type: "button", title: `${moment(at)}: shows what was around it`, onfocus: () => hears.look(at), onblur: leave, onclick: () => hears.chosen(begin, begin + 2 * AROUND) }, h("time", { datetime: new Date(at * 1000).toISOString() }, clock(at)));
    const item = h("li", { onpointerenter: () => hears.look(at), onpointerleave: leave }, button, h("span", { class: `kind ${kind}` }, kind), h("span", {}, said));
    item.dataset.key = key;
    return item;
  });
  if (!items.length) items.push(h("li", { class: "soft" }, "Nothing happened in this range. perf_sdk::mark(\"deploy 1.2\") is shown here, and in the charts."));
  else if (shown.length > LISTED) items.push(h("li", { class: "soft" }, `and ${shown.length - LISTED} earlier ones`));
  arrange(parent, items);
}
