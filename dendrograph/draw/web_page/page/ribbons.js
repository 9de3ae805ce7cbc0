// Ribbons: what joins the groups that are seen from afar, one from frame to frame, each for so many synapses.

function ribbons() {
  const joined = new Map();
  for (const one of projections) {
    if (one.kind !== "synapse") continue;
    const { source, target, less } = one;
    const end = (group) => (group.block.folded ? group.name : group.block.name);
    const key = JSON.stringify([end(source), end(target), less]);
    const ribbon = joined.get(key) ?? { source, target, less, edges: 0, members: [] };
    ribbon.edges += one.edges;
    ribbon.members.push(one);
    joined.set(key, ribbon);
  }
  return [...joined.values()];
}

/** Pixels between what a block holds and the frame around it. */
const margin = (block) =>
  block.role === "layer" && !block.folded ? Math.max(4, 0.5 * look.k * block.scale) : block.role === "readout" ? 2 : 0;

/** The two ends of a ribbon and the points that bend it, on the screen. */
function bow(ribbon) {
  const [ax, ay, aw, ah] = framed(ribbon.source), [bx, by, bw, bh] = framed(ribbon.target);
  const a = upright ? [ax + aw / 2, ay + ah] : [ax + aw, ay + ah / 2];
  const b = upright ? [bx + bw / 2, by] : [bx, by + bh / 2];
  const after = margin(ribbon.source.block), before = margin(ribbon.target.block) + 6;
  const from = [across(a[0]) + (upright ? 0 : after), down(a[1]) + (upright ? after : 0)];
  const to = [across(b[0]) - (upright ? 0 : before), down(b[1]) - (upright ? before : 0)];
  const bend = upright ? (to[1] - from[1]) / 2 : (to[0] - from[0]) / 2;
  const via = upright
    ? [from[0], from[1] + bend, to[0], to[1] - bend]
    : [from[0] + bend, from[1], to[0] - bend, to[1]];
  return { from, to, via };
}

/** All ribbons, or strongly those only that are asked for. */
function drawRibbons(c, only = null) {
  for (const ribbon of ribbons()) {
    if (only && !only(ribbon)) continue;
    const { from, to, via } = bow(ribbon);
    const colour = ribbon.target.role === "readout" ? colours.readout : colours.synapse;
    const thick = 1 + 1.05 * Math.log10(ribbon.edges + 1);
    c.globalAlpha = only ? 0.95 : 0.42;
    c.strokeStyle = c.fillStyle = colour;
    c.lineWidth = thick;
    c.setLineDash(ribbon.less ? [2.2 * thick, 1.4 * thick] : []);
    c.beginPath();
    c.moveTo(...from);
    c.bezierCurveTo(...via, ...to);
    c.stroke();
    c.setLineDash([]);
    const [x, y] = to, half = thick / 2 + 3;
    c.beginPath();
    if (upright) [[x - half, y - 2], [x + half, y - 2], [x, y + 6]].forEach((p) => c.lineTo(...p));
    else [[x - 2, y - half], [x - 2, y + half], [x + 6, y]].forEach((p) => c.lineTo(...p));
    c.fill();
    c.globalAlpha = 1;
  }
}

const MOST_TOLD = 6; // ribbons from one frame that say their number

/** How many synapses a ribbon stands for, where there is room to say so. */
function drawCounts(c) {
  const taken = [];
  c.font = `11.5px ${FONT}`;
  c.textAlign = "center";
  c.textBaseline = "middle";
  const all = ribbons();
  for (const ribbon of all) {
    const { from, to, via } = bow(ribbon);
    const gap = upright ? to[1] - from[1] : to[0] - from[0];
    if (all.filter((other) => other.source === ribbon.source).length > MOST_TOLD) continue;
    const text = [count(ribbon.edges, "synapse"), plain(ribbon.edges)]
      .find((each) => c.measureText(each).width + 14 < (upright ? wide : gap));
    if (!text || (upright && gap < 24)) continue;
    const width = c.measureText(text).width;
    const x = (from[0] + 3 * via[0] + 3 * via[2] + to[0]) / 8, y = (from[1] + 3 * via[1] + 3 * via[3] + to[1]) / 8 - 1;
    const spot = [x - width / 2 - 3, y - 9, x + width / 2 + 3, y + 9];
    const hit = ([l, t, r, b]) => spot[0] < r && spot[2] > l && spot[1] < b && spot[3] > t;
    const frames = blocks.map((b) => [across(b.x), down(b.y), across(b.x + b.width), down(b.y + b.height)]);
    if (taken.some(hit) || frames.some(hit)) continue;
    taken.push(spot);
    c.lineWidth = 4;
    c.lineJoin = "round";
    c.strokeStyle = colours.paper;
    c.strokeText(text, x, y);
    c.fillStyle = colours.ink;
    c.fillText(text, x, y);
  }
}
