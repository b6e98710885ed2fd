// What a process is seen to do, while somebody looks.

import { el } from "./elements.js";

/** How many events are kept. */
const MOST = 500;

/** The part of a process' details that traces it. */
export function tracer(pid) {
  let source = null;
  const events = el("pre", { class: "events", hidden: true });
  const button = el("button", { type: "button", click: () => (source === null ? start() : stop()) });
  const says = el("p", { class: "problem" });
  const element = el("div", {}, el("div", { class: "actions" }, button), says, events);

  const show = (isOn) => {
    button.textContent = isOn ? "Stop" : "Show its events";
  };
  const stop = () => {
    source?.close();
    source = null;
    show(false);
  };
  const start = () => {
    events.hidden = false;
    events.replaceChildren();
    says.textContent = "";
    source = new EventSource(`/trace?pid=${pid.slice(1, -1)}`);
    source.addEventListener("trace", (event) => add(events, JSON.parse(event.data)));
    source.addEventListener("end", (event) => {
      says.textContent = JSON.parse(event.data);
      stop();
    });
    source.addEventListener("error", () => {
      says.textContent ||= "It cannot be traced: it has not answered, or there are too many streams.";
      stop();
    });
    show(true);
  };
  show(false);
  return { element, stop };
}

function add(events, lines) {
  const isAtEnd = events.scrollTop + events.clientHeight >= events.scrollHeight - 4;
  events.append(...lines.map((line) => el("div", {}, line)));
  while (events.children.length > MOST) events.firstChild.remove();
  if (isAtEnd) events.scrollTop = events.scrollHeight;
}
