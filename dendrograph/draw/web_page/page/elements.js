// Elements of the page, and numbers as text.

const element = (id) => document.getElementById(id);
const stage = element("stage"), scene = element("scene"), marks = element("marks");

function tag(name, text, ...inside) {
  const made = document.createElement(name);
  if (text !== null) made.textContent = text;
  made.append(...inside);
  return made;
}

const plain = (number) => number.toLocaleString("en");
const count = (number, word, many = `${word}s`) => `${plain(number)} ${number === 1 ? word : many}`;
const weighed = (w) => (Math.abs(w) >= 1e-3 || w === 0 ? w.toFixed(4) : w.toExponential(2)).replace("-", "−");
