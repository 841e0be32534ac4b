// What people do: brushing, pausing, searching, sorting, opening a function, keys; by real events of
// the mouse and the keyboard. The server is another one than the browser, with another clock.

import { check, launch, open, same, until } from "./browser.mjs";
import { Program } from "./simulated.mjs";

const browser = await launch();
const program = new Program();
const address = await program.listen();
const steps = [];
const step = (name, run) => steps.push([name, run]);
const view = (page) => page.evaluate(() => globalThis.perfDashboard.view());
const names = (page) => page.evaluate(() => [...document.querySelectorAll("#functions tbody tr")].map((row) => row.dataset.name));
const loaded = (page) => until(page, () => document.querySelectorAll("#functions tbody tr").length > 0 && document.querySelectorAll(".chart").length > 5);

step("the time is the server's", async (page) => {
  const { from, to } = await view(page);
  same([to - from, to], [900, program.now + 1], "the last 15 minutes of the program");
  check(Math.abs(Date.now() / 1000 - program.now) > 60, "the clocks differ in this test");
});

step("a line in a chart is named beneath the pointer, with what lies close", async (page) => {
  const canvas = page.locator("[data-chart=cpu] canvas");
  await canvas.scrollIntoViewIfNeeded();
  await until(page, () => document.querySelector("#events").textContent.includes("firing: memory leaks"));
  const box = await canvas.boundingBox();
  const { from, to } = await view(page);
  const over = (at) => page.mouse.move(box.x + 6 + ((at - from) / (to - from)) * (box.width - 12), box.y + 60);
  const tip = () => page.evaluate(() => [...document.querySelectorAll(".tip")].filter((one) => !one.hidden).map((one) => [one.closest("figure").dataset.chart, [...one.children].map((line) => line.textContent)]));
  await over(program.now - 200);
  await until(page, () => document.querySelector("[data-chart=cpu] .tip:not([hidden])"));
  const said = await tip();
  check(said.length === 1 && said[0][0] === "cpu" && said[0][1].length === 2, `one chart names both: ${JSON.stringify(said)}`);
  check(said[0][1][0].includes("alert firing: memory leaks") && said[0][1][1].includes("memory returned"), `what matters most is first: ${said[0][1]}`);
  await over(program.now - 300);
  await until(page, () => document.querySelector("[data-chart=cpu] .tip").textContent.includes("deploy 1.2"));
  await over(program.now - 400);
  await until(page, () => document.querySelector("[data-chart=cpu] .tip").hidden);
  await page.mouse.move(0, 0);
});

step("however many rates change, their lines leave room, and hide nothing that matters", async (page) => {
  const counts = await page.evaluate(async () => {
    const { clustered, isFaint } = await import(new URL("assets/marks.js", document.baseURI));
    const marks = Array.from({ length: 900 }, (_, at) => ({ at, kind: at === 450 ? "alert" : "rates" }));
    const all = clustered(marks, (time) => time / 3);
    return { all: all.length, strong: all.filter(({ kind }) => !isFaint(kind)).map(({ x }) => x), marks: all.reduce((sum, one) => sum + one.marks.length, 0) };
  });
  same([counts.marks, counts.strong], [900, [150]], "none is lost, and the alert is where it was");
  check(counts.all <= 300 / 7 + 1, `${counts.all} lines in 300 pixels`);
  same(await page.locator("#events .kind.rates").count(), 3, "rates that follow each other are one entry");
});

step("an event of the list is shown in the charts, by keys too, and leads to what was around it", async (page) => {
  const button = page.locator("#events button").first();
  await button.focus();
  await until(page, () => globalThis.perfDashboard.view().cursor !== null);
  check(Math.abs((await view(page)).cursor - (program.now - 60)) < 1, "the moment of the latest event");
  await page.keyboard.press("Enter");
  await until(page, () => location.hash.includes("from="));
  const { from, to } = await view(page);
  same([from, to], [program.now - 120, program.now], "a minute before and after it");
  same(await page.locator("#report").getAttribute("href"), `report?from=${from}&to=${to}`, "the report is of what is shown");
  await page.goBack();
  await until(page, () => document.querySelector("#report").getAttribute("href") === "report?from=-900s");
});

step("new points come by the stream, and what is old goes", async (page) => {
  const before = await view(page);
  program.pass(20);
  await until(page, (to) => globalThis.perfDashboard.view().to > to, before.to);
  const since = program.asked.filter((one) => one.includes("overview")).at(-1);
  check(/from=\d+&step=5/.test(since), `only new points are asked for: ${since}`);
});

step("a line without newer values does not make the page ask for more", async (page) => {
  program.silent = "errors";
  for (let tick = 0; tick < 4; tick += 1) {
    program.pass(20);
    await until(page, (now) => globalThis.perfDashboard.view().to >= now, program.now);
  }
  const since = Number(/from=(\d+)&step/.exec(program.asked.filter((one) => one.includes("overview")).at(-1))[1]);
  check(program.now - since <= 40, `it asks for ${program.now - since} s`);
  program.silent = null;
});

step("pausing stops the time, and going on resumes it", async (page) => {
  await page.locator("#live").click();
  await until(page, () => document.querySelector("#connection").textContent === "paused");
  const before = await view(page);
  const asked = program.asked.length;
  program.pass(30);
  await new Promise((resolve) => setTimeout(resolve, 700));
  same(await view(page), before, "nothing moves");
  same(program.asked.length, asked, "nothing is asked for");
  await page.locator("#live").click();
  await until(page, (to) => globalThis.perfDashboard.view().to > to, before.to);
});

step("brushing one chart selects the range of all, and the address has it", async (page) => {
  const canvas = page.locator(".chart canvas").nth(1);
  await canvas.scrollIntoViewIfNeeded();
  const box = await canvas.boundingBox();
  const { from, to } = await view(page);
  const at = (share) => box.x + 6 + share * (box.width - 12);
  await page.mouse.move(at(0.25), box.y + 60);
  await page.mouse.down();
  await page.mouse.move(at(0.4), box.y + 60, { steps: 5 });
  await page.mouse.move(at(0.5), box.y + 60, { steps: 5 });
  await page.mouse.up();
  await until(page, () => location.hash.includes("from="));
  const seen = await view(page);
  const near = (a, b) => Math.abs(a - b) <= 4;
  check(near(seen.from, from + 225) && near(seen.to, from + 450), `${JSON.stringify(seen)} of ${from} to ${to}`);
  await until(page, () => document.querySelector("#functions-said").textContent.includes("from "));
  const asked = program.asked.filter((one) => one.includes("/functions"));
  check(asked.at(-1).includes(`from=${seen.from}&to=${seen.to}`), `the table is of the range too: ${asked.at(-1)}`);
  check(await page.locator("#functions th[data-column=total]").isHidden(), "a column without figures in a range is left out");
  await page.reload();
  await loaded(page);
  same((await view(page)).from, seen.from, "a link shows the same");
});

step("Escape gives a brush up", async (page) => {
  const before = page.url();
  const box = await page.locator(".chart canvas").first().boundingBox();
  await page.mouse.move(box.x + 50, box.y + 50);
  await page.mouse.down();
  await page.mouse.move(box.x + 150, box.y + 50, { steps: 3 });
  await page.keyboard.press("Escape");
  await page.mouse.up();
  same(page.url(), before, "the range stays");
});

step("all ranges can be reached by keys", async (page) => {
  const press = async (selector) => {
    await page.locator(selector).focus();
    await page.keyboard.press("Enter");
  };
  const first = await view(page);
  await press("[data-way=earlier]");
  await until(page, (from) => globalThis.perfDashboard.view().from < from, first.from);
  const earlier = await view(page);
  await press("[data-way=in]");
  await until(page, (length) => globalThis.perfDashboard.view().to - globalThis.perfDashboard.view().from < length, earlier.to - earlier.from);
  const shorter = await view(page);
  await press("[data-way=out]");
  await until(page, (length) => globalThis.perfDashboard.view().to - globalThis.perfDashboard.view().from > length, shorter.to - shorter.from);
  await press("#live");
  await until(page, () => !location.hash.includes("from=") && document.querySelector("#connection").textContent === "live");
  await press("[data-last=\"3600\"]");
  await until(page, () => { const { from, to } = globalThis.perfDashboard.view(); return to - from === 3600; });
  await page.goBack();
  await until(page, () => { const { from, to } = globalThis.perfDashboard.view(); return to - from === 900; });
});

step("a search by the keyboard keeps the focus while rows change", async (page) => {
  await page.locator("#search").click();
  await page.keyboard.type("operation_1", { delay: 10 });
  await until(page, () => document.querySelector("#functions-said").textContent.startsWith("11 of 40"));
  same(await page.evaluate(() => document.activeElement.id), "search", "the focus");
  check((await names(page)).every((name) => name.includes("operation_1")), "all of them match");
  await page.locator("#search").fill("nothing has this name");
  await until(page, () => document.querySelectorAll("#functions tbody tr").length === 0);
  await page.locator("#search").fill("");
  await until(page, () => document.querySelectorAll("#functions tbody tr").length === 40);
});

step("heads sort, and say so", async (page) => {
  const head = (column) => page.locator(`th[data-column=${column}] button`);
  await head("calls").click();
  await until(page, () => document.querySelector("th[data-column=calls]").getAttribute("aria-sort") === "descending");
  const down = await names(page);
  await head("calls").click();
  await until(page, () => document.querySelector("th[data-column=calls]").getAttribute("aria-sort") === "ascending");
  await until(page, (first) => document.querySelector("#functions tbody tr").dataset.name !== first, down[0]);
  same((await names(page)).slice().reverse().sort(), down.slice().sort(), "the same functions");
  same(await page.evaluate(() => document.activeElement.textContent), "calls", "the focus stays at the head");
  await head("name").focus();
  await page.keyboard.press("Enter");
  await until(page, () => document.querySelector("th[data-column=name]").getAttribute("aria-sort") === "ascending");
  await head("self").click();
  await until(page, () => document.querySelector("th[data-column=self]").getAttribute("aria-sort") === "descending");
});

step("focus and scroll position survive an update", async (page) => {
  const link = page.locator("#functions tbody tr a").nth(20);
  await link.focus();
  const before = await page.evaluate(() => [document.activeElement.textContent, scrollY]);
  const asked = program.asked.length;
  program.say({ alert: { rule: "memory leaks", subject: "", change: "firing", severity: "critical" } });
  program.pass(6);
  await until(page, () => document.querySelector("#events").textContent.includes("firing: memory leaks"));
  const end = Date.now() + 30000;
  while (!program.asked.slice(asked).some((one) => one.includes("/functions")) && Date.now() < end) {
    program.pass(1);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  check(program.asked.slice(asked).some((one) => one.includes("status=on")), "an alert renews the lists");
  same(await page.evaluate(() => [document.activeElement.textContent, scrollY]), before, "focus and scroll position");
});

step("a function has a page, which links and the way back lead to", async (page) => {
  await page.locator("#functions tbody a", { hasText: "main_loop" }).click();
  await until(page, () => document.querySelector("#function-head").textContent === "main_loop" && document.querySelectorAll("#function .facts div").length > 5);
  check(page.url().includes("f=main_loop") && (await page.locator("#overview").isHidden()), "the address and the page");
  same(await page.evaluate(() => document.activeElement.id), "function-head", "the focus is at its head");
  await page.locator("#function .lists a").first().click();
  await until(page, () => document.querySelector("#function-head").textContent !== "main_loop" || location.hash.includes("main_loop"));
  await page.locator("#back").focus();
  await page.keyboard.press("Enter");
  await until(page, () => !document.querySelector("#overview").hidden && document.querySelectorAll("#functions tbody tr").length > 0);
});

step("a page that is hidden asks nothing", async (page) => {
  await page.evaluate(() => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => true });
    document.dispatchEvent(new Event("visibilitychange"));
  });
  await new Promise((resolve) => setTimeout(resolve, 300));
  const asked = program.asked.length;
  program.pass(60);
  await new Promise((resolve) => setTimeout(resolve, 1500));
  same(program.asked.length, asked, "requests of a hidden page");
  await page.evaluate(() => {
    delete document.hidden;
    document.dispatchEvent(new Event("visibilitychange"));
  });
  await until(page, (now) => globalThis.perfDashboard.view().to >= now, program.now);
});

step("a program that ended keeps what it had, and another one at its place is another one", async (page) => {
  program.broken = 0;
  program.close();
  await page.locator("#search").fill("main");
  await until(page, () => document.querySelector("#connection").textContent.includes("has ended"));
  check((await page.locator(".chart").count()) > 5 && (await names(page)).length > 0, "it is still shown");
});

try {
  const { page, complaints } = await open(browser, address, { expected: ["ERR_", "Failed to load"] });
  await loaded(page);
  for (const [name, run] of steps) {
    try {
      await run(page);
    } catch (error) {
      throw new Error(`${name}: ${error.stack}\nasked: ${program.asked.slice(-5).join("\n")}`);
    }
    check(complaints.length === 0, `${name}: ${complaints.join("\n")}`);
    console.log(`ok: ${name}`);
  }
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  await browser.close();
  process.exit();
}
