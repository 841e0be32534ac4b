// Puts the page together.
(() => {
  const app = Flame.app;
  const { el, named, fill, button } = Flame.controls;
  const { model: models, colours, source } = Flame;
  const { state, shown, say, pick, set, isUp, isMerged, record, again, marks, heatRoom, canvases, parts } =
    app;
  const build = () => {
    const isFile = source.isFile();
    document.body.append(
      el(
        "header",
        {},
        el("h1", {}, isFile ? "perf-sdk" : el("a", { href: "." }, "perf-sdk"), " flamegraph"),
        say.facts
      ),
      el(
        "main",
        {},
        say.notice,
        el(
          "div",
          { className: "bar" },
          isFile ? null : named("data", pick.data),
          isFile ? null : named("next seconds", pick.seconds),
          isFile ? null : record,
          isFile ? null : again,
          named("compare with", pick.compare),
          pick.file,
          button(
            "Open a file",
            () => {
              pick.file.dataset.as = "now";
              pick.file.click();
            },
            "a file of the viewer, its JSON, or a snapshot"
          ),
          button("Save", () => app.save())
        ),
        parts.heat,
        el(
          "div",
          { className: "bar" },
          named("width", pick.weight),
          named("colour", pick.colour),
          named("search ( / )", pick.search),
          named("within", pick.scope, "only in calls of a profiled function"),
          named("thread", pick.thread),
          named("samples", pick.slow),
          named("compare per", pick.per),
          named("widths of", pick.width),
          isUp.label,
          isMerged.label
        ),
        el("div", { className: "bar" }, say.legend, say.found),
        say.status,
        parts.main,
        parts.sandwich,
        say.details,
        say.live,
        el(
          "p",
          { className: "soft", id: "keys" },
          "A click zooms, dragging moves, Ctrl and the wheel zoom. Keys on the graph: arrows, Enter zooms, + and −, s for callers and callees, Home, Esc back."
        ),
        parts.table
      )
    );
    parts.heat.append(
      el("h2", {}, "CPU time of the last minutes: a column a second, a cell 20 ms"),
      heatRoom,
      el(
        "div",
        { className: "bar" },
        ...marks,
        named("from, s before the end", pick.from),
        named("to, s before the end", pick.to),
        button("Mark", () => app.markByInputs()),
        button("Clear", () => {
          set({ from: "", to: "", base: "" });
          app.restore();
          app.render();
        })
      )
    );
    document.addEventListener("keydown", app.keys);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      app.palette = colours.palette();
      app.render(true);
    });
    // On paper, everything is dark on white.
    for (const [event, is] of [
      ["beforeprint", true],
      ["afterprint", false]
    ])
      addEventListener(event, () => {
        document.documentElement.classList.toggle("print", is);
        app.palette = colours.palette();
        app.render(true);
        Object.values(app.graphs).forEach(graph => graph.drawNow());
      });
    isUp.box.checked = state.view === "flame";
    isMerged.box.checked = state.recursion === "merged";
    pick.search.value = state.search ?? "";
    if (state.seconds) pick.seconds.value = state.seconds;
  };

  app.openFunction = name => {
    set({ function: name });
    app.render();
    if (name) parts.sandwich.scrollIntoView({ block: "nearest" });
  };

  // Keys that hold everywhere.
  app.keys = event => {
    const isTyping = event.target.matches("input:not([type=checkbox], [type=radio]), select");
    if (event.key === "/" && !isTyping && !event.ctrlKey) {
      event.preventDefault();
      pick.search.focus();
    } else if (event.key === "Escape") {
      if (state.search && event.target === pick.search) {
        pick.search.value = "";
        set({ search: "" });
        return app.render(true);
      }
      const graph =
        Object.values(app.graphs).find(graph => graph.canvas === event.target) ??
        app.graphs[state.function ? "callees" : "main"];
      const view = graph.view;
      if (view.to - view.from < 1 - 1e-9 && graph.data) {
        const up = graph.zoomed();
        return graph.zoom(Math.max(0, graph.data.tree.parent[up]));
      }
      if (state.function) app.openFunction("");
    }
  };

  const start = () => {
    build();
    const first = source.of(state.weight) ?? "cpu";
    fill(
      pick.data,
      Object.entries(source.SOURCES).map(([name, { title }]) => [name, title]),
      first === "cpu" && state.from === "start" ? "start" : first
    );
    if (!source.isFile() && !source.of(state.weight)) {
      const known = Object.values(source.SOURCES).flatMap(({ weights }) => weights);
      if (state.weight)
        return app.fail(
          new source.Failure(
            `The weight is ${JSON.stringify(state.weight)}.`,
            `Allowed: ${[...new Set(known)].join(", ")}.`
          )
        );
      state.weight = "cpu_samples";
    }
    if (source.isFile()) {
      return app.attempt(() => {
        const document = models.parse(source.embedded().textContent);
        shown.kept = document.base ?? null;
        app.take(document, document.base);
      });
    }
    return app.open(pick.data.value, state.seconds ? { seconds: state.seconds } : {});
  };
  start();
})();
