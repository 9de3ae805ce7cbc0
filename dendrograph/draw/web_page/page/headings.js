// The names of blocks, above them; those of layers fold and unfold them.

const headings = blocks.map((block) => {
  const made = document.createElement(block.role === "layer" ? "button" : "div");
  made.className = "heading";
  if (block.role === "layer") {
    made.type = "button";
    made.addEventListener("click", () => fold([block], !block.folded, block));
  }
  element("headings").append(made);
  return made;
});

function placeHeadings() {
  blocks.forEach((block, number) => {
    const made = headings[number], layer = block.role === "layer", group = block.groups[0];
    const size = layer ? count(block.neurons, "neuron")
      : block.role === "readout" ? count(group.size, "class", "classes")
      : group.shape || count(group.size, "unit");
    const sign = layer ? (block.folded ? "▸ " : "▾ ") : "";
    const text = sign + block.name;
    if (made.dataset.text !== text + size) {
      made.dataset.text = text + size;
      made.replaceChildren(text + " ", tag("small", size));
      if (layer) {
        made.setAttribute("aria-expanded", String(!block.folded));
        made.setAttribute("aria-label", `${block.folded ? "Unfold" : "Fold"} layer ${block.name}, ${size}`);
      }
    }
    // No wider than the room up to the next column; the size falls away before the name does.
    const room = upright ? wide : look.k * (block.width + drawing.between) - 4;
    const crowded = upright && columns.length > 6;
    const small = made.lastChild;
    small.hidden = crowded || room < 14 + 6.6 * (text.length + size.length);
    const fits = room / (0.62 * (text.length + 1));
    made.style.fontSize = `${Math.max(9, Math.min(13, fits)).toFixed(1)}px`;
    const own = (small.hidden ? text : text + size).length * 7.4;
    const inside = Math.max(across(block.x), Math.min(2, across(block.x + block.width) - 60));
    // Above the block; beside it where blocks lie close below each other.
    const beside = crowded && across(block.x) - own > 14;
    const left = beside
      ? across(block.x) - own - 12
      : Math.min(inside, Math.max(wide - own, across(block.x + block.width) - own));
    const above = beside ? down(block.y + block.height / 2) - 11 : down(block.y) - 27;
    const top = Math.max(above, Math.min(2, down(block.y + block.height) - 24));
    const away = left > wide || top > high || across(block.x + block.width) < 0 || down(block.y + block.height) < 0;
    made.style.visibility = away || fits < 6 ? "hidden" : "visible";
    made.style.transform = `translate(${left.toFixed(1)}px, ${top.toFixed(1)}px)`;
  });
}
