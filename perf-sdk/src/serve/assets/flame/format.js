"use strict";
// Numbers as they are shown. All scripts share the object Flame.
const Flame = (globalThis.Flame = {});
Flame.format = (() => {
  const digits = n => n.toFixed(Math.abs(n) < 10 ? 2 : Math.abs(n) < 100 ? 1 : 0);
  const grouped = n =>
    Math.round(n)
      .toString()
      .replace(/\B(?=(\d{3})+$)/g, "\u202f");
  const steps = (n, units) => {
    const size = Math.abs(n);
    const found = units.find(([below]) => size < below) ?? units.at(-1);
    return `${found[1] === 1 ? grouped(n) : digits(n / found[1])} ${found[2]}`;
  };
  const units = {
    ns: n =>
      steps(n, [
        [1e3, 1, "ns"],
        [1e6, 1e3, "µs"],
        [1e9, 1e6, "ms"],
        [6e11, 1e9, "s"],
        [3.6e13, 6e10, "min"],
        [Infinity, 3.6e12, "h"]
      ]),
    bytes: n =>
      steps(n, [
        [1024, 1, "B"],
        [2 ** 20, 1024, "KiB"],
        [2 ** 30, 2 ** 20, "MiB"],
        [Infinity, 2 ** 30, "GiB"]
      ]),
    count: grouped
  };
  // The time of day with hundredths of a second, in the browser's zone.
  const clock = us => {
    const date = new Date(us / 1000);
    return `${date.toLocaleTimeString("en-GB")}.${String(Math.floor(date.getMilliseconds() / 10)).padStart(2, "0")}`;
  };
  return {
    of: unit => units[unit] ?? grouped,
    count: grouped,
    time: units.ns,
    clock,
    signed: (n, show) => (n > 0 ? "+" : n < 0 ? "−" : "±") + show(Math.abs(n)),
    percent: part =>
      Number.isFinite(part) ? `${(part * 100).toFixed(Math.abs(part) < 0.0995 ? 2 : 1)} %` : "–",
    // As much of a path as fits: its last part says most.
    short: (name, most) => {
      if (name.length <= most) return name;
      for (let at = name.indexOf("::"); at >= 0; at = name.indexOf("::", at + 2)) {
        if (name.length - at - 1 <= most) return `…${name.slice(at + 2)}`;
      }
      return `${name.slice(name.lastIndexOf("::") < 0 ? 0 : name.lastIndexOf("::") + 2).slice(0, Math.max(0, most - 1))}…`;
    }
  };
})();
