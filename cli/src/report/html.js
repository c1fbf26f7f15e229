"use strict";
const hosts = [...document.querySelectorAll("section.host")];
const element = (name, text, parent) => {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (parent) parent.append(made);
  return made;
};
const link = (host, parent) => {
  const made = element("a", host.dataset.address, parent);
  made.href = "#" + host.id;
  return made;
};
const rows = host => [...host.querySelectorAll("tbody tr")];

// The overview: open ports of all hosts across, hosts down.
const OVERVIEW_PORTS_MAX = 60;
function overview() {
  const counts = new Map();
  for (const host of hosts) for (const row of rows(host)) if (row.className === "open") {
    const port = row.cells[0].textContent;
    counts.set(port, (counts.get(port) || 0) + 1);
  }
  const number = port => parseInt(port, 10);
  const ports = [...counts.keys()].sort((a, b) => counts.get(b) - counts.get(a) || number(a) - number(b))
    .slice(0, OVERVIEW_PORTS_MAX).sort((a, b) => number(a) - number(b) || a.localeCompare(b));
  if (!ports.length) return;
  const place = document.getElementById("overview");
  const table = element("table", undefined, place.querySelector("div"));
  const head = table.createTHead().insertRow();
  element("th", "Host", head);
  for (const port of ports) element("th", port, head);
  const body = table.createTBody();
  for (const host of hosts) {
    const states = new Map(rows(host).map(row => [row.cells[0].textContent, row]));
    const line = body.insertRow();
    line.dataset.host = host.id;
    link(host, element("th", undefined, line));
    for (const port of ports) {
      const row = states.get(port), cell = line.insertCell();
      if (!row) continue;
      cell.className = row.className;
      cell.textContent = row.className === "open" ? "\u25cf" : "\u00b7";
      cell.title = port + " " + row.cells[1].textContent + " " + row.cells[2].textContent;
    }
  }
  place.hidden = false;
}

// The time line: when each host was worked on.
function timeline() {
  const timed = hosts.filter(host => Number(host.dataset.start) > 0);
  if (!timed.length) return;
  const first = Math.min(...timed.map(host => Number(host.dataset.start)));
  const last = Math.max(...timed.map(host => Number(host.dataset.end)), first + 1);
  const place = document.getElementById("timeline");
  for (const host of timed) {
    const start = Number(host.dataset.start), end = Number(host.dataset.end);
    const line = element("div", undefined, place.querySelector("div"));
    line.className = "bar";
    line.dataset.host = host.id;
    link(host, line);
    const bar = element("i", undefined, element("div", undefined, line));
    bar.style.left = 100 * (start - first) / (last - first) + "%";
    bar.style.width = 100 * (end - start) / (last - first) + "%";
    element("span", (end - start) + " s", line);
  }
  place.hidden = false;
}

// A click on a heading sorts its table.
function sort(heading) {
  const table = heading.closest("table"), column = heading.cellIndex;
  const down = heading.getAttribute("aria-sort") === "ascending";
  for (const other of heading.parentNode.cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", down ? "descending" : "ascending");
  const key = row => row.cells[column].dataset.sort || row.cells[column].textContent;
  const body = table.tBodies[0];
  const sorted = [...body.rows].sort((a, b) => key(a).localeCompare(key(b), undefined, { numeric: true }));
  body.append(...(down ? sorted.reverse() : sorted));
}

// Shows what holds all the words.
function filter() {
  const words = document.getElementById("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const openOnly = document.getElementById("open").checked;
  let shown = 0;
  for (const host of hosts) {
    const title = host.querySelector("h2").textContent.toLowerCase();
    const rest = words.filter(word => !title.includes(word));
    let any = rest.length === 0 && !openOnly;
    for (const row of rows(host)) {
      const text = row.textContent.toLowerCase();
      row.hidden = (openOnly && row.className !== "open") || !rest.every(word => text.includes(word));
      any = any || !row.hidden;
    }
    const other = host.textContent.toLowerCase();
    any = any || (!openOnly && words.every(word => other.includes(word)));
    host.hidden = !any;
    for (const line of document.querySelectorAll("[data-host]")) {
      if (line.dataset.host === host.id) line.hidden = host.hidden;
    }
    shown += any;
  }
  document.getElementById("count").textContent = shown + " of " + hosts.length + " hosts";
}

overview();
timeline();
document.addEventListener("click", event => {
  const heading = event.target.closest("section.host thead th");
  if (heading) sort(heading);
});
document.getElementById("filter").addEventListener("input", filter);
document.getElementById("open").addEventListener("change", filter);
filter();
