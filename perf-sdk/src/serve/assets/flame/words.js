// What is said of the data and of single frames.
(() => {
  const app = Flame.app;
  const { el, button } = Flame.controls;
  const { model: models, measure, colours, format } = Flame;
  const { state, shown, say, parts, heatCanvas } = app;
  app.title = name => models.weightOf(shown.model.sides[0], name)?.title ?? name;

  app.legend = main => {
    const ramp = from => {
      const canvas = el("canvas", { width: 96, height: 12, role: "img", "aria-label": "scale of colours" }),
        c = canvas.getContext("2d");
      for (let step = 0; step < colours.STEPS; step++) {
        c.fillStyle = app.palette.fills[from + step];
        c.fillRect(step * 12, 0, 12, 12);
      }
      return canvas;
    };
    const words = [];
    if (main.difference) {
      words.push(
        ramp(colours.RED),
        "more than before",
        ramp(colours.BLUE),
        "less",
        "grey: equal, or within two standard errors of the numbers of samples; hatched: there before only"
      );
    } else if (main.tint) {
      const [unit, width] = [state.colour, state.weight].map(
        name => models.weightOf(shown.model.sides[0], name).unit
      );
      const highest =
        unit === width
          ? format.percent(main.highest)
          : `${format.of(unit)(main.highest * (width === "ns" ? 1e9 : 1))} per ${{ ns: "second", bytes: "byte", count: "one" }[width]}`;
      words.push("0", ramp(colours.SCALE), `${highest} of ${app.title(state.colour)}`);
    }
    say.legend.replaceChildren(
      ...words.map(word => (typeof word === "string" ? el("span", {}, word) : word))
    );
  };

  app.found = (search, matches, tree, whole) => {
    if (search === false) return;
    if (!search) return void (say.found.textContent = "");
    const total = whole.sides[0].total,
      part = measure.matched(tree, total, matches) / (total[0] || 1);
    const count = matches.reduce((all, is) => all + is, 0);
    say.found.textContent = `${format.count(count)} ${count === 1 ? "function matches" : "functions match"}: ${format.percent(part)} of ${app.title(state.weight)}`;
  };

  app.describe = (weight, sums) => {
    const { now, ranges, missed } = shown,
      [all] = shown.whole.sides,
      words = [missed];
    say.facts.textContent = [now.title, ...now.facts].join(" · ");
    const range = range => `${format.clock(range[0])} to ${format.clock(range[1])}`;
    const samples = at =>
      weight.samples === null || weight.of !== null ? "" : `, ${format.count(sums[at].samples)} samples`;
    words.push(
      `${weight.title}: ${shown.unit(all.total[0])}${samples(0)}${ranges[0] ? `, ${range(ranges[0])}` : ""}.`
    );
    if (shown.model.sides[1]) {
      const before = shown.whole.sides[1].total[0],
        what = ranges[1]
          ? range(ranges[1])
          : state.base === "all"
            ? "all samples"
            : (shown.base?.title ?? "");
      words.push(
        `Before: ${shown.unit(before)}${samples(1)} (${what}), scaled by ${shown.scale.toPrecision(3)} to compare per ${app.PER[state.per][0]}.`
      );
    }
    const slow = state.slow && now.slow.find(set => set.function === state.slow);
    if (slow) {
      words.push(
        `Rests on ${slow.slower} of ${slow.kept} calls that are kept of ${slow.function}: those of at least its p99 since the start, ${format.time(slow.p99_ns)}; kept are the 8 slowest and the 8 slowest that failed of each minute.`
      );
    }
    if (all.total[0] === 0)
      words.push(
        state.slow || ranges[0] || state.scope || state.thread
          ? "Nothing is in what was chosen."
          : "Nothing was recorded yet: load again later."
      );
    say.status.textContent = words.filter(Boolean).join(" ");
  };

  const facts = (graph, node) => {
    const { tree, sides, difference } = graph.data,
      show = shown.unit,
      [now, base] = sides;
    const all = shown.whole.sides[0].total[0] || 1;
    const words = [
      `${show(now.total[node])} (${format.percent(now.total[node] / all)})`,
      `own ${show(now.own[node])}`
    ];
    const error = 2 * Math.sqrt(now.variance[node]);
    if (error > 0) words[0] += ` ± ${show(error)}`;
    if (graph.data.tint)
      words.push(
        `${app.title(state.colour)} ${format.of(models.weightOf(shown.model.sides[0], state.colour).unit)(graph.data.tint[node])}`
      );
    if (base) {
      const is = difference.is[node],
        before = base.total[node] * shown.scale;
      words.push(
        `before ${show(before)}`,
        `${format.signed(difference.change[node], show)} ± ${show(difference.error[node])}${is === measure.NOISE ? ", which chance explains" : ""}`
      );
      if (base.total[node] === 0) words.push("new");
      if (now.total[node] === 0) words.push("gone");
    }
    return words;
  };
  const nameOf = (graph, node) =>
    node === 0 ? graph.data.all : graph.data.names[graph.data.tree.frame[node]];
  app.summary = (graph, node) => `${nameOf(graph, node)}: ${facts(graph, node).join(", ")}`;

  app.details = (graph, node) => {
    if (!graph.data || node < 0)
      return say.details.replaceChildren(
        el("span", { className: "soft" }, "Point at a frame, or choose one by the arrow keys.")
      );
    const frame = graph.data.tree.frame[node],
      name = nameOf(graph, node);
    say.details.replaceChildren(
      el("b", {}, name),
      node > 0 && shown.model.places[frame]
        ? el("span", { className: "soft" }, ` ${shown.model.places[frame]}`)
        : "",
      el("div", {}, facts(graph, node).join(" · ")),
      node > 0 && graph.chosen === node && name !== state.function
        ? button("Callers and callees (s)", () => app.openFunction(name))
        : ""
    );
  };

  app.heat = filter => {
    const side = shown.model.sides[0],
      { times } = side;
    parts.heat.hidden = !times;
    if (!times) return;
    const is = models.chosen(side, filter);
    const slow =
      filter.slow && new Set(side.document.slow.find(set => set.function === filter.slow)?.samples);
    app.heatmap.ranges = shown.ranges;
    app.heatmap.show(times, i => (!is || is[times.row[i]]) && (!slow || slow.has(i)), app.palette);
    heatCanvas.setAttribute(
      "aria-label",
      `CPU time from ${format.clock(times.start)} to ${format.clock(times.end)}; ranges can be entered below`
    );
    app.inputs();
  };
})();
