// A process by itself: what is known of it, and what it answers.

import { duration, el, links, milliseconds, number, percent, pidLink, shortType } from "./elements.js";
import { plot } from "./plots.js";
import { tracer } from "./trace.js";
import { request, state, watch } from "./updates.js";

let current = null;

/** Shows a process, or none. */
export function showDetails(aside, pid, close) {
  if (current?.pid === pid) return;
  current?.trace.stop();
  current = null;
  aside.hidden = pid === null;
  if (pid === null) {
    watch(null);
    aside.replaceChildren();
    return;
  }
  watch(pid);
  current = make(pid, close);
  aside.replaceChildren(current.element);
  aside.scrollTop = 0;
  refresh(true);
}

/** Draws what has changed of the process that is shown. */
export function drawDetails() {
  if (current !== null) refresh(false);
}

function make(pid, close) {
  const history = () => state.watched.get(pid);
  const queue = [{ name: "messages", class: "first", values: () => history()?.queue ?? [] }];
  const cpu = [{ name: "of a processor", class: "second", values: () => history()?.cpu ?? [] }];
  const small = { height: 74 };
  const plots = [
    plot("Queue", queue, number, { least: 2, ...small }),
    plot("CPU", cpu, percent, { least: 0.02, ...small }),
  ];
  const title = el("h2", {}, pid);
  const known = el("dl");
  const status = el("div", { class: "status" });
  const trace = tracer(pid);
  const button = { class: "close", "aria-label": "Close", click: close };
  const element = el(
    "div",
    {},
    el("div", { class: "top" }, title, el("button", button, "×")),
    known,
    state.hello?.control ? actions(pid) : null,
    el("h3", {}, "Status"),
    status,
    el("h3", {}, "Over time"),
    plots.map((it) => it.element),
    el("h3", {}, "Trace"),
    el("div", { class: "trace" }, trace.element),
  );
  return { pid, name: pid, element, title, known, status, plots, trace, isAsked: false };
}

async function refresh(isFirst) {
  const shown = current;
  const process = state.processes.get(shown.pid);
  shown.name = process?.title ?? shown.name;
  shown.title.replaceChildren(shown.name);
  if (process === undefined) {
    shown.title.append(" ", el("small", { class: "ended" }, "has ended"));
  }
  for (const it of shown.plots) it.draw();
  if (isFirst) ask(shown, process?.behaviour ?? true);
  if (shown.isAsked || (process === undefined && !isFirst)) return;
  shown.isAsked = true;
  const { ok, text } = await request(`/process.json?pid=${bare(shown.pid)}`);
  shown.isAsked = false;
  const known = ok ? JSON.parse(text) : null;
  if (known !== null && shown === current) {
    shown.known.replaceChildren(...describe(known, process));
  }
}

/** A pid as it stands in an address. */
export function bare(pid) {
  return pid.slice(1, -1);
}

function describe(it, row) {
  const terms = [];
  const add = (title, value, kind) => {
    if (value === null || value === undefined || value.length === 0) return;
    terms.push(el("dt", {}, title), el("dd", { class: kind }, value));
  };
  add("Pid", el("code", {}, it.pid));
  add("Name", it.name ?? it.via);
  add("Label", it.label);
  add("Started as", it.initial_call === null ? null : el("span", { title: it.initial_call }, shortType(it.initial_call)));
  add("Application", row?.application);
  add("Does", waits(it, row));
  add("Parent", it.ancestors.slice(0, 1).map(processLink), "pids");
  add("Ancestors", links(it.ancestors.slice(1), processLink), "pids");
  add("Links", links(it.links, processLink), "pids");
  add("Monitors", links(it.monitors, processLink), "pids");
  add("Monitored by", links(it.monitored_by, processLink), "pids");
  add("Queue", number(it.message_queue_len));
  add("Received", number(it.messages_received));
  if (it.mailbox_capacity !== null) {
    const [capacity, overflow] = it.mailbox_capacity;
    add("Mailbox", `room for ${number(capacity)}, then ${overflow}`);
  }
  if (it.messages_dropped > 0) add("Dropped", number(it.messages_dropped));
  if (it.messages_refused > 0) add("Refused", number(it.messages_refused));
  add("Traps exits", it.trap_exit ? "yes" : "no");
  add("Age", duration(milliseconds(it.age)));
  add("Thread", it.thread_id === null ? null : String(it.thread_id));
  add("CPU time", it.cpu_time === null ? null : duration(milliseconds(it.cpu_time)));
  return terms;
}

/** What a process does, with links to those that it waits for. */
function waits({ waits_for: waitsFor }, row) {
  const does = row?.does ?? "–";
  if (waitsFor === null || typeof waitsFor === "string") return does;
  return [`${does} `, ...links(Object.values(waitsFor)[0], pidLink)];
}

/** A process with what it is called; a name or a pid that no process has is only written. */
function processLink(text) {
  const process = state.processes.get(text);
  if (process === undefined) return el("span", { class: "pid ended" }, text);
  return el("span", { class: "process" }, pidLink(text), " ", el("span", { class: "quiet" }, process.title));
}

/** Asks the process for its status, and shows that. */
async function ask(shown, isBehaviour, insists = false) {
  const again = (text, insisting) =>
    el("button", { type: "button", click: () => ask(shown, true, insisting) }, text);
  if (!isBehaviour) {
    shown.status.replaceChildren(
      el("p", { class: "problem" }, "It is no behaviour: unless its code answers system messages, a question stays in its mailbox."),
      again("Ask all the same", true),
    );
    return;
  }
  shown.status.replaceChildren(el("p", { class: "quiet" }, "asking…"));
  const anyway = insists ? "&anyway=1" : "";
  const { ok, text } = await request(`/status.json?pid=${bare(shown.pid)}${anyway}`);
  const contents = ok ? statusOf(JSON.parse(text)) : [el("p", { class: "problem" }, text)];
  shown.status.replaceChildren(...contents, el("div", { class: "actions" }, again("Ask again", insists)));
}

function statusOf(status) {
  const terms = [];
  const add = (title, value) => {
    if (value !== null && value.length > 0) terms.push(el("dt", {}, title), el("dd", {}, value));
  };
  add("Runs", el("span", { title: status.module }, shortType(status.module)));
  add("Mode", status.mode);
  add("Debugging", status.debug.join(", "));
  add("Dictionary", status.dictionary.join(", "));
  for (const [key, title] of [["queue", "Next events"], ["postponed", "Postponed"], ["timeouts", "Timeouts"]]) {
    add(title, (status.machine?.[key] ?? []).join(", "));
  }
  return [el("pre", { class: "state" }, status.state), el("dl", {}, terms)];
}

const ACTIONS = [
  { path: "/suspend", title: "Suspend", question: "Suspend it? It handles nothing until it is resumed." },
  { path: "/resume", title: "Resume", question: "Resume it?" },
  { path: "/kill", title: "Kill", question: "Kill it? Its links and its supervisor see it fail.", danger: true },
];

function actions(pid) {
  const says = el("p", { class: "problem", role: "status" });
  const button = ({ path, title, question, danger }) =>
    el("button", { type: "button", class: danger ? "danger" : undefined, click: async () => {
      const name = state.processes.get(pid)?.title ?? pid;
      if (!(await confirmed(`${name}, ${pid}`, question, title))) return;
      const headers = { "X-Procession-Observer": "1" };
      const { ok, text } = await request(`${path}?pid=${bare(pid)}`, { method: "POST", headers });
      says.textContent = ok ? "" : text;
    } }, title);
  return el("div", {}, el("div", { class: "actions" }, ACTIONS.map(button)), says);
}

/** Asks the user, in a dialog. */
function confirmed(what, question, title) {
  const dialog = document.getElementById("confirm");
  const yes = dialog.querySelector("[value=yes]");
  dialog.querySelector("p").replaceChildren(el("strong", {}, what), el("br"), question);
  yes.textContent = title;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
