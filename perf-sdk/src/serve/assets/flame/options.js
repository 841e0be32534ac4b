// What the controls offer, and to what both sides of a difference are scaled.
(() => {
  const app = Flame.app;
  const { fill } = Flame.controls;
  const { model: models } = Flame;
  const { state, shown, say, pick } = app;
  app.filters = () => {
    const { scope, thread, slow } = state;
    return [
      { scope, thread, slow, range: shown.ranges[0] },
      { scope, thread, range: shown.ranges[1] }
    ];
  };

  // To what both sides are scaled: figures per side, or why not.
  app.PER = {
    cpu: [
      "CPU second",
      (side, filter, at) => {
        if (side.times)
          return app.sum(
            models.sums(shown.model, side, "cpu_samples", { range: filter.range, slow: filter.slow }).value
          );
        return side.document.cpu_ns;
      },
      "CPU time is not known on both sides"
    ],
    second: [
      "second",
      (side, filter) =>
        side.times && filter.range ? (filter.range[1] - filter.range[0]) * 1000 : side.document.window_ns,
      "the length is not known on both sides"
    ],
    call: [
      "call",
      side => {
        if (!side.document.nodes.calls?.length) return 0;
        const frame = shown.model.numbers.get(state.function);
        const { parent } = shown.model;
        return side.calls.reduce(
          (all, calls, i) =>
            all + ((frame === undefined ? parent[i] === 0 : shown.model.frame[i] === frame) ? calls : 0),
          0
        );
      },
      "no calls on one side"
    ],
    none: ["as it is", () => 1, ""]
  };
  app.sum = values => values.reduce((all, value) => all + value, 0);

  app.scales = () => {
    const [now, base] = shown.model.sides,
      [nowFilter, baseFilter] = app.filters();
    return Object.entries(app.PER).map(([name, [title, of, why]]) => {
      const [n, b] = [of(now, nowFilter), of(base, baseFilter)];
      const isSampled =
        name === "call" && !(now.document.nodes.calls?.length && base.document.nodes.calls?.length);
      return {
        name,
        title,
        scale: n / b,
        off: n > 0 && b > 0 ? "" : isSampled ? "samples have no calls" : why
      };
    });
  };

  // The expression of the search, or null.
  app.expression = () => {
    pick.search.removeAttribute("aria-invalid");
    if (!state.search) return null;
    try {
      return new RegExp(state.search, "i");
    } catch (error) {
      pick.search.setAttribute("aria-invalid", "true");
      say.found.textContent = error.message;
      return false;
    }
  };

  app.options = () => {
    const [now, base] = shown.model.sides;
    const weights = now.document.weights.map(({ name, title }) => [
      name,
      title,
      base && !models.weightOf(base, name) ? "not on the other side" : ""
    ]);
    state.weight = fill(pick.weight, weights, state.weight);
    const others = now.document.weights
      .filter(({ name }) => name !== state.weight)
      .map(({ name, title }) => [name, `${title}, of the width`]);
    state.colour = fill(
      pick.colour,
      base ? [["", "change"]] : [["", "crates and functions"], ...others],
      state.colour ?? ""
    );
    const { strings, scopes, rows, slow, times } = now.document;
    const names = numbers =>
      [...new Set(numbers)]
        .map(number => strings[number])
        .filter(Boolean)
        .sort();
    state.scope = fill(
      pick.scope,
      [["", "all functions", ""], ...names(scopes.flat()).map(name => [name, name])],
      state.scope ?? ""
    );
    state.thread = fill(
      pick.thread,
      [["", "all threads"], ...names(rows.thread).map(name => [name, name])],
      state.thread ?? ""
    );
    const slower = slow.map(set => [
      set.function,
      `in calls of ${set.function} slower than its p99`,
      set.samples.length ? "" : set.slower ? "no samples in them" : "no such call is kept"
    ]);
    const none =
      times && slower.length === 0
        ? [["-", "slow calls", "no function is marked #[profiled(root)], or none has ended"]]
        : [];
    state.slow = fill(pick.slow, [["", "all"], ...slower, ...none], state.slow ?? "");
    state.width = fill(
      pick.width,
      [
        ["", "both"],
        ["now", "now"],
        ["before", "before"]
      ],
      state.width ?? ""
    );
    for (const [select, is] of [
      [pick.scope, scopes.length > 0],
      [pick.thread, rows.thread.length > 0],
      [pick.slow, Boolean(times)],
      [pick.per, base],
      [pick.width, base],
      [pick.colour, !base]
    ])
      select.parentElement.hidden = !is;
  };
})();
