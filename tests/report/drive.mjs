// Reports of real programs in a browser: `node drive.mjs PROGRAM COMMAND_LINE SCENARIO`. A check
// that fails ends it. With PERF_TEST_PICTURES, pictures of all states go to that folder.

import { execFile, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { accessible, check, launch, noOverflow, open, same, until, WIDTHS } from "../dashboard/browser.mjs";

const require = createRequire(import.meta.url);
const axe = require("axe-core").source;
const run = promisify(execFile);
const [program_path, command_line, wanted] = process.argv.slice(2);
const TOKEN = "a-token-of-some-length";
const folder = mkdtempSync(join(tmpdir(), "perf-sdk-report-"));
const browser = await launch();
const running = [];
const pictures = process.env.PERF_TEST_PICTURES;
if (pictures) mkdirSync(pictures, { recursive: true });

/** A program that obeys. */
class Program {
  constructor(guard = "off") {
    this.child = spawn(program_path, [guard], { stdio: ["pipe", "pipe", "inherit"] });
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
    running.push(this.child);
  }

  static async started(guard) {
    const program = new Program(guard);
    program.address = await program.line();
    return program;
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

  get endpoint() {
    return new URL(this.address).host;
  }

  async get(path, as = "json") {
    const answer = await fetch(this.address + path);
    check(answer.ok, `${path}: ${answer.status}`);
    return answer[as]();
  }

  /** Until the history has some seconds of it. */
  async hasHistory() {
    for (let tries = 0; tries < 600; tries += 1) {
      const { kept } = await this.get("api/v1/overview?from=-1m");
      if (kept && kept.to - kept.from >= 4) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    check(false, "the history has no seconds");
  }

  /** Until each of its targets is judged by data. */
  async isJudged() {
    for (let tries = 0; tries < 600; tries += 1) {
      const { status } = await this.get("api/v1/overview?status=on");
      if (status.targets.first.every(({ status: of }) => of !== "no_data")) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    check(false, "a target has no data");
  }
}

/** Runs the command line; returns what it said. */
async function perf(...words) {
  const { stdout, stderr } = await run(command_line, words, { maxBuffer: 1 << 28 });
  return { stdout, stderr };
}

/** The report's data, as they are in the page. */
const dataOf = (page) => page.evaluate(() => JSON.parse(document.getElementById("report-data").textContent));
const plain = (text) => text.replaceAll("\u202f", "");
const drawn = (page) => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
const table = (page) => page.evaluate(() => [...document.querySelectorAll("#functions tbody tr")].map((row) => ({
  name: row.dataset.name,
  module: row.dataset.module,
  values: Object.fromEntries([...row.querySelectorAll("td[data-v]")].map((cell) => [cell.dataset.column, Number(cell.dataset.v)])),
})));

/** Once the report is there, or something went wrong. */
async function loaded({ page, complaints }) {
  await Promise.race([page.locator("footer").waitFor(), new Promise((done) => page.once("pageerror", done))]);
  check(complaints.length === 0, complaints.join("\n"));
}

/** The viewer in its frame, once it has drawn. */
async function viewer(page) {
  await page.locator("iframe").scrollIntoViewIfNeeded();
  let frame;
  await until(page, () => Boolean(document.querySelector("iframe").contentWindow?.Flame?.app?.shown?.model));
  for (const one of page.frames()) if (one !== page.mainFrame()) frame = one;
  return frame;
}

/** Each theme and width: no complaint, nothing beyond the page, no violation, nothing loaded. */
async function looks(what, url, before = null) {
  for (const theme of ["light", "dark"]) {
    for (const width of WIDTHS) {
      const name = `${what} ${theme} ${width}`;
      const asked = [];
      const seen = await open(browser, "about:blank", { theme, width });
      const { page, complaints } = seen;
      page.on("request", (request) => asked.push(request.url()));
      await page.goto(url);
      await loaded(seen);
      const frame = await viewer(page);
      await drawn(page);
      await noOverflow(page, name);
      // Windows of files cannot write to each other, as axe would. The frame is looked at by itself.
      await accessible(page, name, { iframes: false });
      await frame.evaluate(axe);
      const inside = await frame.evaluate(() => globalThis.axe.run(document, { iframes: false, runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] }));
      same(inside.violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]), [], `${name}, the viewer`);
      const wide = await frame.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      check(wide <= 0, `${name}: the viewer is ${wide} pixels wider than its frame`);
      if (before) await before(page, frame, name);
      if (pictures) {
        await page.evaluate(() => scrollTo(0, 0));
        await page.screenshot({ path: join(pictures, `${name.replaceAll(" ", "-")}.png`), fullPage: true });
      }
      check(complaints.length === 0, `${name}: ${complaints.join("\n")}`);
      // The file itself, and nothing else.
      const foreign = asked.filter((one) => one !== url && !one.startsWith("about:") && !one.startsWith("blob:") && !one.endsWith("/favicon.ico"));
      same(foreign, [], `${name}: requests`);
      await seen.close();
    }
  }
}

const scenarios = {
  /** What the endpoint serves: the figures are those of `/api/v1` at that moment. */
  async served() {
    const program = await Program.started();
    await program.command("work 300");
    await program.command("calls pay 2000 900");
    await program.command("hold 24");
    await program.command("mark deploy 9.9");
    await program.hasHistory();
    await program.isJudged();
    const answer = await fetch(`${program.address}report`);
    const policy = answer.headers.get("content-security-policy");
    check(/script-src 'nonce-[0-9a-f]{32}'/.test(policy) && !policy.includes("unsafe"), policy);
    check((await answer.text()).includes(policy.match(/nonce-[0-9a-f]{32}/)[0]), "the nonce of the policy");

    const seen = await open(browser, `${program.address}report`);
    const { page, complaints } = seen;
    await loaded(seen);
    const api = await program.get("api/v1/functions?limit=500");
    const keys = { calls: "calls", errors: "errors", running: "running", p50: "p50_ns", p95: "p95_ns", p99: "p99_ns", total: "total_ns", self: "self_ns", cpu: "cpu_ns", self_cpu: "self_cpu_ns", bytes: "bytes_per_call", self_bytes: "self_bytes_per_call", live: "live_bytes" };
    const shown = await table(page);
    same(shown.map(({ name }) => name).sort(), api.rows.map(({ name }) => name).sort(), "functions");
    let compared = 0;
    for (const row of shown) {
      const one = api.rows.find(({ name, module }) => name === row.name && (module ?? "") === row.module);
      for (const [column, key] of Object.entries(keys)) {
        const [mine, its] = [row.values[column] ?? null, one[key]];
        // What recording itself took is taken off times, and may have been calibrated anew in between.
        const is_close = ["total", "self", "cpu", "self_cpu"].includes(column) && mine !== null && its !== null && Math.abs(mine - its) <= 0.02 * its;
        if (!is_close) same(mine, its, `${row.name} ${column}`);
        compared += 1;
      }
    }
    const { status } = await program.get("api/v1/overview?status=on");
    const data = await dataOf(page);
    same(data.status.targets.first.map(({ name, status: of }) => [name, of]), status.targets.first.map(({ name, status: of }) => [name, of]), "targets");
    same(data.marks.map(([, text]) => text), ["deploy 9.9"], "marks");
    same(await page.locator("[data-list=targets] li").count(), status.targets.all, "targets on the page");
    console.log(`${compared} figures agree`);

    // The summary says what the table says.
    const summary = plain(await page.locator(".summary").innerText());
    const pay = api.rows.find(({ name }) => name === "pay");
    check(summary.includes("pay takes ") && summary.includes(`of ${pay.calls} calls; ${pay.errors} calls failed`), summary);
    check(/Memory: keep holds [\d.]+ MiB, estimated from some \d+ sampled allocations/.test(summary), summary);
    check(/Targets: .*missed: p99\("handle"\) < 1us/.test(summary), summary);

    // Charts: the latest value of memory is one that the history has.
    const memory = Number(await page.evaluate(() => document.querySelector("[data-chart=memory] [data-line=process_resident_memory_bytes] b").dataset.v));
    const known = (await program.get("api/v1/history?names=process_resident_memory_bytes&from=-5m&step=1")).series[0];
    const values = [...known.mean, ...known.peak].filter((one) => one !== null);
    check(memory >= Math.min(...values) * 0.99 && memory <= Math.max(...values) * 1.01, `memory is ${memory}, the history has ${values}`);

    // The viewer has the calls, and saves them as a file of its own which opens from disk.
    const frame = await viewer(page);
    check((await frame.locator("tbody").innerText()).includes("search"), "the viewer's table");
    const [download] = await Promise.all([page.waitForEvent("download"), frame.getByRole("button", { name: "Save" }).click()]);
    const saved = join(folder, "flame.html");
    await download.saveAs(saved);
    const again = await open(browser, pathToFileURL(saved).href);
    await until(again.page, () => Boolean(globalThis.Flame?.app?.shown?.model));
    check(again.complaints.length === 0, again.complaints.join("\n"));
    await again.close();
    await page.getByLabel("data").selectOption({ label: "CPU samples" });
    await until(page, () => document.querySelector("iframe").contentDocument?.body?.innerText.includes("Sampled CPU time"));
    check(complaints.length === 0, complaints.join("\n"));
    await seen.close();
    await looks("served", `${program.address}report`);

    // As JSON, and as a file that is kept.
    const json = await program.get("report?format=json");
    same(json.format, "perf-sdk report 1", "format");
    const kept = await fetch(`${program.address}report?download`);
    same(kept.headers.get("content-disposition"), 'attachment; filename="report.html"', "download");
    for (const [query, part] of [["format=xml", "allowed: html, json"], ["seconds=no", "seconds is"], ["from=soon", "from is"], ["titel=x", "titel"]]) {
      const refused = await fetch(`${program.address}report?${query}`);
      const text = await refused.text();
      check(refused.status === 400 && text.includes(part), `${query}: ${refused.status} ${text}`);
    }
  },

  /** Sorting, searching, zooming and printing, with keys alone. */
  async inputs() {
    const program = await Program.started();
    await program.command("work 50");
    await program.command("calls pay 500 900");
    await program.hasHistory();
    const file = join(folder, "one.html");
    await perf("report", program.endpoint, "-o", file);
    const seen = await open(browser, pathToFileURL(file).href, { theme: "dark" });
    const { page, complaints } = seen;
    await loaded(seen);
    const names = async () => (await table(page)).map(({ name }) => name);
    const sorted = async (column) => {
      const values = (await table(page)).map((row) => row.values[column]).filter((one) => one !== undefined);
      return [values, [...values].sort((a, b) => b - a)];
    };
    same(...(await sorted("self")), "by own time at first");
    await page.locator("#functions th button", { hasText: "calls" }).focus();
    await page.keyboard.press("Enter");
    same(...(await sorted("calls")), "by calls");
    same(await page.locator("#functions th[aria-sort]").getAttribute("aria-sort"), "descending", "said");
    await page.keyboard.press("Space");
    same((await sorted("calls"))[0], (await sorted("calls"))[1].reverse(), "the other way");
    await page.getByLabel("Search").focus();
    await page.keyboard.type("PAY");
    same(await names(), ["pay"], "searched");
    check(plain(await page.locator("#functions [role=status]").innerText()).startsWith("1 of "), "said how many");
    const range = () => page.locator("#charts [role=status]").innerText();
    const whole = await range();
    await page.locator("#charts button", { hasText: "closer" }).focus();
    await page.keyboard.press("Enter");
    check((await range()) !== whole, `closer: ${await range()}`);
    await page.locator("#charts button", { hasText: "all" }).focus();
    await page.keyboard.press("Enter");
    same(await range(), whole, "all again");
    // Each part is reached from the top.
    for (const link of await page.locator("header nav a").all()) {
      const id = await link.getAttribute("href");
      check((await page.locator(id).count()) === 1, `${id} is there`);
    }
    // On paper, it is dark on white.
    const back = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    same(await back(), "rgb(20, 23, 27)", "dark on the screen");
    await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
    same(await back(), "rgb(255, 255, 255)", "white on paper");
    await page.evaluate(() => dispatchEvent(new Event("afterprint")));
    same(await back(), "rgb(20, 23, 27)", "dark again");
    const paper = await page.pdf({ format: "A4" });
    check(paper.length > 20_000, `${paper.length} bytes of paper`);
    if (pictures) writeFileSync(join(pictures, "paper.pdf"), paper);
    check(complaints.length === 0, complaints.join("\n"));
    await seen.close();
  },

  /** What changed between two versions, from all kinds of inputs. */
  async two() {
    const [before, now] = [await Program.started(), await Program.started()];
    // Name, calls and microseconds before, and now.
    const truth = [["slower", 2000, 400, 2000, 600], ["faster", 2000, 900, 2000, 450], ["same", 2000, 500, 3000, 500], ["few", 9, 500, 9, 5000], ["gone", 10, 100, 0, 0], ["rarely_gone", 9, 100, 0, 0], ["fresh", 0, 0, 11, 70], ["rarely_fresh", 0, 0, 9, 70]];
    for (const [name, n, us, m, more] of truth) {
      if (n) await before.command(`calls ${name} ${n} ${us}`);
      if (m) await now.command(`calls ${name} ${m} ${more}`);
    }
    await before.command("hold 4");
    await now.command("hold 40");
    await before.command("work 40");
    await now.command("work 40");
    await now.hasHistory();
    const [snapshot, bundle, file] = [join(folder, "before.json"), join(folder, "now.tar.gz"), join(folder, "two.html")];
    await perf("snapshot", before.endpoint, "-o", snapshot);
    writeFileSync(bundle, Buffer.from(await now.get("api/v1/flight?last=60s", "arrayBuffer")));
    for (const second of [now.endpoint, bundle]) {
      const { stderr } = await perf("report", snapshot, second, "-o", file);
      const said = plain(stderr);
      check(/slower: p99 1\.[12]\d ms, up from /.test(said) && /slower: .*up from .*\+5\d % \(\+4\d % to \+\d\d %\)/.test(said), said);
      check(/faster: .*down from .*−50 %/.test(said) && said.includes("fresh (11 calls)") && said.includes("gone (10 calls)"), said);
      check(!said.includes("rarely") && !said.includes("same: ") && !said.includes("few: "), said);
      check(/keep holds [\d.]+ MiB of live memory, estimated, up from/.test(said), said);
      const json = JSON.parse((await perf("report", snapshot, second, "--json")).stdout);
      const of = (name) => json.comparison.functions.find((pair) => pair.name === name);
      same([of("slower").mean.verdict, of("slower").p99.verdict], ["more", "more"], "slower");
      same([of("faster").mean.verdict, of("faster").p99.verdict], ["less", "less"], "faster");
      same([of("same").mean.verdict, of("same").p99.verdict], ["same", "same"], "same");
      same([of("few").mean, of("few").p99], [null, null], "nine calls");
      for (const [name, ratio] of [["slower", 1.5], ["faster", 0.5], ["same", 1]]) {
        const { low, high, ratio: mean } = of(name).mean;
        check(low <= ratio && ratio <= high && Math.abs(mean - ratio) < 0.01, `${name}: ${low} to ${high}`);
      }
      check(json.charts.length > 0, "charts");
    }
    // A tolerance beyond the change: nothing is slower.
    const loose = JSON.parse((await perf("report", snapshot, now.endpoint, "--json", "--tolerance", "100%")).stdout);
    check(loose.comparison.functions.every(({ mean }) => !mean || mean.verdict !== "more"), "within the tolerance");
    await looks("two", pathToFileURL(file).href, async (page, frame, name) => {
      const row = page.locator("#changes tr[data-name=slower]");
      check((await row.innerText()).includes("slower"), `${name}: ${await row.innerText()}`);
      same(await page.locator("#changes tr[data-name=same]").isVisible(), false, "only what changed");
      if (name.endsWith("1400")) {
        await page.getByLabel("only what changed").uncheck();
        same(await page.locator("#changes tr[data-name=same]").isVisible(), true, "all");
        await page.getByLabel("only what changed").check();
      }
      check((await frame.locator("body").innerText()).includes("Before: "), `${name}: the viewer shows the difference`);
    });
    // What is no input is said with what is allowed.
    for (const [words, part] of [[["report", join(folder, "none.json")], "a bundle of evidence"], [["report", folder], "is a folder"], [["report", snapshot, "--tolerance", "x"], "5%"], [["report", "127.0.0.1:1"], "cannot reach"]]) {
      const error = await perf(...words, "-o", join(folder, "no.html")).catch((failed) => failed);
      check(error.code === 2 && error.stderr.includes(part), `${words}: ${error.code} ${error.stderr}`);
    }
  },

  /** Of a program that did nothing, and of one with 10,000 functions. */
  async extremes() {
    const [empty, huge] = [await Program.started(), await Program.started()];
    const file = join(folder, "empty.html");
    await perf("report", empty.endpoint, "-o", file);
    await looks("empty", pathToFileURL(file).href, async (page, frame, name) => {
      const text = await page.locator("main").innerText();
      check(text.includes("No profiled function was called"), `${name}: ${text}`);
    });
    await huge.command("many 10000");
    const large = join(folder, "huge.html");
    await perf("report", huge.endpoint, "-o", large);
    const { size } = statSync(large);
    console.log(`${size} bytes with 10,000 functions`);
    check(size < 4 << 20, `${size} bytes`);
    await looks("huge", pathToFileURL(large).href, async (page, frame, name) => {
      const said = plain(await page.locator("#functions [role=status]").innerText());
      check(said.includes("1000 functions, of which 50 are shown; 9000 more are not in this file"), `${name}: ${said}`);
      if (!name.endsWith("light 1400")) return;
      await page.getByRole("button", { name: "show all" }).click();
      same(await page.locator("#functions tbody tr").count(), 1000, "all rows");
      await page.getByLabel("Search").fill("function 9999 ");
      same((await table(page)).map((row) => row.name), ["function 9999 of many"], "searched");
      await page.getByLabel("Search").fill("");
    });
  },

  /** With the token alone, where captures need it. */
  async guarded() {
    const program = await Program.started("captures");
    await program.command("work 5");
    same((await fetch(`${program.address}report`)).status, 401, "without the token");
    const answer = await fetch(`${program.address}report`, { headers: { Authorization: `Bearer ${TOKEN}` } });
    same(answer.status, 200, "with it");
    const file = join(folder, "guarded.html");
    await perf("report", program.endpoint, "--token", TOKEN, "-o", file);
    // Without it there is a report that says what it lacks.
    await perf("report", program.endpoint, "-o", file);
    const seen = await open(browser, pathToFileURL(file).href);
    await loaded(seen);
    const lacks = await seen.page.locator("#measurement").innerText();
    check(lacks.includes("CPU samples of"), lacks);
    await seen.close();
  },
};

try {
  await scenarios[wanted]();
} finally {
  await browser.close();
  running.forEach((child) => child.kill("SIGKILL"));
  rmSync(folder, { recursive: true, force: true });
}
