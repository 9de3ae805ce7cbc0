// The scene: inputs, layers folded and unfolded, the readout.

function drawScene() {
  const c = cleared(scene);
  Object.assign(counts, { compartments: 0, neurons: 0, cables: 0 });
  drawRibbons(c);
  for (const block of blocks) {
    if (!seen(block.x, block.y, block.width, block.height)) continue;
    if (block.role === "input") drawInput(c, block);
    else if (block.role === "readout") drawReadout(c, block);
    else if (block.folded) drawFolded(c, block);
    else drawOpen(c, block);
  }
  drawCounts(c);
}

function drawFolded(c, block) {
  c.strokeStyle = colours.cable;
  c.lineWidth = Math.max(1, Math.min(2.4, 0.16 * look.k * block.scale));
  c.beginPath();
  for (const group of block.groups) {
    if (!group.parent) continue;
    const [x, y, width, height] = boxOf(group), [px, py, pw, ph] = boxOf(group.parent);
    if (block.stacked) {
      line(c, [x + width / 2, y + height], [px + pw / 2, py]);
    } else {
      const from = [across(x + width), down(y + height / 2)], to = [across(px), down(py + ph / 2)];
      const bend = (to[0] - from[0]) / 2;
      c.moveTo(...from);
      c.bezierCurveTo(from[0] + bend, from[1], to[0] - bend, to[1], ...to);
    }
    counts.cables++;
  }
  c.stroke();
  for (const group of block.groups) {
    const [x, y, width, height] = boxOf(group);
    if (!seen(x, y, width, height)) continue;
    const s = look.k * block.scale, left = across(x), top = down(y), w = look.k * width, h = look.k * height;
    rounded(c, left, top, w, h, group.role === "soma" ? h / 2 : 0.7 * s);
    c.fillStyle = mixed(colours.paper, group.colour, 0.2);
    c.fill();
    c.strokeStyle = group.colour;
    c.lineWidth = Math.max(0.8, Math.min(2, 0.12 * s));
    c.stroke();
    c.fillStyle = colours.ink;
    const most = 20;
    if (h > 15) {
      fitted(c, group.label, left + w / 2, top + 0.33 * h, Math.min(most, 0.33 * h), 0.88 * w, 600);
      fitted(c, plain(group.size), left + w / 2, top + 0.7 * h, Math.min(most, 0.29 * h), 0.88 * w);
    } else {
      fitted(c, `${group.label} ${plain(group.size)}`, left + w / 2, top + h / 2, 0.66 * h, 0.92 * w);
    }
  }
}

/** What of a layer's neurons is on the screen: rows and columns of the first and after the last. */
function inView(block) {
  const side = block.side * block.scale;
  const [left, top] = back(0, 0), [right, bottom] = back(wide, high);
  const rows = Math.ceil(block.neurons / block.across);
  const bound = (value, most) => Math.min(Math.max(value, 0), most);
  return {
    first: [bound(Math.floor((left - block.x) / side), block.across), bound(Math.floor((top - block.y) / side), rows)],
    last: [bound(Math.ceil((right - block.x) / side), block.across), bound(Math.ceil((bottom - block.y) / side), rows)],
  };
}

function neuronsInView(block) {
  const { first, last } = inView(block), found = [];
  for (let row = first[1]; row < last[1]; row++) {
    for (let column = first[0]; column < last[0]; column++) {
      const neuron = row * block.across + column;
      if (neuron < block.neurons) found.push(neuron);
    }
  }
  return found;
}

/** Whether a layer's compartments are too small to be told apart, so that a disc stands for each neuron. */
const coarse = (block) => look.k * block.scale < 1.1 && block.groups.length > 1;
const sizeOf = (group) => (group.role === "soma" ? 0.66 : 0.42);
const rimOf = (group) => (group.role === "soma" ? colours.ink : colours.paper);
const somaOf = (block) => block.groups.find((group) => group.role === "soma");

function drawOpen(c, block) {
  const s = look.k * block.scale, pad = margin(block);
  rounded(c, across(block.x) - pad, down(block.y) - pad, look.k * block.width + 2 * pad,
    look.k * block.height + 2 * pad, 8);
  c.fillStyle = mixed(colours.paper, colours.ink, 0.025);
  c.fill();
  c.strokeStyle = mixed(colours.paper, colours.faint, 0.8);
  c.lineWidth = 1;
  c.stroke();
  const neurons = neuronsInView(block);
  if (coarse(block)) {
    drawNeurons(c, block, neurons);
    return;
  }
  if (block.groups.length > 1 && block.side * s > 26) {
    c.fillStyle = mixed(colours.paper, colours.ink, 0.035);
    c.beginPath();
    for (const neuron of neurons) {
      const [x, y] = centre(block, neuron), radius = 0.5 * block.side * s - Math.min(2, 0.12 * s);
      c.moveTo(across(x) + radius, down(y));
      c.arc(across(x), down(y), radius, 0, 2 * Math.PI);
    }
    c.fill();
  }
  // Cables where they can be told apart, and those of few neurons always.
  const each = block.groups.reduce((sum, group) => sum + group.each, 0);
  if (s > 3.2 || neurons.length * each < 8000) drawCables(c, block, neurons);
  for (const group of block.groups) {
    const radius = Math.max(0.55, sizeOf(group) * s), rim = rimOf(group);
    for (const neuron of neurons) {
      const [x, y] = centre(block, neuron);
      for (let k = 0; k < group.each; k++) {
        const sx = across(x) + s * group.around[2 * k], sy = down(y) + s * group.around[2 * k + 1];
        if (!within(sx, sy, radius)) continue;
        disc(c, sx, sy, radius, group.colour, rim);
        counts.compartments++;
      }
    }
  }
  if (block.side * s > 120) {
    c.fillStyle = mixed(colours.paper, colours.ink, 0.6);
    c.textAlign = "left";
    c.textBaseline = "top";
    c.font = `11px ${FONT}`;
    for (const neuron of neurons) {
      const [x, y] = centre(block, neuron), half = 0.5 * block.side * s;
      c.fillText(`neuron ${neuron}`, across(x) - half + 5, down(y) - half + 4);
    }
  }
}

/** A disc for each neuron: its soma within the colour of the group that has the most compartments. */
function drawNeurons(c, block, neurons) {
  const most = block.groups.reduce((most, group) => (group.size > most.size ? group : most));
  const radius = Math.max(0.8, 0.4 * block.side * look.k * block.scale);
  for (const neuron of neurons) {
    const [x, y] = centre(block, neuron);
    disc(c, across(x), down(y), radius, mixed(colours.paper, most.colour, 0.72), null);
    if (radius > 1.6) disc(c, across(x), down(y), 0.45 * radius, somaOf(block).colour, null);
  }
  counts.neurons += neurons.length;
}

function drawCables(c, block, neurons) {
  const s = look.k * block.scale;
  c.strokeStyle = mixed(colours.paper, colours.cable, 0.62);
  for (const group of block.groups) {
    if (!group.parent) continue;
    const { around: from } = group, { around: to } = group.parent;
    c.lineWidth = Math.min(3, Math.max(0.5, 0.11 * s / Math.sqrt(group.depth)));
    c.beginPath();
    for (const neuron of neurons) {
      const [x, y] = centre(block, neuron);
      for (let k = 0; k < group.each; k++) {
        const above = Math.floor(k / group.count);
        c.moveTo(across(x) + s * from[2 * k], down(y) + s * from[2 * k + 1]);
        c.lineTo(across(x) + s * to[2 * above], down(y) + s * to[2 * above + 1]);
      }
    }
    c.stroke();
    counts.cables += neurons.length * group.each;
  }
}

/** An input as a picture: the darker a unit, the more synapses sample it. */
function shadeOf(group) {
  if (!group.shade) {
    const [height, width, channels] = group.grid;
    const fans = fanOut(group), most = fans.reduce((a, b) => Math.max(a, b), 0);
    const even = fans.every((fan) => fan === most);
    group.shade = document.createElement("canvas");
    [group.shade.width, group.shade.height] = [width * channels, height];
    const p = group.shade.getContext("2d"), image = p.createImageData(width * channels, height);
    fans.forEach((fan, i) => {
      const colour = mixed(colours.paper, colours.ink, most ? (even ? 0.08 : 0.45 * (fan / most)) : 0);
      [1, 3, 5].forEach((at, k) => { image.data[4 * i + k] = parseInt(colour.slice(at, at + 2), 16); });
      image.data[4 * i + 3] = 255;
    });
    p.putImageData(image, 0, 0);
  }
  return group.shade;
}

function drawInput(c, block) {
  const group = block.groups[0], [height, width] = group.grid;
  const left = across(block.x), top = down(block.y), w = look.k * block.width, h = look.k * block.height;
  c.imageSmoothingEnabled = false;
  c.drawImage(shadeOf(group), left, top, w, h);
  const cell = look.k * block.scale;
  if (cell > 5) {
    c.strokeStyle = mixed(colours.paper, colours.faint, 0.75);
    c.lineWidth = 0.5;
    c.beginPath();
    for (let k = 1; k < width; k++) { c.moveTo(left + k * cell, top); c.lineTo(left + k * cell, top + h); }
    for (let k = 1; k < height; k++) { c.moveTo(left, top + k * cell); c.lineTo(left + w, top + k * cell); }
    c.stroke();
  }
  c.strokeStyle = colours.ink;
  c.lineWidth = 1;
  c.strokeRect(left, top, w, h);
}

function drawReadout(c, block) {
  const group = block.groups[0], s = look.k * block.scale;
  for (let index = 0; index < group.size; index++) {
    const [x, y] = middle(group, index), sx = across(x), sy = down(y);
    if (!within(sx, sy, s)) continue;
    disc(c, sx, sy, 0.55 * s, group.colour, colours.paper);
    if (s > 11) {
      c.fillStyle = colours.paper;
      fitted(c, String(index), sx, sy + 0.5, Math.min(15, 0.6 * s), 0.9 * s, 600);
    }
  }
}
