// What is selected, and what is under the mouse.

let selected = null, hovered = null;

/** Select a thing, or nothing, and say what is known of it. */
function select(thing) {
  selected = thing;
  const panel = element("details");
  panel.hidden = !thing;
  if (thing) {
    const close = tag("button", "×");
    close.type = "button";
    close.setAttribute("aria-label", "Close, and select nothing");
    close.addEventListener("click", () => select(null));
    panel.replaceChildren(close, ...card(thing));
    panel.scrollTop = 0;
  }
  element("told").textContent = thing ? `selected: ${titleOf(thing)}` : "";
  redraw(false);
}

function hover(thing, x, y) {
  const tip = element("tip");
  if (!same(thing, hovered)) {
    hovered = thing;
    stage.classList.toggle("over", Boolean(thing));
    if (thing) tip.replaceChildren(...card(thing));
    redraw(false);
  }
  tip.hidden = !thing;
  if (!thing) return;
  const { offsetWidth: width, offsetHeight: height } = tip;
  const left = x + 18 + width < wide ? x + 18 : Math.max(4, x - 14 - width);
  const top = Math.max(4, Math.min(y + 14, high - height - 4));
  tip.style.transform = `translate(${left}px, ${top}px)`;
}
