// How long batch norm's moving averages look back (see book/_extensions/calculator.py, whose arithmetic this repeats).
"use strict";
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const form = document.querySelector(".calculator");
  if (!form) return;
  const words = form.querySelector("output");
  const scale = form.querySelector(".calculator-scale");
  const [LOW, HIGH, WIDTH, HEIGHT] = [0.01, 100, 640, 96];

  const windowOf = (momentum, batch, images) => 1 / (1 - momentum) / Math.ceil(images / batch);
  const short = value => `${+value.toPrecision(2)}`;
  const percent = left => left >= 1e-6 ? `${short(100 * left)}%` : "less than 0.0001%";

  function element(parent, name, attributes, text) {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    parent.append(made);
  }

  // A logarithmic line of epochs: the question's four settings as ticks above it, the reader's own as a dot.
  function draw(own) {
    const x = epochs => 20 + (WIDTH - 40) * Math.log(Math.min(Math.max(epochs, LOW), HIGH) / LOW) / Math.log(HIGH / LOW);
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    element(svg, "line", { class: "axis", x1: 20, x2: WIDTH - 20, y1: 56, y2: 56 });
    for (let epochs = LOW; epochs <= HIGH * 1.01; epochs *= 10)
      element(svg, "text", { x: x(epochs), y: 76, "text-anchor": "middle" }, short(epochs));
    element(svg, "text", { x: WIDTH / 2, y: 93, "text-anchor": "middle" }, "averaging window (epochs)");
    form.dataset.marks.split(";").forEach((mark, k) => {
      const [momentum, batch, images] = mark.split(",").map(Number);
      const place = x(windowOf(momentum, batch, images));
      element(svg, "line", { class: "mark", x1: place, x2: place, y1: 30 - 14 * (k % 2), y2: 56 });
      element(svg, "text", { x: place, y: 26 - 14 * (k % 2), "text-anchor": "middle" }, `${momentum}, ${batch}`);
    });
    element(svg, "circle", { class: "own", cx: x(own), cy: 56, r: 7 });
    scale.replaceChildren(svg);
  }

  function compute() {
    const fields = Object.fromEntries([...form.querySelectorAll("input")].map(input => [input.name, input]));
    const wrong = Object.values(fields).find(input => !input.validity.valid);
    if (wrong) {
      words.textContent = `${wrong.labels[0].textContent}: ${wrong.validationMessage}`;
      return;
    }
    const [momentum, batch, images, epochs] = ["momentum", "batch", "images", "epochs"].map(name => +fields[name].value);
    const own = windowOf(momentum, batch, images);
    const left = momentum ** (Math.ceil(images / batch) * epochs);
    const first = `The averages look back over ${short(own)} ${short(own) === "1" ? "epoch" : "epochs"} ` +
      `(${Math.round(1 / (1 - momentum))} steps). After training, ${percent(left)} of their weight is left on the initial values. `;
    const verdict = left > +form.dataset.initial
      ? "Verdict: initial values. An evaluation still sees them. Recalibrate, or lower the momentum."
      : own > +form.dataset.window * epochs
        ? "Verdict: long. The averages describe the network as it was epochs ago. Compare with recalibrated statistics."
        : "Verdict: short. The averages keep up with the network; look for another cause.";
    words.textContent = first + verdict;
    draw(own);
  }

  form.addEventListener("submit", event => event.preventDefault());
  form.addEventListener("input", compute);
  for (const button of form.querySelectorAll("button"))
    button.addEventListener("click", () => {
      for (const name of ["momentum", "batch"]) form.elements[name].value = button.dataset[name];
      form.elements.images.value = form.elements.images.defaultValue;
      form.elements.epochs.value = form.elements.epochs.defaultValue;
      compute();
    });
  form.hidden = false;
  compute();
})();
