// Figures of a tree's nodes, their difference, and their places.
Flame.measure = (() => {
  // Own and inclusive figures, of sums of the tree from which `derived` was made.
  const totals = (derived, { value, variance }) => {
    const own = new Float64Array(derived.size),
      spread = new Float64Array(derived.size);
    for (let i = 0; i < value.length; i++) {
      const at = derived.into[i];
      if (at >= 0) {
        own[at] += value[i];
        spread[at] += variance[i];
      }
    }
    const total = own.slice();
    for (let i = derived.size - 1; i > 0; i--) {
      total[derived.parent[i]] += total[i];
      spread[derived.parent[i]] += spread[i];
    }
    return { own, total, variance: spread };
  };

  const SAME = 0,
    NOISE = 1,
    MORE = 2,
    LESS = 3;

  // Whether the change of a figure is more than two standard errors. A number of independent
  // samples has itself as its variance (Poisson); those of both sides add up.
  const judge = (now, base, variance, scale, baseVariance) => {
    const apart = now - base * scale,
      change = Math.abs(apart) < 1e-9 * now ? 0 : apart,
      error = 2 * Math.sqrt(variance + baseVariance * scale * scale);
    const is = change === 0 ? SAME : Math.abs(change) <= error ? NOISE : change > 0 ? MORE : LESS;
    return { change, error, is };
  };

  // Of each node: what the difference is.
  const difference = (now, base, scale) => {
    const is = new Uint8Array(now.total.length),
      change = new Float64Array(is.length),
      error = new Float64Array(is.length);
    for (let i = 0; i < is.length; i++) {
      const judged = judge(now.total[i], base.total[i], now.variance[i], scale, base.variance[i]);
      is[i] = judged.is;
      change[i] = judged.change;
      error[i] = judged.error;
    }
    return { is, change, error, scale };
  };

  // Places from 0 to 1, and the nodes of each level from left to right. What has no width has no
  // place.
  const layout = (derived, own) => {
    const { parent, frame, size } = derived;
    const width = own.slice();
    for (let i = size - 1; i > 0; i--) width[parent[i]] += width[i];
    const starts = new Int32Array(size + 1);
    for (let i = 1; i < size; i++) starts[parent[i] + 1]++;
    for (let i = 0; i < size; i++) starts[i + 1] += starts[i];
    const children = new Int32Array(Math.max(0, size - 1)),
      next = starts.slice();
    for (let i = 1; i < size; i++) children[next[parent[i]]++] = i;
    const x = new Float64Array(size);
    const all = width[0] || 1;
    for (let i = 0; i < size; i++) width[i] /= all;
    const levels = [];
    for (let level = width[0] > 0 ? [0] : []; level.length > 0;) {
      levels.push(Int32Array.from(level));
      const below = [];
      for (const node of level) {
        const of = children.subarray(starts[node], starts[node + 1]);
        if (of.length > 1) of.sort((a, b) => width[b] - width[a] || frame[a] - frame[b]);
        let at = x[node];
        for (const child of of) {
          if (!(width[child] > 0)) continue;
          x[child] = at;
          at += width[child];
          below.push(child);
        }
      }
      level = below;
    }
    return { x, width, levels, children, starts };
  };

  // Of each function: own and inclusive figures, where of calls within calls of the same function
  // the outermost counts.
  const functions = (derived, sides, count) => {
    const { frame, parent, size } = derived;
    const outermost = new Uint8Array(size);
    for (let i = 1; i < size; i++) {
      let at = parent[i];
      while (at > 0 && frame[at] !== frame[i]) at = parent[at];
      outermost[i] = at > 0 ? 0 : 1;
    }
    return sides.map(side => {
      const own = new Float64Array(count),
        total = new Float64Array(count),
        variance = new Float64Array(count);
      for (let i = 1; i < size; i++) {
        own[frame[i]] += side.own[i];
        if (outermost[i]) {
          total[frame[i]] += side.total[i];
          variance[frame[i]] += side.variance[i];
        }
      }
      return { own, total, variance };
    });
  };

  // The part of everything that is in matching functions, each once.
  const matched = (derived, total, matches) => {
    const { frame, parent, size } = derived;
    const covered = new Uint8Array(size);
    let sum = 0;
    for (let i = 1; i < size; i++) {
      if (covered[parent[i]]) covered[i] = 1;
      else if (matches[frame[i]]) {
        covered[i] = 1;
        sum += total[i];
      }
    }
    return sum;
  };

  return { totals, judge, difference, layout, functions, matched, SAME, NOISE, MORE, LESS };
})();
