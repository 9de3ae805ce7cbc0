// The legend: what the colours and lines mean.

function fillLegend() {
  const list = element("legend").querySelector("ul");
  const entry = (kind, colour, text, dashed) => {
    const sign = tag("span", "");
    sign.className = kind;
    if (kind.startsWith("swatch")) sign.style.background = colour;
    else Object.assign(sign.style, { borderColor: colour, borderTopStyle: dashed ? "dashed" : "solid" });
    list.append(tag("li", null, sign, text));
  };
  for (const [name, colour] of Object.entries(colours.nonlinearities)) entry("swatch", colour, name);
  const cable = projections.some((one) => one.kind === "cable");
  if (cable) entry("line", colours.cable, "cable");
  const to = (readout) => projections.filter(
    (one) => one.kind === "synapse" && (one.target.role === "readout") === readout);
  for (const sign of new Set(to(false).map((one) => one.sign))) {
    entry("line", colours.synapse, sign === "free" ? "synapses" : `${sign} synapses`, lessens(sign));
  }
  if (to(true).length) entry("line", colours.readout, "readout");
  if (data.weighted) {
    entry("line", colours.positive, "weight > 0");
    entry("line", colours.negative, "weight < 0");
  }
  entry("swatch square", mixed(colours.paper, colours.ink, 0.4), "sampled more often");
  element("legend").hidden = !data.legend;
  element("legend").open = wide > 720;
}
