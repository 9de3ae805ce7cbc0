// The mouse and fingers: what lies under them, and what they do to the view.

/** What lies at a point of the screen; a neuron only where `large`, which a click is and a hovering mouse is not. */
function thingAt(sx, sy, large) {
  const [x, y] = back(sx, sy), near = 5 / look.k;
  const block = blocks.find((each) =>
    x >= each.x - near && x <= each.x + each.width + near && y >= each.y - near && y <= each.y + each.height + near);
  if (!block) return null;
  const group = block.groups[0], u = (x - block.x) / block.scale, v = (y - block.y) / block.scale;
  if (block.role === "input") {
    const [height, width, channels] = group.grid;
    if (u < 0 || v < 0 || u >= width || v >= height) return null;
    const index = (Math.floor(v) * width + Math.floor(u)) * channels + Math.floor((u % 1) * channels);
    return index < group.size ? { unit: group, index } : null;
  }
  if (block.role === "readout") {
    const index = cellAt(u / 1.5, v / 1.5, block.across, group.size);
    return index === null ? null : { unit: group, index };
  }
  if (block.folded) {
    const hit = block.groups.find((each) => {
      const [left, top, width, height] = boxOf(each);
      return x >= left && x <= left + width && y >= top && y <= top + height;
    });
    return hit ? { group: hit } : null;
  }
  const neuron = cellAt(u / block.side, v / block.side, block.across, block.neurons);
  if (neuron === null) return null;
  const whole = { neuron: block, index: neuron };
  return coarse(block) ? whole : unitAt(block, neuron, x, y, near) ?? (large ? whole : null);
}

/** The number of a cell among so many that lie in rows; null beside them. */
function cellAt(u, v, across, most) {
  const index = Math.floor(v) * across + Math.floor(u);
  return u >= 0 && u < across && v >= 0 && index < most ? index : null;
}

/** The compartment of a neuron that lies at a point of the drawing, the nearest of several. */
function unitAt(block, neuron, x, y, near) {
  const [cx, cy] = centre(block, neuron), s = block.scale;
  let best = null, least = Infinity;
  for (const group of block.groups) {
    for (let k = 0; k < group.each; k++) {
      const far = Math.hypot(x - cx - s * group.around[2 * k], y - cy - s * group.around[2 * k + 1]);
      if (far < least && far < Math.max((sizeOf(group) + 0.12) * s, near)) {
        least = far;
        best = { unit: group, index: neuron * group.each + k };
      }
    }
  }
  return best;
}

const fingers = new Map();
let travelled = 0, apart = 0;

const placeOf = (event) => {
  const box = scene.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
};
const spread = () => {
  const [a, b] = [...fingers.values()];
  return { far: Math.hypot(a[0] - b[0], a[1] - b[1]), x: (a[0] + b[0]) / 2, y: (a[1] + b[1]) / 2 };
};

scene.addEventListener("pointerdown", (event) => {
  if (event.button) return;
  scene.setPointerCapture(event.pointerId);
  fingers.set(event.pointerId, placeOf(event));
  if (fingers.size === 1) travelled = 0;
  if (fingers.size === 2) apart = spread();
});
scene.addEventListener("pointermove", (event) => {
  const at = placeOf(event), before = fingers.get(event.pointerId);
  if (!before) {
    if (event.pointerType !== "touch") hover(thingAt(...at, false), ...at);
    return;
  }
  fingers.set(event.pointerId, at);
  travelled += Math.abs(at[0] - before[0]) + Math.abs(at[1] - before[1]);
  if (fingers.size === 2) {
    const now = spread();
    pan(now.x - apart.x, now.y - apart.y);
    zoom(now.far / Math.max(1, apart.far), now.x, now.y);
    apart = now;
    travelled = Infinity;
  } else if (fingers.size === 1 && travelled > 4) {
    stage.classList.add("dragged");
    hover(null);
    pan(at[0] - before[0], at[1] - before[1]);
  }
});
const lifted = (event) => {
  const at = placeOf(event), held = fingers.delete(event.pointerId);
  if (fingers.size) return;
  stage.classList.remove("dragged");
  if (held && event.type === "pointerup" && travelled <= 4) select(thingAt(...at, true));
};
scene.addEventListener("pointerup", lifted);
scene.addEventListener("pointercancel", lifted);
scene.addEventListener("pointerleave", () => hover(null));
scene.addEventListener("dblclick", () => { select(null); reset(); });
stage.addEventListener("wheel", (event) => {
  if (event.target.closest("#details, #legend")) return;
  event.preventDefault();
  const lines = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
  const at = placeOf(event);
  zoom(Math.exp(-Math.max(-300, Math.min(300, lines * event.deltaY)) * (event.ctrlKey ? 0.01 : 0.0018)), ...at);
  hover(thingAt(...at, false), ...at);
}, { passive: false });
