// What there is beside processes: names, registries, groups, tables, limits, other nodes.

import { bytes, card, duration, el, milliseconds, number, pidLink, shortType, table } from "./elements.js";
import { state } from "./updates.js";

/** How many rows of a table are listed. */
const MOST = 200;

const pid = (key, title = "Pid") => ({
  title,
  cell: (it) => (it[key] === null ? null : pidLink(it[key])),
});
const text = (key, title) => ({ title, cell: (it) => it[key] });
const count = (key, title) => ({ title, cell: (it) => number(it[key]), end: true });
const types = { title: "Types", cell: (it) => el("span", { class: "quiet" }, shortType(it.types)) };

/** Draws all tables. */
export function drawData(section) {
  const { update } = state;
  const cards = [
    listed("Applications", update.applications, [text("name", "Name"), pid("master", "Master"), pid("top", "Top")]),
    listed("Supervisors", update.supervisors, supervisorColumns()),
    listed("Names", update.names, [text("name", "Name"), pid("pid")]),
    listed("Tables", update.tables, tableColumns()),
    listed("Registries", update.registries, [text("name", "Name"), pid("pid"), types, count("keys", "Keys"), count("processes", "Processes")]),
    listed("Process groups", update.scopes, [text("name", "Scope"), pid("pid"), types, count("groups", "Groups"), count("members", "Members")]),
    nodes(update.nodes),
    card("Threads, timers and limits", null, limits(update)),
    left(update),
  ];
  section.replaceChildren(...cards.filter((it) => it !== null));
}

function listed(title, rows, columns) {
  const left = rows.length - MOST;
  const note = left > 0 ? `, ${number(left)} of which are not listed` : "";
  return card(title, `${number(rows.length)}${note}`, table(columns, rows.slice(0, MOST)));
}

function supervisorColumns() {
  const named = (it) => state.processes.get(it.pid)?.title ?? null;
  const recent = (it) => `${it.recent_restarts} of ${it.max_restarts} in ${duration(milliseconds(it.period))}`;
  return [
    { title: "Name", cell: named },
    pid("pid"),
    { title: "Strategy", cell: (it) => words(it.strategy ?? "dynamic") },
    count("children", "Children"),
    count("restarts", "Restarts"),
    { title: "Lately", cell: recent, end: true },
  ];
}

/** `OneForOne` in words. */
function words(name) {
  return name.replace(/(?<=[a-z])(?=[A-Z])/g, " ").toLowerCase();
}

function tableColumns() {
  return [
    { title: "Name", cell: (it) => it.name ?? el("span", { class: "quiet" }, "(no name)") },
    pid("owner", "Owner"),
    types,
    text("protection", "Rights"),
    count("size", "Rows"),
    { title: "Memory", cell: (it) => bytes(it.memory), end: true },
  ];
}

/** The other nodes: whatever is known of each. A program that is no node has none. */
function nodes(all) {
  if (all.length === 0) return null;
  const keys = [...new Set(all.flatMap((it) => Object.keys(it)))];
  const written = (value) => {
    if (value === null || value === undefined) return null;
    if (typeof value === "number") return number(value);
    if (typeof value === "boolean") return value ? "yes" : "no";
    return typeof value === "string" ? value : duration(milliseconds(value));
  };
  const columns = keys.map((key) => ({
    title: key.replaceAll("_", " "),
    cell: (it) => written(it[key]),
  }));
  columns.push({ title: "", cell: (it) => el("a", { href: "#", "data-node": it.node }, "processes") });
  return listed("Nodes", all, columns);
}

function limits({ system, limits: { threads, max_threads: room }, took, left_out: leftOut }) {
  const rows = [
    ["Threads of the program", threads],
    ["Threads there is room for", room],
    ["Threads of the runtime", system.threads],
    ["Cached threads", `${number(system.cached_threads)} of ${number(system.max_cached_threads)}`],
    ["Threads left behind", system.abandoned_threads],
    ["Timers", system.timers],
    ["Registered names", system.names],
    ["Tables, registries and scopes left out, as others had locked them", leftOut],
    ["The snapshot has taken", duration(milliseconds(took))],
  ];
  const written = (value) => (typeof value === "string" ? value : number(value));
  const columns = [
    { title: "What", cell: ([what]) => what },
    { title: "How many", cell: ([, value]) => written(value), end: true },
  ];
  return table(columns, rows);
}

/** Processes that were killed and whose threads go on. */
function left({ abandoned }) {
  if (abandoned.length === 0) return null;
  const title = (it) => it.name ?? it.label ?? it.initial_call;
  const columns = [
    { title: "Process", cell: title },
    { title: "Pid", cell: (it) => it.pid },
    count("thread_id", "Thread"),
  ];
  return listed("Killed processes whose threads go on", abandoned, columns);
}
