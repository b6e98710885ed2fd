// The supervision trees, drawn.

import { el, pidLink, shortType, svg } from "./elements.js";
import { state } from "./updates.js";

const HEIGHT = 36;
const GAP = 10;
const BETWEEN = 46;

/** Of a supervisor with more children than this, the first are drawn. */
const MOST = 24;

/** How many trees are drawn. */
const MOST_TREES = 100;

/** What was drawn last, so that nothing is drawn again that has not changed. */
const drawn = new Map();

/** The pids of all nodes that were drawn last. */
let pids = new Set();

/** Draws the trees into an element. */
export function drawTrees(element, selected) {
  const { update } = state;
  const elements = [];
  const seen = new Set();
  const keys = new Set();
  update.trees.slice(0, MOST_TREES).forEach((tree, index) => {
    const key = tree.application ?? pidOf(tree.tree) ?? String(index);
    keys.add(key);
    const isOpen = drawn.has(key);
    const nodes = layout(tree.tree, seen);
    const signature = JSON.stringify([tree, nodes.map((node) => node.title)]);
    if (!isOpen || drawn.get(key).signature !== signature) {
      drawn.set(key, { signature, element: drawTree(tree, nodes, isOpen) });
    }
    elements.push(drawn.get(key).element);
  });
  for (const key of drawn.keys()) {
    if (!keys.has(key)) drawn.delete(key);
  }
  const more = update.trees.length - MOST_TREES;
  if (more > 0) elements.push(el("p", { class: "empty" }, `and ${more} more trees, which are not drawn`));
  for (const application of update.applications.filter((it) => it.top === null)) {
    const text = `application ${application.name}, which has no tree, master `;
    elements.push(el("div", { class: "card" }, text, pidLink(application.master)));
  }
  if (elements.length === 0) elements.push(el("p", { class: "empty" }, "There are no supervisors."));
  pids = seen;
  const shown = [...element.children];
  if (shown.length !== elements.length || shown.some((it, index) => it !== elements[index])) {
    element.replaceChildren(...elements);
  }
  mark(element, selected);
}

/** Marks the node of the process that is looked at. */
export function mark(element, selected) {
  for (const node of element.querySelectorAll(".node")) {
    node.classList.toggle("selected", node.dataset.pid === selected);
  }
}

function pidOf(tree) {
  return tree.state.Running ?? null;
}

/** The nodes of a tree with their places: on the right of each its children, one below the other. */
function layout(root, seen) {
  const nodes = [];
  let next = 0;
  const place = (tree, depth, parent) => {
    const node = { tree, depth, parent, title: titleOf(tree), pid: pidOf(tree), row: next };
    nodes.push(node);
    node.isNew = node.pid !== null && tree.restarts > 0 && !pids.has(node.pid);
    if (node.pid !== null) seen.add(node.pid);
    const children = tree.children.slice(0, MOST);
    for (const child of children) place(child, depth + 1, node);
    const more = tree.children.length - children.length;
    if (more > 0) {
      const title = `${more} more`;
      nodes.push({ depth: depth + 1, parent: node, more, row: next++, title, pid: null });
    }
    if (tree.children.length === 0) next += 1;
  };
  place(root, 0, null);
  nodes.rows = next;
  return nodes;
}

function titleOf(tree) {
  const process = state.processes.get(pidOf(tree));
  if (tree.id === null) return tree.name ?? process?.title ?? "(top)";
  const isType = tree.id.includes("::");
  const id = isType ? shortType(tree.id) : tree.id;
  const title = process?.title ?? id;
  if (isType) return title;
  return title === id || title === process?.type ? id : `${id} · ${title}`;
}

function drawTree({ application, parent, tree }, nodes, showsNew) {
  const widths = [];
  for (const node of nodes) {
    node.text = shortened(node.title, 34);
    node.width = Math.max(96, 24 + textWidth(node.text));
    widths[node.depth] = Math.max(widths[node.depth] ?? 0, node.width);
  }
  const lefts = widths.map((_, depth) => sum(widths.slice(0, depth)) + depth * BETWEEN + 2);
  const width = lefts[lefts.length - 1] + widths[widths.length - 1] + 24;
  const height = nodes.rows * (HEIGHT + GAP) + 6;
  for (const node of nodes) {
    node.x = lefts[node.depth];
    node.y = node.row * (HEIGHT + GAP) + 8;
  }
  const edges = nodes.filter((node) => node.parent !== null).map(edge);
  const drawing = svg(
    "svg",
    { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Tree" },
    edges,
    nodes.map((node) => (node.more ? drawMore(node) : drawNode(node, showsNew))),
  );
  const title = application === null ? nodes[0].title : application;
  const note = application === null ? "supervisor" : "application";
  const by = application === null && parent !== null ? ["started by ", pidLink(parent)] : [];
  const restarts = restartsBelow(tree);
  const total = restarts === 0 ? null : `, ${counted(restarts)}`;
  const small = el("small", {}, note, total, by.length === 0 ? null : ", ", by);
  return el("div", { class: "card tree" }, el("h2", {}, title, small), drawing);
}

function counted(restarts) {
  return restarts === 1 ? "1 restart" : `${restarts} restarts`;
}

function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}

function restartsBelow(tree) {
  return tree.restarts + sum(tree.children.map(restartsBelow));
}

function edge({ x, y, parent }) {
  const from = parent.x + parent.width;
  const middle = x - BETWEEN / 2;
  const [start, end] = [parent.y + HEIGHT / 2, y + HEIGHT / 2];
  const bend = `H${middle - 8}C${middle},${start} ${middle},${end} ${middle + 8},${end}`;
  return svg("path", { class: "edge", d: `M${from},${start}${bend}H${x}` });
}

function drawNode(node, showsNew) {
  const { tree, pid, title, text, x, y, width } = node;
  const isDown = pid === null;
  const below = isDown ? (tree.state === "Restarting" ? "being restarted" : "stopped") : pid;
  const kinds = ["node", tree.child_type.toLowerCase()];
  if (isDown) kinds.push("down");
  if (node.isNew && showsNew) kinds.push("new");
  return svg(
    "g",
    { class: kinds.join(" "), "data-pid": pid, "data-id": tree.id },
    svg("title", {}, `${title}\n${below}\n${counted(tree.restarts)}`),
    svg("rect", { x, y, width, height: HEIGHT, rx: 8 }),
    svg("text", { class: "title", x: x + 12, y: y + 15 }, text),
    svg("text", { class: "below", x: x + 12, y: y + 29 }, below),
    tree.restarts > 0 ? badge(node) : null,
  );
}

/** How often a child was restarted, at the corner of its node. */
function badge({ tree, x, y, width }) {
  const text = `↻ ${tree.restarts}`;
  const long = 14 + 7 * String(tree.restarts).length + 8;
  return svg(
    "g",
    { class: "badge" },
    svg("rect", { x: x + width - long + 8, y: y - 7, width: long, height: 16, rx: 8 }),
    svg("text", { x: x + width + 8 - long / 2, y: y + 5, "text-anchor": "middle" }, text),
  );
}

/** Stands for the children that are not drawn: it leads to the table of them. */
function drawMore({ parent, title, x, y, width }) {
  return svg(
    "g",
    { class: "node more", "data-filter": `parent:${parent.pid}` },
    svg("rect", { x, y, width, height: HEIGHT, rx: 8 }),
    svg("text", { class: "title", x: x + 12, y: y + 22 }, title),
  );
}

function shortened(text, most) {
  const letters = [...text];
  return letters.length > most ? `${letters.slice(0, most - 1).join("")}…` : text;
}

const measure = document.createElement("canvas").getContext("2d");
measure.font = "500 12.5px system-ui, sans-serif";

function textWidth(text) {
  return Math.ceil(measure.measureText(text).width);
}
