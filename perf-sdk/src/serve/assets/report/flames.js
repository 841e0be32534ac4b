// The flamegraph viewer, in a frame of its own: it is the same file that is saved from it.

import { h } from "../html.js";

export function flames(all, nonce) {
  const [file, style, script] = JSON.parse(document.getElementById("viewer-data").textContent);
  const frame = h("iframe", { title: "Flamegraph" });
  const show = (at) => {
    const data = JSON.stringify(all[at].document).replaceAll("<", "\\u003c");
    const parts = { "@NONCE@": nonce, "@STYLE@": style, "@SCRIPT@": script, "@DATA@": data };
    frame.title = `Flamegraph: ${all[at].title}`;
    frame.srcdoc = file.split(/(@[A-Z]+@)/).map((part) => parts[part] ?? part).join("");
  };
  const pick = h("select", { onchange: () => show(Number(pick.value)) }, all.map(({ title }, at) => h("option", { value: String(at) }, title)));
  // It is made when it is nearly in view, since a large one takes a moment.
  const watcher = new IntersectionObserver((seen) => {
    if (!seen.some(({ isIntersecting }) => isIntersecting)) return;
    watcher.disconnect();
    show(Number(pick.value));
  }, { rootMargin: "600px" });
  watcher.observe(frame);
  return [all.length > 1 ? h("div", { class: "bar" }, h("label", {}, "data ", pick)) : null, frame];
}
