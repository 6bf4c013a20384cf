// A field that filters the table of runs. Without this script the whole table is there.
// runs.html?q=ghost and runs.html#experiment-ghost fill the field.
(function () {
  "use strict";
  const table = document.querySelector(".runs-table table");
  if (!table) return;
  const rows = Array.from(table.tBodies[0].rows);
  const texts = rows.map((row) => row.textContent.toLowerCase());

  const form = document.createElement("form");
  form.className = "runs-filter";
  form.setAttribute("role", "search");
  form.setAttribute("aria-label", "Runs");
  form.innerHTML =
    '<label for="runs-query">Show runs with</label>' +
    '<input id="runs-query" type="search" autocomplete="off" placeholder="for example: ghost 8 diverged">' +
    '<output for="runs-query" aria-live="polite"></output>';
  form.addEventListener("submit", (event) => event.preventDefault());
  const input = form.querySelector("input");
  const count = form.querySelector("output");
  table.parentElement.before(form);

  function filter() {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    rows.forEach((row, k) => {
      row.hidden = !words.every((word) => texts[k].includes(word));
      shown += row.hidden ? 0 : 1;
    });
    count.textContent = shown + " of " + rows.length + " runs shown";
  }

  function fromAddress() {
    const experiment = window.location.hash.match(/^#experiment-(.+)$/);
    const query = new URLSearchParams(window.location.search).get("q");
    if (experiment) input.value = decodeURIComponent(experiment[1]);
    else if (query) input.value = query;
    filter();
  }

  input.addEventListener("input", filter);
  window.addEventListener("hashchange", fromAddress);
  fromAddress();
})();
