"use strict";
const search = document.getElementById("search");
const count = document.getElementById("count");
const rows = Array.from(document.querySelectorAll(".list tr"), (row) => {
  return { row, text: (row.textContent + " " + row.dataset.words).toLowerCase() };
});

// Shows the rows that hold every word.
function filter() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const { row, text } of rows) {
    row.hidden = !words.every((word) => text.includes(word));
    shown += row.hidden ? 0 : 1;
  }
  for (const list of document.querySelectorAll(".list")) {
    const title = list.previousElementSibling;
    if (title && title.tagName === "H2") title.hidden = !list.querySelector("tr:not([hidden])");
  }
  count.textContent = words.length ? shown + " of " + rows.length : rows.length + " pages";
}

if (count) {
  search.value = new URLSearchParams(location.search).get("q") || "";
  search.addEventListener("input", filter);
  search.form.addEventListener("submit", (event) => event.preventDefault());
  filter();
}
