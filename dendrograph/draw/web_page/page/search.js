// The search: a text, what it may mean, and the choice among it.

const MOST_MATCHES = 60;
let matches = [], chosen = 0;

function listMatches() {
  const box = element("search"), list = element("matches");
  matches = meant(box.value).slice(0, MOST_MATCHES);
  chosen = 0;
  list.replaceChildren(...matches.map(({ thing, hint }, number) => {
    const item = tag("li", titleOf(thing), tag("small", hint));
    item.id = `match-${number}`;
    item.setAttribute("role", "option");
    item.addEventListener("pointerdown", (event) => event.preventDefault());
    item.addEventListener("click", () => choose(number));
    return item;
  }));
  if (!matches.length) {
    const names = groups.map((group) => group.name).slice(0, 4).join(", ");
    const note = tag("li", "Nothing of this name.", tag("small", `Names are such as ${names}, soma[3], neuron 3.`));
    note.setAttribute("role", "note");
    list.append(note);
  }
  list.hidden = !box.value.trim();
  box.setAttribute("aria-expanded", String(!list.hidden));
  markChosen();
}

function markChosen() {
  [...element("matches").querySelectorAll("[role=option]")].forEach((item, number) => {
    item.setAttribute("aria-selected", String(number === chosen));
    if (number === chosen) item.scrollIntoView({ block: "nearest" });
  });
  if (matches.length) element("search").setAttribute("aria-activedescendant", `match-${chosen}`);
  else element("search").removeAttribute("aria-activedescendant");
}

function closeMatches() {
  element("matches").hidden = true;
  element("search").setAttribute("aria-expanded", "false");
  element("search").removeAttribute("aria-activedescendant");
  matches = [];
}

function choose(number) {
  const { thing } = matches[number];
  element("search").value = nameOf(thing);
  closeMatches();
  select(thing);
  visit(thing);
}

element("search").addEventListener("input", listMatches);
element("search").addEventListener("focus", () => { if (element("search").value) listMatches(); });
element("search").addEventListener("blur", closeMatches);
element("search").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && element("matches").hidden) listMatches();
  if (!matches.length) return;
  if (event.key === "Enter") choose(chosen);
  else if (event.key === "ArrowDown") chosen = (chosen + 1) % matches.length;
  else if (event.key === "ArrowUp") chosen = (chosen + matches.length - 1) % matches.length;
  else return;
  event.preventDefault();
  markChosen();
});
