// Elements of the page.
Flame.controls = (() => {
  // An element with properties; `on…` are listeners, `data` and `aria` are attributes.
  const el = (tag, properties = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
      if (value === undefined || value === null) continue;
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (name in element && !name.includes("-")) element[name] = value;
      else element.setAttribute(name, value);
    }
    element.append(...children.filter(child => child !== null && child !== undefined));
    return element;
  };

  // A control beneath its name.
  const named = (name, control, title) =>
    el("label", { className: "control", title }, el("span", {}, name), control);

  // `options`: pairs of a value and a text, or triples with the reason why it is off.
  const fill = (select, options, value) => {
    const is = options.some(([known, , off]) => known === value && !off)
      ? value
      : options.find(([, , off]) => !off)?.[0];
    select.replaceChildren(
      ...options.map(([value, text, off]) =>
        el("option", { value, disabled: Boolean(off), title: off || "" }, off ? `${text} (${off})` : text)
      )
    );
    select.value = is ?? "";
    return select.value;
  };

  const button = (text, onclick, title) => el("button", { type: "button", onclick, title }, text);

  const checkbox = (name, onchange, title) => {
    const box = el("input", { type: "checkbox", onchange: () => onchange(box.checked) });
    return { box, label: el("label", { className: "check", title }, box, el("span", {}, name)) };
  };

  return { el, named, fill, button, checkbox };
})();
