// The dashboard of real programs. What it shows is what `/api/v1` and `/metrics` say at that moment.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { accessible, check, launch, noOverflow, open, same, until } from "./browser.mjs";

const [program_path, wanted] = process.argv.slice(2);
const TOKEN = "a-token-of-some-length";

/** A running program that obeys. */
class Running {
  constructor(scenario) {
    this.child = spawn(program_path, [scenario], { stdio: ["pipe", "pipe", "inherit"] });
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  async line() {
    const { value, done } = await this.lines.next();
    check(!done, "the program has ended");
    return value;
  }

  async command(text) {
    this.child.stdin.write(`${text}\n`);
    same(await this.line(), "done", text);
  }

  end() {
    this.child.kill("SIGKILL");
  }
}

const browser = await launch();
const rows = (page) => until(page, () => document.querySelectorAll("#functions tbody tr").length > 0);

/** Samples of a scrape: name, labels, value. */
function samples(text) {
  return text.split("\n").filter((line) => line && !line.startsWith("#")).map((line) => {
    const [, name, labels = "", value] = /^([^{ ]+)(?:\{(.*)\})? ([^ ]+)/.exec(line);
    return { name, labels: Object.fromEntries([...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, text]) => [key, text])), value: Number(value) };
  });
}

const close = (a, b, share = 1e-6) => Math.abs(a - b) <= share * Math.max(Math.abs(a), Math.abs(b)) + 1e-9;

/** Every figure of the table, of the page, of JSON and of the scrape. */
async function truth(running, address) {
  await running.command("work 3000");
  await running.command("mark deploy 9.9");
  const seen = await open(browser, address);
  const { page, complaints } = seen;
  await rows(page);
  const of = async (path, as = "json") => (await fetch(address + path))[as]();
  const read = () => page.evaluate(() => [...document.querySelectorAll("#functions tbody tr")].map((row) => {
    const heads = [...document.querySelectorAll("#functions thead th")].map((head) => head.dataset.column);
    const cells = [...row.children].map((cell, at) => [heads[at], cell.dataset.v]).filter(([head, value]) => head && value !== undefined);
    return { name: row.dataset.name, module: row.dataset.module, values: Object.fromEntries(cells.map(([head, value]) => [head, Number(value)])) };
  }));
  const [shown, answered, scraped] = [await read(), await of("api/v1/functions?limit=500"), samples(await of("metrics", "text"))];
  same(shown.map((row) => row.name).sort(), ["answer", "search", "search"].sort(), "functions of one name are kept apart");
  const keys = { calls: "calls", errors: "errors", running: "running", p50: "p50_ns", p95: "p95_ns", p99: "p99_ns", total: "total_ns", self: "self_ns", cpu: "cpu_ns", self_cpu: "self_cpu_ns", bytes: "bytes_per_call", self_bytes: "self_bytes_per_call", live: "live_bytes" };
  let compared = 0;
  for (const row of shown) {
    const what = `${row.module}::${row.name}`;
    const api = answered.rows.find((one) => one.name === row.name && one.module === row.module);
    check(api, `${what} is in the API`);
    for (const [column, key] of Object.entries(keys)) {
      const [a, b] = [row.values[column] ?? null, api[key]];
      check(a === b || (a !== null && close(a, b)), `${what} ${column}: the page says ${a}, the API ${b}`);
      compared += 1;
    }
    const all = (name, more = () => true) => scraped.filter((one) => one.name === name && one.labels.function === row.name && one.labels.module === row.module && more(one.labels));
    const sum = (name, more) => all(name, more).reduce((total, one) => total + one.value, 0);
    const pairs = [
      ["calls", sum("function_calls_total"), 1],
      ["calls", sum("function_calls_duration_seconds_count"), 1],
      ["errors", sum("function_calls_total", ({ result }) => result === "error" || result === "panic"), 1],
      ["running", sum("function_calls_concurrent"), 1],
      ["self", sum("function_self_seconds_total"), 1e9],
      ["self_cpu", sum("function_self_cpu_seconds_total"), 1e9],
      ["bytes", sum("function_allocated_bytes_sum") / sum("function_allocated_bytes_count"), 1],
      ["live", sum("function_live_bytes"), 1],
    ];
    for (const [column, value, unit] of pairs) {
      const mine = row.values[column];
      // The scrape's counters of own time are the highest that the estimate was.
      const isHighest = column === "self" || column === "self_cpu";
      const agrees = () => close(mine, value * unit, 1e-4) || (isHighest && mine < value * unit && mine > value * unit * 0.98);
      check(mine === undefined ? value === 0 : agrees(), `${what} ${column}: the page says ${mine}, the scrape ${value * unit}`);
      compared += 1;
    }
    // A quantile is in the bucket of its rank.
    for (const [column, q] of [["p50", 0.5], ["p95", 0.95], ["p99", 0.99]]) {
      const buckets = all("function_calls_duration_seconds_bucket").map((one) => [one.labels.le === "+Inf" ? Infinity : Number(one.labels.le), one.value]).sort((a, b) => a[0] - b[0]);
      const rank = Math.ceil(q * buckets.at(-1)[1]);
      const at = buckets.findIndex(([, n]) => n >= rank);
      const [low, high] = [at ? buckets[at - 1][0] : 0, buckets[at][0]];
      const mine = row.values[column] / 1e9;
      check(mine >= low * 0.978 && mine <= high * 1.022, `${what} ${column}: ${mine} is not between ${low} and ${high}`);
      compared += 1;
    }
  }
  console.log(`${compared} figures of the table agree`);
  await charts(page, of);
  await functionPage(page, address, of);
  await noOverflow(page, "a real program");
  await accessible(page, "a real program");
  check(complaints.length === 0, complaints.join("\n"));
  await seen.close();
}

/** The charts: their sum over all time is the counter; the latest value of memory was read. */
async function charts(page, of) {
  const line = (chart, id) => page.evaluate(([chart, id]) => document.querySelector(`[data-chart=${chart}] [data-line="${id}"] b`)?.dataset.v, [chart, id]);
  // A step that is not known yet has no number.
  await until(page, () => Number(document.querySelector('[data-chart=memory] [data-line="process_resident_memory_bytes"] b')?.dataset.v) > 0);
  const shown = Number(await line("memory", "process_resident_memory_bytes"));
  const known = (await of("api/v1/history?names=process_resident_memory_bytes&from=-2m&step=1")).series[0];
  const values = [...known.mean, ...known.peak].filter((value) => value !== null);
  check(shown >= Math.min(...values) * 0.995 && shown <= Math.max(...values) * 1.005, `memory: the page says ${shown}, the history ${values}`);
  const scraped = samples(await of("metrics", "text")).find(({ name }) => name === "process_resident_memory_bytes").value;
  check(Math.abs(shown / scraped - 1) < 0.3, `memory: the page says ${shown}, the scrape ${scraped}`);
  const calls = async () => {
    const { charts: all } = await of("api/v1/overview?from=-10m&step=1");
    const rate = all.find(({ id }) => id === "rate")?.lines.find(({ name }) => name === "answer");
    return rate ? rate.values.reduce((sum, value) => sum + (value ?? 0) * rate.step, 0) : null;
  };
  // Calls before the first round of the history are of no known time.
  const before = (await calls()) ?? 0;
  const total = async () => samples(await of("metrics", "text")).filter(({ name, labels }) => name === "function_calls_total" && labels.function === "answer").reduce((sum, one) => sum + one.value, 0);
  check(before <= (await total()) * 1.005, "no more calls in the chart than there were");
  await until(page, () => document.querySelector("#events").textContent.includes("deploy 9.9"));
}

async function functionPage(page, address, of) {
  await page.locator("#functions tbody a", { hasText: "answer" }).click();
  await until(page, () => document.querySelectorAll("#function .facts div").length > 5);
  const module = await page.evaluate(() => new URLSearchParams(location.hash.slice(1)).get("m"));
  const { function: row, callees } = await of(`api/v1/function?name=answer&module=${encodeURIComponent(module)}`);
  const facts = await page.evaluate(() => Object.fromEntries([...document.querySelectorAll("#function .facts dd[data-v]")].map((fact) => [fact.dataset.column, Number(fact.dataset.v)])));
  for (const [column, value] of [["calls", row.calls], ["errors", row.errors], ["p99", row.p99_ns], ["self", row.self_ns], ["total", row.total_ns]]) {
    check(close(facts[column], value), `${column}: the page of the function says ${facts[column]}, the API ${value}`);
  }
  same(callees.map(({ name }) => name), ["search"], "callees");
  await page.locator("#function summary").click();
  await until(page, () => document.querySelector("#function details table") !== null);
  await page.goBack();
  await rows(page);
}

async function newCalls(running, address) {
  // A call after the first round has a time, so the chart has it.
  const of = async (path) => (await fetch(address + path)).json();
  const known = async () => {
    const { charts: all } = await of("api/v1/overview?from=-10m&step=1");
    const rate = all.find(({ id }) => id === "rate")?.lines.find(({ name }) => name === "answer");
    return rate ? rate.values.reduce((sum, value) => sum + (value ?? 0) * rate.step, 0) : null;
  };
  const wait = async (is_so, what) => {
    const end = Date.now() + 60000;
    for (;;) {
      const found = await is_so();
      if (found !== null && found !== false) return found;
      check(Date.now() < end, what);
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  };
  const before = await wait(known, "the history has the root");
  await running.command("work 500");
  await wait(async () => Math.abs((await known()) - before - 1000) <= 6, `1,000 more calls than ${before} in the chart`);
  const end = Math.floor(Date.now() / 1000) + 1;
  const { rows: found, from, to } = await of(`api/v1/functions?from=${end - 600}&to=${end}`);
  const row = found.find(({ name }) => name === "answer");
  check(from < to && to <= end + 10, "the answer says which seconds it is of");
  check(Math.abs(row.calls - (before + 1000)) <= 6, `${row.calls} calls in the range`);
  check(row.total_ns === null && row.running === null, "what a range does not have is null");
  const shared = found.filter(({ name }) => name === "search").map(({ module }) => module);
  same(shared.sort(), ["dashboard", "dashboard::inner"], "the modules of a name that two have");
  const gone = await of(`api/v1/functions?from=1000&to=2000`);
  same([gone.is_clamped, gone.rows.length], [true, 0], "a range that is not kept");
}

async function states(running, address) {
  const seen = await open(browser, address, { expected: ["ERR_", "Failed to load"] });
  const { page, complaints } = seen;
  await until(page, () => document.querySelector(".empty")?.getClientRects().length > 0);
  await running.command("recording off");
  await page.reload();
  await until(page, () => document.querySelector("#notices").textContent.includes("Recording is off"));
  await running.command("recording on");
  await running.command("many 10000");
  await page.reload();
  await until(page, () => document.querySelector("#functions-said").textContent.startsWith("10\u202f000 functions"));
  const paint = await page.evaluate(() => performance.getEntriesByType("paint").map(({ name, startTime }) => `${name} ${startTime.toFixed(0)} ms`).join(", "));
  const took = await page.evaluate(() => performance.getEntriesByType("resource").filter(({ name }) => name.includes("/api/v1/f")).map(({ name, responseEnd }) => `${name.split("/").pop().split("?")[0]} there after ${responseEnd.toFixed(0)} ms`).join(", "));
  console.log(`10,000 functions: ${paint}; ${took}`);
  same(await page.locator("#functions tbody tr").count(), 50, "rows of a page");
  await page.locator("button", { hasText: "next" }).click();
  await until(page, () => document.querySelector(".pages span").textContent.includes("51 to 100"));
  await page.locator("#search").fill("function 77* of many");
  await until(page, () => document.querySelector("#functions-said").textContent.startsWith("111 of"));
  const fresh = await fetch(`${address}assets/app.js`);
  const again = await fetch(`${address}assets/app.js`, { headers: { "If-None-Match": fresh.headers.get("etag") } });
  same([fresh.status, again.status], [200, 304], "a file that is the same is not sent again");
  const tabs = await Promise.all([1, 2, 3, 4].map(() => page.context().newPage()));
  await Promise.all(tabs.map((tab) => tab.goto(address)));
  await Promise.all(tabs.map(rows));
  await Promise.all(tabs.map((tab) => tab.close()));
  running.end();
  await until(page, () => document.querySelector("#connection").textContent.includes("has ended"));
  check((await page.locator("#functions tbody tr").count()) > 0, "what it had is still shown");
  check(complaints.length === 0, complaints.join("\n"));
  await seen.close();
}

async function guarded(running, address) {
  await running.command("work 10");
  same((await fetch(`${address}api/v1/overview`)).status, 401, "data need the token");
  const seen = await open(browser, address, { expected: ["401"] });
  const { page, complaints } = seen;
  await until(page, () => !document.querySelector("#token").hidden);
  await page.locator("#token-text").fill("another token");
  await page.keyboard.press("Enter");
  await until(page, () => document.querySelector("#token-said").textContent.includes("not the token"));
  await page.locator("#token-text").fill(TOKEN);
  await page.keyboard.press("Enter");
  await rows(page);
  await until(page, () => document.querySelector("#token").hidden && document.querySelector("#connection").textContent === "live");
  await page.reload();
  await rows(page);
  check(!page.url().includes(TOKEN), "the token is not in the address");
  check(complaints.length === 0, complaints.join("\n"));
  await seen.close();
}

async function unstarted(_, address) {
  const seen = await open(browser, address, { expected: ["503"] });
  const { page, complaints } = seen;
  await rows(page);
  await until(page, () => document.querySelector("#notices").textContent.includes("was not started"));
  await page.locator("#functions tbody a").first().click();
  await until(page, () => document.querySelectorAll("#function .facts div").length > 3);
  check(new URL(page.url()).pathname === "/perf", `links keep the prefix: ${page.url()}`);
  check(complaints.length === 0, complaints.join("\n"));
  await seen.close();
}

const SCENARIOS = { truth: ["open", truth], new_calls: ["open", async (running, address) => { await running.command("work 100"); await newCalls(running, address); }], states: ["open", states], guarded: ["guarded", guarded], unstarted: ["unstarted", unstarted] };
const [scenario, run] = SCENARIOS[wanted];
const running = new Running(scenario);
try {
  await run(running, await running.line());
  console.log(`ok: ${wanted}`);
} catch (error) {
  console.error(error.stack);
  process.exitCode = 1;
} finally {
  running.end();
  await browser.close();
  process.exit();
}
