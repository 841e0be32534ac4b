// A flamegraph on a canvas. Only frames within the view are drawn, and of those that are narrower
// than a pixel one for each pixel: what a picture costs depends on the size of the canvas, not on
// the number of frames.
Flame.Graph = class {
  static ROW = 19;
  static LEAST = 1.25;

  // `on` has `hover(node)`, `choose(node)` and `open(node)`.
  constructor(canvas, on) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.on = on;
    this.view = { from: 0, to: 1, top: 0 };
    this.data = null;
    this.isUp = false;
    this.hovered = this.chosen = -1;
    // What was drawn, for who wants to know what a picture costs.
    this.pictures = this.drawn = 0;
    this.pointers = new Map();
    canvas.tabIndex = 0;
    canvas.addEventListener("wheel", event => this.#wheel(event), { passive: false });
    canvas.addEventListener("pointerdown", event => this.#down(event));
    canvas.addEventListener("pointermove", event => this.#move(event));
    canvas.addEventListener("pointerup", event => this.#up(event));
    canvas.addEventListener("pointercancel", event => this.#release(event));
    canvas.addEventListener("pointerleave", () => this.#hover(-1));
    canvas.addEventListener("keydown", event => this.#key(event));
    new ResizeObserver(() => this.#fit()).observe(canvas);
  }

  // `data`: the tree, its layout, names, a colour and a mark for each node, and a palette.
  show(data, keepsView) {
    this.data = data;
    this.hovered = -1;
    if (!keepsView) {
      this.view = { from: 0, to: 1, top: 0 };
      this.chosen = -1;
    }
    if (!(this.chosen < data.tree.size)) this.chosen = -1;
    this.#fit();
  }

  // Zooms to a node, or with 0 to everything.
  zoom(node) {
    const { x, width } = this.data.layout;
    this.view = { from: x[node], to: x[node] + width[node], top: this.view.top };
    this.#clamp();
    this.draw();
  }

  // The innermost node that takes all of the view.
  zoomed() {
    const { x, width, levels } = this.data.layout,
      { from, to } = this.view;
    let found = 0;
    for (const level of levels) {
      const at = level[this.#first(level, from, 0)];
      if (at === undefined || x[at] > from + 1e-9 || x[at] + width[at] < to - 1e-9) break;
      found = at;
    }
    return found;
  }

  #fit() {
    if (!this.data) return;
    const { canvas } = this,
      levels = this.data.layout.levels.length;
    const most = Math.max(160, Math.round(innerHeight * 0.62));
    const height = Math.max(Flame.Graph.ROW * 2, Math.min(levels * Flame.Graph.ROW, most));
    canvas.style.height = `${height}px`;
    const ratio = devicePixelRatio || 1,
      wide = Math.max(1, canvas.clientWidth);
    this.width = wide;
    this.height = height;
    if (canvas.width !== Math.round(wide * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(wide * ratio);
      canvas.height = Math.round(height * ratio);
    }
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.#clamp();
    this.draw();
  }

  #clamp() {
    const view = this.view,
      most = Math.max(0, this.data.layout.levels.length * Flame.Graph.ROW - this.height);
    const size = Math.min(1, Math.max(1e-9, view.to - view.from));
    view.from = Math.min(1 - size, Math.max(0, view.from));
    view.to = view.from + size;
    view.top = Math.min(most, Math.max(0, view.top));
  }

  // At the next picture of the browser, once however often it is asked for.
  draw() {
    if (this.isAsked) return;
    this.isAsked = true;
    requestAnimationFrame(() => {
      this.isAsked = false;
      if (this.data) this.#draw();
    });
  }

  // At once, as before printing.
  drawNow() {
    if (this.data) this.#draw();
  }

  // The first node of a level that ends behind a place, from an index on.
  #first(level, place, from) {
    const { x, width } = this.data.layout;
    let low = from,
      high = level.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (x[level[middle]] + width[level[middle]] <= place) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #draw() {
    const { context: c, data, view, width: wide, height } = this;
    const {
      layout: { x, width, levels },
      tree,
      names,
      colour,
      mark,
      palette
    } = data;
    const { ROW, LEAST } = Flame.Graph,
      scale = wide / (view.to - view.from);
    c.fillStyle = palette.back;
    c.fillRect(0, 0, wide, height);
    c.font = "12px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace";
    c.textBaseline = "middle";
    this.letter ??= c.measureText("MMMMMMMMMM").width / 10;
    let drawn = 0,
      fill = -1;
    const texts = [],
      marks = [];
    const first = Math.max(0, Math.floor(view.top / ROW)),
      last = Math.min(levels.length - 1, Math.floor((view.top + height) / ROW));
    for (let depth = first; depth <= last; depth++) {
      const level = levels[depth],
        y = this.#y(depth);
      for (let i = this.#first(level, view.from, 0); i < level.length;) {
        const node = level[i];
        const left = Math.max(0, (x[node] - view.from) * scale);
        if (left >= wide) break;
        const right = Math.min(wide, (x[node] + width[node] - view.from) * scale);
        const size = right - left;
        if (colour[node] !== fill) c.fillStyle = palette.fills[(fill = colour[node])];
        drawn++;
        if (size < LEAST) {
          c.fillRect(left, y, LEAST, ROW - 1);
          i = this.#first(level, view.from + (left + LEAST) / scale, i + 1);
          continue;
        }
        c.fillRect(left, y, size > 3 ? size - 0.75 : size, ROW - 1);
        if (size > 26) texts.push(node, left, size, y);
        if (mark && mark[node] && size > 3) marks.push(left, size, y);
        i++;
      }
    }
    this.#hatch(marks);
    c.fillStyle = palette.text;
    for (let i = 0; i < texts.length; i += 4) {
      const node = texts[i],
        said = node === 0 ? data.all : (mark && mark[node] ? "gone: " : "") + names[tree.frame[node]];
      c.fillText(
        Flame.format.short(said, Math.floor((texts[i + 2] - 8) / this.letter)),
        texts[i + 1] + 4,
        texts[i + 3] + ROW / 2
      );
    }
    for (const [node, size] of [
      [this.hovered, 1],
      [this.chosen, 2]
    ])
      if (node >= 0) this.#outline(node, size);
    this.pictures++;
    this.drawn = drawn;
  }

  #y(depth) {
    const { ROW } = Flame.Graph;
    return this.isUp ? this.height - (depth + 1) * ROW + this.view.top : depth * ROW - this.view.top;
  }

  // Frames that are there before only.
  #hatch(marks) {
    const { context: c } = this,
      { ROW } = Flame.Graph;
    if (marks.length === 0) return;
    c.save();
    c.strokeStyle = this.data.palette.soft;
    c.lineWidth = 1;
    c.globalAlpha = 0.45;
    c.beginPath();
    for (let i = 0; i < marks.length; i += 3) {
      const [left, size, y] = marks.slice(i, i + 3);
      for (let at = left + 3; at < left + size - 1; at += 6) {
        c.moveTo(at, y + ROW - 2);
        c.lineTo(Math.min(at + 5, left + size - 1), y + 1);
      }
    }
    c.stroke();
    c.restore();
  }

  #outline(node, size) {
    const { context: c, view, data } = this,
      { x, width } = data.layout,
      { ROW } = Flame.Graph;
    const scale = this.width / (view.to - view.from),
      depth = this.depth(node);
    const left = (x[node] - view.from) * scale,
      wide = Math.max(2, width[node] * scale - 0.75);
    if (!(width[node] > 0)) return;
    c.strokeStyle = data.palette.line;
    c.lineWidth = size;
    c.strokeRect(left + size / 2, this.#y(depth) + size / 2, wide - size, ROW - 1 - size);
  }

  depth(node) {
    let depth = 0;
    for (let at = node; at > 0; at = this.data.tree.parent[at]) depth++;
    return depth;
  }

  // The node at a place of the canvas.
  at(left, top) {
    const { data, view } = this,
      { ROW } = Flame.Graph;
    if (!data) return -1;
    const depth = Math.floor((this.isUp ? this.height - top + view.top : top + view.top) / ROW);
    const level = data.layout.levels[depth];
    if (!level) return -1;
    const place = view.from + (left / this.width) * (view.to - view.from);
    const node = level[this.#first(level, place, 0)];
    return node !== undefined && data.layout.x[node] <= place ? node : -1;
  }

  #hover(node) {
    if (node === this.hovered) return;
    this.hovered = node;
    this.canvas.style.cursor = node > 0 ? "pointer" : "default";
    this.on.hover(node);
    this.draw();
  }

  choose(node) {
    this.chosen = node;
    if (node >= 0) this.#reveal(node);
    this.on.choose(node);
    this.draw();
  }

  // Moves the view so that a node is in it.
  #reveal(node) {
    const { view, data } = this,
      { x, width } = data.layout,
      { ROW } = Flame.Graph,
      top = this.depth(node) * ROW;
    if (top < view.top) view.top = top;
    if (top + ROW > view.top + this.height) view.top = top + ROW - this.height;
    const size = view.to - view.from,
      middle = x[node] + width[node] / 2;
    if (x[node] + width[node] <= view.from || x[node] >= view.to)
      [view.from, view.to] = [middle - size / 2, middle + size / 2];
    this.#clamp();
  }

  #magnify(factor, left) {
    const { view } = this,
      place = view.from + (left / this.width) * (view.to - view.from);
    const size = Math.min(1, Math.max(1e-9, (view.to - view.from) * factor));
    view.from = place - (left / this.width) * size;
    view.to = view.from + size;
    this.#clamp();
    this.draw();
  }

  #pan(left, top) {
    const { view } = this,
      by = (left / this.width) * (view.to - view.from),
      before = [view.from, view.top];
    view.from += by;
    view.to += by;
    view.top += this.isUp ? -top : top;
    this.#clamp();
    const moved = before[0] !== view.from || before[1] !== view.top;
    if (moved) this.draw();
    return moved;
  }

  #wheel(event) {
    const unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      this.#magnify(Math.exp(Math.max(-1, Math.min(1, event.deltaY * unit * 0.004))), event.offsetX);
    } else {
      const [left, top] = event.shiftKey && !event.deltaX ? [event.deltaY, 0] : [event.deltaX, event.deltaY];
      // At its end the page scrolls.
      if (this.#pan(left * unit, top * unit)) event.preventDefault();
    }
  }

  #down(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, [event.offsetX, event.offsetY]);
    if (this.pointers.size === 1) this.travel = 0;
  }

  #move(event) {
    const before = this.pointers.get(event.pointerId),
      now = [event.offsetX, event.offsetY];
    if (!before) return this.#hover(this.at(...now));
    if (this.pointers.size === 2) {
      const other = [...this.pointers].find(([id]) => id !== event.pointerId)[1];
      const apart = ([x, y]) => Math.max(8, Math.hypot(x - other[0], y - other[1]));
      this.#magnify(apart(before) / apart(now), (now[0] + other[0]) / 2);
      this.travel = 99;
    } else {
      this.travel += Math.abs(now[0] - before[0]) + Math.abs(now[1] - before[1]);
      if (this.travel > 4) this.#pan(before[0] - now[0], before[1] - now[1]);
    }
    this.pointers.set(event.pointerId, now);
  }

  #up(event) {
    const isClick = this.pointers.size === 1 && this.travel <= 4;
    this.#release(event);
    if (!isClick || event.button !== 0) return;
    const node = this.at(event.offsetX, event.offsetY);
    if (node < 0) return;
    this.choose(node);
    this.zoom(node);
  }

  #release(event) {
    this.pointers.delete(event.pointerId);
  }

  #key(event) {
    if (!this.data || event.ctrlKey || event.altKey || event.metaKey) return;
    const { tree, layout } = this.data,
      at = this.chosen < 0 ? this.zoomed() : this.chosen;
    const shown = node => layout.width[node] > 0;
    const children = node => layout.children.subarray(layout.starts[node], layout.starts[node + 1]);
    const sideways = by => {
      const level = layout.levels[this.depth(at)] ?? [],
        found = level[level.indexOf(at) + by];
      return found === undefined ? at : found;
    };
    const [inner, outer] = this.isUp ? ["ArrowUp", "ArrowDown"] : ["ArrowDown", "ArrowUp"];
    const steps = {
      [inner]: () => this.choose(children(at).find(shown) ?? at),
      [outer]: () => this.choose(Math.max(0, tree.parent[at])),
      ArrowLeft: () => this.choose(sideways(-1)),
      ArrowRight: () => this.choose(sideways(1)),
      Home: () => this.choose(0),
      Enter: () => this.zoom(at),
      "+": () => this.#magnify(0.8, this.width / 2),
      "=": () => this.#magnify(0.8, this.width / 2),
      "-": () => this.#magnify(1.25, this.width / 2),
      s: () => this.on.open(at)
    };
    if (!steps[event.key] || layout.levels.length === 0) return;
    event.preventDefault();
    steps[event.key]();
  }
};
