// Documents as one tree. Equal stacks of both sides are one node; node 0 is the root.
Flame.model = (() => {
  const FORMAT = "perf-sdk flame 1";

  // Children by number and frame, each once.
  class Builder {
    constructor() {
      this.frame = [-1];
      this.parent = [-1];
      this.known = new Map();
    }
    child(parent, frame) {
      const key = parent * 4194304 + frame;
      let node = this.known.get(key);
      if (node === undefined) {
        node = this.frame.length;
        this.known.set(key, node);
        this.frame.push(frame);
        this.parent.push(parent);
      }
      return node;
    }
    tree() {
      return {
        frame: Int32Array.from(this.frame),
        parent: Int32Array.from(this.parent),
        size: this.frame.length
      };
    }
  }

  const check = document => {
    if (document?.format !== FORMAT) {
      throw new Error(
        `this is no document of the viewer: its format is ${JSON.stringify(document?.format)}, not "${FORMAT}"`
      );
    }
    const { strings, frames, nodes, rows, columns, weights } = document;
    const lengths =
      columns.every(column => column.length === rows.node.length) &&
      nodes.frame.length === nodes.parent.length;
    const inside =
      nodes.parent.every((parent, at) => parent <= at) &&
      nodes.frame.every(frame => frame < frames.name.length) &&
      rows.node.every(node => node < nodes.frame.length) &&
      frames.name.every(name => name < strings.length) &&
      weights.every(weight => weight.column < columns.length);
    if (!lengths || !inside) throw new Error("the document is damaged: an index in it leads nowhere");
    return document;
  };

  // A snapshot of `/snapshot` or `Snapshot::write_to`, in the form of a document.
  const ofSnapshot = snapshot => {
    const strings = [""];
    const text = of => strings.push(of) - 1;
    const frames = { name: [], file: [], line: [] };
    for (const { name, module, file, line } of snapshot.functions) {
      frames.name.push(text(module ? `${module}::${name}` : name));
      frames.file.push(text(file));
      frames.line.push(line);
    }
    const tree = snapshot.tree;
    const nodes = {
      frame: tree.map(node => node.function),
      parent: tree.map(node => (node.parent === 4294967295 ? 0 : node.parent + 1)),
      calls: tree.map(node => node.calls)
    };
    const columns = [tree.map(node => node.samples ?? node.calls), nodes.calls];
    const weights = [];
    const add = (name, title, unit, of, samples = 0) => {
      weights.push({ name, title, unit, column: columns.length, samples, of: samples === 0 ? 1 : null });
      columns.push(tree.map(node => Math.max(0, of(node.exclusive, node.live ?? {}))));
    };
    add("wall", "Wall time", "ns", own => own.wall_ns);
    add("cpu", "CPU time", "ns", own => own.cpu_ns);
    add("offcpu", "Time off the CPU", "ns", own => own.wall_ns - own.cpu_ns, null);
    if (snapshot.has_allocations) {
      add("bytes", "Allocated bytes", "bytes", own => own.allocated_bytes);
      add("allocations", "Allocations", "count", own => own.allocations + own.reallocations);
    }
    weights.push({ name: "calls", title: "Calls", unit: "count", column: 1, samples: null, of: null });
    if (snapshot.heap) {
      const each = Math.max(1, snapshot.heap.sample_bytes);
      const samples = columns.push(tree.map(node => Math.ceil((node.live?.bytes ?? 0) / each))) - 1;
      add("live", "Live bytes", "bytes", (_, live) => live.bytes ?? 0, samples);
      add("live_objects", "Live allocations", "count", (_, live) => live.objects ?? 0, samples);
    }
    return {
      format: FORMAT,
      title: "Calls of profiled functions",
      facts: [`a snapshot over ${Flame.format.time(snapshot.window_ns)}`],
      taken_at_us: snapshot.taken_at_unix_ns / 1000,
      window_ns: snapshot.window_ns,
      cpu_ns: snapshot.cpu_ns ?? 0,
      strings,
      frames,
      nodes,
      rows: { node: tree.map((_, at) => at), scope: [], thread: [] },
      scopes: [],
      columns,
      weights,
      slow: []
    };
  };

  // Of JSON, of a file of the viewer, or of a snapshot.
  const parse = text => {
    let json = text;
    if (text.trimStart().startsWith("<")) {
      const data = new DOMParser().parseFromString(text, "text/html").querySelector("#flame-data");
      if (!data) throw new Error("the file is no file of the viewer: it has no data");
      json = data.textContent;
    }
    const value = JSON.parse(json);
    const document = Array.isArray(value.functions) && Array.isArray(value.tree) ? ofSnapshot(value) : value;
    if (document.base) check(document.base);
    return check(document);
  };

  // One tree of one or two documents.
  const of = documents => {
    const builder = new Builder();
    const names = [],
      places = [],
      numbers = new Map();
    const same = documents[1] === documents[0];
    const sides = documents.map((document, at) => {
      if (at === 1 && same) return null;
      const { strings, frames, nodes } = document;
      const frame = frames.name.map((at, of) => {
        const name = strings[at] || "(unnamed)";
        let number = numbers.get(name);
        if (number === undefined) {
          numbers.set(name, (number = names.length));
          names.push(name);
          const file = strings[frames.file[of]];
          places.push(file ? file + (frames.line[of] ? `:${frames.line[of]}` : "") : "");
        }
        return number;
      });
      const node = new Int32Array(nodes.frame.length);
      for (let i = 0; i < node.length; i++) {
        const parent = nodes.parent[i];
        node[i] = builder.child(parent === 0 ? 0 : node[parent - 1], frame[nodes.frame[i]]);
      }
      let times = null;
      if (document.times) {
        const at = new Float64Array(document.times.after_us.length);
        let last = document.times.start_us;
        document.times.after_us.forEach((after, i) => (at[i] = last += after));
        times = {
          start: document.times.start_us,
          end: Math.max(last, document.taken_at_us),
          at,
          row: document.times.row,
          ns: document.times.ns
        };
      }
      return { document, node, times };
    });
    if (same) sides[1] = sides[0];
    const tree = builder.tree();
    for (const side of new Set(sides)) {
      side.calls = new Float64Array(tree.size);
      side.document.nodes.calls?.forEach((calls, i) => (side.calls[side.node[i]] += calls));
    }
    return { ...tree, names, places, numbers, sides };
  };

  // Which rows are in a scope and on a thread.
  const chosen = ({ document }, { scope, thread }) => {
    const { strings, scopes, rows } = document;
    if (!scope && !thread) return null;
    const fits = scopes.map(of => !scope || of.some(name => strings[name] === scope));
    return rows.node.map(
      (_, i) =>
        (!scope || (rows.scope.length > 0 && fits[rows.scope[i]])) &&
        (!thread || (rows.thread.length > 0 && strings[rows.thread[i]] === thread))
    );
  };

  const weightOf = (side, name) => side.document.weights.find(weight => weight.name === name);

  // The own figures of each node of the tree, with the variances that follow from the numbers of
  // samples, and how many samples there were.
  const sums = (model, side, name, filter) => {
    const value = new Float64Array(model.size),
      variance = new Float64Array(model.size);
    const { document, node, times } = side;
    const weight = weightOf(side, name);
    let samples = 0;
    if (!weight) return { value, variance, samples };
    const { rows, columns } = document;
    const is = chosen(side, filter);
    if (times && (filter.range || filter.slow)) {
      const slow = filter.slow && document.slow.find(set => set.function === filter.slow);
      const list = slow ? slow.samples : null;
      const length = filter.slow ? (list?.length ?? 0) : times.at.length;
      for (let k = 0; k < length; k++) {
        const i = list ? list[k] : k;
        if (filter.range && (times.at[i] < filter.range[0] || times.at[i] >= filter.range[1])) continue;
        const row = times.row[i];
        if (is && !is[row]) continue;
        const amount = weight.unit === "ns" ? times.ns[i] : 1;
        const at = node[rows.node[row]];
        value[at] += amount;
        variance[at] += amount * amount;
        samples++;
      }
      return { value, variance, samples };
    }
    const column = columns[weight.column],
      counts = columns[weight.samples],
      population = columns[weight.of];
    for (let row = 0; row < column.length; row++) {
      const amount = column[row];
      if (amount === 0 || (is && !is[row])) continue;
      const at = node[rows.node[row]];
      value[at] += amount;
      if (!counts) continue;
      const n = Math.max(1, counts[row]);
      samples += n;
      variance[at] +=
        ((amount * amount) / n) * (population ? Math.max(0, 1 - n / Math.max(n, population[row])) : 1);
    }
    return { value, variance, samples };
  };

  return { Builder, parse, of, sums, weightOf, chosen };
})();
