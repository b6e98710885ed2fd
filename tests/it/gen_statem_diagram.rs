//! `gen_statem`: machines that draw themselves, and recordings of what they do.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use procession::gen_statem::{Diagram, InitResult, Recording};
use procession::prelude::*;
use procession::sys::SysError;

use crate::support::wait::test_timeout;

/// A door that is locked, closed or open.
#[derive(Debug)]
struct Door;

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Closed,
    Open { times: u32 },
    Locked,
}

#[derive(Debug)]
enum Event {
    Push,
    Fall,
    Lock,
    Unlock(&'static str),
    State(ReplyTo<State>),
    Break(ReplyTo<()>),
}

impl GenStatem for Door {
    type Args = State;
    type State = State;
    type Event = Event;

    fn diagram() -> Option<Diagram> {
        let diagram = Diagram::new()
            .initial("Closed")
            .transition("Closed", "Push", "Open")
            .transition("Open", "Fall [by itself]", "Closed")
            .transition("Closed", "Lock", "Locked")
            .final_state("Open");
        Some(diagram)
    }

    fn init(state: State) -> InitResult<Self> {
        started(state, Door)
    }

    fn handle_event(&mut self, _: EventType, event: Event, state: &State) -> StateResult<Self> {
        match (state, event) {
            (State::Closed, Event::Push) => {
                next_state(State::Open { times: 1 }).state_timeout(Duration::ZERO, Event::Fall)
            }
            (State::Open { .. }, Event::Fall) => next_state(State::Closed),
            (State::Closed, Event::Lock) => next_state(State::Locked),
            (State::Locked, Event::Unlock("pick")) => {
                keep_state().next_event(EventType::Internal, Event::Unlock("key"))
            }
            // Not declared.
            (State::Locked, Event::Unlock(_)) => next_state(State::Closed),
            (State::Locked, Event::Push) => keep_state().postpone(Event::Push),
            (state, Event::State(client)) => keep_state().reply(client, *state),
            (_, Event::Break(client)) => stop_and_reply(ExitReason::Shutdown).reply(client, ()),
            (_, Event::Push | Event::Fall | Event::Lock | Event::Unlock(_)) => keep_state(),
        }
    }
}

/// A door whose clients have names, so that what is recorded of it is the same each time.
fn named(name: &'static str) -> StatemRef<Door> {
    Door::start_with(State::Closed, StartOptions::new().name(name)).unwrap()
}

mod diagram {
    use super::*;

    #[test]
    fn of_a_machine_is_drawn_by_graphviz() {
        let mut dot = Command::new("dot");
        dot.arg("-Tplain").stdin(Stdio::piped()).stdout(Stdio::piped());
        let Ok(mut dot) = dot.spawn() else {
            _ = writeln!(std::io::stderr(), "skipped: `dot` is not in PATH");
            return;
        };
        let diagram = Door::diagram().unwrap().transition("a \"b\"\\", "c\nd", "e;f");
        let mut input = dot.stdin.take().unwrap();
        write!(input, "{}", diagram.dot()).unwrap();
        drop(input);
        let output = dot.wait_with_output().unwrap();
        assert!(output.status.success());
        let plain = String::from_utf8(output.stdout).unwrap();
        assert_eq!(plain.lines().filter(|line| line.starts_with("edge")).count(), 5, "{plain}");
    }

    #[test]
    fn is_none_by_default() {
        #[derive(Debug)]
        struct Plain;

        impl GenStatem for Plain {
            type Args = ();
            type State = ();
            type Event = ();

            fn init((): ()) -> InitResult<Self> {
                started((), Plain)
            }

            fn handle_event(&mut self, _: EventType, (): (), (): &()) -> StateResult<Self> {
                keep_state()
            }
        }

        assert_eq!(Plain::diagram(), None);
    }
}

mod recording {
    use super::*;

    use crate::support::machine::{Event as ScriptEvent, Script};
    use crate::support::processes::FOREVER;

    /// The lines below the participants.
    fn lines(recording: &Recording) -> Vec<String> {
        let mermaid = recording.mermaid().to_string();
        let lines = mermaid.lines().map(|line| line.trim().to_owned());
        lines.filter(|line| !line.starts_with("participant")).skip(1).collect()
    }

    #[test]
    fn is_a_sequence_of_events_changes_and_replies() {
        let door = named("recorded door");
        process::register("a client", process::self_pid()).unwrap();
        let recording = Recording::of(&door).unwrap();
        door.cast(Event::Lock);
        door.call(Event::State).unwrap();

        door.stop().unwrap();
        let recorded = recording.mermaid().to_string();
        process::unregister("a client").unwrap();
        let expected = "sequenceDiagram\n\
                        \u{20}   participant machine as recorded door\n\
                        \u{20}   participant others\n\
                        \u{20}   participant c0 as a client\n\
                        \u{20}   others-)machine: Lock\n\
                        \u{20}   Note over machine: Closed → Locked\n\
                        \u{20}   c0->>machine: State(client)\n\
                        \u{20}   machine-->>c0: State\n\
                        \u{20}   Note over machine: ends (normal)\n";
        assert_eq!(recorded, expected);
    }

    #[test]
    fn shows_a_timeout_as_it_is_started_and_as_it_comes() {
        let door = Door::start(State::Closed).unwrap();
        let recording = Recording::of(&door).unwrap();
        door.cast(Event::Push);
        door.sys().get_status().unwrap();
        let lines = lines(&recording);
        assert_eq!(lines[0], "others-)machine: Push");
        assert!(lines[1].starts_with("Note over machine: Closed → Open"), "{lines:?}");
        assert!(lines[2].starts_with("Note over machine: starts state timeout"), "{lines:?}");
        assert_eq!(lines[3], "machine->>machine: state timeout Fall");
        door.stop().unwrap();
    }

    #[test]
    fn shows_what_was_postponed_or_inserted_again_when_it_is_handled() {
        let door = Door::start(State::Locked).unwrap();
        let recording = Recording::of(&door).unwrap();
        door.cast(Event::Push);
        door.cast(Event::Unlock("pick"));
        door.sys().get_status().unwrap();
        let lines = lines(&recording);
        door.stop().unwrap();
        assert_eq!(
            lines[..6],
            [
                "others-)machine: Push",
                "Note over machine: postponed#58; cast Push",
                "others-)machine: Unlock(#34;pick#34;)",
                "machine->>machine: internal Unlock(#34;key#34;)",
                "Note over machine: Locked → Closed",
                "machine->>machine: cast Push",
            ]
        );
    }

    #[test]
    fn shows_a_reply_of_entering_a_state_before_the_next_event() {
        let script = Script::new(|data, _, event, state| match (state, event) {
            ("a", ScriptEvent::Say("go")) => next_state("b"),
            ("a", ScriptEvent::Ask(_, client)) => {
                data.clients.push(client);
                keep_state()
            }
            ("a", other) => keep_state().postpone(other),
            _ => keep_state(),
        });
        let script = script.enter(|data, _, _| match data.clients.pop() {
            Some(client) => entered().reply(client, 1),
            None => entered(),
        });
        let machine = script.start();
        let recording = Recording::of(&machine).unwrap();
        let request = machine.send_request(|client| ScriptEvent::Ask("ask", client));
        machine.cast(ScriptEvent::Say("later"));
        machine.cast(ScriptEvent::Say("go"));
        assert_eq!(request.receive_response(FOREVER), Ok(1));
        machine.stop().unwrap();
        let lines = lines(&recording);
        let expected = [
            "others-)machine: Say(#34;go#34;)",
            "machine-->>c0: u32",
            "Note over machine: #34;a#34; → #34;b#34;",
            "machine->>machine: cast Say(#34;later#34;)",
            "Note over machine: ends (normal)",
        ];
        assert_eq!(lines[lines.len() - 5..], expected, "{lines:#?}");
    }

    #[test]
    fn shows_the_last_reply_of_a_machine_that_stops() {
        let door = Door::start(State::Closed).unwrap();
        let recording = Recording::of(&door).unwrap();
        door.call(Event::Break).unwrap();
        process::join(door.pid(), test_timeout()).unwrap();
        assert_eq!(lines(&recording)[1], "machine-->>c0: ()");
    }

    #[test]
    fn shows_that_a_machine_has_ended_of_whatever() {
        let door = Door::start(State::Closed).unwrap();
        let recording = Recording::of(&door).unwrap();
        assert_eq!(lines(&recording), [""; 0]);
        process::exit(door.pid(), ExitReason::Kill);
        process::join(door.pid(), test_timeout()).unwrap();
        assert_eq!(lines(&recording), ["Note over machine: has ended"]);
    }

    #[test]
    fn ends_when_it_is_dropped() {
        let door = Door::start(State::Closed).unwrap();
        let recordings = [Recording::of(&door).unwrap(), Recording::of(&door).unwrap()];
        assert_eq!(door.sys().get_status().unwrap().debug.len(), 2);
        drop(recordings);
        door.cast(Event::Fall);
        assert_eq!(door.sys().get_status().unwrap().debug.len(), 0);
        door.stop().unwrap();
    }

    #[test]
    fn of_no_machine_is_an_error() {
        let door = Door::start(State::Closed).unwrap();
        door.stop().unwrap();
        assert!(matches!(Recording::of(&door), Err(SysError::Call(_))));
    }
}
