// The widest functions as a table: what the graph shows, for those who do not see it too.
(() => {
  const app = Flame.app;
  const { el, button } = Flame.controls;
  const { measure, format } = Flame;
  const { NOISE, MORE, LESS } = measure;
  const { state, shown, parts } = app;
  const ROWS = 40;
  let sorted = "total";
  app.table = () => {
    const { model, plain, scale, matches } = shown,
      count = model.names.length,
      show = shown.unit;
    const [now, base] = measure.functions(plain, shown.whole.sides, count);
    const judge = i => measure.judge(now.total[i], base.total[i], now.variance[i], scale, base.variance[i]);
    const key = {
      own: i => now.own[i],
      total: i => Math.max(now.total[i], base ? base.total[i] * scale : 0),
      change: i => (base ? Math.abs(judge(i).change) : 0)
    };
    if (!base && sorted === "change") sorted = "total";
    const all = shown.whole.sides[0].total[0] || 1;
    const numbers = [...Array(count).keys()].filter(i => key.total(i) > 0 && (!matches || matches[i]));
    numbers.sort((a, b) => key[sorted](b) - key[sorted](a) || (model.names[a] < model.names[b] ? -1 : 1));
    const head = (name, text) =>
      el(
        "th",
        { scope: "col", "aria-sort": name === sorted ? "descending" : undefined },
        button(text, () => {
          sorted = name;
          app.table();
          parts.table.querySelector(`[data-sort="${name}"]`)?.focus();
        })
      );
    const heads = [
      ["own", "own"],
      ["total", "with callees"]
    ].map(([name, text]) => head(name, text));
    if (base)
      heads.push(
        el("th", { scope: "col" }, "before"),
        head("change", "change"),
        el("th", { scope: "col" }, "is")
      );
    heads.forEach(
      cell =>
        cell.firstChild.dataset &&
        (cell.firstChild.dataset.sort =
          { own: "own", "with callees": "total", change: "change" }[cell.textContent] ?? "")
    );
    const row = i => {
      const cells = [
        el(
          "td",
          {},
          button(model.names[i], () => app.openFunction(model.names[i]), model.places[i] || undefined)
        ),
        el("td", {}, show(now.own[i])),
        el("td", {}, `${show(now.total[i])} (${format.percent(now.total[i] / all)})`)
      ];
      if (base) {
        const { change, error, is } = judge(i);
        const word =
          is === NOISE
            ? "chance"
            : now.total[i] === 0
              ? "gone"
              : base.total[i] === 0
                ? "new"
                : is === MORE
                  ? "more"
                  : is === LESS
                    ? "less"
                    : "equal";
        cells.push(
          el("td", {}, show(base.total[i] * scale)),
          el(
            "td",
            { className: is === MORE ? "more" : is === LESS ? "less" : "soft" },
            `${format.signed(change, show)} ± ${show(error)}`
          ),
          el("td", {}, word)
        );
      }
      return el("tr", {}, ...cells);
    };
    const most = numbers.slice(0, ROWS);
    const caption = `${app.title(state.weight)} by function${numbers.length > ROWS ? `: ${ROWS} of ${format.count(numbers.length)}` : ""}`;
    parts.table.replaceChildren(
      el("h2", { id: "functions" }, caption),
      el(
        "div",
        { className: "scroll", tabIndex: 0, role: "region", "aria-labelledby": "functions" },
        el(
          "table",
          {},
          el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "function"), ...heads)),
          el("tbody", {}, ...most.map(row))
        )
      )
    );
  };
})();
