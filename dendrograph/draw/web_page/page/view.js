// The view: what of the drawing is on the screen, and how large.

const look = { k: 1, x: 0, y: 0, fit: 1 }; // the point (u, v) of the drawing is on the screen at (k u + x, k v + y)

const across = (x) => look.k * x + look.x;
const down = (y) => look.k * y + look.y;
const back = (x, y) => [(x - look.x) / look.k, (y - look.y) / look.k];

/** Show a box of the drawing, as large as it fits between so many pixels at the sides. */
function show([x, y, width, height], most = Infinity, room = [28, 42, 28, 56]) {
  const [left, top, right, bottom] = room;
  look.k = Math.min((wide - left - right) / width, (high - top - bottom) / height, most);
  look.x = left + (wide - left - right - look.k * width) / 2 - look.k * x;
  look.y = top + (high - top - bottom - look.k * height) / 2 - look.k * y;
}

function reset() {
  show([0, 0, drawing.width, drawing.height], 60);
  look.fit = look.k;
  redraw();
}

function zoom(factor, x = wide / 2, y = high / 2) {
  const k = Math.min(Math.max(look.k * factor, 0.4 * look.fit), Math.max(160, 4 * look.fit));
  look.x = x - (k / look.k) * (x - look.x);
  look.y = y - (k / look.k) * (y - look.y);
  look.k = k;
  redraw();
}

function pan(x, y) {
  // A part of the drawing stays on the screen.
  const keep = 40;
  look.x = Math.min(Math.max(look.x + x, keep - look.k * drawing.width), wide - keep);
  look.y = Math.min(Math.max(look.y + y, keep - look.k * drawing.height), high - keep);
  redraw();
}

/** Fold or unfold layers; `kept` stays where it is on the screen, or else all is shown. */
function fold(those, folded, kept = null) {
  const before = kept && [across(kept.x), down(kept.y)], zoomed = look.k > 1.02 * look.fit;
  for (const block of those) if (block.role === "layer") block.folded = folded;
  arrange();
  hovered = null;
  const { k, x, y } = look;
  reset();
  if (kept && zoomed) {
    Object.assign(look, { k, x, y });
    look.x += before[0] - across(kept.x);
    look.y += before[1] - down(kept.y);
  }
  redraw();
}

/** Bring a thing into the middle, its layer unfolded. */
function visit(thing) {
  const block = blockOf(thing);
  if (block.role === "layer" && block.folded) fold([block], false);
  const s = block.scale, side = block.side * s; // of a neuron
  if (thing.unit && block.role === "layer") {
    const [x, y] = middle(thing.unit, thing.index);
    const around = Math.max(9 * s, Math.min(side, 24 * s));
    show([x - around / 2, y - around / 2, around, around], 60, roomBeside());
  } else if (thing.neuron) {
    const [x, y] = centre(block, thing.index);
    show([x - 0.8 * side, y - 0.8 * side, 1.6 * side, 1.6 * side], 60, roomBeside());
  } else {
    show(frameOf(block), 40, roomBeside());
  }
  redraw();
}

/** Pixels to leave at the sides, where the details lie. */
function roomBeside() {
  if (wide <= 720) return [24, 42, 24, Math.min(0.46 * high, 260) + 16];
  return [28, 42, Math.min(320, 0.4 * wide), 60];
}
