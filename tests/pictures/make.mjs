// Takes pictures of the pages of a running service, and of a terminal:
// `node make.mjs ADDRESS SCREEN FOLDER`.

import fs from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";

// By NODE_PATH, which modules do not follow.
const require = createRequire(import.meta.url);
const { chromium } = require("playwright-core");
const xterm = path.dirname(require.resolve("@xterm/xterm/package.json"));
const [address, screen, folder] = process.argv.slice(2);

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--force-color-profile=srgb", "--font-render-hinting=none"],
});

async function picture(name, { url, theme = "light", width = 1200, height = 800, before = async () => {}, of = null }) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: theme, timezoneId: "UTC", locale: "en", reducedMotion: "reduce" });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  await page.goto(url);
  await before(page);
  await (of ? page.locator(of) : page).screenshot({ path: path.join(folder, `${name}.png`) });
  await context.close();
}

const settled = (page) => page.waitForTimeout(4_000);

for (const theme of ["light", "dark"]) {
  const before = async (page) => {
    await page.locator("[data-last='300']").click();
    await page.locator("table tbody tr").first().waitFor();
    await settled(page);
  };
  await picture(theme === "light" ? "dashboard" : "dashboard-dark", { url: `${address}/`, theme, before });
}
await picture("report", { url: `${address}/report`, height: 900, before: settled });
// The graph itself, which is as high as the window allows.
await picture("flamegraph", { url: `${address}/flame`, height: 1200, before: settled, of: "canvas[aria-label='Flamegraph']" });

// What the terminal showed, by an emulator of one.
const lines = fs.readFileSync(screen, "utf8").trimEnd().split("\n");
const terminal = await browser.newPage({ viewport: { width: 1000, height: 560 } });
await terminal.setContent("<body style='margin:0;padding:8px;background:#1b1b1f'><div id='screen' style='display:inline-block'></div></body>");
await terminal.addStyleTag({ path: path.join(xterm, "css/xterm.css") });
await terminal.addScriptTag({ path: path.join(xterm, "lib/xterm.js") });
await terminal.evaluate(async (text) => {
  const shown = new globalThis.Terminal({ cols: 110, rows: 30, fontSize: 14, cursorBlink: false, cursorInactiveStyle: "none", theme: { background: "#1b1b1f" } });
  shown.open(document.getElementById("screen"));
  await new Promise((done) => shown.write(text, done));
}, lines.join("\r\n"));
await terminal.waitForTimeout(500);
const box = await terminal.locator("#screen").boundingBox();
await terminal.screenshot({ path: path.join(folder, "top.png"), clip: { x: 0, y: 0, width: box.width + 16, height: box.height + 16 } });
await browser.close();
