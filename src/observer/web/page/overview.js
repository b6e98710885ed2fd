// The numbers of the program, and its curves.

import { card, el, number, percent, pidLink, table } from "./elements.js";
import { plot } from "./plots.js";
import { state } from "./updates.js";

/** How many processes are in a list of those with the most of something. */
const MOST = 8;

let plots = null;

/** Draws the overview. */
export function drawOverview(section) {
  if (plots === null) {
    plots = makePlots();
    section.querySelector(".plots").replaceChildren(...plots.map((it) => it.element));
  }
  section.querySelector(".numbers").replaceChildren(...numbers());
  section.querySelector(".tops").replaceChildren(...tops());
  for (const it of plots) it.draw();
}

function makePlots() {
  const { history } = state;
  const queues = [
    { name: "queued in all mailboxes", class: "first", values: () => history.queued },
    { name: "in the longest", class: "second", values: () => history.longest },
  ];
  const cpu = [{ name: "of a processor", class: "first", values: () => history.cpu }];
  return [
    plot("Queues", queues, number, { least: 2 }),
    plot("CPU", cpu, percent, { least: 0.02 }),
  ];
}

function numbers() {
  const { update, history } = state;
  const { system, limits } = update;
  const restarts = update.supervisors.reduce((sum, it) => sum + it.restarts, 0);
  const room = limits.max_threads === null ? "" : `, room for ${number(limits.max_threads)}`;
  const left = system.abandoned_threads;
  return [
    figure(number(system.processes), "processes"),
    figure(number(limits.threads ?? system.threads), `threads${room}`),
    figure(number(history.queued[history.queued.length - 1]), "messages queued"),
    figure(number(update.supervisors.length), "supervisors"),
    figure(number(restarts), "restarts"),
    figure(number(system.timers), "timers"),
    left === 0 ? null : figure(number(left), "threads left behind", "bad"),
  ].filter((it) => it !== null);
}

function figure(value, text, kind = "") {
  return el("div", { class: `card number ${kind}` }, el("b", {}, value), el("span", {}, text));
}

function tops() {
  const { rows } = state.update;
  const most = (key) =>
    rows.filter((it) => it[key] > 0).sort((one, other) => other[key] - one[key]).slice(0, MOST);
  const process = { title: "Process", cell: (it) => it.title };
  const pid = { title: "Pid", cell: (it) => pidLink(it.pid) };
  const queue = { title: "Queue", cell: (it) => number(it.queue), end: true };
  const load = { title: "CPU", cell: (it) => percent(it.load), end: true };
  return [
    card("Longest queues", null, table([process, pid, queue], most("queue"))),
    card("Busiest processes", null, table([process, pid, load], most("load"))),
  ];
}
