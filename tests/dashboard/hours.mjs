// Eight hours of streaming, as fast as the page takes it: the memory of the tab stays as it is.

import { check, heap, launch, open, until } from "./browser.mjs";
import { Program } from "./simulated.mjs";

const HOURS = 8;
/** Readers hear each fourth tick: what the page keeps is the same. */
const TICK = 20;
const browser = await launch();
const program = new Program();
const address = await program.listen();
try {
  // The clock of the page is the test's, so that it asks as often as it would in these hours.
  const before = async (page) => page.clock.install({ time: program.now * 1000 });
  const { page, complaints } = await open(browser, address, { before });
  await until(page, () => document.querySelectorAll("#functions tbody tr").length > 0);
  const sizes = [];
  const values = [];
  for (let tick = 0; tick < (HOURS * 3600) / TICK; tick += 1) {
    const asked = program.asked.length;
    if (tick % 15 === 0) program.say({ rates: { by: "budget", changes: [{ function: `f${tick}`, before: 1, now: 8 }], further: 0 } });
    if (tick % 90 === 0) program.marks.push({ at: program.now, text: `deploy ${tick}` });
    program.pass(TICK);
    await page.clock.runFor(TICK * 1000);
    await until(page, (now) => globalThis.perfDashboard.view().to >= now, program.now);
    check(program.asked.length !== asked || tick < 2, "the page asks at each tick");
    if (tick % 180 === 179) {
      sizes.push(await heap(page));
      values.push(await page.evaluate(() => globalThis.perfDashboard.values()));
    }
  }
  const mib = sizes.map((size) => (size / 2 ** 20).toFixed(2));
  console.log(`heap after each hour, MiB: ${mib.join(" ")}; values of charts: ${values.join(" ")}`);
  // The first hour fills caches of the engine.
  const [, ...rest] = sizes;
  check(Math.max(...rest) <= Math.min(...rest) * 1.25 + 2 ** 20, `it grows: ${mib.join(" ")}`);
  check(Math.max(...values) <= Math.min(...values) * 1.1, `values of charts grow: ${values.join(" ")}`);
  check(complaints.length === 0, complaints.join("\n"));
} catch (error) {
  console.error(error.stack);
  process.exitCode = 1;
} finally {
  await browser.close();
  process.exit();
}
