"use strict";
// The page is complete without this script. It adds: filters and sorting of tables, a look at single buffers of the
// pictures of memory (numbers from the JSON in the page), and buttons that open and close the graph.
const report = JSON.parse(document.getElementById("report").textContent);
const all = (selector, root) => Array.from((root || document).querySelectorAll(selector));

function filterTable(input) {
  const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const row of all("tbody tr", document.getElementById(input.dataset.table)))
    row.hidden = !words.every(word => row.textContent.toLowerCase().includes(word));
}
for (const input of all("input[data-table]")) input.addEventListener("input", () => filterTable(input));

function sortKey(row, column) {
  const cell = row.cells[column];
  return cell.classList.contains("n") ? Number(cell.dataset.value || NaN) : cell.textContent;
}
function compare(a, b) {
  if (typeof a === "number") return (Number.isNaN(a) ? -1 : a) - (Number.isNaN(b) ? -1 : b);
  return a.localeCompare(b, "en", { numeric: true });
}
function sortTable(head) {
  const table = head.closest("table"), column = head.cellIndex;
  const down = head.getAttribute("aria-sort") === "ascending";
  for (const other of all("th", table)) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const rows = all("tbody tr", table).map(row => ({ row, key: sortKey(row, column) }));
  rows.sort((a, b) => compare(a.key, b.key) * (down ? -1 : 1));
  table.tBodies[0].append(...rows.map(r => r.row));
}
for (const head of all("table.sortable th")) {
  const button = document.createElement("button");
  button.type = "button";
  button.append(...head.childNodes);
  head.append(button);
  button.addEventListener("click", () => sortTable(head));
}

function bytes(n) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  for (; n >= 1024 && 4 > unit; unit++) n /= 1024;
  return (unit ? n.toPrecision(3) : n) + " " + units[unit];
}
function describe(program, rect) {
  if (rect.dataset.slot) {
    const c = program.caches.slots[rect.dataset.slot];
    return `cache ${c.slot} ${c.name} of ${c.node}: ${c.shape} ${c.type}, ${bytes(c.bytes)} (${c.bytes}) at ${c.offset}`;
  }
  const variant = program.variants.find(v => v.name === rect.dataset.variant);
  const b = variant.buffers[rect.dataset.buffer], ops = variant.graph.operators;
  const rows = b.rows ? `, a window of ${b.rows} rows of its images` : "";
  return `${variant.name} step, buffer ${b.index} ${b.name}: ${bytes(b.bytes)} (${b.bytes}) at ${b.offset}${rows}, alive from ` +
    `operator ${b.first_operator} (${ops[b.first_operator].name}) to ${b.last_operator} (${ops[b.last_operator].name})`;
}
function watchMemory(figure) {
  const rects = all(".buffer, .slot", figure), out = figure.querySelector("output");
  const program = report.programs[figure.dataset.program];
  let chosen = -1;
  function choose(i) {
    if (rects[chosen]) rects[chosen].classList.remove("chosen");
    chosen = Math.min(Math.max(i, 0), rects.length - 1);
    rects[chosen].classList.add("chosen");
    out.textContent = describe(program, rects[chosen]);
  }
  rects.forEach((rect, i) => rect.addEventListener("click", () => choose(i)));
  figure.addEventListener("keydown", event => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step || !rects.length) return;
    event.preventDefault();
    choose(chosen + step);
  });
}
for (const figure of all("figure.memory")) watchMemory(figure);

function open(root, yes) {
  for (const part of all("details", root)) part.open = yes;
}
for (const button of all("button[data-open]"))
  button.addEventListener("click", () => open(document.getElementById(button.dataset.within), button.dataset.open === "yes"));
function openTarget() {
  const target = location.hash ? document.getElementById(location.hash.slice(1)) : null;
  if (target instanceof HTMLDetailsElement) target.open = true;
}
window.addEventListener("hashchange", openTarget);
window.addEventListener("beforeprint", () => open(document, true));
openTarget();
document.documentElement.dataset.ready = String(report.wanc_report);
