// Loads a library, and starts, uses, scrapes and stops its profiler, on this thread and beside
// other threads: node load.js LIBRARY
'use strict';
const assert = require('assert');
const http = require('http');
const { Worker, isMainThread, workerData } = require('worker_threads');

const ROUNDS = 5, THREADS = 2, CALLS = 10;

function load(path) {
  const loaded = { exports: {} };
  process.dlopen(loaded, path);
  return loaded.exports;
}

if (!isMainThread) {
  load(workerData).work(CALLS);
  return;
}

const get = (port, path) => new Promise((resolve, reject) => {
  const request = http.get({ host: '127.0.0.1', port, path, agent: false }, (answer) => {
    let text = '';
    answer.setEncoding('utf8').on('data', (part) => { text += part; }).on('end', () => resolve(text));
  });
  request.on('error', reject);
});

const worker = (path) => new Promise((resolve, reject) => {
  new Worker(__filename, { workerData: path }).on('error', reject).on('exit', resolve);
});

async function main(path) {
  let expected = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const library = load(path);
    const port = library.begin();
    assert(port > 0, 'no start');
    const others = Array.from({ length: THREADS }, () => worker(path));
    library.work(CALLS);
    await Promise.all(others);
    expected += (THREADS + 1) * CALLS;
    assert.strictEqual(library.calls(), expected);
    assert(library.allocatedBytes() >= expected * 1000);
    for (const [route, part] of [['/healthz', 'ok'], ['/metrics', 'function_calls_total'], ['/snapshot', '"busy"']]) {
      assert((await get(port, route)).includes(part), route);
    }
    library.end();
    process.kill(process.pid, 'SIGURG');
  }
  console.log('used', ROUNDS);
}

main(process.argv[2]);
