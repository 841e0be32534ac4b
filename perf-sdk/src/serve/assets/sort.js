// Sorts the table by the column whose head is clicked; numbers are in data-v.
(() => {
  const table = document.querySelector("table");
  if (!table) return;
  const heads = [...table.tHead.rows[0].cells];
  const value = (row, at) => row.cells[at].dataset.v ?? row.cells[at].textContent.toLowerCase();
  heads.forEach((head, at) => head.addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") !== "descending";
    const sign = down ? -1 : 1;
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const rows = [...table.tBodies[0].rows].sort((a, b) => {
      const [x, y] = [value(a, at), value(b, at)];
      const [m, n] = [Number(x), Number(y)];
      return sign * (Number.isNaN(m) || Number.isNaN(n) ? String(x).localeCompare(String(y)) : m - n);
    });
    table.tBodies[0].append(...rows);
  }));
})();
