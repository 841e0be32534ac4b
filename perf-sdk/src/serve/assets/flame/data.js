// Data from the endpoint and from files, and what went wrong with them.
(() => {
  const app = Flame.app;
  const { el } = Flame.controls;
  const { model: models, source } = Flame;
  const { state, shown, say, pick, record, again, set } = app;
  app.fail = error => {
    const needsToken = error.status === 401;
    const field = el("input", { type: "password", autocomplete: "off", "aria-label": "token" });
    const enter = () => {
      source.token.set(field.value.trim());
      app.open(pick.data.value, {});
    };
    say.notice.replaceChildren(
      el("p", { className: "bad" }, error.message),
      el("p", {}, error.advice ?? "The file was made by another program, or is not whole."),
      needsToken
        ? el(
            "form",
            {
              className: "bar",
              onsubmit: event => {
                event.preventDefault();
                enter();
              }
            },
            field,
            el("button", { type: "submit" }, "Use the token")
          )
        : ""
    );
    say.notice.hidden = false;
    if (say.status.textContent.endsWith("…")) say.status.textContent = "";
  };
  app.attempt = async work => {
    say.notice.hidden = true;
    try {
      await work();
    } catch (error) {
      app.fail(error);
    }
  };

  app.open = (name, changes) =>
    app.attempt(async () => {
      const { weights, instant } = source.SOURCES[name];
      // Data of another kind have nothing to compare with.
      const base = weights.includes(state.weight) ? shown.base : null;
      if (!weights.includes(state.weight))
        changes = { weight: weights[0], colour: "", from: "", to: "", base: "", ...changes };
      if (changes.seconds) changes = { from: "", to: "", base: "", ...changes };
      if (name === "start") changes = { from: "start", to: "", base: "", ...changes };
      else if (state.from === "start") changes = { from: "", ...changes };
      set({ seconds: "", ...changes });
      pick.data.value = name;
      pick.seconds.disabled = record.disabled = Boolean(instant);
      const seconds = Number(state.seconds) || source.SOURCES[name].seconds;
      say.status.textContent = seconds ? `Sampling for ${seconds} s…` : "Loading…";
      again.disabled = record.disabled = true;
      try {
        app.take(await source.load(name, state), base);
      } finally {
        again.disabled = false;
        record.disabled = Boolean(instant);
      }
    });

  app.take = (now, base) => {
    const fits = !base || now.weights.some(({ name }) => base.weights.some(other => other.name === name));
    Object.assign(shown, { now, base: (fits && base) || null });
    app.restore();
    app.render();
    if (!fits)
      throw new source.Failure(
        "The data to compare with have other weights.",
        "Choose data of the same kind.",
        400
      );
  };

  app.openFile = () =>
    app.attempt(async () => {
      const [file] = pick.file.files;
      pick.file.value = "";
      if (!file) return app.restoreCompare();
      const document = models.parse(await file.text());
      if (pick.file.dataset.as === "base") {
        shown.kept = document;
        set({ base: "" });
        return app.take(shown.now, document);
      }
      shown.kept = document.base ?? null;
      set({ from: "", to: "", base: "", weight: "", colour: "" });
      app.take(document, document.base);
    });

  app.save = () =>
    app.attempt(async () => {
      const { base: _, ...now } = shown.now;
      const text = await source.file(now, shown.base === shown.now ? null : shown.base, state);
      const link = el("a", {
        href: URL.createObjectURL(new Blob([text], { type: "text/html" })),
        download: "flame.html"
      });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    });
})();
