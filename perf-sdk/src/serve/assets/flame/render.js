// What follows from the data and the controls: figures, places and colours.
(() => {
  const app = Flame.app;
  const { fill } = Flame.controls;
  const { model: models, derive, measure, colours, format } = Flame;
  const { state, shown, say, pick, parts, titles } = app;
  app.render = keepsView => {
    if (!shown.model) return;
    const { model } = shown;
    app.options();
    app.restoreCompare();
    const [nowSide, baseSide] = model.sides,
      [nowFilter, baseFilter] = app.filters();
    const weight = models.weightOf(nowSide, state.weight);
    if (!weight) {
      say.status.textContent = "There are no data.";
      return;
    }
    shown.unit = format.of(weight.unit);
    const sums = [models.sums(model, nowSide, state.weight, nowFilter)];
    if (baseSide) sums.push(models.sums(model, baseSide, state.weight, baseFilter));
    let scale = 1;
    if (baseSide) {
      const all = app.scales();
      state.per = fill(
        pick.per,
        all.map(({ name, title, off }) => [name, title, off]),
        state.per || "cpu"
      );
      scale = all.find(({ name }) => name === state.per)?.scale ?? 1;
    }
    const tinted = state.colour ? models.sums(model, nowSide, state.colour, nowFilter) : null;
    const plain = state.recursion ? derive.recursion(model) : derive.plain(model);
    const search = app.expression();
    const matches = search ? Uint8Array.from(model.names, name => (search.test(name) ? 1 : 0)) : null;
    const hues = (shown.hues ??= new Map()).get(model) ?? colours.ofNames(model.names);
    shown.hues = new Map([[model, hues]]);

    // One graph: figures, places and colours of a tree.
    const graph = (which, tree) => {
      const sides = sums.map(of => measure.totals(tree, of));
      const difference = sides[1] ? measure.difference(sides[0], sides[1], scale) : null;
      const own =
        !difference || state.width === "now"
          ? sides[0].own
          : state.width === "before"
            ? sides[1].own.map(own => own * scale)
            : sides[0].own.map((own, i) => Math.max(own, sides[1].own[i] * scale));
      const layout = measure.layout(tree, own);
      const colour = new Uint8Array(tree.size).fill(colours.GREY);
      const mark = difference ? new Uint8Array(tree.size) : null;
      const tint = tinted ? measure.totals(tree, tinted).total : null;
      const highest = tint ? ratio(tint, sides[0].total) : difference ? strongest(difference) : 1;
      for (let i = 1; i < tree.size; i++) {
        if (matches?.[tree.frame[i]]) colour[i] = colours.MATCH;
        else if (difference) colour[i] = colours.ofChange(difference.is[i], difference.change[i], highest);
        else if (tint)
          colour[i] = colours.ofPart(
            highest > 0 && sides[0].total[i] > 0 ? tint[i] / sides[0].total[i] / highest : 0
          );
        else colour[i] = hues[tree.frame[i]];
        if (mark && sides[0].total[i] === 0 && sides[1].total[i] > 0) mark[i] = 1;
      }
      const data = {
        tree,
        layout,
        names: model.names,
        colour,
        mark,
        palette: app.palette,
        all: "all",
        sides,
        difference,
        tint,
        highest
      };
      app.graphs[which].show(data, keepsView);
      return data;
    };
    const frame = model.numbers.get(state.function);
    const isSandwich = frame !== undefined;
    parts.main.hidden = isSandwich;
    parts.sandwich.hidden = !isSandwich;
    app.graphs.main.isUp = state.view === "flame";
    const whole = { sides: sums.map(of => measure.totals(plain, of)) };
    let main;
    if (isSandwich) {
      const callers = graph("callers", derive.after(plain, derive.callers(plain, frame)));
      main = graph("callees", derive.after(plain, derive.callees(plain, frame)));
      titles.callers.textContent = `Callers of ${state.function}`;
      titles.callees.textContent = `What ${state.function} calls: ${shown.unit(callers.sides[0].total[0])}`;
      app.graphs.callers.data.all = app.graphs.callees.data.all = "all calls";
    } else {
      main = graph("main", plain);
    }
    Object.assign(shown, { whole, main, scale, sums, matches, plain });
    app.legend(main);
    app.found(search, matches, plain, whole);
    app.heat(nowFilter);
    app.describe(weight, sums);
    app.table();
    app.details(app.graphs[isSandwich ? "callees" : "main"], -1);
  };

  // The highest proportion, without the frames of which there is little.
  const ratio = (tint, total) => {
    let highest = 0;
    for (let i = 1; i < total.length; i++)
      if (total[i] > total[0] / 500) highest = Math.max(highest, tint[i] / total[i]);
    return highest;
  };
  const strongest = ({ is, change }) => {
    let most = 0;
    for (let i = 1; i < is.length; i++) if (is[i] >= measure.MORE) most = Math.max(most, Math.abs(change[i]));
    return most;
  };
})();
