// Figures of one function, as both tables show them: on the page, and in a report.

import { bytes, count, nanoseconds, percent } from "./format.js";
import { say, set } from "./html.js";

const band = (row, name) => row[`${name}_band_ns`];

/** Key of the sort, head, hint, value of a row, how it is written. */
export const COLUMNS = [
  ["calls", "calls", "calls that ended; exact, unless marked with ≈", (r) => r.calls, count],
  ["errors", "errors", "calls that ended with an error or a panic", (r) => r.errors, count],
  ["running", "running", "calls that run now", (r) => r.running, count],
  ["p50", "p50", "half of the calls take at most this long", (r) => r.p50_ns, nanoseconds],
  ["p95", "p95", "95 % of the calls take at most this long", (r) => r.p95_ns, nanoseconds],
  ["p99", "p99", "99 % of the calls take at most this long", (r) => r.p99_ns, nanoseconds],
  ["total", "total", "time with callees, without a future's idle time", (r) => r.total_ns, nanoseconds],
  ["self", "self", "time without profiled callees", (r) => r.self_ns, nanoseconds],
  ["cpu", "CPU", "CPU time with callees", (r) => r.cpu_ns, nanoseconds],
  ["self_cpu", "self CPU", "CPU time without profiled callees", (r) => r.self_cpu_ns, nanoseconds],
  ["bytes", "bytes/call", "bytes requested from the allocator in a call, with callees", (r) => r.bytes_per_call, bytes],
  ["self_bytes", "self bytes/call", "bytes requested from the allocator in a call, without profiled callees", (r) => r.self_bytes_per_call, bytes],
  ["live", "live", "bytes of live allocations that were made here, estimated", (r) => r.live_bytes, bytes],
];

/** What a time rests on. */
export function basis(row, name) {
  if (row.samples === null) return "of the calls that ended in this range, from the history: within 1.1 %";
  const of = row.samples < row.calls ? `rests on ${count(row.samples)} measured of ${count(row.calls)} calls` : `all ${count(row.calls)} calls were measured`;
  const ends = band(row, name);
  if (ends) return `${of}; with 95 % certainty between ${nanoseconds(ends[0])} and ${nanoseconds(ends[1])}`;
  const error = row[`${name}_error_ns`];
  return error ? `${of}; standard error ${nanoseconds(error)}` : of;
}

/** Remarks beside a name, each with what it means. */
export function remarks(row) {
  const all = [];
  if (row.one_in === 0) all.push(["counted only", "its calls are counted, and not timed, to keep the profiler's budget"]);
  else if (row.one_in > 1) all.push([`1 in ${row.one_in} measured`, `one call in ${row.one_in} is timed now and stands for all of them, to keep the profiler's budget; calls are counted exactly; times rest on ${count(row.samples)} measured calls`]);
  if (row.estimated_calls > 0) all.push([`≈ ${count(row.estimated_calls)} calls estimated`, "called too often to be counted: its calls are estimated, unless PERF_HOT or the attribute says hot = count"]);
  if (row.is_lazy) all.push(["lazy", "it returns an iterator, a stream or a future, whose later work is not in these figures"]);
  if (row.last_error) all.push(["last error", row.last_error]);
  return all;
}

/** One figure. What does not exist is a dash. */
export function cell(element, row, column, value, show) {
  if (value === null) {
    set(element, { title: "" });
    delete element.dataset.v;
    say(element, "–");
    return;
  }
  const is_weak = row.weak.includes(column);
  element.className = is_weak ? "weak" : column === "errors" && value > 0 ? "bad" : "";
  element.dataset.v = value;
  const is_time = ["p50", "p95", "p99", "total", "self", "cpu", "self_cpu"].includes(column);
  element.title = is_time ? `${basis(row, column)}${is_weak ? "; may be off by more than 20 %" : ""}` : column === "errors" && row.calls > 0 ? `${percent(value / row.calls)} of the calls` : "";
  say(element, `${is_weak ? "~" : ""}${column === "calls" && row.estimated_calls > 0 ? "≈" : ""}${show(value)}`);
}
