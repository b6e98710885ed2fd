// Curves over time.

import { duration, el, svg } from "./elements.js";
import { state } from "./updates.js";

const LEFT = 46;
const BELOW = 16;

/**
 * A plot: `series` has a name, a class and a function that returns its values, for each curve.
 * Its upper end is not below `least`.
 */
export function plot(title, series, write, { least, height = 140 }) {
  const drawing = svg("svg");
  const legend = el("p", { class: "legend" });
  const small = height < 100 ? " small" : "";
  const element = el("div", { class: `card plot${small}` }, el("h2", {}, title), legend, drawing);
  const draw = () => {
    const curves = series.map((it) => ({ ...it, points: it.values() }));
    const latest = ({ points }) => points[points.length - 1] ?? null;
    legend.replaceChildren(
      ...curves.map((it) =>
        el("span", {}, el("i", { class: it.class }), `${it.name} `, el("b", {}, write(latest(it)))),
      ),
    );
    const width = drawing.clientWidth;
    if (width === 0) return; // It is not shown.
    drawing.setAttribute("viewBox", `0 0 ${width} ${height}`);
    drawing.replaceChildren(...contents(curves, write, { width, height, least }));
  };
  return { element, draw };
}

function contents(curves, write, { width, height, least }) {
  const values = curves.flatMap((it) => it.points).filter((it) => it !== null);
  const top = roundUp(values.reduce((most, it) => Math.max(most, it), least));
  const length = Math.max(60, ...curves.map((it) => it.points.length));
  const x = (index, count) => LEFT + ((index + length - count) / (length - 1)) * (width - LEFT - 4);
  const y = (value) => 8 + (1 - value / top) * (height - BELOW - 12);
  const parts = [];
  for (const share of height < 100 ? [0, 1] : [0, 0.5, 1]) {
    const at = y(top * share);
    parts.push(svg("line", { class: "grid", x1: LEFT, x2: width - 4, y1: at, y2: at }));
    parts.push(text(LEFT - 6, at + 3, "end", write(top * share)));
  }
  for (const curve of curves) {
    const count = curve.points.length;
    const points = curve.points.map((value, index) =>
      value === null ? null : `${x(index, count).toFixed(1)},${y(value).toFixed(1)}`,
    );
    const known = points.filter((it) => it !== null);
    if (known.length < 2) continue;
    const [first] = known[0].split(",");
    const [last] = known[known.length - 1].split(",");
    const area = `M${first},${y(0)}L${known.join("L")}L${last},${y(0)}Z`;
    parts.push(svg("path", { class: `area ${curve.class}`, d: area }));
    parts.push(svg("path", { class: `curve ${curve.class}`, d: `M${known.join("L")}` }));
  }
  parts.push(text(width - 4, height - 2, "end", "now"));
  const since = shownSince(length);
  if (since !== null) parts.push(text(LEFT, height - 2, "start", since));
  return parts;
}

/** How long ago the left end of a plot was. */
function shownSince(length) {
  const times = state.history.at;
  if (times.length < 2) return null;
  const step = (times[times.length - 1] - times[0]) / (times.length - 1);
  return `${duration(step * (length - 1) * 1000)} ago`;
}

function text(x, y, anchor, content) {
  return svg("text", { class: "scale", x, y, "text-anchor": anchor }, content);
}

/** The next of 1, 2, 5, 10, 20, 50... */
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((it) => it * power).find((it) => it >= value * 0.999);
}
