// The processes of another node, which that shows if it offers to be looked at.

import { duration, el, milliseconds, number, shortType, table } from "./elements.js";
import { request } from "./updates.js";

/** How many processes are listed: those with the longest queues. */
const SHOWN = 500;

const dialog = document.getElementById("node");
const contents = dialog.querySelector(".contents");

let isAsked = false;

/** Shows a node, as it is now and at each update. */
export function showNode(name) {
  dialog.querySelector("h2").textContent = name;
  contents.replaceChildren(el("p", { class: "quiet" }, "asking…"));
  dialog.showModal();
  drawNode();
}

/** Asks the node that is shown, if one is and has answered what it was asked before. */
export async function drawNode() {
  if (!dialog.open || isAsked) return;
  const name = dialog.querySelector("h2").textContent;
  isAsked = true;
  const { ok, text } = await request(`/snapshot.json?node=${encodeURIComponent(name)}`);
  isAsked = false;
  const shown = ok ? tables(JSON.parse(text)) : [el("p", { class: "problem" }, text)];
  if (dialog.querySelector("h2").textContent === name) contents.replaceChildren(...shown);
}

const COLUMNS = [
  { title: "Process", cell: titleOf },
  { title: "Pid", cell: (it) => it.pid },
  { title: "Does", cell: does },
  { title: "Queue", cell: (it) => number(it.message_queue_len), end: true },
  { title: "Received", cell: (it) => number(it.messages_received), end: true },
  { title: "Age", cell: (it) => duration(milliseconds(it.age)), end: true },
];

function tables({ processes }) {
  const longest = processes.toSorted((one, other) => other.message_queue_len - one.message_queue_len);
  const left = processes.length - SHOWN;
  const note = left > 0 ? `, ${number(left)} more are not listed` : "";
  return [
    el("p", { class: "quiet" }, `${number(processes.length)} processes${note}`),
    table(COLUMNS, longest.slice(0, SHOWN)),
  ];
}

function titleOf({ name, label, initial_call: call, foreign }) {
  if (name ?? label ?? call) return name ?? label ?? (shortType(call) || call);
  return foreign ? "(thread of the program)" : "(process)";
}

function does({ status, waits_for: waitsFor }) {
  if (waitsFor === null) return status.toLowerCase();
  if (typeof waitsFor === "string") return `waits: ${waitsFor.toLowerCase()}`;
  const [what, pids] = Object.entries(waitsFor)[0];
  return `waits: ${what.toLowerCase()} ${pids.join(" ")}`;
}
