// Learning curves by batch size, drawn as SVG from the data that the page carries (see book/_extensions/explore.py).
"use strict";
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const MARGIN = { left: 52, right: 12, top: 12, bottom: 40 };

  function element(parent, name, attributes, text) {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    parent.append(made);
    return made;
  }

  // The mean over runs at every epoch that any of them has, as [epoch, mean, number of runs].
  function means(runs, metric) {
    const found = new Map();
    for (const run of runs) {
      run.epoch.forEach((epoch, i) => {
        if (run[metric][i] !== null) found.set(epoch, [...(found.get(epoch) || []), run[metric][i]]);
      });
    }
    return [...found].sort((a, b) => a[0] - b[0])
      .map(([epoch, values]) => [epoch, values.reduce((a, b) => a + b) / values.length, values.length]);
  }

  // About four round steps from 0 or below to above the highest value.
  function ticks(low, high) {
    const rough = (high - low || 1) / 4;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 2.5, 5, 10].map(k => k * power).find(k => k >= rough * 0.999);
    const list = [];
    for (let k = Math.floor(low / step); ; k++) {
      list.push(k * step);
      if (k * step >= high) return list;
    }
  }

  const isShare = metric => metric.endsWith("accuracy");
  const written = (value, metric) => isShare(metric) ? `${(100 * value).toFixed(1)} %` : value.toFixed(3);
  const onAxis = (value, metric) => isShare(metric) ? `${Math.round(100 * value)} %` : `${+value.toFixed(6)}`;

  function start(box) {
    const data = JSON.parse(box.querySelector("script").textContent);
    const slider = box.querySelector("input");
    const choice = box.querySelector("select");
    const picture = box.querySelector(".explore-picture");
    const words = box.querySelector(".explore-words");

    function draw() {
      const size = data.batch_sizes[slider.value];
      const metric = choice.value;
      const name = choice.selectedOptions[0].textContent;
      const values = data.runs.flatMap(run => run[metric]).filter(value => value !== null);
      const epochs = data.runs.flatMap(run => run.epoch);
      const width = Math.max(260, picture.clientWidth);
      const height = Math.min(380, Math.max(240, 0.6 * width));
      const yTicks = ticks(Math.min(0, ...values), isShare(metric) ? 1 : Math.max(0, ...values));
      const [first, last] = [Math.min(...epochs), Math.max(...epochs)];
      const [low, high] = [yTicks[0], yTicks.at(-1)];
      const x = epoch => MARGIN.left + (epoch - first) / (last - first || 1) * (width - MARGIN.left - MARGIN.right);
      const y = value => height - MARGIN.bottom - (value - low) / (high - low) * (height - MARGIN.top - MARGIN.bottom);
      const line = points => points.map(([epoch, value]) => `${x(epoch).toFixed(1)},${y(value).toFixed(1)}`).join(" ");

      const svg = document.createElementNS(SVG, "svg");
      for (const [key, value] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}`, role: "img" }))
        svg.setAttribute(key, value);
      svg.setAttribute("aria-label", `${name} by epoch at batch size ${size}; the same in words below`);
      for (const value of yTicks) {
        element(svg, "line", { class: "grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: y(value), y2: y(value) });
        element(svg, "text", { x: MARGIN.left - 6, y: y(value) + 4, "text-anchor": "end" }, onAxis(value, metric));
      }
      const every = Math.max(1, Math.ceil((last - first) / (width / 60)));
      for (let epoch = first; epoch <= last; epoch += every)
        element(svg, "text", { x: x(epoch), y: height - MARGIN.bottom + 18, "text-anchor": "middle" }, epoch);
      element(svg, "text", { x: (MARGIN.left + width) / 2, y: height - 4, "text-anchor": "middle" }, "Epoch");

      for (const other of data.batch_sizes.filter(other => other !== size))
        element(svg, "polyline", { class: "other", points: line(means(data.runs.filter(r => r.batch_size === other), metric)) });
      const runs = data.runs.filter(run => run.batch_size === size);
      for (const run of runs) {
        const points = run.epoch.map((epoch, i) => [epoch, run[metric][i]]).filter(([, value]) => value !== null);
        element(svg, "polyline", { class: "seed", points: line(points) });
      }
      const mean = means(runs, metric);
      element(svg, "polyline", { class: "mean", points: line(mean) });
      for (const [epoch, value] of mean)
        element(svg, "circle", { class: "mean", cx: x(epoch), cy: y(value), r: 3.5 });
      picture.replaceChildren(svg);

      box.querySelector("output").textContent = size;
      slider.setAttribute("aria-valuetext", `batch size ${size}`);
      const [begin, end] = [mean[0], mean.at(-1)];
      words.textContent = !end ? `Batch size ${size}: nothing recorded.` :
        `Batch size ${size}, ${name.toLowerCase()}: ${written(begin[1], metric)} after epoch ${begin[0]} and ` +
        `${written(end[1], metric)} after epoch ${end[0]}, ` + (end[2] === 1 ? "one seed." : `means of ${end[2]} seeds.`);
    }

    slider.addEventListener("input", draw);
    choice.addEventListener("change", draw);
    box.hidden = false;
    draw();
    let drawn = picture.clientWidth;
    new ResizeObserver(() => {
      if (picture.clientWidth !== drawn) {
        drawn = picture.clientWidth;
        draw();
      }
    }).observe(picture);
  }

  // A page with several of them names this script several times.
  for (const box of document.querySelectorAll(".explore[hidden]")) start(box);
})();
