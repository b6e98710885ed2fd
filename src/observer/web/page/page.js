// The page: its views, what is chosen, and what is drawn when.

import { drawData } from "./data.js";
import { drawDetails, showDetails } from "./details.js";
import { number } from "./elements.js";
import { drawNode, showNode } from "./node.js";
import { drawOverview } from "./overview.js";
import { drawProcesses, prepare, setFilter } from "./processes.js";
import { drawTrees } from "./trees.js";
import { connect, onUpdate, state } from "./updates.js";

const VIEWS = {
  overview: drawOverview,
  trees: (section, pid) => drawTrees(section.querySelector(".forest"), pid),
  processes: (_, pid) => drawProcesses(pid),
  data: drawData,
};

const aside = document.getElementById("details");

/** What the address says: a view, and a process if one is looked at. */
function chosen() {
  const [view, pid = ""] = location.hash.slice(1).split("/");
  return {
    view: Object.hasOwn(VIEWS, view) ? view : "overview",
    pid: /^[\d.]+$/.test(pid) ? `<${pid}>` : null,
  };
}

function choose(view, pid) {
  location.hash = pid === null ? view : `${view}/${pid.slice(1, -1)}`;
}

function drawView() {
  const { view, pid } = chosen();
  for (const name of Object.keys(VIEWS)) {
    document.getElementById(name).hidden = name !== view;
  }
  for (const link of document.querySelectorAll("nav a")) {
    const name = link.dataset.view;
    link.toggleAttribute("aria-current", name === view);
    // A process stays chosen when the view changes.
    link.hash = pid === null ? name : `${name}/${pid.slice(1, -1)}`;
  }
  if (state.update === null) return;
  VIEWS[view](document.getElementById(view), pid);
  showDetails(aside, pid, () => choose(chosen().view, null));
}

/**
 * Chooses what is pressed, at once: what is drawn anew before the button is released is not
 * clicked. A key clicks without a press.
 */
function onPress(event) {
  const target = event.target.closest("[data-pid], [data-filter], [data-node]");
  if (target === null) return;
  if (event.type === "click") event.preventDefault();
  const isPressed = event.type === "mousedown" ? event.button === 0 : event.detail === 0;
  if (!isPressed) return;
  if (target.dataset.node !== undefined) {
    showNode(target.dataset.node);
  } else if (target.dataset.filter !== undefined) {
    setFilter(target.dataset.filter);
    choose("processes", chosen().pid);
  } else {
    choose(chosen().view, target.dataset.pid);
  }
}

function says(kind, text) {
  const connection = document.getElementById("connection");
  const { hello, update } = state;
  const count = update === null ? "" : ` · ${number(update.rows.length)} processes`;
  connection.className = `connection ${kind}`;
  connection.textContent = `${text}${kind === "live" ? count : ""}`;
  if (hello !== null) {
    document.getElementById("program").textContent = hello.program ?? "Observer";
    document.title = `${hello.program ?? ""} · Observer`;
  }
}

for (const link of document.querySelectorAll("nav a")) link.dataset.view = link.hash.slice(1);
prepare(document.getElementById("processes"));
document.addEventListener("mousedown", onPress);
document.addEventListener("click", onPress);
addEventListener("hashchange", drawView);
addEventListener("resize", drawView);
onUpdate(() => {
  drawView();
  drawDetails();
  drawNode();
});
drawView();
connect(says);
