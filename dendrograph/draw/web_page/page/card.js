// What is said of a thing, in the tooltip and in the details.

const STRONGEST = 6; // sources that are named, by their weights
const FIRST = 10; // and where no weights are known

function card(thing) {
  const rows = [];
  const row = (label, text) => rows.push(tag("dt", label), tag("dd", text));
  const title = tag("h2", titleOf(thing));
  const group = thing.unit ?? thing.group;
  if (group && inner(group)) {
    const swatch = tag("span", "");
    swatch.className = "swatch";
    swatch.style.background = group.colour;
    title.prepend(swatch);
  }
  if (thing.unit) aboutUnit(thing, row);
  else if (thing.group) aboutGroup(thing.group, row);
  else aboutNeurons(thing, row);
  const edges = thing.unit || thing.neuron ? edgesOf(unitsOf(thing)) : [];
  // The sources of a whole neuron are many: without weights the first say nothing of them.
  const named = edges.length && (thing.unit || data.weighted) ? strongest(edges) : [];
  return [title, tag("dl", null, ...rows), ...named, ...maps(edges)];
}

/** The strongest sources with their weights; where no weights are known, the first sources. */
function strongest(edges) {
  const most = data.weighted ? STRONGEST : FIRST;
  const sorted = data.weighted ? [...edges].sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight)) : edges;
  const shown = sorted.slice(0, most), named = ({ one, source }) => `${one.source.name}[${source}]`;
  const more = edges.length > most ? `… ${plain(edges.length - most)} more` : "";
  const head = tag("dl", null, tag("dt", data.weighted ? "strongest sources" : "sources"));
  if (!data.weighted) return [head, tag("div", [...shown.map(named), ...(more ? [more] : [])].join(", "))];
  const items = shown.map((edge) => tag("li", null, tag("span", named(edge)), tag("b", weighed(edge.weight))));
  return [head, tag("ol", null, ...items), ...(more ? [tag("div", more)] : [])];
}

/** The images that synapses sample, with the pixels that they sample. */
function maps(edges) {
  const tint = tinted(edges), sources = [...new Set(edges.map(({ one }) => one.source))];
  return sources.filter((group) => group.shape && group.grid[1] / group.grid[0] < 8).map((group) => {
    const [height, width, channels] = group.grid, made = document.createElement("canvas");
    const cell = Math.max(1, Math.floor((168 * 2) / width / channels) * channels);
    [made.width, made.height] = [width * cell, height * cell];
    made.className = "map";
    made.setAttribute("role", "img");
    made.setAttribute("aria-label", `Where it samples ${group.name}`);
    const p = made.getContext("2d");
    p.imageSmoothingEnabled = false;
    p.drawImage(shadeOf(group), 0, 0, made.width, made.height);
    for (const { one, source, weight } of edges) {
      if (one.source !== group) continue;
      const at = Math.floor(source / channels), part = cell / channels;
      p.globalAlpha = tint.share(weight);
      p.fillStyle = tint.colour(weight, false);
      p.fillRect((at % width) * cell + (source % channels) * part, Math.floor(at / width) * cell, part, cell);
    }
    return made;
  });
}

const told = (one) => (one.notes.length ? ` (${one.notes.join(", ")})` : "");
const factorOf = (cable) => (cable.factor === 1 ? "" : `, × ${Number(cable.factor.toPrecision(3))}`);
const childrenOf = (group) => group.children.map((each) => `${plain(each.count)} ${each.label}`).join(", ") || "0";

function aboutUnit({ unit, index }, row) {
  if (inner(unit)) aboutNonlinearity(unit, row);
  for (const one of unit.onto) {
    const [first, last] = range(one, index);
    row("synapses", `${plain(last - first)} from ${one.source.name}${told(one)}`);
  }
  if (inner(unit)) {
    if (!unit.onto.length) row("synapses", "0");
    row("children", childrenOf(unit));
    if (unit.parent) aboutCable(unit, index, row);
  }
  for (const one of unit.from) {
    row("reaches", `${plain(reached(one, index).length)} of ${one.target.name}${told(one)}`);
  }
  if (unit.role !== "input") row("bias", unit.bias ? "1" : "0");
}

function aboutNonlinearity(group, row) {
  row("nonlinearity", group.nonlinearity);
  for (const note of group.notes) row("", note);
}

function aboutCable({ cable, parent, count: siblings }, index, row) {
  const to = Math.floor(index / siblings);
  let [edge, last] = range(cable, to);
  while (edge < last - 1 && sourceOf(cable, edge) !== index) edge++;
  const weight = cable.weights ? `, weight ${weighed(cable.weights[edge])}` : "";
  row("cable", `to ${parent.name}[${to}]${weight}${factorOf(cable)}${told(cable)}`);
}

function aboutGroup(group, row) {
  if (inner(group)) {
    aboutNonlinearity(group, row);
    const neurons = group.block.neurons;
    row("compartments", `${plain(group.size)}: ${plain(group.each)} in each of ${count(neurons, "neuron")}`);
  } else {
    row("units", plain(group.size));
    if (group.shape) row("shape", group.shape);
  }
  for (const one of group.onto) {
    row("synapses", `${plain(one.edges)} from ${one.source.name}, ${one.field || "all"}${told(one)}`);
  }
  if (inner(group)) {
    row("children", childrenOf(group));
    const { cable, parent } = group;
    if (cable) row("cables", `${plain(cable.edges)} to ${parent.name}${factorOf(cable)}${told(cable)}`);
  }
  for (const one of group.from) row("reaches", `${one.target.name} by ${count(one.edges, "synapse")}`);
  if (group.role !== "input") row("biases", plain(group.bias ? group.size : 0));
}

/** Of a layer, or of one of its neurons. */
function aboutNeurons(thing, row) {
  const block = blockOf(thing), own = block.groups, single = Boolean(thing.neuron);
  if (!single) row("neurons", plain(block.neurons));
  const share = (number) => (single ? number / block.neurons : number);
  const summed = (size) => plain(own.reduce((sum, group) => sum + share(size(group)), 0));
  row("compartments", summed((group) => group.size));
  const sources = new Map();
  for (const group of own) {
    for (const one of group.onto) {
      let edges = one.edges;
      if (single) { // its compartments follow one another, and so do the edges onto them
        const [first] = range(one, thing.index * group.each), [, last] = range(one, (thing.index + 1) * group.each - 1);
        edges = last - first;
      }
      sources.set(one.source, (sources.get(one.source) ?? 0) + edges);
    }
  }
  for (const [source, edges] of sources) row("synapses", `${plain(edges)} from ${source.name}`);
  row("cables", summed((group) => (group.parent ? group.size : 0)));
  for (const one of somaOf(block).from) {
    const edges = single ? reached(one, thing.index).length : one.edges;
    row("reaches", `${one.target.name} by ${count(edges, "synapse")}`);
  }
  row("biases", summed((group) => (group.bias ? group.size : 0)));
  for (const group of [...own].reverse()) row(group.label, `${plain(share(group.size))}, ${group.nonlinearity}`);
}
