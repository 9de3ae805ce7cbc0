// Where everything lies, in units of one compartment.

// The boxes of a folded layer; between levels of its tree that stand side by side, or below each other; between slots.
const BOX = { width: 11, height: 4, beside: 3.2, below: 1.6, gap: 1.1 };
let wide = 1, high = 1; // of the screen, in CSS pixels
let upright = false; // columns lie below each other, on a screen that is higher than wide
const drawing = { width: 1, height: 1, between: 1 };

const columns = [...new Set(blocks.map((block) => block.column))].sort((a, b) => a - b);

/** Width and height of a block before it is scaled. */
function naturalSize(block) {
  const group = block.groups[0];
  if (block.role === "input") return [group.grid[1], group.grid[0]];
  if (block.role === "readout") {
    block.across = group.size <= 25 ? (upright ? group.size : 1) : Math.ceil(Math.sqrt(group.size / 3));
    return [1.5 * block.across, 1.5 * Math.ceil(group.size / block.across)];
  }
  if (!block.folded) {
    block.across = Math.ceil(Math.sqrt(block.neurons));
    return [block.across * block.side, Math.ceil(block.neurons / block.across) * block.side];
  }
  block.deep = 1 + Math.max(...block.groups.map((group) => group.depth));
  const slots = Math.max(...block.groups.map((group) => group.slot)) + 0.5;
  block.slots = Math.max(...block.groups.filter((g) => g.depth === 0).map((g) => 2 * g.slot), slots);
  // The tree of a small neuron goes from top to bottom where that is where room is.
  block.stacked = block.slots <= 3 && upright === (columns.length <= 6);
  const along = (number, size, gap) => number * (size + gap) - gap;
  return block.stacked
    ? [along(block.slots, BOX.width, BOX.gap), along(block.deep, BOX.height, BOX.below)]
    : [along(block.deep, BOX.width, BOX.beside), along(block.slots, BOX.height, BOX.gap)];
}

/** Give every block its place; what is large sets the measure of what is small. */
function arrange() {
  upright = high > 1.15 * wide;
  for (const block of blocks) block.size = naturalSize(block);
  const open = blocks.filter((block) => block.role === "layer" && !block.folded);
  const measure = Math.max(30, ...open.map((block) => Math.max(...block.size)));
  for (const block of blocks) {
    const [width, height] = block.size, most = Math.max(width, height);
    block.scale = 1;
    if (block.role === "layer" && block.folded) block.scale = Math.max(1, (0.45 * measure) / most);
    if (block.role === "layer" && !block.folded) block.scale = Math.max(1, (0.3 * measure) / most);
    if (block.role === "input") {
      const side = Math.max(16, 0.42 * measure);
      block.scale = Math.min(side / most, 0.1 * side);
    }
    if (block.role === "readout") block.scale = Math.max(0.8, Math.min(0.05 * measure, (0.62 * measure) / most));
    block.width = width * block.scale;
    block.height = height * block.scale;
  }
  const deep = columns.length > 6 && !open.length;
  const between = deep ? 6 : Math.max(9, 0.3 * measure), beside = Math.max(4, 0.16 * measure);
  const lying = columns.map((column) => blocks.filter((block) => block.column === column));
  const along = (block) => (upright ? block.height : block.width);
  const aside = (block) => (upright ? block.width : block.height);
  let at = 0;
  const cross = lying.map((those) => those.reduce((sum, block) => sum + aside(block) + beside, -beside));
  const widest = Math.max(...cross);
  lying.forEach((those, number) => {
    const thick = Math.max(...those.map(along));
    let down = (widest - cross[number]) / 2;
    for (const block of those) {
      const start = at + (thick - along(block)) / 2;
      [block.x, block.y] = upright ? [down, start] : [start, down];
      down += aside(block) + beside;
    }
    at += thick + between;
  });
  const [width, height] = upright ? [widest, at - between] : [at - between, widest];
  Object.assign(drawing, { width, height, between });
}

/** Middle of a unit in the drawing; null where its layer is folded. */
function middle(group, index) {
  const block = group.block, s = block.scale;
  if (group.grid) {
    const [, width, channels] = group.grid, cell = Math.floor(index / channels);
    return [block.x + s * ((cell % width) + ((index % channels) + 0.5) / channels),
      block.y + s * (Math.floor(cell / width) + 0.5)];
  }
  if (group.role === "readout") {
    const down = Math.floor(index / block.across);
    return [block.x + 1.5 * s * ((index % block.across) + 0.5), block.y + 1.5 * s * (down + 0.5)];
  }
  if (block.folded) return null;
  const own = index % group.each, [x, y] = centre(block, Math.floor(index / group.each));
  return [x + s * group.around[2 * own], y + s * group.around[2 * own + 1]];
}

/** Where a neuron's soma lies. */
function centre(block, neuron) {
  const side = block.side * block.scale;
  return [block.x + side * ((neuron % block.across) + 0.5), block.y + side * (Math.floor(neuron / block.across) + 0.5)];
}

/** The box that stands for a group of a folded layer: [left, top, width, height]. */
function boxOf(group) {
  const block = group.block, s = block.scale, level = block.deep - 1 - group.depth;
  const [x, y] = block.stacked
    ? [(group.slot - 0.5) * (BOX.width + BOX.gap), level * (BOX.height + BOX.below)]
    : [level * (BOX.width + BOX.beside), (group.slot - 0.5) * (BOX.height + BOX.gap)];
  return [block.x + s * x, block.y + s * y, s * BOX.width, s * BOX.height];
}

const frameOf = (block) => [block.x, block.y, block.width, block.height];

/** What stands for a group when it is seen from afar: its box in a folded layer, or else all of its block. */
const framed = (group) => (group.block.folded ? boxOf(group) : frameOf(group.block));

/** Where a unit's synapses begin or end: the unit itself, or the box that stands for it. */
function endOf(group, index, leaving) {
  const at = middle(group, index);
  if (at) return at;
  const [x, y, width, height] = boxOf(group);
  if (upright) return [x + width / 2, leaving ? y + height : y];
  return [leaving ? x + width : x, y + height / 2];
}
