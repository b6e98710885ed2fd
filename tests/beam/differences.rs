//! The differences between the BEAM and this crate that scenarios can show: this is their list.
//!
//! Each is in the documentation of a module, in the words that are quoted here. Some are made
//! undone in the trace of the BEAM; what cannot be, as things go on differently or one side does
//! not decide, is left out of the scenarios.

use crate::script::{Script, Step, Term};

/// Whose trace it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Side {
    Beam,
    Here,
}

/// The documented differences.
struct Difference {
    /// The file of the documentation, and words of it.
    documented: (&'static str, &'static str),
    is: Is,
}

/// How it shows.
enum Is {
    /// The BEAM says the first where here it is the second.
    Said(&'static str, &'static str),
    /// A step that shows it is left out.
    LeftOut(fn(&[Term], &Script) -> bool),
}

const DIFFERENCES: &[Difference] = &[
    Difference {
        documented: (
            "src/process.rs",
            "OTP's `link/1` raises `noproc` in a process that does not trap exits; here it gets \
             the signal, and ends by it",
        ),
        is: Is::Said("crash:noproc", "noproc"),
    },
    Difference {
        documented: (
            "src/supervisor.rs",
            "`which_children` returns the id of the template, where OTP returns `undefined`",
        ),
        is: Is::Said(" undefined=", " template="),
    },
    Difference {
        documented: (
            "src/gen_server.rs",
            "gives its client [`CallErrorKind::NoReply`] at once, where OTP lets it time out",
        ),
        is: Is::LeftOut(|step, _| any_within(step, &is_never_answered)),
    },
    Difference {
        documented: (
            "src/gen_server.rs",
            "also if somebody else has ended it before it came to the request",
        ),
        is: Is::LeftOut(|step, script| step.iter().any(|it| may_be_overtaken(it, script))),
    },
    Difference {
        documented: ("src/gen_server.rs", "returns [`CallErrorKind::Deadlock`] at once"),
        is: Is::LeftOut(|step, script| step.iter().any(|it| names_a_client(it, script))),
    },
    // Seen by who traps exits, and not without a time, when it is `exit`.
    Difference {
        documented: (
            "src/timer.rs",
            "The signal of [`exit_after`] is from the caller, where OTP's is from a process of the \
             timer service",
        ),
        is: Is::LeftOut(|step, script| {
            let traps = || script.0.iter().flat_map(|step| &step.0).any(|it| it.has("trap"));
            step.iter().any(|it| is_called(it, "exit_after") && it.has("soon")) && traps()
        }),
    },
    // In a callback of a server that makes the difference of a call of `terminate`.
    Difference {
        documented: (
            "src/process.rs",
            "OTP's `link/1` raises `noproc` in a process that does not trap exits",
        ),
        is: Is::LeftOut(|step, _| any_within(step, &has_link_in_act)),
    },
    // What is seen is the same, a second later.
    Difference {
        documented: (
            "src/process.rs",
            "one of `proc_lib`'s that traps exits is not waited for any longer, and goes on",
        ),
        is: Is::LeftOut(|step, _| {
            step.iter().any(|it| is_called(it, "pl_start") && it.has("link") && it.has("trap"))
        }),
    },
    Difference {
        documented: ("src/call_error.rs", "As an [`ExitReason`], by `?`, it keeps its class"),
        is: Is::Said("call:shutdown", "shutdown"),
    },
    Difference {
        documented: (
            "src/gen_server.rs",
            "After a callback that failed, `terminate` and reports see the state as the callback \
             has left it, not as it was before",
        ),
        is: Is::LeftOut(|step, _| {
            follows(step, |it| it == "at_end", |it| matches!(it, "crash" | "exit_self"))
        }),
    },
    Difference {
        documented: (
            "src/gen_statem.rs",
            "if a state enter call has failed, the state is the one that was entered",
        ),
        is: Is::LeftOut(|step, _| any_within(step, &fails_to_enter)),
    },
    // In OTP it is on its way, as any signal, and nothing says whether the same step sees it.
    Difference {
        documented: ("src/process/monitor.rs", "If nobody is there, the message comes at once"),
        is: Is::LeftOut(|step, _| {
            follows(step, is_monitor, looks_at_what_has_come) || has_late_demonitor(step)
        }),
    },
];

/// Faults that OTP has mended since, but perhaps not in the version that is installed.
///
/// (Before OTP 26 there is another one, which `scenario.erl` makes undone: who starts a linked
/// process that fails is left with its exit signal.)
const OLDER_OTP: &[Is] = &[
    // `start_link` waits forever if a process ends normally before it acknowledges.
    Is::LeftOut(|step, _| step.iter().any(ends_unacknowledged)),
    // A child of a `simple_one_for_one` that is restarted and is ignored then, is kept.
    Is::LeftOut(|step, _| step.iter().any(|it| is_called(it, "start_one") && it.has("ignore"))),
    // A server that hibernates and is suspended never rests again once it has got a message.
    Is::LeftOut(|step, script| {
        let hibernates =
            || script.0.iter().any(|Step(terms)| terms.iter().any(|it| it.has("hibernate")));
        step.iter().any(|it| is_called(it, "suspend")) && hibernates()
    }),
];

/// Whether it is a stop that a process may not come to, for a reason for which another may end it.
fn may_be_overtaken(operation: &Term, script: &Script) -> bool {
    let is_stop = is_called(operation, "stop") || is_called(operation, "pl_stop");
    let others = || script.0.iter().flat_map(|step| &step.0).filter(|other| *other != operation);
    let has = |word| others().any(|other| other.has(word));
    is_stop && (has("pl_start") || has("suspend")) && has(operation.list()[2].word())
}

/// Whether it gives a name to a process that may call others, so that it may be called itself.
fn names_a_client(operation: &Term, script: &Script) -> bool {
    let is_client = |index: &Term| script.0.iter().any(|step| step.parts().0 == index.word());
    let has_servers = || script.0.iter().any(|step| step.0.iter().any(|it| is_called(it, "start")));
    is_called(operation, "register")
        && operation.list().get(2).is_none_or(is_client)
        && has_servers()
}

/// Whether it has a server link itself.
fn has_link_in_act(operation: &Term) -> bool {
    let is_to_server = ["call", "call_or_exit", "request", "cast", "tell", "start"]
        .iter()
        .any(|name| is_called(operation, name));
    is_to_server && operation.list()[1..].iter().any(has_link)
}

fn has_link(term: &Term) -> bool {
    is_called(term, "link") || term.list().iter().any(has_link)
}

/// Whether it holds for an operation of the step, or for one within another.
fn any_within(terms: &[Term], holds: &dyn Fn(&Term) -> bool) -> bool {
    terms.iter().any(|term| holds(term) || any_within(term.list(), holds))
}

fn is_called(operation: &Term, name: &str) -> bool {
    operation.list().first().is_some_and(|own| own.word() == name)
}

/// Whether it is a request whose handler neither answers, nor defers the answer, nor ends.
fn is_never_answered(operation: &Term) -> bool {
    let words = ["reply", "defer", "end", "exit_self", "crash"];
    let name = operation.list().first().map_or("", Term::word);
    matches!(name, "call" | "call_or_exit" | "request")
        && !operation.list()[1..].iter().any(|it| words.iter().any(|word| is_called(it, word)))
}

/// Whether it is the rule of a machine that fails as it enters a state.
fn fails_to_enter(rule: &Term) -> bool {
    is_called(rule, "enter") && rule.list()[1..].iter().any(|it| it.word() == "crash")
}

/// Whether it starts a linked process that ends normally before it acknowledges.
fn ends_unacknowledged(operation: &Term) -> bool {
    let fails = operation.has("crash") || operation.has("exit_self") && !operation.has("normal");
    is_called(operation, "pl_start")
        && operation.list()[2].word() == "link"
        && !operation.has("ack")
        && !fails
}

fn looks_at_what_has_come(operation: &str) -> bool {
    matches!(operation, "drain" | "receive" | "unalias" | "send_alias" | "timeout")
}

fn is_monitor(operation: &str) -> bool {
    operation.starts_with("monitor")
}

/// Whether a monitor is removed in the step in which it was made, but not at once, when no signal
/// can have been looked at.
fn has_late_demonitor(step: &[Term]) -> bool {
    let names: Vec<&str> = step.iter().map(|it| it.list().first().map_or("", Term::word)).collect();
    let first = names.iter().position(|name| is_monitor(name));
    let is_late = first.is_some_and(|first| {
        names.iter().skip(first + 2).any(|name| name.starts_with("demonitor"))
    });
    is_late || step.iter().any(|term| has_late_demonitor(term.list()))
}

/// Whether an operation of the first kind is followed by one of the second, or by one that has
/// such a one in it: in the step, or within one of its operations.
fn follows(step: &[Term], first: fn(&str) -> bool, second: fn(&str) -> bool) -> bool {
    let name = |term: &Term| term.list().first().map_or("", Term::word).to_owned();
    let place = step.iter().position(|term| first(&name(term)));
    place.is_some_and(|place| any_within(&step[place + 1..], &|term| second(&name(term))))
        || step.iter().any(|term| follows(term.list(), first, second))
}

fn all() -> impl Iterator<Item = &'static Is> {
    DIFFERENCES.iter().map(|difference| &difference.is).chain(OLDER_OTP)
}

/// A line of a trace, as it would be here.
pub(crate) fn as_here(line: &str, side: Side) -> String {
    let mut line = line.to_owned();
    if side == Side::Beam {
        for is in all() {
            if let Is::Said(beam, here) = is {
                line = line.replace(beam, here);
            }
        }
    }
    line
}

/// The script without the steps in which the sides may differ.
pub(crate) fn without_differences(script: &Script) -> Script {
    let differs = |step: &Step| {
        all().any(|is| if let Is::LeftOut(shows) = is { shows(&step.0, script) } else { false })
    };
    Script(script.0.iter().filter(|step| !differs(step)).cloned().collect())
}

#[test]
fn every_difference_is_documented() {
    for Difference { documented: (file, words), .. } in DIFFERENCES {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let text = std::fs::read_to_string(path).expect("it can be read");
        let lines = text.lines().map(|line| line.trim().trim_start_matches(['/', '!']));
        let text = lines.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ");
        assert!(text.contains(words), "{file} does not say: {words}");
    }
}
