// What the observer sends: the newest update, and a history of some numbers.

import { shortType } from "./elements.js";

/** How many updates the history goes back. */
const HISTORY = 300;

const TRAPS_EXITS = 1;
const FOREIGN = 2;
const BEHAVIOUR = 4;

export const state = {
  hello: null,
  /** The newest update. */
  update: null,
  /** The processes by their pids. */
  processes: new Map(),
  history: { at: [], queued: [], longest: [], cpu: [], processes: [] },
  /** The histories of processes that somebody looks at. */
  watched: new Map(),
};

const listeners = [];

/** Has a function called after each update. */
export function onUpdate(listener) {
  listeners.push(listener);
}

/** Asks the observer for something. If it cannot be reached, that is what it says. */
export async function request(path, init) {
  try {
    const answer = await fetch(path, init);
    return { ok: answer.ok, text: (await answer.text()).trim() };
  } catch {
    return { ok: false, text: "the observer cannot be reached" };
  }
}

/** Begins to receive, and says how the connection is. */
export function connect(says) {
  const source = new EventSource("/updates");
  source.addEventListener("hello", (event) => {
    state.hello = JSON.parse(event.data);
    says("connected", "waiting");
  });
  source.addEventListener("update", (event) => {
    take(JSON.parse(event.data));
    for (const listener of listeners) listener();
    says("live", "live");
  });
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) {
      // It was refused, which the browser does not try again: too many streams, say.
      says("lost", "refused, trying again");
      setTimeout(() => connect(says), 3000);
    } else {
      says("lost", "connection lost");
    }
  });
}

/** Keeps a history of a process from now on. */
export function watch(pid) {
  if (!state.watched.has(pid)) state.watched.clear();
  if (pid !== null && !state.watched.has(pid)) state.watched.set(pid, { queue: [], cpu: [] });
  return state.watched.get(pid);
}

function take(update) {
  const at = update.taken_at.secs_since_epoch + update.taken_at.nanos_since_epoch / 1e9;
  const passed = state.update === null ? null : at - state.update.at;
  const before = state.processes;
  update.at = at;
  const ids = new Map();
  for (const { tree } of update.trees) noteIds(tree, ids);
  update.rows = update.processes.map((row) => processOf(update, row, { before, passed, ids }));
  state.processes = new Map(update.rows.map((process) => [process.pid, process]));
  state.update = update;
  remember(update);
}

/** A row as an object, with the share of a processor that it has taken since the last update. */
function processOf(update, row, { before, passed, ids }) {
  const process = {};
  update.columns.forEach((column, index) => {
    process[column] = row[index];
  });
  process.call = process.call === null ? null : update.calls[process.call];
  process.application =
    process.application === null ? "" : update.running_applications[process.application];
  process.trapsExits = (process.flags & TRAPS_EXITS) !== 0;
  process.foreign = (process.flags & FOREIGN) !== 0;
  process.behaviour = (process.flags & BEHAVIOUR) !== 0;
  process.type = process.call === null ? null : shortType(process.call);
  process.title = titleOf(process, ids.get(process.pid));
  process.does = doing(process);
  const earlier = before.get(process.pid);
  process.load = null;
  if (process.cpu !== null && passed > 0) {
    const taken = earlier === undefined ? 0 : process.cpu - (earlier.cpu ?? 0);
    process.load = Math.max(0, taken / 1e6 / passed);
  }
  return process;
}

/** Notes what supervisors call their children, if that is not the name of a type. */
function noteIds(tree, ids) {
  const pid = tree.state.Running;
  if (pid !== undefined && tree.id !== null && !tree.id.includes("::")) ids.set(pid, tree.id);
  for (const child of tree.children) noteIds(child, ids);
}

function titleOf({ name, label, type, foreign }, id) {
  return name ?? label ?? id ?? type ?? (foreign ? "(thread of the program)" : "(process)");
}

function doing({ status, waits }) {
  if (waits === null) return status;
  return waits === "receive" ? "waits for a message" : `waits: ${waits}`;
}

function remember(update) {
  const queues = update.rows.map((process) => process.queue);
  const loads = update.rows.map((process) => process.load ?? 0);
  const sum = (values) => values.reduce((total, value) => total + value, 0);
  push(state.history.at, update.at);
  push(state.history.queued, sum(queues));
  push(state.history.longest, queues.reduce((longest, it) => Math.max(longest, it), 0));
  push(state.history.cpu, sum(loads));
  push(state.history.processes, update.rows.length);
  for (const [pid, history] of state.watched) {
    const process = state.processes.get(pid);
    push(history.queue, process?.queue ?? null);
    push(history.cpu, process?.load ?? null);
  }
}

function push(values, value) {
  values.push(value);
  if (values.length > HISTORY) values.shift();
}
