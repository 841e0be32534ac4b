// The stream of events. It is read by `fetch`, since an `EventSource` sends no token. A hidden page
// reads nothing, so that several tabs leave connections for each other.

import { Failure, headers, url } from "./data.js";

const TICK = 5;
/** Without a line for so long, nobody is there. */
const SILENCE_MS = (3 * TICK + 5) * 1000;
const PAUSES_MS = [1000, 2000, 5000, 10000, 30000];

let last = null;
let running = null;

/** Calls `hears.event(record)`, `hears.tick(unix_ms)` and `hears.state(failure | null)`. */
export function follow(hears) {
  const visible = () => {
    if (document.hidden) running?.abort();
    else if (!running) run(hears);
  };
  document.addEventListener("visibilitychange", visible);
  visible();
}

async function run(hears) {
  const stop = new AbortController();
  running = stop;
  let failures = 0;
  while (!stop.signal.aborted) {
    try {
      await read(stop.signal, hears, () => {
        failures = 0;
        hears.state(null);
      });
      // It ended in order: a mounted endpoint ends streams, and a program that ends does too.
      failures = Math.max(failures, 1);
    } catch (error) {
      if (stop.signal.aborted) break;
      failures += 1;
      hears.state(error instanceof Failure ? error : new Failure(0, "no connection"));
    }
    const pause = PAUSES_MS[Math.min(failures, PAUSES_MS.length) - 1];
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
  if (running === stop) running = null;
  if (!document.hidden && !running) run(hears);
}

async function read(signal, hears, opened) {
  const silent = new AbortController();
  let watch = setTimeout(() => silent.abort(), SILENCE_MS);
  try {
    const known = last ? { "Last-Event-ID": last } : {};
    const answer = await fetch(url(`api/v1/events?last=512&tick=${TICK}`), {
      headers: headers({ Accept: "text/event-stream", ...known }),
      signal: AbortSignal.any([signal, silent.signal]),
      cache: "no-store",
    });
    if (!answer.ok) throw new Failure(answer.status, (await answer.text()).trim().split("\n")[0].slice(0, 300));
    opened();
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      clearTimeout(watch);
      watch = setTimeout(() => silent.abort(), SILENCE_MS);
      const blocks = (rest + value).split("\n\n");
      rest = blocks.pop();
      blocks.forEach((block) => hear(block, hears));
    }
  } finally {
    clearTimeout(watch);
    silent.abort();
  }
}

function hear(block, hears) {
  let [name, data, id] = ["message", "", null];
  for (const line of block.split("\n")) {
    const at = line.indexOf(": ");
    const [field, text] = [line.slice(0, at), line.slice(at + 2)];
    if (field === "event") name = text;
    else if (field === "data") data += text;
    else if (field === "id") id = text;
  }
  if (name === "tick") {
    hears.tick(Number(data));
  } else if (data) {
    last = id ?? last;
    hears.event(JSON.parse(data));
  }
}
