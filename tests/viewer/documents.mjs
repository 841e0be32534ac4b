// Documents whose figures are known, as the viewer reads them.

const empty = { format: "perf-sdk flame 1", title: "a test", facts: [], taken_at_us: 1_700_000_060e6, window_ns: 60e9, cpu_ns: 60e9, scopes: [], slow: [] };

// Stacks as pairs of a path and its figures.
export function ofStacks(stacks, weights, more = {}) {
  const strings = [""], numbers = new Map([["", 0]]), frames = { name: [], file: [], line: [] }, known = new Map();
  const nodes = { frame: [], parent: [], calls: [] }, rows = { node: [], scope: [], thread: [] };
  const text = (of) => numbers.get(of) ?? (numbers.set(of, strings.length), strings.push(of) - 1);
  const frameOf = new Map();
  const columns = stacks[0]?.[1].map(() => []) ?? weights.map(() => []);
  const scopes = [];
  for (const [path, figures, { scope = "", thread = "", calls = 0 } = {}] of stacks) {
    let node = 0;
    for (const name of path.split(";")) {
      if (!frameOf.has(name)) {
        frameOf.set(name, frames.name.length);
        frames.name.push(text(name));
        frames.file.push(text("src/shop.rs"));
        frames.line.push(frames.name.length);
      }
      const key = `${node};${name}`;
      if (!known.has(key)) {
        nodes.frame.push(frameOf.get(name));
        nodes.parent.push(node);
        nodes.calls.push(0);
        known.set(key, nodes.frame.length);
      }
      node = known.get(key);
    }
    nodes.calls[node - 1] += calls;
    rows.node.push(node - 1);
    if (more.times) {
      let at = scopes.findIndex(([of]) => of === text(scope));
      if (at < 0) at = scopes.push(scope ? [text(scope)] : []) - 1;
      rows.scope.push(at);
      rows.thread.push(text(thread));
    }
    figures.forEach((figure, at) => columns[at].push(figure));
  }
  // Samples have no calls.
  if (!nodes.calls.some((calls) => calls > 0)) nodes.calls = [];
  return { ...empty, strings, frames, nodes, rows, scopes, columns, weights, ...more };
}

const counted = (name, title, unit, column) => ({ name, title, unit, column, samples: null, of: null });

// Exact calls, in which one function has no wall time of its own but allocates, and one calls
// itself.
export const calls = (factor = 1, more = {}) => ofStacks([
  ["shop::main", [10e6, 8e6, 100], { calls: 1 }],
  ["shop::main;shop::search", [200e6 * factor, 150e6 * factor, 5_000], { calls: 100 }],
  ["shop::main;shop::search;shop::rank", [300e6, 290e6, 0], { calls: 400 }],
  ["shop::main;shop::search;shop::rank;shop::search", [50e6, 40e6, 1_000], { calls: 20 }],
  ["shop::main;shop::load", [0, 0, 900_000], { calls: 7 }],
  ["db::query", [400e6, 20e6, 70_000], { calls: 50 }],
], [counted("wall", "Wall time", "ns", 0), counted("cpu", "CPU time", "ns", 1), counted("bytes", "Allocated bytes", "bytes", 2)], more);

// Before and after: one is gone, one is new, one takes twice as much, and one changes as chance
// does.
const sampled = [{ name: "cpu_samples", title: "Sampled CPU time", unit: "ns", column: 1, samples: 0, of: null }, { name: "samples", title: "Samples", unit: "count", column: 0, samples: 0, of: null }];
const ofSamples = (counts, more) => ofStacks(Object.entries(counts).map(([path, samples]) => [path, [samples, samples * 10e6]]), sampled, more);
const sum = (counts) => Object.values(counts).reduce((all, n) => all + n, 0);
const NOW = { "main;steady": 2_000, "main;twice": 800, "main;chance": 103, "main;new": 300 };
const BEFORE = { "main;steady": 2_000, "main;twice": 400, "main;chance": 97, "main;gone": 700 };
export const difference = () => ({ ...ofSamples(NOW, { cpu_ns: sum(NOW) * 10e6 }), base: ofSamples(BEFORE, { cpu_ns: sum(BEFORE) * 10e6, title: "before" }) });

// A minute of samples, 100 a second on two threads; in seconds 40 to 44 half of them are in
// `shop::burst`.
export function timed() {
  const after_us = [], row = [], ns = [], burst = [];
  for (let i = 0; i < 6_000; i++) {
    const second = i / 100;
    after_us.push(i === 0 ? 0 : 10_000);
    const isBurst = second >= 40 && second < 45 && i % 2 === 0;
    if (isBurst) burst.push(i);
    row.push(isBurst ? 2 : i % 3 === 0 ? 1 : 0);
    ns.push(10_000_000);
  }
  const of = (at) => row.filter((is) => is === at).length;
  const stacks = [["main;shop::search", 0, "a"], ["main;shop::load", 1, "b"], ["main;shop::search;shop::burst", 2, "a"]];
  return ofStacks(stacks.map(([path, at, thread]) => [path, [of(at), of(at) * 10e6], { thread, scope: at === 1 ? "shop::load" : "shop::search" }]), sampled, {
    times: { start_us: 1_700_000_000e6, after_us, row, ns },
    slow: [{ function: "shop::search", p99_ns: 12_000_000, kept: 16, slower: 5, samples: burst.slice(0, 90) }],
  });
}

// As many frames as the largest programs have, deep and wide.
export function large(count) {
  const names = Array.from({ length: count }, (_, i) => `crate${i % 97}::module${i % 31}::function_${i}`);
  const parent = Array.from({ length: count }, (_, i) => (i === 0 ? 0 : i % 5 === 0 ? i : Math.floor((i - 1) / 4) + 1));
  const own = Array.from({ length: count }, (_, i) => 1_000 + ((i * 7_919) % 1_000));
  return { ...empty, strings: ["", ...names], frames: { name: names.map((_, i) => i + 1), file: names.map(() => 0), line: names.map(() => 0) },
    nodes: { frame: names.map((_, i) => i), parent, calls: [] }, rows: { node: names.map((_, i) => i), scope: [], thread: [] }, columns: [own], weights: [counted("wall", "Wall time", "ns", 0)] };
}

export const nothing = () => ({ ...ofStacks([], [counted("wall", "Wall time", "ns", 0)]), columns: [[]] });
