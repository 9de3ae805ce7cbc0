// The marks above the scene: what is highlighted, with its synapses and cables.

const MOST_LINES = 4000;

function drawMarks() {
  const c = cleared(marks);
  counts.synapses = 0;
  if (selected) drawMark(c, selected);
  if (hovered && !same(hovered, selected)) drawMark(c, hovered);
}

function drawMark(c, thing) {
  if (thing.group || thing.block) drawGroup(c, thing);
  else if (thing.neuron) drawNeuron(c, thing);
  else {
    drawSynapses(c, [thing], false);
    drawReached(c, thing.unit, thing.index);
    drawTree(c, thing);
    mark(c, thing.unit, thing.index);
  }
}

function drawNeuron(c, thing) {
  const block = thing.neuron;
  drawSynapses(c, unitsOf(thing), true);
  drawReached(c, somaOf(block), thing.index);
  if (block.folded) return;
  const [x, y] = centre(block, thing.index);
  ring(c, across(x), down(y), 0.5 * block.side * look.k * block.scale);
}

/** Colours of synapses by the sign of their weights, and how strongly to paint them. */
function tinted(edges) {
  const most = edges.reduce((found, { weight }) => Math.max(found, Math.abs(weight ?? 0)), 0);
  const unknown = (readout) => (readout ? colours.readout : colours.synapse);
  return {
    colour: (weight, readout) =>
      weight === null ? unknown(readout) : weight < 0 ? colours.negative : colours.positive,
    share: (weight) => (weight === null || !most ? 1 : 0.15 + 0.85 * Math.abs(weight / most)),
  };
}

/** The synapses onto units, the pixels that they sample, and where they come from. */
function drawSynapses(c, units, pale) {
  const edges = edgesOf(units);
  counts.synapses += edges.length;
  const { colour, share } = tinted(edges);
  // Pixels below, lines above them.
  for (const { one, source, weight } of edges) {
    const group = one.source;
    if (!group.grid) continue;
    const [x, y] = middle(group, source), cell = look.k * group.block.scale, [, , channels] = group.grid;
    c.globalAlpha = share(weight);
    c.fillStyle = colour(weight, false);
    c.fillRect(across(x) - cell / 2 / channels, down(y) - cell / 2, cell / channels, cell);
  }
  const strong = Math.min(0.9, (pale ? 4 : 9) / Math.sqrt(edges.length + 1));
  const step = Math.max(1, Math.ceil(edges.length / MOST_LINES));
  c.lineWidth = edges.length > 200 ? 0.6 : 1.2;
  for (let k = 0; k < edges.length; k += step) {
    const { one, unit, index, source, weight } = edges[k];
    c.globalAlpha = Math.max(0.06, strong * share(weight));
    c.strokeStyle = colour(weight, unit.role === "readout");
    c.setLineDash(one.less ? [4, 3] : []);
    c.beginPath();
    line(c, endOf(one.source, source, true), endOf(unit, index, false));
    c.stroke();
  }
  c.setLineDash([]);
  c.globalAlpha = 1;
  if (edges.length > 400) return;
  for (const { one, source } of edges) if (!one.source.grid) mark(c, one.source, source, true);
}

/** The synapses that a unit has on others. */
function drawReached(c, group, index) {
  const ends = group.from.flatMap((one) => reached(one, index).map((target) => [one.target, target]));
  counts.synapses += ends.length;
  const step = Math.max(1, Math.ceil(ends.length / MOST_LINES));
  const from = endOf(group, index, true);
  c.globalAlpha = Math.max(0.05, Math.min(0.7, 5 / Math.sqrt(ends.length + 1)));
  c.lineWidth = 0.9;
  for (let k = 0; k < ends.length; k += step) {
    const [target, at] = ends[k];
    c.strokeStyle = target.role === "readout" ? colours.readout : colours.synapse;
    c.beginPath();
    line(c, from, endOf(target, at, false));
    c.stroke();
  }
  c.globalAlpha = 1;
}

/** Cables from a compartment's children, and on to the soma. */
function drawTree(c, { unit, index }) {
  if (!inner(unit) || unit.block.folded) return;
  const children = unit.children.flatMap((group) =>
    Array.from({ length: group.count }, (_, k) => ({ group, at: index * group.count + k })));
  const path = [{ group: unit, at: index }]; // from the compartment to the soma
  for (let { group, at } = path[0]; group.parent; ) {
    [group, at] = [group.parent, Math.floor(at / group.count)];
    path.push({ group, at });
  }
  const spot = ({ group, at }) => middle(group, at);
  c.strokeStyle = colours.ink;
  c.lineWidth = Math.min(4, Math.max(1.4, 0.2 * look.k * unit.block.scale));
  c.beginPath();
  for (const child of children) line(c, spot(child), spot(path[0]));
  for (let k = 1; k < path.length; k++) line(c, spot(path[k - 1]), spot(path[k]));
  c.stroke();
  // The compartments again, above the cables.
  for (const one of [...children, ...path]) {
    const [x, y] = spot(one), { group } = one;
    disc(c, across(x), down(y), Math.max(1.2, sizeOf(group) * look.k * group.block.scale), group.colour, rimOf(group));
  }
}

function ring(c, x, y, radius, thin = false) {
  const path = () => circle(c, x, y, Math.max(3, radius));
  if (thin) haloed(c, path, 2.6, 1.1);
  else haloed(c, path);
}

function markBox(c, [x, y, width, height]) {
  haloed(c, () => rounded(c, across(x) - 1.5, down(y) - 1.5, look.k * width + 3, look.k * height + 3, 4));
}

/** A ring around a unit, or a frame around the pixel that it is or the box that stands for it. */
function mark(c, group, index, thin = false) {
  const at = middle(group, index), s = group.block.scale;
  if (!at) {
    if (!thin) markBox(c, boxOf(group));
  } else if (group.grid) {
    const [, , channels] = group.grid;
    markBox(c, [at[0] - s / 2 / channels, at[1] - s / 2, s / channels, s]);
  } else {
    const radius = group.role === "readout" ? 0.55 : sizeOf(group);
    ring(c, across(at[0]), down(at[1]), radius * look.k * s + (thin ? 1 : 2.2), thin);
  }
}

/** All of a group, or of a block, and the ribbons that join it to others. */
function drawGroup(c, thing) {
  const block = blockOf(thing), those = thing.group ? [thing.group] : block.groups;
  drawRibbons(c, (ribbon) => ribbon.members.some((one) => those.includes(one.source) || those.includes(one.target)));
  if (thing.block) markBox(c, frameOf(block));
  else if (block.role !== "layer" || block.folded) markBox(c, framed(thing.group));
  else if (coarse(block)) markBox(c, frameOf(block));
  else {
    const group = thing.group, s = look.k * block.scale, radius = Math.max(0.9, sizeOf(group) * s + 0.6);
    for (const neuron of neuronsInView(block)) {
      const [x, y] = centre(block, neuron);
      for (let k = 0; k < group.each; k++) {
        const sx = across(x) + s * group.around[2 * k], sy = down(y) + s * group.around[2 * k + 1];
        if (within(sx, sy, radius)) disc(c, sx, sy, radius, group.colour, colours.ink);
      }
    }
  }
}
