// The network, unpacked: groups of compartments, the blocks that they stand in, and projections with their edges.

const data = JSON.parse(element("data").textContent);
const { groups, blocks, projections, colours } = data;

const TYPES = { uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array, float32: Float32Array };

function unpacked(packed) {
  const text = atob(packed.data), bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return new TYPES[packed.type](bytes.buffer);
}

// What the data names by number becomes the group itself.
for (const block of blocks) {
  block.groups = block.groups.map((number) => groups[number]);
  for (const group of block.groups) group.block = block;
}
for (const group of groups) {
  if (group.around) group.around = unpacked(group.around);
  group.parent = groups[group.parent] ?? null;
  group.children = []; // groups whose cables reach it
  group.cable = null; // the projection to its parent
  group.onto = []; // projections whose synapses reach it
  group.from = []; // and those whose synapses it has on others
}
for (const one of projections) {
  one.source = groups[one.source];
  one.target = groups[one.target];
  one.less = lessens(one.sign);
  if (one.weights) one.weights = unpacked(one.weights);
  if (one.form === "list") {
    one.sources = unpacked(one.sources);
    const targets = one.target.size;
    one.starts = new Uint32Array(targets + 1); // the edges onto target t are starts[t] to starts[t + 1] - 1
    const fan = typeof one.fan === "number" ? null : unpacked(one.fan);
    for (let t = 0; t < targets; t++) one.starts[t + 1] = one.starts[t] + (fan ? fan[t] : one.fan);
  }
  if (one.kind === "cable") {
    one.target.children.unshift(one.source);
    one.source.cable = one;
  } else {
    one.target.onto.push(one);
    one.source.from.push(one);
  }
}

/** Whether synapses of a sign are drawn dashed. */
function lessens(sign) {
  return sign === "inhibitory" || sign === "shunting";
}

/** Whether a group is one of compartments: neither input nor readout. */
const inner = (group) => group.depth !== undefined;

/** The first edge onto a target and the one after the last. */
function range(one, target) {
  if (one.form === "list") return [one.starts[target], one.starts[target + 1]];
  const each = one.edges / one.target.size;
  return [target * each, (target + 1) * each];
}

/** The source of an edge. */
function sourceOf(one, edge) {
  return one.form === "list" ? one.sources[edge] : one.form === "tree" ? edge : edge % one.source.size;
}

/** The synapses onto units: [{one: projection, unit: group, index, source, weight or null}]. */
function edgesOf(units) {
  const edges = [];
  for (const { unit, index } of units) {
    for (const one of unit.onto) {
      const [first, last] = range(one, index);
      for (let edge = first; edge < last; edge++) {
        edges.push({ one, unit, index, source: sourceOf(one, edge), weight: one.weights ? one.weights[edge] : null });
      }
    }
  }
  return edges;
}

/** The targets that a source reaches; the edges are looked through, since they are kept by target. */
function reached(one, source) {
  const targets = one.target.size;
  if (one.form === "tree") return [Math.floor(source / (one.edges / targets))];
  if (one.form === "all") return Array.from({ length: targets }, (_, t) => t);
  const found = [];
  let target = 0;
  for (let edge = 0; edge < one.sources.length; edge++) {
    if (one.sources[edge] !== source) continue;
    while (one.starts[target + 1] <= edge) target++;
    found.push(target);
  }
  return found;
}

/** How many synapses each unit of a group has on others. */
function fanOut(group) {
  const counts = new Float64Array(group.size);
  for (const one of group.from) {
    if (one.form === "all") counts.forEach((_, i) => { counts[i] += one.target.size; });
    else for (let edge = 0; edge < one.edges; edge++) counts[sourceOf(one, edge)]++;
  }
  return counts;
}
