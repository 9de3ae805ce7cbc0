// Keys, and the buttons of the toolbar.

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    closeMatches();
    element("search").value = "";
    select(null);
    hover(null);
    return;
  }
  if (event.target === element("search") || event.ctrlKey || event.metaKey || event.altKey) return;
  const step = 60;
  const act = {
    0: reset,
    "+": () => zoom(1.3), "=": () => zoom(1.3), "-": () => zoom(1 / 1.3),
    ArrowLeft: () => pan(step, 0), ArrowRight: () => pan(-step, 0),
    ArrowUp: () => pan(0, step), ArrowDown: () => pan(0, -step),
    "/": () => element("search").focus(),
  }[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});
element("in").addEventListener("click", () => zoom(1.4));
element("out").addEventListener("click", () => zoom(1 / 1.4));
element("reset").addEventListener("click", reset);
element("fold").addEventListener("click", () => fold(blocks, true));
element("unfold").addEventListener("click", () => fold(blocks, false));
