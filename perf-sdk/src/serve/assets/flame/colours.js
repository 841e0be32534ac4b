// Colours of frames. Each has the colour of the text on it, with a contrast of at least 4.5 : 1 in
// both themes.
Flame.colours = (() => {
  const { SAME, NOISE, MORE, LESS } = Flame.measure;
  const HUES = [14, 32, 48, 96, 150, 176, 196, 214, 238, 268, 318, 342],
    SHADES = 3,
    STEPS = 8;
  const dark = () =>
    matchMedia("(prefers-color-scheme: dark)").matches &&
    !document.documentElement.classList.contains("print");

  // First those of functions, then a scale, then differences, then matches.
  const SCALE = HUES.length * SHADES,
    RED = SCALE + STEPS,
    BLUE = RED + STEPS,
    GREY = BLUE + STEPS,
    MATCH = GREY + 1;
  const palette = () => {
    const is = dark();
    const hsl = (hue, saturation, lightness) => `hsl(${hue} ${saturation}% ${lightness}%)`;
    const steps = of => Array.from({ length: STEPS }, (_, step) => of(step / (STEPS - 1)));
    const fills = HUES.flatMap(hue =>
      [0, 1, 2].map(shade => (is ? hsl(hue, 34, 26 + 3 * shade) : hsl(hue, 68, 76 + 4 * shade)))
    );
    fills.push(
      ...steps(part =>
        is ? hsl(48 - 38 * part, 30 + 35 * part, 22 + 14 * part) : hsl(48 - 38 * part, 88, 91 - 23 * part)
      )
    );
    fills.push(
      ...steps(part => (is ? hsl(6, 25 + 40 * part, 27 + 12 * part) : hsl(6, 60 + 25 * part, 91 - 22 * part)))
    );
    fills.push(
      ...steps(part =>
        is ? hsl(212, 25 + 40 * part, 27 + 12 * part) : hsl(212, 60 + 25 * part, 91 - 22 * part)
      )
    );
    fills.push(is ? hsl(215, 6, 29) : hsl(215, 10, 86), is ? hsl(292, 45, 38) : hsl(292, 75, 82));
    return {
      fills,
      text: is ? "#fff" : "#14171b",
      line: is ? "#fff" : "#000",
      back: is ? "#14171b" : "#fff",
      soft: is ? "#98a2b0" : "#66707d",
      dark: is
    };
  };

  const hash = text => {
    let hash = 2166136261;
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 16777619);
    return hash >>> 0;
  };
  // A crate has a hue, a function a shade of it.
  const ofName = name => {
    const crate = name.replace(/^[<&]+(mut |dyn )?/, "").split(/::|[ <>+]/, 1)[0];
    return (hash(crate) % HUES.length) * SHADES + (hash(name) % SHADES);
  };
  const ofNames = names => Uint8Array.from(names, ofName);

  // A figure between 0 and the highest.
  const ofPart = part => SCALE + Math.min(STEPS - 1, Math.max(0, Math.round(part * (STEPS - 1))));

  const ofChange = (is, change, highest) => {
    if (is === SAME || is === NOISE) return GREY;
    const step = Math.min(
      STEPS - 1,
      Math.max(1, Math.round(Math.sqrt(Math.abs(change) / (highest || 1)) * (STEPS - 1)))
    );
    return (is === MORE ? RED : BLUE) + step;
  };

  return { palette, ofNames, ofPart, ofChange, MATCH, GREY, SCALE, STEPS, RED, BLUE, LESS };
})();
