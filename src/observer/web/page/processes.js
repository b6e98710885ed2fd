// The table of all processes. Only the rows that can be seen are in the page.

import { duration, el, number, percent } from "./elements.js";
import { state } from "./updates.js";

const HEIGHT = 30;
const AROUND = 8;

const COLUMNS = [
  { key: "title", title: "Process", cell: (it) => titled(it) },
  { key: "pid", title: "Pid", cell: (it) => el("span", { class: "pid" }, it.pid) },
  { key: "application", title: "Application", cell: (it) => it.application, class: "less" },
  { key: "does", title: "Does", cell: (it) => it.does, class: "quiet" },
  { key: "queue", title: "Queue", cell: (it) => number(it.queue), isNumber: true },
  { key: "received", title: "Received", cell: (it) => number(it.received), isNumber: true },
  { key: "load", title: "CPU", cell: (it) => percent(it.load), isNumber: true },
  { key: "cpu", title: "CPU time", cell: (it) => cpuTime(it), isNumber: true, class: "less" },
  { key: "links", title: "Links", cell: (it) => number(it.links), isNumber: true, class: "less" },
  { key: "age", title: "Age", cell: (it) => duration(it.age), isNumber: true },
];

let order = { key: "queue", isDown: true };
let filter = "";
let shown = [];
let selected = null;
let parts = null;

/** What a process is called, and its type if that is not what it is called by. */
function titled({ title, type }) {
  return type === null || type === title ? title : [title, el("span", { class: "type" }, type)];
}

function cpuTime({ cpu }) {
  return duration(cpu === null ? null : cpu / 1000);
}

/** Makes the table in its section. */
export function prepare(section) {
  parts = {
    head: section.querySelector(".head"),
    table: section.querySelector(".table"),
    space: section.querySelector(".space"),
    shown: section.querySelector(".shown"),
    count: section.querySelector(".count"),
    filter: section.querySelector("input"),
  };
  drawHead();
  parts.table.addEventListener("scroll", drawRows);
  new ResizeObserver(drawRows).observe(parts.table);
  parts.filter.addEventListener("input", () => {
    filter = parts.filter.value.trim().toLowerCase();
    parts.table.scrollTop = 0;
    drawProcesses(selected);
  });
  section.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
}

/** Shows only the processes that fit this. */
export function setFilter(text) {
  parts.filter.value = text;
  parts.filter.dispatchEvent(new Event("input"));
}

function drawHead() {
  parts.head.replaceChildren(
    ...COLUMNS.map((column) => {
      const direction = order.isDown ? "descending" : "ascending";
      const sort = column.key === order.key ? direction : undefined;
      const button = el("button", { type: "button", click: () => sortBy(column) }, column.title);
      const kind = `${column.isNumber ? "end" : ""} ${column.class ?? ""}`;
      const attributes = { role: "columnheader", class: kind, "aria-sort": sort };
      return el("div", { ...attributes, "data-column": column.key }, button);
    }),
  );
}

function sortBy({ key, isNumber }) {
  const isSame = key === order.key;
  order = { key, isDown: isSame ? !order.isDown : isNumber === true };
  drawHead();
  drawProcesses(selected);
}

/** Draws the table anew. */
export function drawProcesses(pid) {
  selected = pid;
  const all = state.update.rows;
  shown = all.filter(fits).sort(compare);
  const some = shown.length === all.length ? "" : `${number(shown.length)} of `;
  parts.count.textContent = `${some}${number(all.length)} processes`;
  parts.space.style.height = `${shown.length * HEIGHT}px`;
  drawRows();
}

function fits(process) {
  if (filter === "") return true;
  if (filter.startsWith("parent:")) return process.parent === filter.slice("parent:".length);
  const { title, label, call, pid, application, does } = process;
  return [title, label, call, pid, application, does].some((text) =>
    (text ?? "").toLowerCase().includes(filter),
  );
}

function compare(one, other) {
  const { key, isDown } = order;
  const [first, second] = isDown ? [other, one] : [one, other];
  const result = compareValues(first[key], second[key], key);
  return result === 0 ? comparePids(one.pid, other.pid) : result;
}

function compareValues(one, other, key) {
  if (key === "pid") return comparePids(one, other);
  if (typeof one === "string") return one < other ? -1 : one > other ? 1 : 0;
  return (one ?? -1) - (other ?? -1);
}

/** Pids are compared by their numbers. */
function comparePids(one, other) {
  const [first, second] = [one, other].map((pid) => pid.slice(1, -1).split(".").map(Number));
  return first[0] - second[0] || first[1] - second[1] || first[2] - second[2];
}

function drawRows() {
  const { table, shown: place } = parts;
  if (table.clientHeight === 0) return; // It is not shown.
  const start = Math.max(0, Math.floor(table.scrollTop / HEIGHT) - AROUND);
  const end = Math.ceil((table.scrollTop + table.clientHeight) / HEIGHT) + AROUND;
  place.style.top = `${start * HEIGHT}px`;
  place.replaceChildren(...shown.slice(start, end).map(row));
}

function row(process) {
  const kind = process.pid === selected ? "row selected" : "row";
  const cells = COLUMNS.map((column) => {
    const isLong = column.key === "queue" && process.queue >= 100;
    const kinds = [column.isNumber ? "end" : "", column.class ?? "", isLong ? "warn" : ""];
    return el("div", { role: "cell", class: kinds.join(" ") }, column.cell(process));
  });
  const title = process.call ?? undefined;
  return el("div", { class: kind, role: "row", title, "data-pid": process.pid }, cells);
}
