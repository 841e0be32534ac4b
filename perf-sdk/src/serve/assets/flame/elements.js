// Elements of the page, and what it shows: the object `app`, to which other scripts add functions.
(() => {
  const { el, button, checkbox } = Flame.controls;
  const { source, colours } = Flame;
  const app = (Flame.app = { palette: colours.palette() });
  const state = source.state();
  // What is shown: documents, their tree, and what was made of it.
  const shown = { now: null, base: null, model: null, tree: null };

  const set = changes => {
    Object.assign(state, changes);
    source.remember(state);
  };

  // ---- elements
  const say = {
    status: el("p", { className: "soft", role: "status" }),
    notice: el("div", { className: "notice", role: "alert", hidden: true }),
    facts: el("span", { className: "soft" }),
    details: el("div", { className: "details" }),
    live: el("div", { className: "soft", "aria-live": "polite" }),
    legend: el("span", { className: "legend" }),
    found: el("span", { className: "soft", role: "status" })
  };
  const choice = (key, redraw = () => app.render()) =>
    el("select", {
      onchange: event => {
        set({ [key]: event.target.value });
        redraw();
      }
    });
  const pick = {
    data: el("select", { onchange: event => app.open(event.target.value, {}) }),
    weight: choice("weight"),
    colour: choice("colour"),
    scope: choice("scope"),
    thread: choice("thread"),
    slow: choice("slow"),
    per: choice("per"),
    width: choice("width"),
    compare: el("select", { onchange: event => app.compare(event.target.value) }),
    search: el("input", {
      type: "search",
      spellcheck: false,
      placeholder: "regular expression",
      "aria-describedby": "found",
      oninput: () => {
        set({ search: pick.search.value });
        app.render(true);
      }
    }),
    seconds: el("input", { type: "number", min: 0.1, max: 3600, step: 0.1, value: 10 }),
    from: el("input", { type: "number", min: 0, step: 0.02 }),
    to: el("input", { type: "number", min: 0, step: 0.02 }),
    file: el("input", {
      type: "file",
      accept: ".html,.json,application/json,text/html",
      hidden: true,
      onchange: () => app.openFile()
    })
  };
  say.found.id = "found";
  const isUp = checkbox("flame (callers at the bottom)", is => {
    set({ view: is ? "flame" : "" });
    app.render(true);
  });
  const isMerged = checkbox(
    "merge recursion",
    is => {
      set({ recursion: is ? "merged" : "" });
      app.render();
    },
    "a call of a function that runs already is part of that call"
  );
  const record = button("Record", () => app.open(pick.data.value, { seconds: pick.seconds.value }));
  const again = button("Load again", () => app.open(pick.data.value, {}));
  const marks = ["A", "B"].map((name, at) => {
    const radio = el("input", {
      type: "radio",
      name: "mark",
      checked: at === 0,
      onchange: () => {
        app.heatmap.marksBase = at === 1;
        app.inputs();
      }
    });
    return el(
      "label",
      { className: "check" },
      radio,
      el("span", {}, at === 0 ? "mark A" : "mark B, to compare with")
    );
  });

  const canvas = label =>
    el("canvas", { role: "application", "aria-label": label, "aria-describedby": "keys" });
  const heatCanvas = el("canvas", { role: "img" });
  const heatRoom = el(
    "div",
    { className: "heat", tabIndex: 0, role: "region", "aria-label": "Heatmap" },
    heatCanvas
  );
  const canvases = { main: canvas("Flamegraph"), callers: canvas("Callers"), callees: canvas("Callees") };
  const parts = {
    heat: el("section", { hidden: true }),
    main: el("section", {}, canvases.main),
    sandwich: el("section", { hidden: true }),
    table: el("section", {})
  };
  const titles = { callers: el("h2"), callees: el("h2") };
  parts.sandwich.append(
    button("All stacks", () => app.openFunction(""), "Esc"),
    titles.callers,
    canvases.callers,
    titles.callees,
    canvases.callees
  );

  const graphs = Object.fromEntries(
    Object.entries(canvases).map(([name, canvas]) => [
      name,
      new Flame.Graph(canvas, {
        hover: node => app.details(app.graphs[name], node >= 0 ? node : app.graphs[name].chosen),
        choose: node => {
          app.details(app.graphs[name], node);
          say.live.textContent = node >= 0 ? app.summary(app.graphs[name], node) : "";
        },
        open: node => {
          if (node > 0) app.openFunction(app.graphs[name].data.names[app.graphs[name].data.tree.frame[node]]);
        }
      })
    ])
  );
  graphs.callers.isUp = true;
  const heatmap = new Flame.Heatmap(heatCanvas, (from, to, isBase) => app.mark(isBase, [from, to]));

  Object.assign(app, {
    state,
    shown,
    set,
    say,
    pick,
    isUp,
    isMerged,
    record,
    again,
    marks,
    heatCanvas,
    heatRoom,
    canvases,
    parts,
    titles,
    graphs,
    heatmap
  });
})();
