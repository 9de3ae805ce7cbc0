// What there is by name: a thing is {unit: group, index}, {neuron: block, index}, {group} or {block}.

function nameOf(thing) {
  if (!thing) return null;
  if (thing.neuron) return `${thing.neuron.name} neuron ${thing.index}`;
  if (thing.group) return thing.group.name;
  if (thing.block) return thing.block.name;
  return `${thing.unit.name}[${thing.index}]`;
}

/** Its name and, of a compartment, its neuron; of a pixel, where it is. */
function titleOf(thing) {
  const name = nameOf(thing);
  if (!thing.unit) return name;
  const { unit, index } = thing;
  if (inner(unit)) return `${name} of neuron ${Math.floor(index / unit.each)}`;
  if (unit.shape) {
    const [, width, channels] = unit.grid, cell = Math.floor(index / channels);
    const channel = channels > 1 ? `, channel ${index % channels}` : "";
    return `${name}: row ${Math.floor(cell / width)}, column ${cell % width}${channel}`;
  }
  return name;
}

const blockOf = (thing) => thing.neuron ?? thing.block ?? (thing.unit ?? thing.group).block;
const same = (a, b) => nameOf(a) === nameOf(b);

/** The compartments of a neuron, or the unit that a thing is. */
function unitsOf(thing) {
  if (thing.unit) return [thing];
  return thing.neuron.groups.flatMap((group) =>
    Array.from({ length: group.each }, (_, k) => ({ unit: group, index: thing.index * group.each + k })));
}

/** What a text may mean, the likeliest first: [{thing, hint}]. */
function meant(text) {
  const asked = text.trim().toLowerCase().replace(/\s+/g, " ");
  if (!asked) return [];
  const rank = (name) => {
    const lower = name.toLowerCase();
    if (lower === asked) return 0;
    return lower.split("/").pop() === asked ? 1 : lower.includes(asked) ? 2 : 3;
  };
  const like = (word) => {
    const named = (group) => group.name.toLowerCase();
    const whole = (group) => named(group) === word, last = (group) => named(group).endsWith(`/${word}`);
    for (const fits of [whole, last, (group) => named(group).includes(word)]) {
      const those = groups.filter(fits);
      if (those.length) return those;
    }
    return [];
  };
  const numbered = /^(.+?) ?\[ ?(\d+)(?: ?, ?(\d+))? ?\](?: of neuron \d+)?$/.exec(asked);
  if (numbered) {
    return like(numbered[1]).flatMap((group) => {
      const row = Number(numbered[2]), column = numbered[3] === undefined ? null : Number(numbered[3]);
      const [height, width, channels] = group.grid ?? [0, 0, 1];
      if (column !== null && (!group.shape || row >= height || column >= width)) return [];
      const index = column === null ? row : (row * width + column) * channels;
      return index < group.size ? [{ thing: { unit: group, index }, hint: hintOf(group) }] : [];
    });
  }
  const neuron = /^(?:(.+) )?neuron (\d+)$/.exec(asked);
  if (neuron) {
    const index = Number(neuron[2]);
    return blocks
      .filter((block) => index < block.neurons && block.name.toLowerCase().includes(neuron[1] ?? ""))
      .map((block) => ({ thing: { neuron: block, index }, hint: `one of ${count(block.neurons, "neuron")}` }));
  }
  const those = [
    ...blocks
      .filter((block) => block.neurons && rank(block.name) < 3)
      .map((block) => ({ thing: { block }, hint: `layer of ${count(block.neurons, "neuron")}`, at: rank(block.name) })),
    ...groups
      .filter((group) => rank(group.name) < 3 || group.kind.toLowerCase() === asked)
      .map((group) => ({ thing: { group }, hint: hintOf(group), at: rank(group.name) })),
  ];
  return those.sort((a, b) => a.at - b.at);
}

function hintOf(group) {
  if (group.role === "input") return `input of ${count(group.size, "unit")}`;
  if (group.role === "readout") return `readout of ${count(group.size, "unit")}`;
  return `${count(group.size, "compartment")}, ${group.nonlinearity}`;
}
