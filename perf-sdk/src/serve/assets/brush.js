// One range for the whole page: dragging over any chart selects it.


/** A shorter way is a click. */
const LEAST_PIXELS = 5;
const PAD = 6;

/**
 * Follows the pointer over `element`. `view()` has `from` and `to`; `hears.cursor(time | null)`,
 * `hears.selection([from, to] | null)` and `hears.chosen(from, to)` are told.
 */
export function brush(element, view, hears) {
  let begin = null;
  const time = (event) => {
    const box = element.getBoundingClientRect();
    const share = (event.clientX - box.left - PAD) / (box.width - 2 * PAD);
    const { from, to } = view();
    return from + Math.min(Math.max(share, 0), 1) * (to - from);
  };
  const end = () => {
    begin = null;
    hears.selection(null);
  };
  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    begin = { x: event.clientX, time: time(event) };
    element.setPointerCapture(event.pointerId);
  });
  element.addEventListener("pointermove", (event) => {
    const now = time(event);
    hears.cursor(now);
    if (begin) hears.selection([begin.time, now]);
  });
  element.addEventListener("pointerup", (event) => {
    if (begin && Math.abs(event.clientX - begin.x) >= LEAST_PIXELS) {
      const ends = [begin.time, time(event)].sort((a, b) => a - b);
      hears.chosen(Math.floor(ends[0]), Math.max(Math.ceil(ends[1]), Math.floor(ends[0]) + 2));
    }
    end();
  });
  element.addEventListener("pointercancel", end);
  element.addEventListener("pointerleave", () => hears.cursor(null));
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && begin) end();
  });
}

export const PRESETS = [[300, "5 min"], [900, "15 min"], [3600, "1 h"], [21600, "6 h"], [86400, "24 h"], [604800, "7 d"]];

/** The range after a button: without a pointer, all of it can be reached by these. */
export function moved(state, view, way) {
  const length = view.to - view.from;
  const half = Math.max(Math.round(length / 2), 5);
  const middle = Math.round((view.from + view.to) / 2);
  switch (way) {
    case "earlier":
      return { from: view.from - half, to: view.to - half };
    case "later": {
      const to = Math.min(view.to + half, view.newest);
      return { from: to - length, to };
    }
    case "in":
      return { from: middle - Math.max(Math.round(length / 4), 5), to: middle + Math.max(Math.round(length / 4), 5) };
    default: {
      const to = Math.min(middle + length, view.newest);
      return { from: to - 2 * length, to };
    }
  }
}

