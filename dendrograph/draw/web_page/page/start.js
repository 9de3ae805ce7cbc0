// What scripts can ask of the page, and its start.

/** Where a thing lies on the screen, in CSS pixels of the window; null where there is none, or its layer is folded. */
function locate(name) {
  const [first] = meant(name);
  const asked = name.trim().toLowerCase().replace(/ of neuron \d+$/, "");
  if (!first || nameOf(first.thing).toLowerCase() !== asked) return null;
  const { thing } = first, block = blockOf(thing);
  let at;
  if (thing.unit) at = middle(thing.unit, thing.index);
  else if (thing.neuron) at = block.folded ? null : centre(block, thing.index);
  else {
    const [x, y, width, height] = thing.group ? framed(thing.group) : frameOf(block);
    at = [x + width / 2, y + height / 2];
  }
  if (!at) return null;
  const box = scene.getBoundingClientRect();
  return { x: box.left + across(at[0]), y: box.top + down(at[1]) };
}

window.dendrograph = Object.freeze({
  locate,
  state() {
    if (awaited) {
      cancelAnimationFrame(awaited);
      frame();
    }
    const layers = blocks.filter((block) => block.role === "layer");
    return {
      name: data.name,
      folded: layers.filter((block) => block.folded).map((block) => block.name),
      unfolded: layers.filter((block) => !block.folded).map((block) => block.name),
      zoom: look.k / look.fit,
      shift: [look.x, look.y],
      upright,
      selected: nameOf(selected),
      hovered: nameOf(hovered),
      matches: matches.map(({ thing }) => titleOf(thing)),
      drawn: { ...counts },
    };
  },
});

/** Lay all out anew for the size of the screen; a view that was moved stays as it is. */
function resize() {
  const box = stage.getBoundingClientRect(), before = upright;
  const untouched = wide === 1 || Math.abs(look.k / look.fit - 1) < 1e-6;
  [wide, high, ratio] = [Math.max(50, box.width), Math.max(50, box.height), window.devicePixelRatio || 1];
  for (const canvas of [scene, marks]) {
    [canvas.width, canvas.height] = [Math.round(wide * ratio), Math.round(high * ratio)];
  }
  arrange();
  if (untouched || upright !== before) reset();
  else redraw();
}

element("facts").textContent = data.facts.join(" · ");
scene.setAttribute("aria-label", `Diagram of the network ${data.name}: ${data.facts.join(", ")}. `
  + "Search for a compartment by name to hear of its synapses.");
new ResizeObserver(resize).observe(stage);
resize();
fillLegend();
