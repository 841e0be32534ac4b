// Lines in all charts: what the program said, and what happened.

import { arrange, h } from "./html.js";
import { clock, moment, bytes } from "./format.js";

/** Entries that are kept, and that are listed. */
const MOST = 600;
const LISTED = 30;

let said = [];
let happened = [];

/** What an event says: its kind in the charts, and a text. `null` is none. */
const TEXTS = {
  alert: (a) => ["alert", `alert ${a.change}: ${a.rule}${a.subject ? ` (${a.subject})` : ""}`],
  leak: (l) => ["leak", `leak ${l.verdict}: ${l.function || l.watched}`],
  pressure: (p) => ["pressure", `memory pressure ${p.level}: ${bytes(p.used_bytes)} of ${bytes(p.limit_bytes)}`],
  relief: (r) => ["relief", `memory returned at ${r.level} pressure`],
  rates: (r) => ["rates", `rates by ${r.by}: ${r.changes.slice(0, 3).map((c) => `${c.function} ${rate(c.now)}`).join(", ")}${r.changes.length + r.further > 3 ? ` and ${r.changes.length + r.further - 3} more` : ""}`],
  bundle: (b) => ["bundle", `evidence: ${b.name ?? ""}`],
  action: (a) => ["action", `${a.action} for ${a.rule}: ${a.outcome}`],
  flag: (f) => ["flag", `flag ${f.flag} ${f.on ? "on" : "off"} by ${f.by}`],
  lost: (n) => ["lost", `${n} events were missed`],
};

const rate = (n) => (n === null ? "as usual" : n === 0 ? "counted only" : `1 in ${n}`);

/** Marks of the history, which has those of former processes too. */
export function setMarks(marks) {
  said = marks.map(({ at, text }) => ({ at, kind: "mark", text }));
}

/** Whether it is worth a line. */
export function hear(record) {
  const [kind, payload] = Object.entries(record.event)[0];
  const of = TEXTS[kind];
  if (!of) return kind;
  const [shown, text] = of(payload);
  happened.push({ at: record.at_unix_ns / 1e9, kind: shown, text, number: record.number });
  if (happened.length > MOST) happened = happened.slice(-MOST);
  return kind;
}

/** Of another process. */
export function forget() {
  happened = [];
}

export const all = () => [...said, ...happened].sort((a, b) => a.at - b.at);
export const within = (from, to) => all().filter(({ at }) => at >= from && at < to);

/** The events of a range as a list: what the lines in the charts are. */
export function list(parent, from, to) {
  const shown = within(from, to).reverse();
  const items = shown.slice(0, LISTED).map(({ at, kind, text }) => {
    const key = `${at}|${text}`;
    const known = [...parent.children].find((item) => item.dataset.key === key);
    if (known) return known;
    const item = h("li", {}, h("time", { datetime: new Date(at * 1000).toISOString(), title: moment(at) }, clock(at)), h("span", { class: `kind ${kind}` }, kind), h("span", {}, text));
    item.dataset.key = key;
    return item;
  });
  if (!items.length) items.push(h("li", { class: "soft" }, "Nothing happened in this range. perf_sdk::mark(\"deploy 1.2\") is shown here, and in the charts."));
  else if (shown.length > LISTED) items.push(h("li", { class: "soft" }, `and ${shown.length - LISTED} earlier ones`));
  arrange(parent, items);
}
