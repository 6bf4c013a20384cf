// A field that filters the gallery of figures. Without this script all of them are there.
"use strict";
(() => {
  const list = document.querySelector("ul.gallery");
  if (!list) return;
  const items = [...list.children];
  const texts = items.map(item => item.querySelector(".gallery-text").textContent.toLowerCase());
  const form = document.createElement("form");
  form.className = "runs-filter";
  form.setAttribute("role", "search");
  form.setAttribute("aria-label", "Figures");
  form.innerHTML =
    '<label for="figures-query">Show figures with</label>' +
    '<input id="figures-query" type="search" autocomplete="off" placeholder="for example: momentum">' +
    '<output for="figures-query" aria-live="polite"></output>';
  form.addEventListener("submit", event => event.preventDefault());
  list.before(form);
  const input = form.querySelector("input");

  function filter() {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    items.forEach((item, k) => { item.hidden = !words.every(word => texts[k].includes(word)); });
    const shown = items.filter(item => !item.hidden).length;
    form.querySelector("output").textContent = `${shown} of ${items.length} figures shown`;
  }

  input.value = new URLSearchParams(window.location.search).get("q") || "";
  input.addEventListener("input", filter);
  filter();
})();
