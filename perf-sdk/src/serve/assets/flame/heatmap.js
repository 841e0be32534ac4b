// The last minutes: a column a second, a cell 20 ms. Ranges are marked by dragging.
Flame.Heatmap = class {
  static CELL = 20_000;
  static ROWS = 50;

  // `mark(from, to, isBase)`: a range was marked, in microseconds.
  constructor(canvas, mark) {
    this.canvas = canvas;
    this.mark = mark;
    this.ranges = [null, null];
    canvas.addEventListener("pointerdown", event => this.#down(event));
    canvas.addEventListener("pointermove", event => this.#move(event));
    canvas.addEventListener("pointerup", event => this.#up(event));
    canvas.addEventListener("pointercancel", () => this.#stop());
    new ResizeObserver(() => this.draw()).observe(canvas.parentElement);
  }

  // The samples, and which of them count: a function of a sample's number.
  show(times, counts, palette) {
    const { CELL, ROWS } = Flame.Heatmap;
    this.start = Math.floor(times.start / 1e6) * 1e6;
    this.columns = Math.max(1, Math.ceil((times.end - this.start) / 1e6));
    this.cells = new Float64Array(this.columns * ROWS);
    this.palette = palette;
    for (let i = 0; i < times.at.length; i++) {
      const cell = Math.floor((times.at[i] - this.start) / CELL);
      if (cell >= 0 && cell < this.cells.length && counts(i)) this.cells[cell] += times.ns[i];
    }
    this.highest = this.cells.reduce((most, cell) => Math.max(most, cell), 0);
    this.draw();
  }

  draw() {
    if (!this.cells) return;
    const { CELL, ROWS } = Flame.Heatmap,
      { canvas, palette } = this;
    const ratio = devicePixelRatio || 1,
      room = canvas.parentElement.clientWidth;
    this.cellWidth = Math.max(1, Math.min(12, Math.floor(room / this.columns)));
    this.cellHeight = 3;
    const [wide, high] = [this.columns * this.cellWidth, ROWS * this.cellHeight];
    canvas.style.width = `${wide}px`;
    canvas.style.height = `${high + 28}px`;
    canvas.width = Math.round(wide * ratio);
    canvas.height = Math.round((high + 28) * ratio);
    const c = canvas.getContext("2d");
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    c.fillStyle = palette.fills[Flame.colours.GREY];
    c.globalAlpha = 0.35;
    c.fillRect(0, 0, wide, high);
    c.globalAlpha = 1;
    const gap = this.cellWidth > 3 ? 1 : 0;
    // Ranges as cells. What is in none is pale, and each has a bar below with its letter.
    const ranges = this.ranges.map(range =>
      range?.map(us => Math.min(this.cells.length, Math.max(0, Math.round((us - this.start) / CELL))))
    );
    const isPale = ranges.some(Boolean);
    for (let cell = 0; cell < this.cells.length; cell++) {
      if (!this.cells[cell]) continue;
      c.globalAlpha = isPale && !ranges.some(range => range && cell >= range[0] && cell < range[1]) ? 0.3 : 1;
      c.fillStyle = palette.fills[Flame.colours.ofPart(Math.sqrt(this.cells[cell] / this.highest))];
      c.fillRect(
        Math.floor(cell / ROWS) * this.cellWidth,
        (cell % ROWS) * this.cellHeight,
        this.cellWidth - gap,
        this.cellHeight
      );
    }
    c.globalAlpha = 1;
    c.font = "bold 11px system-ui, sans-serif";
    ranges.forEach((range, isBase) => {
      if (!range) return;
      const left = Math.floor(range[0] / ROWS) * this.cellWidth,
        right = Math.ceil(range[1] / ROWS) * this.cellWidth,
        y = high + 2 + isBase * 14;
      c.fillStyle =
        palette.fills[(isBase ? Flame.colours.BLUE : Flame.colours.RED) + Flame.colours.STEPS - 1];
      c.fillRect(left, y, Math.max(11, right - left), 12);
      c.fillStyle = palette.text;
      c.fillText("AB"[isBase], left + 2, y + 10);
    });
  }

  setRange(isBase, range) {
    this.ranges[isBase ? 1 : 0] = range;
    this.draw();
  }

  #cell(event) {
    const { ROWS } = Flame.Heatmap;
    const column = Math.min(this.columns - 1, Math.max(0, Math.floor(event.offsetX / this.cellWidth)));
    const row = Math.min(ROWS - 1, Math.max(0, Math.floor(event.offsetY / this.cellHeight)));
    return column * ROWS + row;
  }

  #down(event) {
    if (event.button !== 0 || !this.cells) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.began = this.#cell(event);
    this.isBase = event.shiftKey || this.marksBase;
    this.#move(event);
  }

  #move(event) {
    if (this.began === undefined) return;
    const { CELL } = Flame.Heatmap,
      at = this.#cell(event);
    const [first, last] = [Math.min(this.began, at), Math.max(this.began, at)];
    this.setRange(this.isBase, [this.start + first * CELL, this.start + (last + 1) * CELL]);
  }

  #up(event) {
    if (this.began === undefined) return;
    this.#move(event);
    const range = this.ranges[this.isBase ? 1 : 0];
    this.#stop();
    this.mark(range[0], range[1], this.isBase);
  }

  #stop() {
    this.began = undefined;
  }
};
