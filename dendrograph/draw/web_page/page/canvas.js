// Painting: when a frame is drawn, and the shapes and colours that all of it is made of.

let awaited = 0, stale = true; // the next frame; whether the scene below the marks has to be drawn again in it
let ratio = 1; // device pixels to one of CSS
const counts = { compartments: 0, neurons: 0, cables: 0, synapses: 0, milliseconds: 0 };

function redraw(all = true) {
  stale ||= all;
  awaited ||= requestAnimationFrame(frame);
}

function frame() {
  awaited = 0;
  const start = performance.now();
  if (stale) {
    drawScene();
    placeHeadings();
  }
  drawMarks();
  if (stale) counts.milliseconds = performance.now() - start;
  stale = false;
}

function cleared(canvas) {
  const c = canvas.getContext("2d");
  c.setTransform(ratio, 0, 0, ratio, 0, 0);
  c.clearRect(0, 0, wide, high);
  return c;
}

/** A colour between two others, #rrggbb each. */
function mixed(a, b, share) {
  const part = (colour, k) => parseInt(colour.slice(1 + 2 * k, 3 + 2 * k), 16);
  return "#" + [0, 1, 2]
    .map((k) => Math.round(part(a, k) + share * (part(b, k) - part(a, k))).toString(16).padStart(2, "0"))
    .join("");
}

function rounded(c, x, y, width, height, radius) {
  c.beginPath();
  c.roundRect(x, y, width, height, Math.min(radius, width / 2, height / 2));
}

function circle(c, x, y, radius) {
  c.beginPath();
  c.arc(x, y, radius, 0, 2 * Math.PI);
}

/** Add a line between two points of the drawing to the path. */
function line(c, from, to) {
  c.moveTo(across(from[0]), down(from[1]));
  c.lineTo(across(to[0]), down(to[1]));
}

const sprites = new Map(); // discs, painted once for one size

function disc(c, x, y, radius, fill, rim) {
  const painted = (on, x, y, radius, width) => {
    circle(on, x, y, radius);
    on.fillStyle = fill;
    on.fill();
    if (!rim || radius <= 1.5) return;
    on.strokeStyle = rim;
    on.lineWidth = width;
    on.stroke();
  };
  if (radius < 1.2) {
    c.fillStyle = fill;
    c.fillRect(x - radius, y - radius, 2 * radius, 2 * radius);
    return;
  }
  if (radius > 14) {
    painted(c, x, y, radius, Math.max(0.8, 0.09 * radius));
    return;
  }
  const size = Math.round(4 * radius) / 4, key = `${size}${fill}${rim ?? ""}${ratio}`, half = Math.ceil(size + 2);
  let sprite = sprites.get(key);
  if (!sprite) {
    if (sprites.size > 300) sprites.clear();
    sprite = document.createElement("canvas");
    sprite.width = sprite.height = Math.ceil(2 * half * ratio);
    const p = sprite.getContext("2d");
    p.scale(ratio, ratio);
    painted(p, half, half, size, Math.max(0.6, 0.12 * size));
    sprites.set(key, sprite);
  }
  c.drawImage(sprite, x - half, y - half, sprite.width / ratio, sprite.height / ratio);
}

/** Stroke a path dark on a light halo. */
function haloed(c, path, light = 5, dark = 2.2) {
  for (const [colour, width] of [[colours.paper, light], [colours.ink, dark]]) {
    c.strokeStyle = colour;
    c.lineWidth = width;
    path();
    c.stroke();
  }
}

/** Whether some of a box of the drawing is on the screen. */
const seen = (x, y, width, height) =>
  across(x + width) > 0 && across(x) < wide && down(y + height) > 0 && down(y) < high;

/** Whether some of a disc is on the screen, whose middle is given in its pixels. */
const within = (x, y, radius) => x >= -radius && x <= wide + radius && y >= -radius && y <= high + radius;

const FONT = getComputedStyle(document.body).fontFamily;

/** A text around a point, of at most so many pixels; left out where it would be too small to read. */
function fitted(c, text, x, y, size, room, weight = 400) {
  c.font = `${weight} ${size}px ${FONT}`;
  const own = Math.min(size, (size * room) / Math.max(1, c.measureText(text).width));
  if (own < 5) return;
  c.textAlign = "center";
  c.textBaseline = "middle";
  c.font = `${weight} ${own}px ${FONT}`;
  c.fillText(text, x, y);
}
