// Drives the viewer in a browser, by its own input events: `node drive.mjs SCENARIO …`. A check
// that fails ends it.
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import * as documents from "./documents.mjs";

// By NODE_PATH, which modules do not follow.
const require = createRequire(import.meta.url);
const { chromium } = require("playwright-core");
const AXE = require.resolve("axe-core/axe.min.js");
const [scenario, ...given] = process.argv.slice(2);
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "perf-sdk-viewer-"));
const HERE = path.dirname(new URL(import.meta.url).pathname);
const WAIT = Number(process.env.WAIT ?? 60_000);

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
const complaints = [];

async function opened({ width = 1400, height = 900, theme = "light", ...more } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: theme, timezoneId: "UTC", acceptDownloads: true, ...more });
  context.setDefaultTimeout(WAIT);
  const page = await context.newPage();
  page.on("pageerror", (error) => complaints.push(String(error.stack)));
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && !message.text().includes("401") && !message.location().url.endsWith("/favicon.ico") && complaints.push(message.text()));
  return page;
}

// A file as the program writes it, with other data.
function file(name, document) {
  const text = fs.readFileSync(given[0], "utf8");
  const data = JSON.stringify(document).replaceAll("<", "\\u003c");
  const made = text.replace(/(<script id="flame-data"[^>]*>)[\s\S]*?(<\/script>)/, (_, begin, end) => begin + data + end);
  assert.notEqual(made, text);
  const to = path.join(folder, `${name}.html`);
  fs.writeFileSync(to, made);
  return pathToFileURL(to).href;
}

// Pictures that were asked for are drawn.
const drawn = (page) => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
const status = async (page) => (await page.locator("main > p[role=status]").innerText()).replaceAll("\u202f", "");
const control = (page, name) => page.locator("label.control", { has: page.locator(`span:text-is("${name}")`) }).locator("select, input");
const select = async (page, name, value) => { await control(page, name).selectOption(value); await drawn(page); };
const details = (page) => page.locator(".details").innerText();
const table = async (page) => (await page.locator("tbody tr").evaluateAll((rows) => rows.map((row) => [...row.cells].map((cell) => cell.innerText.replaceAll("\u202f", "").trim()))));
const row = async (page, name) => (await table(page)).find(([of]) => of === name);
// Of a graph: its frames with their places, as they are drawn.
const frames = (page, graph = "main") => page.evaluate((graph) => {
  const { data } = Flame.app.graphs[graph], { layout, tree, names } = data, found = {};
  layout.levels.flatMap((level, depth) => [...level].map((node) => [node, depth])).forEach(([node, depth]) => {
    let at = node;
    const path = [];
    for (; at > 0; at = tree.parent[at]) path.unshift(names[tree.frame[at]]);
    found[path.join(";") || "all"] = { x: layout.x[node], width: layout.width[node], depth, node };
  });
  return found;
}, graph);
const canvas = (page, graph = "main") => page.locator(`canvas[aria-label="${{ main: "Flamegraph", callers: "Callers", callees: "Callees" }[graph]}"]`);
// The middle of a frame, on the page.
async function place(page, of, graph = "main") {
  await canvas(page, graph).scrollIntoViewIfNeeded();
  const box = await canvas(page, graph).boundingBox(), frame = (await frames(page, graph))[of];
  assert.ok(frame, `${of} is not drawn`);
  const view = await page.evaluate((graph) => ({ ...Flame.app.graphs[graph].view, isUp: Flame.app.graphs[graph].isUp }), graph);
  const y = frame.depth * 19 - view.top + 9;
  return [box.x + ((frame.x + frame.width / 2 - view.from) / (view.to - view.from)) * box.width, box.y + (view.isUp ? box.height - y : y)];
}
const near = (is, expected, what) => assert.ok(Math.abs(is - expected) < 1e-6, `${what}: ${is}, not ${expected}`);

async function accessible(page, what) {
  await page.evaluate(fs.readFileSync(AXE, "utf8"));
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] }));
  assert.deepEqual(violations.map(({ id, nodes }) => [what, id, nodes.map(({ html }) => html)]), []);
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(overflow <= 0, `${what}: ${overflow} pixels wider than the screen`);
}

// Texts on frames, in both themes: axe does not see into a canvas.
async function contrast(page) {
  const lowest = await page.evaluate(() => {
    const { fills, text } = Flame.app.palette, context = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    const light = (colour) => {
      context.fillStyle = colour;
      context.fillRect(0, 0, 1, 1);
      const [r, g, b] = [...context.getImageData(0, 0, 1, 1).data].map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const of = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    return fills.map((fill) => [of(light(fill), light(text)), fill]).sort((a, b) => a[0] - b[0])[0];
  });
  assert.ok(lowest[0] >= 4.5, `${lowest}`);
}

const scenarios = {
  // Widths, weights, recursion, search, zoom, keys and the sandwich, of exact calls.
  async calls() {
    const page = await opened();
    await page.goto(file("calls", documents.calls()));
    await drawn(page);
    assert.match(await status(page), /Wall time: 960 ms/);
    const all = await frames(page);
    near(all["shop::main"].width, 560 / 960, "main");
    near(all["shop::main;shop::search;shop::rank"].width, 350 / 960, "rank");
    assert.equal(all["shop::main;shop::load"], undefined, "without width it is not drawn");
    await select(page, "width", "bytes");
    const bytes = await frames(page);
    near(bytes["shop::main;shop::load"].width, 900_000 / 976_100, "it is there by another weight");
    assert.ok(bytes["shop::main;shop::search;shop::rank"].width > 0, "its callee allocates");
    await select(page, "colour", "wall");
    assert.match(await page.locator(".legend").innerText(), /Wall time/);
    await select(page, "width", "wall");
    await select(page, "colour", "");

    // Recursion: the inner search is part of the outer one, and nothing is lost.
    await page.getByLabel("merge recursion").check();
    const merged = await frames(page);
    assert.deepEqual(Object.keys(merged).sort(), ["all", "db::query", "shop::main", "shop::main;shop::search", "shop::main;shop::search;shop::rank"]);
    near(merged["shop::main;shop::search"].width, 550 / 960, "search");
    await page.getByLabel("merge recursion").uncheck();
    assert.match((await row(page, "shop::search"))[2], /550 ms/, "each call counts once");

    // Search, with the share of what matches.
    await page.keyboard.press("/");
    await page.keyboard.type("rank|query");
    assert.match(await page.locator("#found").innerText(), /2 functions match: 78\.1 % of Wall time/);
    assert.deepEqual((await table(page)).map(([name]) => name), ["db::query", "shop::rank"]);
    await page.keyboard.type("(");
    assert.match(await page.locator("#found").innerText(), /Invalid regular expression/);
    await page.keyboard.press("Escape");
    assert.equal(await page.locator("#found").innerText(), "");

    // Zoom by a click, and back by a key.
    await page.mouse.click(...(await place(page, "shop::main;shop::search")));
    await drawn(page);
    const view = () => page.evaluate(() => Flame.app.graphs.main.view);
    near((await view()).to - (await view()).from, 550 / 960, "zoomed");
    assert.match(await details(page), /shop::search src\/shop\.rs:2\n550 ms \(57\.3 %\) · own 200 ms/);
    await page.keyboard.press("Escape");
    near((await view()).to - (await view()).from, 560 / 960, "one step back");
    await page.keyboard.press("Escape");
    near((await view()).to - (await view()).from, 1, "all of it");

    // By keys alone.
    await canvas(page).focus();
    for (const key of ["Home", "ArrowDown", "ArrowDown"]) await page.keyboard.press(key);
    assert.match(await page.locator("[aria-live=polite]").innerText(), /^shop::search: 550 ms/);
    for (const key of ["ArrowUp", "ArrowRight"]) await page.keyboard.press(key);
    assert.match(await page.locator("[aria-live=polite]").innerText(), /^db::query: 400 ms/);
    await page.keyboard.press("Enter");
    near((await view()).to - (await view()).from, 400 / 960, "Enter zooms");
    await page.keyboard.press("-");
    assert.ok((await view()).to - (await view()).from > 400 / 960, "- shows more");
    await page.keyboard.press("+");

    // Dragging moves, the wheel with Ctrl zooms.
    const before = await view(), [x, y] = [700, (await canvas(page).boundingBox()).y + 10];
    await page.mouse.move(x, y);
    await page.mouse.down();
    await page.mouse.move(x + 100, y, { steps: 5 });
    await page.mouse.up();
    assert.ok((await view()).from < before.from, "dragged");
    await page.keyboard.down("Control");
    await page.mouse.wheel(0, -300);
    await page.keyboard.up("Control");
    await drawn(page);
    assert.ok((await view()).to - (await view()).from < before.to - before.from, "magnified");

    // Callers and callees.
    await canvas(page).focus();
    for (const key of ["Home", "ArrowDown", "ArrowDown", "ArrowDown", "s"]) await page.keyboard.press(key);
    await drawn(page);
    assert.deepEqual(Object.keys(await frames(page, "callers")), ["all", "shop::rank", "shop::rank;shop::search", "shop::rank;shop::search;shop::main"]);
    assert.deepEqual(Object.keys(await frames(page, "callees")), ["all", "shop::rank", "shop::rank;shop::search"]);
    assert.match(await page.locator("h2").nth(1).innerText(), /Callers of shop::rank/);
    await page.getByRole("button", { name: "All stacks" }).click();
    assert.ok(await canvas(page).isVisible());
    await page.getByRole("button", { name: "db::query" }).click();
    assert.match(await page.locator("h2").nth(1).innerText(), /Callers of db::query/);
    await page.getByRole("button", { name: "All stacks" }).click();

    // The other way up.
    await page.getByLabel("flame (callers at the bottom)").check();
    await page.mouse.click(...(await place(page, "shop::main")));
    assert.match(await details(page), /^shop::main/);
  },

  // What is more, less, new, gone and chance.
  async difference() {
    const page = await opened();
    await page.goto(file("difference", documents.difference()));
    await drawn(page);
    assert.match(await status(page), /Before: 32\.0 s.*scaled by 1\.00 to compare per CPU second/);
    const is = async (name) => (await row(page, name)).at(-1);
    assert.deepEqual([await is("twice"), await is("new"), await is("gone"), await is("chance"), await is("steady")], ["more", "new", "gone", "chance", "chance"]);
    // 2 √(800 + 400) samples of 10 ms.
    assert.match((await row(page, "twice"))[4], /^\+3\.9\d s ± 69\d ms$/);
    const all = await frames(page);
    assert.ok(all["main;gone"].width > 0.15 && all["main;new"].width > 0.06, "both are drawn");
    await select(page, "widths of", "now");
    assert.equal((await frames(page))["main;gone"], undefined);
    await select(page, "widths of", "");
    const off = await control(page, "compare per").locator("option[value=call]").innerText();
    assert.match(off, /call \(samples have no calls\)/);
    await select(page, "compare per", "none");
    assert.match(await status(page), /scaled by 1\.00/);

    // Calls: twice as many calls with twice the time are equal per call.
    const base = documents.calls(1), now = documents.calls(1);
    now.nodes.calls = now.nodes.calls.map((calls) => calls * 2);
    now.columns = now.columns.map((column) => column.map((figure) => figure * 2));
    now.columns[0][5] *= 3;
    now.cpu_ns *= 2;
    await page.goto(file("per-call", { ...now, base }));
    await select(page, "compare per", "call");
    assert.match(await status(page), /scaled by 2\.00 to compare per call/);
    assert.deepEqual([await is("shop::rank"), await is("db::query")], ["equal", "more"]);
    // Without calls there, the option is off, and says why.
    base.nodes.calls = base.nodes.calls.map(() => 0);
    await page.goto(file("no-calls", { ...now, base }));
    assert.match(await control(page, "compare per").locator("option[value=call]").innerText(), /no calls on one side/);

    // A second file that is opened.
    await page.goto(file("alone", documents.calls(2)));
    // Browsers open a dialog after an input event only.
    await page.mouse.click(5, 5);
    const [chooser] = await Promise.all([page.waitForEvent("filechooser"), control(page, "compare with").selectOption("file")]);
    await chooser.setFiles(new URL(file("base", documents.calls(1))).pathname);
    await page.waitForFunction(() => document.querySelector("main > p[role=status]").innerText.includes("Before: "));
    assert.equal(await is("shop::search"), "more");
    // Of another kind, and one that is none.
    await page.mouse.click(5, 5);
    const [other] = await Promise.all([page.waitForEvent("filechooser"), control(page, "compare with").selectOption("file")]);
    await other.setFiles(new URL(file("other", documents.timed())).pathname);
    await page.locator("[role=alert]:visible").waitFor();
    assert.match(await page.locator("[role=alert]").innerText(), /other weights[\s\S]*same kind/);
    assert.match(await status(page), /^Wall time: [^B]*$/);
    fs.writeFileSync(path.join(folder, "none.json"), "{}");
    await page.mouse.click(5, 5);
    const [again] = await Promise.all([page.waitForEvent("filechooser"), control(page, "compare with").selectOption("file")]);
    await again.setFiles(path.join(folder, "none.json"));
    await page.locator("[role=alert]:visible").waitFor();
    assert.match(await page.locator("[role=alert]").innerText(), /no document of the viewer/);
  },

  // Ranges, slow calls, threads and scopes.
  async times() {
    const page = await opened();
    await page.goto(file("times", documents.timed()));
    await drawn(page);
    const heat = page.locator(".heat canvas");
    const box = await heat.boundingBox(), column = box.width / 60;
    const drag = async (from, to, modifier) => {
      if (modifier) await page.keyboard.down(modifier);
      await page.mouse.move(box.x + column * (from + 0.5), box.y + 2);
      await page.mouse.down();
      await page.mouse.move(box.x + column * (to + 0.5), box.y + 148, { steps: 4 });
      await page.mouse.up();
      if (modifier) await page.keyboard.up(modifier);
    };
    assert.equal(Math.round(box.height), 178, "50 cells of 3 pixels, and bars of both ranges");
    await drag(40, 44);
    assert.match(await status(page), /Sampled CPU time: 5\.00 s, 500 samples, 22:14:00\.00 to 22:14:05\.00/);
    near((await frames(page))["main;shop::search;shop::burst"].width, 0.5, "the burst");
    await drag(10, 14, "Shift");
    assert.match(await status(page), /Before: 5\.00 s, 500 samples \(22:13:30\.00 to 22:13:35\.00\)/);
    assert.equal((await row(page, "shop::burst")).at(-1), "new");
    const state = await page.evaluate(() => location.hash);
    assert.match(state, /from=1700000040\.00.*to=1700000045\.00.*base=1700000010\.00\.\.1700000015\.00/);
    // The address says it all.
    await page.reload();
    await drawn(page);
    assert.equal((await row(page, "shop::burst")).at(-1), "new");
    await page.getByRole("button", { name: "Clear" }).click();
    // Without a mouse.
    await control(page, "from, s before the end").fill("20");
    await control(page, "to, s before the end").fill("15");
    await page.getByRole("button", { name: "Mark", exact: true }).click();
    near((await frames(page))["main;shop::search;shop::burst"].width, 0.5, "the burst by numbers");
    await select(page, "compare with", "before");
    assert.match(await status(page), /Before: 40\.0 s/);
    await page.getByRole("button", { name: "Clear" }).click();

    await select(page, "samples", "shop::search");
    assert.match(await status(page), /90 samples.*Rests on 5 of 16 calls that are kept of shop::search: .* p99 since the start, 12\.0 ms/);
    near((await frames(page))["main;shop::search;shop::burst"].width, 1, "only the burst is slow");
    await select(page, "compare with", "all");
    assert.equal((await row(page, "shop::burst")).at(-1), "more", "what slow calls do otherwise");
    await select(page, "compare with", "none");
    await select(page, "samples", "");
    await select(page, "within", "shop::load");
    assert.deepEqual(Object.keys(await frames(page)), ["all", "main", "main;shop::load"]);
    await select(page, "within", "");
    await select(page, "thread", "a");
    assert.equal((await frames(page))["main;shop::load"], undefined);
  },

  // 100,000 frames: each animation frame has its picture, and a picture has as many frames as have
  // room.
  async large() {
    const page = await opened();
    await page.goto(file("large", documents.large(100_000)));
    await drawn(page);
    const box = await canvas(page).boundingBox();
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    const begin = await page.evaluate(() => {
      const { main } = Flame.app.graphs;
      const seen = (globalThis.seen = { animation: 0, withInput: 0, drawn: [], start: performance.now(), pictures: main.pictures });
      let hasInput = false;
      for (const kind of ["wheel", "pointermove"]) main.canvas.addEventListener(kind, () => (hasInput = true), { capture: true });
      const step = () => {
        seen.animation++;
        if (hasInput) seen.withInput++;
        hasInput = false;
        seen.drawn.push(main.drawn);
        seen.frame = requestAnimationFrame(step);
      };
      step();
      return { size: main.data.tree.size };
    });
    assert.equal(begin.size, 100_001);
    // Real events of a wheel and of a pointer; the browser joins those of one animation frame.
    await page.keyboard.down("Control");
    for (let i = 0; i < 60; i++) await page.mouse.wheel(0, i < 30 ? -60 : 40);
    await page.keyboard.up("Control");
    await page.mouse.down();
    for (let i = 0; i < 60; i++) await page.mouse.move(box.x + box.width / 2 + (i % 30) * 8 - 100, box.y + box.height / 2 + (i % 7));
    await page.mouse.up();
    await drawn(page);
    const seen = await page.evaluate(() => {
      cancelAnimationFrame(globalThis.seen.frame);
      const { main } = Flame.app.graphs, { animation, withInput, drawn, start, pictures } = globalThis.seen;
      return { animation, withInput, most: Math.max(...drawn), pictures: main.pictures - pictures, ms: performance.now() - start, rows: Math.ceil(main.height / 19) + 1, width: main.width };
    });
    const most = Math.ceil(seen.rows * (seen.width / 1.25 + 2));
    assert.ok(seen.most > 500 && seen.most <= most, `${seen.most} frames in one picture, of ${most} that have room`);
    // Each animation frame in which an event came has its picture. What the mouse is over is a
    // picture too.
    assert.ok(seen.withInput >= 10 && seen.pictures >= seen.withInput - 2 && seen.pictures <= seen.animation + 1, JSON.stringify(seen));
    // How long a picture takes, at its widest: said, and not judged, since machines differ.
    const each = await page.evaluate(() => new Promise((done) => {
      const { main } = Flame.app.graphs;
      main.zoom(0);
      let left = 60, pictures = main.pictures;
      const start = performance.now();
      const step = () => {
        if (left-- > 0) {
          main.view.from = 0.0001 * (left % 2);
          main.draw();
          return requestAnimationFrame(step);
        }
        done((1000 * (main.pictures - pictures)) / (performance.now() - start));
      };
      step();
    }));
    console.log(`${each.toFixed(0)} pictures a second, ${((seen.animation * 1000) / seen.ms).toFixed(0)} animation frames a second while input came, ${seen.most} frames in a picture`);
  },

  // The page of an endpoint: no error in the console, data of each kind, a file that is saved and
  // opened.
  async served() {
    const [address] = given;
    const page = await opened();
    await page.goto(`http://${address}/flame?weight=cpu_samples`);
    await page.waitForFunction(() => document.querySelector("main > p[role=status]").innerText.includes("samples"));
    assert.ok(await page.locator(".heat canvas").isVisible(), "samples have times");
    assert.ok(await row(page, (await table(page))[0][0]));
    const to = process.env.PERF_TEST_PICTURES;
    if (to) await page.screenshot({ path: path.join(to, "served.png"), fullPage: true });
    await select(page, "data", "calls");
    await page.waitForFunction(() => document.querySelector("main > p[role=status]").innerText.startsWith("Wall time"));
    assert.ok((await table(page)).some(([name]) => name.endsWith("::search")), JSON.stringify(await table(page)));
    assert.match(page.url(), /weight=wall/);
    // Two windows, one after the other.
    await control(page, "next seconds").fill("0.5");
    await page.getByRole("button", { name: "Record" }).click();
    await page.waitForFunction(() => /over 0\.[5-9]|over [1-9]/.test(document.querySelector("header .soft").innerText) && !document.querySelector("main > p[role=status]").innerText.includes("Sampling"));
    await select(page, "compare with", "keep");
    await page.getByRole("button", { name: "Record" }).click();
    await page.waitForFunction(() => document.querySelector("main > p[role=status]").innerText.includes("Before: "));
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Save" }).click()]);
    const saved = path.join(folder, "saved.html");
    await download.saveAs(saved);
    const copy = await opened();
    await copy.goto(pathToFileURL(saved).href);
    await drawn(copy);
    assert.match(await status(copy), /Wall time.*Before: /);
    assert.deepEqual((await table(copy)).map(([name]) => name).sort(), (await table(page)).map(([name]) => name).sort());
    // A copy of the copy.
    const [twice] = await Promise.all([copy.waitForEvent("download"), copy.getByRole("button", { name: "Save" }).click()]);
    await twice.saveAs(saved);
    await copy.goto(pathToFileURL(saved).href);
    await drawn(copy);
    assert.match(await status(copy), /Wall time.*Before: /);
    // Other kinds of data, and what there is not.
    for (const [data, said] of [["wall", "Sampled wall time"], ["heap", "Live bytes by stack"], ["start", "Sampled CPU time"]]) {
      await select(page, "data", data);
      await page.waitForFunction((said) => document.querySelector("main > p[role=status]").innerText.startsWith(said) || !document.querySelector("[role=alert]").hidden, said);
      assert.equal(await page.locator("[role=alert]:visible").count(), 0, `${data}: ${await page.locator("[role=alert]").innerText()}`);
    }
    await accessible(page, "served");
    await page.goto(`http://${address}/flame?weight=time`);
    assert.match(await page.locator("[role=alert]:visible").innerText(), /"time"[\s\S]*Allowed: cpu_samples/);
  },

  // With a guard: the page is there, its data need the token.
  async guarded() {
    const [address, token] = given;
    const page = await opened();
    await page.goto(`http://${address}/flame?weight=wall`);
    await page.locator("[role=alert]:visible").waitFor();
    assert.match(await page.locator("[role=alert]").innerText(), /Authorization: Bearer[\s\S]*Enter the token/);
    await page.getByLabel("token").fill("wrong");
    await page.keyboard.press("Enter");
    await page.locator("[role=alert]:visible").waitFor();
    await page.getByLabel("token").fill(token);
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.querySelector("main > p[role=status]").innerText.startsWith("Wall time"));
    assert.equal(await page.locator("[role=alert]:visible").count(), 0);
    await accessible(page, "guarded");
  },

  // Both themes, three widths, each kind of content: readable, and within the screen.
  async accessibility() {
    for (const theme of ["light", "dark"]) {
      for (const width of [360, 800, 1400]) {
        for (const [name, document] of [["nothing", documents.nothing()], ["calls", documents.calls()], ["difference", documents.difference()], ["timed", documents.timed()]]) {
          const page = await opened({ width, theme });
          await page.goto(file(name, document));
          await drawn(page);
          await accessible(page, `${name} ${theme} ${width}`);
          await contrast(page);
          await page.context().close();
        }
      }
    }
    const page = await opened();
    await page.goto(file("empty", documents.nothing()));
    assert.match(await status(page), /Nothing was recorded yet/);
    // Where the keyboard is can be seen.
    await page.keyboard.press("Tab");
    assert.notEqual(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), "none");
  },

  // Pictures, against kept ones: where colours and blocks are, whichever fonts there are.
  async pictures() {
    const keeps = process.env.PERF_TEST_BLESS === "1", to = process.env.PERF_TEST_PICTURES;
    const timed = documents.timed();
    const all = [["calls", documents.calls()], ["difference", documents.difference()], ["timed", timed]];
    if (to) all.push(["nothing", documents.nothing()], ["large", documents.large(100_000)]);
    for (const theme of ["light", "dark"]) {
      for (const width of [360, 800, 1400]) {
        for (const [name, document] of all) {
          const page = await opened({ width, theme });
          await page.goto(file(name, document) + (name === "timed" ? "#from=-20s&to=-15s&base=before" : ""));
          await drawn(page);
          const of = `${name}-${theme}-${width}`;
          if (to) await page.screenshot({ path: path.join(to, `${of}.png`), fullPage: true });
          // Graphs only: text around them differs with fonts.
          const isKept = (width === 800 && name !== "nothing" && name !== "large");
          if (isKept) {
            const shot = await canvas(page).screenshot();
            const kept = path.join(HERE, "reference", `${name}-${theme}.png`);
            if (keeps) fs.writeFileSync(kept, shot);
            const far = await page.evaluate(async (pictures) => {
              const [one, other] = await Promise.all(pictures.map(async (base64) => {
                const bitmap = await createImageBitmap(new Blob([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], { type: "image/png" }));
                const context = new OffscreenCanvas(80, 20).getContext("2d");
                context.drawImage(bitmap, 0, 0, 80, 20);
                return context.getImageData(0, 0, 80, 20).data;
              }));
              return one.reduce((sum, part, i) => sum + Math.abs(part - other[i]), 0) / one.length;
            }, [shot.toString("base64"), fs.readFileSync(kept).toString("base64")]);
            assert.ok(far < 8, `${of} differs from ${kept} by ${far} of 255 a pixel; PERF_TEST_BLESS=1 keeps what is drawn now`);
          }
          await page.context().close();
        }
      }
    }
  },
};

try {
  await scenarios[scenario]();
  assert.deepEqual(complaints, [], "the console has no errors");
} catch (error) {
  console.error(complaints.join("\n"));
  throw error;
} finally {
  await browser.close();
  fs.rmSync(folder, { recursive: true, force: true });
}
