// Ranges of time, and with what they are compared.
(() => {
  const app = Flame.app;
  const { fill } = Flame.controls;
  const { model: models, format, source } = Flame;
  const { state, shown, pick, set } = app;
  app.timed = () => shown.now?.times ?? null;
  app.end = () => shown.model.sides[0].times?.end ?? shown.now.taken_at_us;

  // The model and its ranges, by the state.
  app.restore = () => {
    const isRange = app.timed() && state.base;
    const base = isRange ? shown.now : shown.base;
    shown.model = models.of(base ? [shown.now, base] : [shown.now]);
    shown.ranges = [null, null];
    const { times } = shown.model.sides[0];
    if (times && (state.from || state.to) && state.from !== "start") {
      shown.ranges[0] = [
        state.from ? source.moment(state.from, app.end()) : times.start,
        state.to ? source.moment(state.to, app.end()) : app.end() + 1
      ];
    }
    if (isRange && state.base.includes(".."))
      shown.ranges[1] = state.base.split("..").map(text => source.moment(text, app.end()));
    if (isRange && state.base === "before")
      shown.ranges[1] = [times.start, shown.ranges[0]?.[0] ?? times.start];
    const missed = shown.ranges[0] && shown.ranges[0][0] < times.start - 1e6;
    shown.missed = missed
      ? `The range begins before the samples that are kept, at ${format.clock(times.start)}. `
      : "";
    if ((state.from || state.to) && !times && state.from !== "start")
      shown.missed = "These data have no times: the range does not apply. ";
  };

  const seconds = us => String(Math.round(us / 1e4) / 100);
  const absolute = us => (us / 1e6).toFixed(2);
  app.mark = (isBase, [from, to]) => {
    set(isBase ? { base: `${absolute(from)}..${absolute(to)}` } : { from: absolute(from), to: absolute(to) });
    app.attempt(() => {
      app.restore();
      app.render();
    });
  };
  app.markByInputs = () => {
    const [from, to] = [pick.from, pick.to].map(input => app.end() - Number(input.value || 0) * 1e6);
    if (!(from < to))
      return app.fail(
        new source.Failure(
          `From ${pick.from.value || 0} s to ${pick.to.value || 0} s before the end is no range.`,
          "From has to be more than to.",
          400
        )
      );
    app.mark(Boolean(app.heatmap.marksBase), [from, to]);
  };
  app.inputs = () => {
    const range = shown.ranges?.[app.heatmap.marksBase ? 1 : 0];
    [pick.from.value, pick.to.value] = range
      ? range.map(us => seconds(Math.max(0, app.end() - us)))
      : ["", ""];
  };

  app.compare = how =>
    app.attempt(() => {
      if (how === "file") {
        pick.file.dataset.as = "base";
        pick.file.click();
        return app.restoreCompare();
      }
      if (how === "keep") shown.kept = shown.now;
      shown.base = how === "keep" || how === "kept" ? shown.kept : null;
      set({ base: how === "before" || how === "all" ? how : how === "range" ? state.base : "" });
      app.take(shown.now, shown.base);
    });
  app.restoreCompare = () => {
    const hasTimes = Boolean(app.timed());
    const isRange = hasTimes && state.base;
    const now = isRange ? (state.base.includes("..") ? "range" : state.base) : shown.base ? "kept" : "none";
    fill(
      pick.compare,
      [
        ["none", "nothing"],
        ...(shown.kept ? [["kept", "the data that were kept"]] : []),
        ["keep", "the data shown now, kept for later"],
        ["file", "a file…"],
        [
          "range",
          "the marked range B",
          isRange && state.base.includes("..") ? "" : hasTimes ? "mark it" : "no times"
        ],
        ["before", "the time before range A", hasTimes && shown.ranges[0] ? "" : "mark A"],
        ["all", "all samples", hasTimes ? "" : "no times"]
      ],
      now
    );
  };
})();
