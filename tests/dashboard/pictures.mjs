// Every state of the pages, in both themes and three widths: no complaint of the browser, nothing
// beyond the page, no violation of accessibility; and some of them look as they did. States may be
// named: `node pictures.mjs ended huge`.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { accessible, check, launch, noOverflow, open, until, WIDTHS } from "./browser.mjs";
import { Program } from "./simulated.mjs";

const require = createRequire(import.meta.url);
const { PNG } = require("pngjs");
const pixelmatch = require("pixelmatch").default ?? require("pixelmatch");

const KEPT = join(dirname(fileURLToPath(import.meta.url)), "kept");
/** Where pictures go that differ, and all of them if `PERF_TEST_PICTURES` says so. */
const NEW = process.env.PERF_TEST_PICTURES ?? join(process.env.TMPDIR ?? "/tmp", "perf-sdk-dashboard");
/** The part of the pixels that may differ: fonts are drawn a little otherwise elsewhere. */
const TOLERANCE = 0.03;

/** Name, how the program is, what is opened, what must be there. */
const STATES = [
  ["empty", (p) => Object.assign(p, { functions: 0, began: p.now - 2, marks: [], events: [] }), "", ".empty"],
  ["one", (p) => Object.assign(p, { functions: 1, began: p.now - 40 }), "", "tbody tr"],
  ["many", (p) => p, "", "tbody tr"],
  ["huge", (p) => Object.assign(p, { functions: 10000 }), "", "tbody tr"],
  ["past", (p) => p, (p) => `#from=${p.now - 600}&to=${p.now - 300}`, "tbody tr"],
  ["function", (p) => p, "#f=Store<K, V>::operation_1&m=shop::part_1", ".facts div"],
  ["no_allocator", (p) => Object.assign(p, { has_allocations: false }), "", "tbody tr"],
  ["no_history", (p) => Object.assign(p, { has_history: false }), "", "tbody tr"],
  ["unstarted", (p) => Object.assign(p, { is_started: false }), "", "tbody tr"],
  ["off", (p) => Object.assign(p, { is_recording: false }), "", "tbody tr"],
  ["token", (p) => Object.assign(p, { token: "x" }), "", "#token:not([hidden])"],
  ["ended", (p) => p, "", "tbody tr"],
  ["proxy", (p) => p, "", "tbody tr"],
];
/** Pictures that are compared: state, theme, width. */
/** They are kept at half their size, which also evens out how edges are drawn. */
function halved(bytes) {
  const whole = PNG.sync.read(bytes);
  const half = new PNG({ width: whole.width >> 1, height: whole.height >> 1 });
  for (let y = 0; y < half.height; y += 1) {
    for (let x = 0; x < half.width; x += 1) {
      for (let part = 0; part < 4; part += 1) {
        const at = (dx, dy) => whole.data[((2 * y + dy) * whole.width + 2 * x + dx) * 4 + part];
        half.data[(y * half.width + x) * 4 + part] = (at(0, 0) + at(1, 0) + at(0, 1) + at(1, 1)) >> 2;
      }
    }
  }
  return half;
}
const COMPARED = new Set(["many light 1400", "many dark 360", "function dark 800", "empty light 800", "ended light 360", "huge dark 1400"]);

const browser = await launch();
const failures = [];
let pictures = 0;
try {
  const wanted = process.argv.slice(2);
  for (const [state, prepare, hash, part] of STATES.filter(([state]) => !wanted.length || wanted.includes(state))) {
    for (const theme of ["light", "dark"]) {
      for (const width of WIDTHS) {
        const what = `${state} ${theme} ${width}`;
        try {
          await picture(what, { state, prepare, hash, part, theme, width });
          pictures += 1;
        } catch (error) {
          failures.push(`${what}: ${error.message}`);
        }
      }
    }
  }
} finally {
  await browser.close();
}
console.log(`${pictures} pictures`);
if (failures.length) {
  console.error(failures.join("\n"));
  process.exit(1);
}

async function picture(what, { state, prepare, hash, part, theme, width }) {
  const program = new Program();
  prepare(program);
  const address = await program.listen();
  const expected = { token: ["401"], ended: ["ERR_", "Failed to load"], proxy: ["502"], unstarted: ["503"] }[state] ?? [];
  const seen = await open(browser, address + (typeof hash === "string" ? hash : hash(program)), { theme, width, expected });
  const { page, complaints } = seen;
  try {
    await until(page, (selector) => document.querySelector(selector)?.getClientRects().length > 0, part);
    if (state === "ended" || state === "proxy") {
      program.broken = state === "ended" ? 0 : 502;
      await page.locator("#search").fill("operation");
      const said = state === "ended" ? "has ended" : "502";
      await until(page, (text) => document.querySelector("#connection").textContent.includes(text), said);
      check((await page.locator("tbody tr").count()) > 10, "what was known is still shown");
    }
    // What the program itself says is not taken for what a proxy says.
    if (state === "unstarted") await until(page, () => document.querySelector("#connection").textContent === "live");
    if (state === "huge") await until(page, () => document.querySelector("#functions-said").textContent.includes("10\u202f000 functions"));
    await until(page, () => [...document.querySelectorAll("canvas")].every((canvas) => canvas.width > 0));
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
    await noOverflow(page, what);
    await accessible(page, what);
    await compare(page, what);
    check(complaints.length === 0, complaints.join("\n"));
  } finally {
    await seen.close();
    program.close();
  }
}

async function compare(page, what) {
  const is_compared = COMPARED.has(what);
  if (!is_compared && !process.env.PERF_TEST_PICTURES) return;
  const name = `${what.replaceAll(" ", "-")}.png`;
  await page.mouse.move(0, 0);
  await page.evaluate(() => {
    document.activeElement?.blur();
    scrollTo(0, 0);
  });
  const bytes = await page.screenshot({ animations: "disabled", fullPage: !is_compared });
  const write = (folder, picture) => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, name), picture);
  };
  if (process.env.PERF_TEST_PICTURES) write(NEW, bytes);
  if (!is_compared) return;
  const found = halved(bytes);
  if (process.env.PERF_TEST_BLESS) return write(KEPT, PNG.sync.write(found, { colorType: 2, deflateLevel: 9 }));
  check(existsSync(join(KEPT, name)), `there is no picture ${name} in tests/dashboard/kept; PERF_TEST_BLESS=1 writes it`);
  const kept = PNG.sync.read(readFileSync(join(KEPT, name)));
  const is_as_large = found.width === kept.width && found.height === kept.height;
  const differ = is_as_large ? pixelmatch(found.data, kept.data, null, found.width, found.height, { threshold: 0.2 }) : Infinity;
  const share = differ / (found.width * found.height);
  if (share > TOLERANCE) {
    write(NEW, bytes);
    throw new Error(`${(share * 100).toFixed(1)} % of the pixels differ from tests/dashboard/kept/${name}; the new picture is ${join(NEW, name)}; PERF_TEST_BLESS=1 keeps it`);
  }
}
