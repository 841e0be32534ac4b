// A browser for tests of the dashboard: Debian's Chromium, driven by playwright-core.

import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const { chromium } = require("playwright-core");
const axe = require("axe-core").source;

/** Whatever must happen has this time, on a machine that is busy too. */
export const PATIENCE_MS = 60000;
export const WIDTHS = [360, 800, 1400];

export async function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--js-flags=--expose-gc", "--enable-precise-memory-info", "--force-color-profile=srgb", "--font-render-hinting=none"],
  });
}

/** A page whose complaints are collected. `expected` are those that a test provokes. */
export async function open(browser, url, { width = 1400, height = 900, theme = "light", expected = [], before = null } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: theme, timezoneId: "UTC", locale: "en", reducedMotion: "reduce" });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const complaints = [];
  const complain = (text) => expected.some((part) => text.includes(part)) || complaints.push(text);
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && complain(message.text()));
  page.on("pageerror", (error) => complain(String(error.stack ?? error)));
  await page.addInitScript(() => addEventListener("securitypolicyviolation", (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`)));
  if (before) await before(page);
  await page.goto(url);
  return { page, complaints, close: () => context.close() };
}

export function check(is_so, what) {
  if (!is_so) throw new Error(what);
}

export function same(found, expected, what) {
  const [a, b] = [JSON.stringify(found), JSON.stringify(expected)];
  check(a === b, `${what}: ${a}, not ${b}`);
}

/** Waits until a function of the page returns something. */
export async function until(page, is_so, argument) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const found = await page.evaluate(is_so, argument);
    if (found) return found;
    check(Date.now() < end, `not so: ${is_so} ${JSON.stringify(argument ?? null)}`);
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
}

/** Nothing is wider than the page, and texts do not run out of their places. */
export async function noOverflow(page, what) {
  const found = await page.evaluate(() => {
    const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
    const scrolls = (element) => element.closest(".scroll") !== null;
    const beyond = [...document.querySelectorAll("body *")].filter((element) => {
      const box = element.getBoundingClientRect();
      return box.width > 0 && !scrolls(element) && !element.closest(".hidden") && (box.right > document.documentElement.clientWidth + 1 || box.left < -1);
    });
    return { wide, beyond: beyond.slice(0, 5).map((element) => `${element.tagName}.${element.className} ${element.textContent.slice(0, 40)}`) };
  });
  check(found.wide <= 0 && found.beyond.length === 0, `${what}: beyond the page: ${JSON.stringify(found)}`);
}

/** No violation of WCAG 2.2 AA, nor of what axe calls best practice. */
export async function accessible(page, what, options = {}) {
  // The policy of the page runs no other script, so it is handed to the page by the debugger.
  await page.evaluate(axe);
  const found = await page.evaluate((more) => globalThis.axe.run(document, { resultTypes: ["violations"], ...more }), options);
  const said = found.violations.map((one) => `${one.id}: ${one.help}: ${one.nodes.slice(0, 3).map((node) => `${node.html.slice(0, 200)} ${node.any.map((any) => any.message).join("; ")}`).join(" | ")}`);
  check(said.length === 0, `${what}: ${said.join("\n")}`);
}

/** Bytes of the page's heap after what nobody needs is gone. */
export async function heap(page) {
  const session = await page.context().newCDPSession(page);
  await session.send("HeapProfiler.collectGarbage");
  await session.send("HeapProfiler.collectGarbage");
  const { usedSize } = await session.send("Runtime.getHeapUsage");
  await session.detach();
  return usedSize;
}
