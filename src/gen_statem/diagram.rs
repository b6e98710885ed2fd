//! The declared states and transitions of a machine: drawn, and compared with what it does.

use std::collections::BTreeSet;
use std::fmt;

use log::Level;

use crate::graph_text::{dot_string, mermaid_text};
use crate::process;
use crate::process::info::logged_self;
use crate::user_code::{log_caught, printed_up_to};

use super::TARGET;

/// The maximum number of bytes of a state or an event that is compared with a name.
const COMPARED: usize = 200;

/// The states of a machine, and what leads from one to another: a declaration, which can be
/// [drawn](Self::mermaid).
///
/// A machine returns its own from [`GenStatem::diagram`](super::GenStatem::diagram). Then in builds
/// with debug assertions, each transition that happens and is not declared is reported once, by a
/// warning with the target `procession::gen_statem`, up to a hundred of one machine. It shows
/// states and events as [`format_status`](super::GenStatem::format_status) does. Only changes of
/// state are transitions: what a machine handles without changing its state need not be declared,
/// nor does its end.
///
/// States and events are named as their `Debug` begins: a state `Open { since: .. }` is the state
/// `"Open"`, an event `Button(3)` the event `"Button"`. What follows the name of an event says more
/// to readers, and is not compared: `"Button [the last one]"`.
///
/// ```
/// use procession::gen_statem::Diagram;
///
/// let diagram = Diagram::new()
///     .initial("Locked")
///     .transition("Locked", "Button [the code]", "Open")
///     .transition("Open", "Lock", "Locked");
/// let mermaid = "\
/// stateDiagram-v2
///     [*] --> Locked
///     Locked --> Open : Button [the code]
///     Open --> Locked : Lock
/// ";
/// assert_eq!(diagram.mermaid().to_string(), mermaid);
/// println!("{}", diagram.dot()); // for `dot -Tsvg`
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use = "a diagram does nothing until it is drawn, or returned by a machine"]
pub struct Diagram {
    /// In the order in which they are first named.
    states: Vec<String>,
    initial: Vec<usize>,
    last: Vec<usize>,
    transitions: Vec<Transition>,
}

#[derive(Clone, Debug, PartialEq)]
struct Transition {
    from: usize,
    event: String,
    to: usize,
}

impl Diagram {
    /// Creates a diagram without states.
    pub fn new() -> Diagram {
        Diagram::default()
    }

    /// Adds a state. Those that the other methods name need not be added.
    pub fn state(mut self, state: impl Into<String>) -> Diagram {
        self.index(state.into());
        self
    }

    /// Adds a state that a machine may start in. If there is none, it may start in any.
    pub fn initial(mut self, state: impl Into<String>) -> Diagram {
        let index = self.index(state.into());
        self.initial.push(index);
        self
    }

    /// Adds a state that a machine may end in.
    pub fn final_state(mut self, state: impl Into<String>) -> Diagram {
        let index = self.index(state.into());
        self.last.push(index);
        self
    }

    /// Adds a transition, which may lead to the same state.
    pub fn transition(
        mut self,
        from: impl Into<String>,
        event: impl Into<String>,
        to: impl Into<String>,
    ) -> Diagram {
        let (from, to) = (self.index(from.into()), self.index(to.into()));
        self.transitions.push(Transition { from, event: event.into(), to });
        self
    }

    /// Returns the place of the state among all, which it gets if it has none.
    fn index(&mut self, state: String) -> usize {
        self.states.iter().position(|other| *other == state).unwrap_or_else(|| {
            self.states.push(state);
            self.states.len() - 1
        })
    }

    /// Returns whether a transition is declared, from one state to another by an event: for tests.
    ///
    /// ```
    /// # use procession::gen_statem::Diagram;
    /// #[derive(Debug)] enum State { Locked, Open { tries: u32 } }
    /// #[derive(Debug)] struct Button(u32);
    ///
    /// let diagram = Diagram::new().transition("Locked", "Button", "Open");
    /// assert!(diagram.declares(&State::Locked, &Button(3), &State::Open { tries: 1 }));
    /// assert!(!diagram.declares(&State::Open { tries: 1 }, &Button(3), &State::Locked));
    /// ```
    pub fn declares(
        &self,
        from: &dyn fmt::Debug,
        event: &dyn fmt::Debug,
        to: &dyn fmt::Debug,
    ) -> bool {
        self.declares_printed(&print(from), &print(event), &print(to))
    }

    fn declares_printed(&self, from: &str, event: &str, to: &str) -> bool {
        self.transitions.iter().any(|it| {
            is_called(from, &self.states[it.from])
                && is_called(to, &self.states[it.to])
                && (is_called(event, &it.event) || is_called(event, head(&it.event)))
        })
    }

    fn is_initial(&self, state: &str) -> bool {
        self.initial.is_empty() || self.initial.iter().any(|it| is_called(state, &self.states[*it]))
    }

    /// Returns the diagram in the language of [Graphviz](https://graphviz.org/doc/info/lang.html).
    /// A point leads to initial states, final states have a double border.
    pub fn dot(&self) -> impl fmt::Display + '_ {
        Dot(self)
    }

    /// Returns the diagram as a
    /// [state diagram of Mermaid](https://mermaid.js.org/syntax/stateDiagram.html), which many
    /// viewers of Markdown draw.
    pub fn mermaid(&self) -> impl fmt::Display + '_ {
        Mermaid(self)
    }
}

struct Dot<'a>(&'a Diagram);

impl fmt::Display for Dot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Diagram { states, initial, last, transitions } = self.0;
        f.write_str("digraph machine {\n    rankdir=LR;\n    node [shape=box, style=rounded];\n")?;
        for (index, state) in states.iter().enumerate() {
            let border = if last.contains(&index) { ", peripheries=2" } else { "" };
            writeln!(f, "    s{index} [label={}{border}];", dot_string(state))?;
        }
        if !initial.is_empty() {
            f.write_str("    start [shape=point];\n")?;
        }
        initial.iter().try_for_each(|index| writeln!(f, "    start -> s{index};"))?;
        for Transition { from, event, to } in transitions {
            writeln!(f, "    s{from} -> s{to} [label={}];", dot_string(event))?;
        }
        f.write_str("}\n")
    }
}

struct Mermaid<'a>(&'a Diagram);

impl fmt::Display for Mermaid<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Diagram { states, initial, last, transitions } = self.0;
        let ids = mermaid_ids(states);
        f.write_str("stateDiagram-v2\n")?;
        for (index, (state, id)) in states.iter().zip(&ids).enumerate() {
            let is_drawn = initial.contains(&index)
                || last.contains(&index)
                || transitions.iter().any(|it| it.from == index || it.to == index);
            if id != state {
                writeln!(f, "    state \"{}\" as {id}", mermaid_text(state))?;
            } else if !is_drawn {
                writeln!(f, "    {id}")?;
            }
        }
        initial.iter().try_for_each(|index| writeln!(f, "    [*] --> {}", ids[*index]))?;
        for Transition { from, event, to } in transitions {
            write!(f, "    {} --> {}", ids[*from], ids[*to])?;
            if !event.is_empty() {
                write!(f, " : {}", mermaid_text(event))?;
            }
            f.write_str("\n")?;
        }
        last.iter().try_for_each(|index| writeln!(f, "    {} --> [*]", ids[*index]))
    }
}

/// What states of Mermaid cannot be called.
const KEYWORDS: &[&str] = &[
    "as",
    "choice",
    "class",
    "classdef",
    "click",
    "default",
    "direction",
    "end",
    "fork",
    "hide",
    "join",
    "note",
    "scale",
    "state",
    "style",
];

/// Returns what the states are called in Mermaid: a plain word is called itself.
fn mermaid_ids(states: &[String]) -> Vec<String> {
    let is_free = |id: &String| !states.contains(id);
    let mut numbers = 1..;
    let mut new_id = || numbers.by_ref().map(|n| format!("s{n}")).find(is_free);
    let is_plain = |state: &str| {
        let is_word = state.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        is_word && !state.is_empty() && !KEYWORDS.contains(&state.to_lowercase().as_str())
    };
    let id = |state: &String| {
        if is_plain(state) { state.clone() } else { new_id().expect("there is no last number") }
    };
    states.iter().map(id).collect()
}

/// Returns a state or an event as it is compared: printed, and without the quotes of a string.
fn print(value: &dyn fmt::Debug) -> String {
    let printed = printed_up_to(COMPARED, value);
    match printed.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        Some(text) => text.to_owned(),
        None => printed,
    }
}

/// Whether what is printed as `printed` is called `name`: that is it, or a name in front of more.
fn is_called(printed: &str, name: &str) -> bool {
    let rest = printed.strip_prefix(name);
    !name.is_empty() && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(ends_name))
}

/// Returns the name that a printed value, or the declaration of an event, begins with.
fn head(text: &str) -> &str {
    text.split(ends_name).next().filter(|head| !head.is_empty()).unwrap_or(text)
}

fn ends_name(c: char) -> bool {
    c.is_whitespace() || "([{".contains(c)
}

/// The maximum number of transitions that are reported of a machine.
const REPORTED: usize = 100;

/// Compares what a machine does with its diagram.
#[derive(Debug)]
pub(super) struct Check {
    diagram: Diagram,
    /// The event that is being handled, which the callback consumes.
    event: Name,
    /// Each transition that was reported.
    reported: BTreeSet<[String; 3]>,
}

/// What a state or an event is called.
#[derive(Debug, Default)]
struct Name {
    /// As it prints itself, which is compared.
    own: String,
    /// As the machine wants it to be shown.
    shown: String,
}

impl Name {
    fn of([own, shown]: [&dyn fmt::Debug; 2]) -> Name {
        Name { own: print(own), shown: print(shown) }
    }

    /// Returns what is shown of it: the name alone.
    fn shown(&self) -> &str {
        head(&self.shown)
    }
}

impl Check {
    /// Returns what compares with the diagram; nothing in builds without debug assertions.
    pub(super) fn new(diagram: fn() -> Option<Diagram>) -> Option<Box<Check>> {
        if !cfg!(debug_assertions) {
            return None;
        }
        let diagram = process::catch(diagram).ok()??;
        Some(Box::new(Check::with(diagram)))
    }

    fn with(diagram: Diagram) -> Check {
        Check { diagram, event: Name::default(), reported: BTreeSet::new() }
    }

    /// Reports a first state that is not an initial one.
    pub(super) fn begins(&self, state: &dyn fmt::Debug, shown: &dyn fmt::Debug) {
        let state = Name::of([state, shown]);
        if !self.diagram.is_initial(&state.own) {
            warn(&format_args!("begins in the state {}", state.shown()));
        }
    }

    /// Notes the event that is handled next.
    pub(super) fn note(&mut self, event: &dyn fmt::Debug, shown: &dyn fmt::Debug) {
        self.event = Name::of([event, shown]);
    }

    /// Reports a change of state that is not declared, unless it was reported before. Each state
    /// comes with what is shown of it.
    pub(super) fn changed(&mut self, from: [&dyn fmt::Debug; 2], to: [&dyn fmt::Debug; 2]) {
        if let Some(text) = self.undeclared(&Name::of(from), &Name::of(to)) {
            warn(&text);
        }
    }

    fn undeclared(&mut self, from: &Name, to: &Name) -> Option<String> {
        let event = &self.event;
        if self.diagram.declares_printed(&from.own, &event.own, &to.own) {
            return None;
        }
        // Events that are numbers, for instance, are of one kind.
        let kind = if is_word(head(&event.own)) { head(&event.own) } else { "" };
        let transition = [head(&from.own), kind, head(&to.own)].map(str::to_owned);
        let [from, event, to] = [from, event, to].map(Name::shown);
        let text = format!("goes from the state {from} to {to} by {event}");
        let is_new = self.reported.len() < REPORTED && self.reported.insert(transition);
        is_new.then_some(text)
    }
}

/// Whether this is a name that types and variants have.
fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Warns that the machine of the calling process does what is not declared.
fn warn(what: &dyn fmt::Display) {
    let machine = logged_self();
    let text = format_args!("{machine} {what}, which its diagram does not declare");
    log_caught(Level::Warn, TARGET, text);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock() -> Diagram {
        Diagram::new()
            .initial("Locked")
            .transition("Locked", "Button [the code]", "Open")
            .transition("Open", "Lock", "Locked")
            .transition("Open", "Break", "Broken")
            .final_state("Broken")
    }

    #[test]
    fn a_diagram_is_a_graph_of_graphviz() {
        let expected = r#"digraph machine {
    rankdir=LR;
    node [shape=box, style=rounded];
    s0 [label="Locked"];
    s1 [label="Open"];
    s2 [label="Broken", peripheries=2];
    start [shape=point];
    start -> s0;
    s0 -> s1 [label="Button [the code]"];
    s1 -> s0 [label="Lock"];
    s1 -> s2 [label="Break"];
}
"#;
        assert_eq!(lock().dot().to_string(), expected);
    }

    #[test]
    fn a_diagram_is_a_state_diagram_of_mermaid() {
        let expected = "stateDiagram-v2\n    [*] --> Locked\n    Locked --> Open : Button [the \
                        code]\n    Open --> Locked : Lock\n    Open --> Broken : Break\n    Broken \
                        --> [*]\n";
        assert_eq!(lock().mermaid().to_string(), expected);
    }

    #[test]
    fn names_that_are_not_plain_words_stand_in_quotes() {
        let diagram = Diagram::new()
            .state("alone")
            .transition("the \"first\"", "a\\b; \"c\"", "s1")
            .transition("End", "", "the \"first\"");
        let dot = diagram.dot().to_string();
        assert!(dot.contains(r#"s1 [label="the \"first\""];"#), "{dot}");
        assert!(dot.contains(r#"s1 -> s2 [label="a\\b; \"c\""];"#), "{dot}");
        let expected = "stateDiagram-v2\n    alone\n    state \"the #34;first#34;\" as s2\n    \
                        state \"End\" as s3\n    s2 --> s1 : a#92;b#59; #34;c#34;\n    s3 --> s2\n";
        assert_eq!(diagram.mermaid().to_string(), expected);
    }

    #[test]
    fn a_state_is_called_what_it_prints_in_front_of_its_content() {
        #[derive(Debug)]
        #[expect(dead_code, reason = "it is printed")]
        enum State {
            Open { since: u32 },
            Opened(u32),
        }
        let diagram = lock();
        assert!(diagram.declares(&State::Open { since: 3 }, &"Lock", &"Locked"));
        assert!(!diagram.declares(&State::Opened(3), &"Lock", &"Locked"));
    }

    #[test]
    fn what_follows_the_name_of_an_event_is_not_compared() {
        #[derive(Debug)]
        #[expect(dead_code, reason = "it is printed")]
        struct Button(u32);
        assert!(lock().declares(&"Locked", &Button(3), &"Open"));
        assert!(!lock().declares(&"Locked", &"Buttons", &"Open"));
    }

    #[test]
    fn what_is_not_declared_is_reported_once() {
        let mut check = Check::with(lock());
        let mut changed = |from: &str, event: &str, to: &str| {
            check.note(&format_args!("{event}"), &format_args!("{event}"));
            check.undeclared(&named(from), &named(to))
        };
        assert_eq!(changed("Locked", "Button", "Open"), None);
        let expected = "goes from the state Open to Broken by Kick";
        assert_eq!(changed("Open(1)", "Kick(1)", "Broken").as_deref(), Some(expected));
        assert_eq!(changed("Open(2)", "Kick(2)", "Broken"), None);
        assert!(changed("Open", "Kick", "Locked").is_some());
    }

    fn named(name: &str) -> Name {
        Name::of([&format_args!("{name}"), &format_args!("{name}")])
    }

    #[test]
    fn what_is_hidden_is_compared_and_not_reported() {
        let mut check = Check::with(Diagram::new().transition("0", "1234", "1"));
        let hidden: &dyn fmt::Debug = &format_args!("(hidden)");
        let [zero, one]: [Name; 2] = [0, 1].map(|state| Name::of([&state, hidden]));
        check.note(&1234, hidden);
        assert_eq!(check.undeclared(&zero, &one), None);
        let text = check.undeclared(&one, &zero);
        assert_eq!(text.as_deref(), Some("goes from the state (hidden) to (hidden) by (hidden)"));
    }

    #[test]
    fn events_that_are_no_words_are_reported_as_one() {
        let mut check = Check::with(lock());
        let mut count = |event: u32| {
            check.note(&event, &event);
            check.undeclared(&named("Open"), &named("Locked")).is_some()
        };
        assert_eq!([1, 2, 3].map(&mut count), [true, false, false]);
    }

    #[test]
    fn a_machine_with_many_states_is_not_reported_for_ever() {
        let mut check = Check::with(lock());
        check.note(&"Kick", &"Kick");
        let mut count = |state: u32| check.undeclared(&named("Open"), &Name::of([&state, &state]));
        assert_eq!((0..1000).filter_map(&mut count).count(), REPORTED);
    }

    #[test]
    fn without_an_initial_state_each_may_be_the_first() {
        assert!(lock().is_initial("Locked"));
        assert!(!lock().is_initial("Open"));
        assert!(Diagram::new().is_initial("Open"));
    }
}
