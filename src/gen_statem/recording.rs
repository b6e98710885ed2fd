//! What a machine does, recorded and drawn as a sequence.

use std::collections::BTreeMap;
use std::fmt;
use std::mem;
use std::ops::ControlFlow;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::graph_text::mermaid_text;
use crate::id::Pid;
use crate::process;
use crate::process::Address;
use crate::sys::{Event, Kind, SysError};
use crate::user_code::{displayed, printed_up_to};

use super::GenStatem;
use super::statem_ref::StatemRef;

/// The maximum number of bytes that a recording keeps of an event.
const SHOWN: usize = 200;

/// Records what a machine does from now on, until this is dropped: the events that come and from
/// which client, changes of the state, replies, timeouts, what is postponed, and the end.
///
/// It is drawn as a [sequence diagram of Mermaid](https://mermaid.js.org/syntax/sequenceDiagram.html).
/// A recording is a debug function that is [installed](crate::sys::Sys::install), so the machine
/// needs no line of code for it; while it is recorded, each event costs it microseconds, and memory
/// that is kept.
///
/// ```
/// use procession::gen_statem::*;
/// use procession::prelude::ReplyTo;
///
/// #[derive(Debug)] struct Switch;
/// #[derive(Clone, Copy, Debug, PartialEq)] enum State { Off, On }
/// #[derive(Debug)] enum Event { Flip, State(ReplyTo<State>) }
///
/// impl GenStatem for Switch {
///     type Args = ();
///     type State = State;
///     type Event = Event;
///
///     fn init((): ()) -> InitResult<Self> {
///         started(State::Off, Switch)
///     }
///
///     fn handle_event(&mut self, _: EventType, event: Event, state: &State) -> StateResult<Self> {
///         match (event, state) {
///             (Event::Flip, State::Off) => next_state(State::On),
///             (Event::Flip, State::On) => next_state(State::Off),
///             (Event::State(client), _) => keep_state().reply(client, *state),
///         }
///     }
/// }
///
/// let switch = Switch::start(())?;
/// let recording = Recording::of(&switch)?;
/// switch.cast(Event::Flip);
/// switch.call(Event::State)?;
/// switch.stop()?;
/// println!("{}", recording.mermaid());
/// // sequenceDiagram
/// //     participant machine as <0.3.1>
/// //     participant others
/// //     participant c0 as <0.1.1>
/// //     others-)machine: Flip
/// //     Note over machine: Off → On
/// //     c0->>machine: State(client)
/// //     machine-->>c0: State
/// //     Note over machine: ends (normal)
/// # assert!(recording.mermaid().to_string().contains("Note over machine: Off → On"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "nothing is recorded any more when this is dropped"]
pub struct Recording {
    pid: Pid,
    machine: String,
    steps: Arc<Mutex<Steps>>,
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording").field("machine", &self.machine).finish_non_exhaustive()
    }
}

impl Recording {
    /// Begins to record the machine.
    ///
    /// # Errors
    ///
    /// [`SysError::Call`] if there is no such machine, or it does not answer within five seconds.
    pub fn of<S: GenStatem, T: Address>(machine: &StatemRef<S, T>) -> Result<Recording, SysError> {
        let sys = machine.sys();
        let status = sys.get_status()?;
        let pid = status.pid;
        let machine = status.name.unwrap_or_else(|| pid.to_string());
        let steps = Arc::new(Mutex::new(Steps::default()));
        let name = format!("recording at {:p}", Arc::as_ptr(&steps));
        let recorded = Arc::downgrade(&steps);
        sys.install(name, move |event, _| match recorded.upgrade() {
            Some(steps) => {
                if let Some(step) = Step::of(event) {
                    steps.lock().add(step);
                }
                ControlFlow::Continue(())
            }
            None => ControlFlow::Break(()),
        })?;
        Ok(Recording { pid, machine, steps })
    }

    /// Returns what has happened so far as a sequence diagram of Mermaid.
    ///
    /// A client may have its reply before that is recorded. When the machine has answered a later
    /// [system message](crate::sys), or has ended, all of what came before is there.
    ///
    /// Clients of calls are participants of their own; what was cast or sent comes from `others`,
    /// as nobody knows more of it. An event that was inserted or postponed is an arrow of the
    /// machine to itself, when it is handled at last.
    ///
    /// Why a machine has ended is drawn if the end was orderly; of any other, the report tells.
    pub fn mermaid(&self) -> impl fmt::Display + use<> {
        let is_alive = process::is_alive(self.pid);
        let lines = self.steps.lock().clone().finish(is_alive);
        Mermaid { machine: self.machine.clone(), lines }
    }
}

/// What a machine tells of.
#[derive(Debug)]
enum Step {
    /// An event has come.
    In {
        kind: Kind,
        event: String,
        from: Option<Client>,
    },
    Reply {
        reply: String,
        to: Client,
    },
    /// An event was handled, or else postponed.
    Done {
        event: String,
        change: Option<String>,
        is_postponed: bool,
    },
    Timer(String),
    End(String),
}

/// A client, with its name if it has one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Client(Pid, String);

impl Client {
    fn of(pid: Pid) -> Client {
        let name = process::info(pid).and_then(|info| info.any_name());
        Client(pid, name.map_or_else(|| pid.to_string(), |name| displayed(&name)))
    }
}

impl Step {
    fn of(event: &Event<'_>) -> Option<Step> {
        Some(match *event {
            Event::In { kind, message, from } => {
                let event = without_places(&printed_up_to(SHOWN, &message));
                Step::In { kind, event, from: from.map(Client::of) }
            }
            Event::Out { reply, to } => {
                Step::Reply { reply: without_paths(reply), to: Client::of(to) }
            }
            Event::Consumed { event, state, next_state } => {
                Step::done(event, state, next_state, false)
            }
            Event::Postponed { event, state, next_state } => {
                Step::done(event, state, next_state, true)
            }
            Event::TimerStarted { timeout, time, event } => {
                Step::Timer(format!("{timeout} {time:?}: {event}"))
            }
            Event::Terminated { reason, .. } => Step::End(displayed(reason)),
            Event::Entered(_) | Event::State(_) | Event::Other(_) => return None,
        })
    }

    fn done(event: &str, state: &str, next_state: &str, is_postponed: bool) -> Step {
        let change = (state != next_state).then(|| format!("{state} → {next_state}"));
        Step::Done { event: without_places(event), change, is_postponed }
    }
}

/// Returns the text with `client` for each place where a reply goes, which are numbers otherwise.
fn without_places(text: &str) -> String {
    let mut parts = text.split("ReplyTo(");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (_, rest) = part.split_once(')').unwrap_or((part, ""));
        text.push_str("client");
        text.push_str(rest);
    }
    text
}

/// Returns the name of a type without the modules.
fn without_paths(name: &str) -> String {
    let is_in_name = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let mut short = String::new();
    let mut rest = name;
    while let Some(next) = rest.chars().next() {
        let end = rest.find(|c| !is_in_name(c)).unwrap_or(rest.len()).max(next.len_utf8());
        let (path, more) = rest.split_at(end);
        short.push_str(path.rsplit("::").next().unwrap_or(path));
        rest = more;
    }
    short
}

/// What has happened, as lines of a diagram.
#[derive(Clone, Debug, Default)]
struct Steps {
    lines: Vec<Line>,
    /// Whether an event that has just come is being handled.
    is_handling: bool,
    /// The replies of the event that is being handled.
    replies: Vec<Line>,
    has_ended: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Line {
    Call(Client, String),
    FromOthers(String),
    ToItself(String),
    Reply(Client, String),
    Note(String),
}

impl Steps {
    fn add(&mut self, step: Step) {
        match step {
            // It was inserted, and is shown when it is handled.
            Step::In { kind: Kind::Internal, .. } => {}
            Step::In { .. } if self.is_handling => {}
            Step::In { kind, event, from } => {
                self.flush_replies();
                self.lines.push(arrival(kind, event, from));
                self.is_handling = true;
            }
            Step::Reply { reply, to } => self.replies.push(Line::Reply(to, reply)),
            Step::Done { event, change, is_postponed } => {
                if !mem::take(&mut self.is_handling) {
                    self.lines.push(Line::ToItself(event.clone()));
                }
                self.flush_replies();
                if is_postponed {
                    self.lines.push(Line::Note(format!("postponed: {event}")));
                }
                self.lines.extend(change.map(Line::Note));
            }
            Step::Timer(timer) => self.lines.push(Line::Note(format!("starts {timer}"))),
            Step::End(reason) => {
                self.flush_replies();
                self.lines.push(Line::Note(format!("ends ({reason})")));
                self.has_ended = true;
            }
        }
    }

    fn flush_replies(&mut self) {
        self.lines.append(&mut self.replies);
    }

    fn finish(mut self, is_alive: bool) -> Vec<Line> {
        self.flush_replies();
        if !is_alive && !self.has_ended {
            self.lines.push(Line::Note("has ended".to_owned()));
        }
        self.lines
    }
}

/// Returns the line of an event that has come.
fn arrival(kind: Kind, event: String, from: Option<Client>) -> Line {
    match (kind, from) {
        (Kind::Call, Some(client)) => Line::Call(client, event),
        (Kind::Call, None) | (Kind::Cast | Kind::Info, _) => Line::FromOthers(event),
        (Kind::Internal, _) => Line::ToItself(event),
        (Kind::EventTimeout, _) => Line::ToItself(format!("timeout {event}")),
        (Kind::StateTimeout, _) => Line::ToItself(format!("state timeout {event}")),
        (Kind::GenericTimeout, _) => Line::ToItself(format!("generic timeout {event}")),
    }
}

struct Mermaid {
    machine: String,
    lines: Vec<Line>,
}

impl fmt::Display for Mermaid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Mermaid { machine, lines } = self;
        f.write_str("sequenceDiagram\n")?;
        writeln!(f, "    participant machine as {}", mermaid_text(machine))?;
        let mut clients: BTreeMap<Pid, usize> = BTreeMap::new();
        let mut has_others = false;
        for line in lines {
            match line {
                Line::Call(Client(pid, name), _) | Line::Reply(Client(pid, name), _) => {
                    let number = clients.len();
                    if *clients.entry(*pid).or_insert(number) == number {
                        writeln!(f, "    participant c{number} as {}", mermaid_text(name))?;
                    }
                }
                Line::FromOthers(_) if !has_others => {
                    has_others = true;
                    f.write_str("    participant others\n")?;
                }
                Line::FromOthers(_) | Line::ToItself(_) | Line::Note(_) => {}
            }
        }
        for line in lines {
            match line {
                Line::Call(Client(pid, _), event) => {
                    writeln!(f, "    c{}->>machine: {}", clients[pid], mermaid_text(event))
                }
                Line::FromOthers(event) => {
                    writeln!(f, "    others-)machine: {}", mermaid_text(event))
                }
                Line::ToItself(event) => {
                    writeln!(f, "    machine->>machine: {}", mermaid_text(event))
                }
                Line::Reply(Client(pid, _), reply) => {
                    writeln!(f, "    machine-->>c{}: {}", clients[pid], mermaid_text(reply))
                }
                Line::Note(text) => writeln!(f, "    Note over machine: {}", mermaid_text(text)),
            }?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_reply_is_the_client() {
        let text = "call Set { to: 5, who: ReplyTo(<0.5.1>, #Alias<6>) }";
        assert_eq!(without_places(text), "call Set { to: 5, who: client }");
        assert_eq!(without_places("Push(ReplyTo(<0.5.1>, #Alias<6>))"), "Push(client)");
        assert_eq!(without_places("Push(ReplyTo(<0.5"), "Push(client");
    }

    #[test]
    fn types_are_named_without_their_modules() {
        assert_eq!(without_paths("core::option::Option<a::b::C<u8>>"), "Option<C<u8>>");
        assert_eq!(without_paths("(alloc::string::String, &str)"), "(String, &str)");
        assert_eq!(without_paths("[é::Ü; 3]"), "[Ü; 3]");
    }
}
