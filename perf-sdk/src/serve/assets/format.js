// Numbers and times as people read them.

const decimals = (n) => (n < 10 ? 2 : n < 100 ? 1 : 0);
const minus = (n, text) => (n < 0 ? `−${text}` : text);

function scaled(n, base, units) {
  let size = Math.abs(n);
  let at = 0;
  while (at + 1 < units.length && size >= base * 0.9995) {
    size /= base;
    at += 1;
  }
  const digits = at === 0 && Number.isInteger(size) ? 0 : decimals(size);
  return minus(n, `${size.toFixed(digits)}${units[at]}`);
}

/** A whole number with thin spaces between thousands. */
export const count = (n) => (Math.abs(n) < 1e6
  ? minus(n, String(Math.round(Math.abs(n))).replace(/\B(?=(\d{3})+$)/g, "\u202f"))
  : scaled(n, 1000, ["", " k", " M", " G", " T"]));

/** A number that need not be whole. */
export function number(n) {
  const size = Math.abs(n);
  if (size === 0) return "0";
  if (size < 0.01) return n.toExponential(1).replace("-", "−");
  if (size < 1000) return minus(n, String(Number(size.toPrecision(3))));
  return scaled(n, 1000, ["", " k", " M", " G", " T"]);
}

export const bytes = (n) => scaled(n, 1024, [" B", " KiB", " MiB", " GiB", " TiB"]);

export function nanoseconds(ns) {
  const size = Math.abs(ns);
  if (size < 60e9) return scaled(ns, 1000, [" ns", " µs", " ms", " s"]);
  const [unit, name] = size < 3600e9 ? [60e9, " min"] : size < 86400e9 ? [3600e9, " h"] : [86400e9, " d"];
  return minus(ns, `${(size / unit).toFixed(decimals(size / unit))}${name}`);
}

export const seconds = (s) => nanoseconds(s * 1e9);
export const percent = (share) => {
  const value = share * 100;
  const size = Math.abs(value);
  return minus(value, `${size === 0 ? "0" : size < 0.001 ? "< 0.001" : size < 0.1 ? size.toFixed(3) : size < 10 ? size.toFixed(2) : size.toFixed(1)} %`);
};

const UNITS = {
  count: (n) => (Number.isInteger(n) ? count(n) : number(n)),
  count_per_second: (n) => `${number(n)}/s`,
  seconds,
  seconds_per_second: (n) => `${seconds(n)}/s`,
  cores: (n) => (Math.abs(n) < 0.1 ? `${percent(n)} of a core` : `${number(n)} cores`),
  bytes,
  bytes_per_second: (n) => `${bytes(n)}/s`,
  ratio: percent,
};

/** A value of a chart. */
export const value = (unit, n) => (n === null || n === undefined ? "–" : (UNITS[unit] ?? number)(n));

const two = (n) => String(n).padStart(2, "0");

/** The time of day of seconds since 1970, with the day where it matters. */
export function clock(unix, span = 0) {
  const at = new Date(unix * 1000);
  const time = `${two(at.getHours())}:${two(at.getMinutes())}`;
  const day = `${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  if (span > 172800) return day;
  if (span > 64800) return `${day} ${time}`;
  return span > 600 ? time : `${time}:${two(at.getSeconds())}`;
}

export function moment(unix) {
  const at = new Date(unix * 1000);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** A text of the program's as a sentence. */
export const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");

/** A length of time in words. */
export function span(s) {
  const whole = Math.max(0, Math.round(s));
  if (whole < 60) return `${whole} s`;
  const units = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const first = units.findIndex(([length]) => whole >= length);
  const [length, name] = units[first];
  const rest = units[first + 1] ? Math.floor((whole % length) / units[first + 1][0]) : 0;
  return `${Math.floor(whole / length)} ${name}${rest ? ` ${rest} ${units[first + 1][1]}` : ""}`;
}
