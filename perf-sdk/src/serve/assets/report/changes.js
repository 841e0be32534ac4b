// What changed between both snapshots.

import { bytes, count, nanoseconds, number } from "../format.js";
import { h } from "../html.js";
import { shown, table } from "./lists.js";

const WORDS = {
  mean: { more: "slower", less: "faster" },
  p99: { more: "slower", less: "faster" },
  bytes: { more: "more", less: "less" },
  live: { more: "more", less: "less" },
};

const percent = (share) => `${Number((share * 100).toPrecision(3))} %`;

/** A ratio as a change: +12 %, −3.4 %, × 12. */
export function change(ratio) {
  if (ratio >= 10) return `× ${count(ratio)}`;
  const share = (ratio - 1) * 100;
  return `${share < 0 ? "−" : "+"}${Math.abs(share).toFixed(Math.abs(share) < 10 ? 1 : 0)} %`;
}

function figure(of, key, show, none) {
  const td = h("td", { "data-figure": key });
  if (!of) {
    td.append(h("span", { class: "soft", title: none }, "–"));
    return td;
  }
  Object.assign(td.dataset, { before: of.before, now: of.now, ratio: of.ratio, low: of.low, high: of.high, verdict: of.verdict });
  const interval = of.low === of.high ? "" : ` (${change(of.low)} to ${change(of.high)})`;
  const word = WORDS[key][of.verdict] ?? { same: "no change", unclear: "cannot tell" }[of.verdict];
  td.append(`${show(of.before)} → ${show(of.now)}`, h("small", {}, change(of.ratio), interval), h("small", { class: "verdict" }, h("b", { class: of.verdict in WORDS[key] ? of.verdict : "soft" }, word)));
  return td;
}

const isChanged = (pair) => ["mean", "p99", "bytes", "live"].some((key) => ["more", "less"].includes(pair[key]?.verdict));

export function changes(comparison, names) {
  const { functions, both, untested, tests, tolerance, level, least_calls: least } = comparison;
  const few = "too few calls: 10 on each side are needed";
  const rows = functions.map((pair) => {
    const measured = pair.samples < pair.calls || pair.samples_before < pair.calls_before ? h("small", {}, `${count(pair.samples_before)} → ${count(pair.samples)} measured`) : null;
    const tr = h("tr", {},
      h("th", { scope: "row", class: "name" }, pair.name, h("small", {}, pair.module)),
      figure(pair.mean, "mean", nanoseconds, few),
      figure(pair.p99, "p99", nanoseconds, `too few calls: ${count(least)} on each side are needed`),
      h("td", {}, `${count(pair.calls_before)} → ${count(pair.calls)}`, measured),
      h("td", {}, `${number(pair.rate_before)} → ${number(pair.rate)}`),
      figure(pair.bytes, "bytes", bytes, "not known on both sides, or too few calls"),
      figure(pair.live, "live", bytes, "not known on both sides, or less than 10 samples"));
    tr.dataset.name = pair.name;
    return [pair, tr];
  });
  const has = (key) => functions.some((pair) => pair[key]);
  const head = h("tr", {}, h("th", { scope: "col", class: "name" }, "function"), ["mean", "p99", "calls", "calls/s", "bytes/call", "live"].map((name) => h("th", { scope: "col" }, name)));
  const scroll = table("Changes", "changes", head, rows.map(([, tr]) => tr));
  // Columns that nothing is known of.
  [["bytes", 5], ["live", 6]].filter(([key]) => !has(key)).forEach(([, at]) => [head, ...rows.map(([, tr]) => tr)].forEach((tr) => { tr.cells[at].hidden = true; }));
  const changed = rows.filter(([pair]) => isChanged(pair)).length;
  const said = h("p", { class: "soft", role: "status" });
  const box = h("input", { type: "checkbox", onchange: () => filter() });
  const filter = () => {
    rows.forEach(([pair, tr]) => { tr.hidden = box.checked && !isChanged(pair); });
    said.textContent = `${count(changed)} of ${count(both)} functions changed beyond chance and by more than ${percent(tolerance)}; ${count(untested)} ${untested === 1 ? "was" : "were"} called too seldom to tell${both > functions.length ? `; ${count(functions.length)} are listed` : ""}.`;
  };
  box.checked = changed > 0;
  filter();
  const alone = [["only in", names.now, comparison.only_now], ["only in", names.before, comparison.only_before]].filter(([, , of]) => of.all > 0).map(([text, name, of]) =>
    h("p", {}, h("b", {}, `${count(of.all)} ${text} ${name}: `), of.first.map(([function_name, calls]) => `${function_name} (${count(calls)} calls)`).join(", "), of.all > of.first.length ? `, and ${count(of.all - of.first.length)} more` : "", "."));
  const process = comparison.process.map((one) => h("tr", {}, h("th", { scope: "row" }, one.name), h("td", { class: "number" }, shown(one.unit, one.before)), h("td", { class: "number" }, shown(one.unit, one.now))));
  const process_head = h("tr", {}, ["of the process", names.before, names.now].map((name) => h("th", { scope: "col" }, name)));
  return [
    h("div", { class: "bar" }, h("label", {}, box, "only what changed")),
    said,
    functions.length ? scroll : h("p", { class: "soft" }, "No function is in both."),
    alone,
    table("The process", "figures", process_head, process),
    h("p", { class: "soft" }, "Figures of the process are single readings, so their changes have no interval."),
    h("details", {}, h("summary", {}, "How this is judged"),
      h("p", {}, `Intervals are of the ratio of both, at ${percent(level)}. Of means: Welch's, of the logarithm. Of the p99: from the ranks of both, without an assumption on how times are distributed; it needs ${count(least)} calls on each side. Of live memory: by the number of sampled allocations.`),
      h("p", {}, `“slower” and “faster” stand where the whole interval is beyond ${percent(tolerance)}, and where that remains after a correction for all ${count(tests)} tests (Holm). “no change”: the whole interval is within ${percent(tolerance)}. “cannot tell”: neither, or a time that changed by less than 50 ns, as long as reading the clock takes. Calls and their rate are counted, and are not judged: they depend on what was asked of the program.`),
      h("p", {}, "Calls are taken to be independent of each other. Where slow ones come together, as in a pause of the machine, intervals are too narrow: compare several runs.")),
  ];
}
