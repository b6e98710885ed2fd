// Elements, and how numbers and names are written. Texts are never read as HTML.

/** Makes an element: `el("td", { class: "end" }, "7")`. */
export function el(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** Makes an element of a drawing. */
export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") {
      element.addEventListener(name, value);
    } else if (value !== undefined && value !== null && value !== false) {
      element.setAttribute(name, value === true ? "" : value);
    }
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

const numbers = new Intl.NumberFormat("en");

export function number(value) {
  return value === null || value === undefined ? "–" : numbers.format(value);
}

/** Writes a time that is given in milliseconds. */
export function duration(ms) {
  if (ms === null || ms === undefined) return "–";
  if (ms < 1) return `${number(Math.round(ms * 1000))} µs`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes} min ${Math.floor((ms % 60_000) / 1000)} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** The milliseconds of a duration as serde writes it. */
export function milliseconds({ secs, nanos }) {
  return secs * 1000 + nanos / 1e6;
}

export function bytes(value) {
  if (value < 1024) return `${value} B`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  let unit = -1;
  do {
    value /= 1024;
    unit += 1;
  } while (value >= 1024 && unit < units.length - 1);
  return `${value.toFixed(value < 10 ? 1 : 0)} ${units[unit]}`;
}

export function percent(share) {
  if (share === null) return "–";
  return `${(share * 100).toFixed(share >= 0.0005 && share < 0.0995 ? 1 : 0)} %`;
}

/** The name of a type without the modules that it is in; a closure has that of its function. */
export function shortType(name) {
  const closure = name.replace(/(::\{\{closure\}\})+$/, "");
  const short = closure.replace(/(?:[\p{L}_][\p{L}\p{N}_]*::)+/gu, "");
  return closure === name ? short : `${short} {…}`;
}

/** A pid that leads to its process. */
export function pidLink(pid) {
  return el("a", { class: "pid", href: "#", "data-pid": pid }, pid);
}

/** How many links a list of them has. */
const MOST_LINKS = 100;

/** Links, or the first of them and how many more there are. */
export function links(all, link) {
  const more = all.length - MOST_LINKS;
  const shown = all.slice(0, MOST_LINKS).map(link);
  if (more > 0) shown.push(el("span", { class: "quiet" }, `and ${number(more)} more`));
  return shown;
}

/** A table of objects: each column has a title and a function that writes a cell. */
export function table(columns, rows) {
  if (rows.length === 0) return el("p", { class: "empty" }, "none");
  const kind = (column) => (column.end ? "end" : undefined);
  const cell = (column, row) => el("td", { class: kind(column) }, column.cell(row) ?? "–");
  return el(
    "table",
    {},
    el("thead", {}, el("tr", {}, columns.map((it) => el("th", { class: kind(it) }, it.title)))),
    el("tbody", {}, rows.map((row) => el("tr", {}, columns.map((it) => cell(it, row))))),
  );
}

export function card(title, note, ...children) {
  const small = note === null ? null : el("small", {}, note);
  return el("div", { class: "card" }, el("h2", {}, title, small), children);
}
