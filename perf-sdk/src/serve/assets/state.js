// What is looked at: it is in the address, behind the `#`, so that a link shows the same.

const USUAL = { last: 900, from: null, to: null, q: "", sort: "self", order: "descending", page: 0, f: null, m: null };
const listeners = [];
let state = read();

function whole(text, usual) {
  const number = Number(text);
  return text !== null && Number.isInteger(number) && number >= 0 ? number : usual;
}

function read() {
  const given = new URLSearchParams(location.hash.slice(1));
  const [from, to] = [whole(given.get("from"), null), whole(given.get("to"), null)];
  const is_fixed = from !== null && to !== null && from < to;
  return {
    last: Math.min(Math.max(whole(given.get("last"), USUAL.last), 10), 604800),
    from: is_fixed ? from : null,
    to: is_fixed ? to : null,
    q: given.get("q") ?? "",
    sort: given.get("sort") ?? USUAL.sort,
    order: given.get("order") === "ascending" ? "ascending" : "descending",
    page: whole(given.get("page"), 0),
    f: given.get("f"),
    m: given.get("m"),
  };
}

/** The address of a state. It has the path: a `<base>` would lead elsewhere. */
export function address(change) {
  const next = { ...state, ...change };
  const given = new URLSearchParams();
  for (const [key, value] of Object.entries(next)) {
    if (value !== USUAL[key] && value !== null && !(key === "last" && next.from !== null)) given.set(key, value);
  }
  return `${location.pathname}${location.search}#${given}`;
}

export const get = () => state;

/** Whether the newest data are shown. */
export const isLive = () => state.from === null;

/** Changes what is looked at. `quietly` adds no entry to the history of the browser. */
export function change(part, quietly = false) {
  const before = state;
  const url = address(part);
  state = { ...state, ...part };
  history[quietly ? "replaceState" : "pushState"](null, "", url);
  listeners.forEach((listener) => listener(state, before));
}

export const listen = (listener) => listeners.push(listener);

function moved() {
  const before = state;
  state = read();
  if (JSON.stringify(before) !== JSON.stringify(state)) listeners.forEach((listener) => listener(state, before));
}
addEventListener("popstate", moved);
addEventListener("hashchange", moved);
