//! Supervisors, and what they are asked.

use std::sync::Arc;

use procession::prelude::*;
use procession::supervisor::{
    AutoShutdown, ChildState, ChildType, Policy, Shutdown, SimpleOneForOneRef, Strategy, Supervise,
    SupervisorError, SupervisorInit,
};

use super::perform::{HOUR, Performance};
use super::servers::{Server, Start, options, start_outcome};
use super::words;
use super::world::World;
use crate::script::Term;

/// A supervisor as a script describes it.
struct Described;

/// The world, the index, and the description.
type Description = (Arc<World>, String, Vec<Term>);

impl Supervise for Described {
    type Args = Description;

    fn init((world, index, spec): Description) -> SupervisorInit {
        world.enter(&index);
        Ok(Some(described(&world, &spec)))
    }
}

/// The strategy, the intensity, when to shut down, and the children.
fn described(world: &Arc<World>, spec: &[Term]) -> Supervisor {
    let strategy = match spec[0].word() {
        "one_for_all" => Strategy::OneForAll,
        "rest_for_one" => Strategy::RestForOne,
        _ => Strategy::OneForOne,
    };
    let auto_shutdown = match spec[2].word() {
        "any_significant" => AutoShutdown::AnySignificant,
        "all_significant" => AutoShutdown::AllSignificant,
        _ => AutoShutdown::Never,
    };
    let supervisor =
        Supervisor::new(strategy).intensity(intensity(&spec[1]), HOUR).auto_shutdown(auto_shutdown);
    spec[3..].iter().fold(supervisor, |supervisor, child| {
        if child.list()[0].word() == "tree" {
            supervisor.child(tree_spec(world, child.list()))
        } else {
            supervisor.child(child_spec(world, child.list()))
        }
    })
}

fn intensity(term: &Term) -> usize {
    term.word().parse().expect("the intensity is a number")
}

fn auto_shutdown(term: &Term) -> AutoShutdown {
    match term.word() {
        "any_significant" => AutoShutdown::AnySignificant,
        "all_significant" => AutoShutdown::AllSignificant,
        _ => AutoShutdown::Never,
    }
}

fn restart(term: &Term) -> Restart {
    match term.word() {
        "transient" => Restart::Transient,
        "temporary" => Restart::Temporary,
        _ => Restart::Permanent,
    }
}

fn shutdown(term: &Term) -> Shutdown {
    match term.word() {
        "brutal_kill" => Shutdown::BrutalKill,
        "infinity" => Shutdown::Infinity,
        _ => Shutdown::Timeout(HOUR),
    }
}

/// `child`, the index, when to restart, how to stop, whether it is significant, and what its
/// `init` does each time.
fn child_spec(world: &Arc<World>, spec: &[Term]) -> ChildSpec<ServerRef<Server>> {
    let index = spec[1].word().to_owned();
    let (world, inits) = (Arc::clone(world), spec[5..].to_vec());
    let start = {
        let index = index.clone();
        move || start_child(&world, &index, &inits)
    };
    ChildSpec::new(index, start)
        .restart(restart(&spec[2]))
        .shutdown(shutdown(&spec[3]))
        .significant(spec[4].word() == "true")
}

/// `tree`, the index, when to restart, whether it is significant, and the description.
fn tree_spec(world: &Arc<World>, spec: &[Term]) -> ChildSpec<SupervisorRef> {
    let description = (Arc::clone(world), spec[1].word().to_owned(), spec[4..].to_vec());
    Described::child_spec(description)
        .id(spec[1].word())
        .restart(restart(&spec[2]))
        .significant(spec[3].word() == "true")
}

/// Each start of a child has an `init` of its own, the last one counting for all that follow.
fn start_child(
    world: &Arc<World>,
    index: &str,
    inits: &[Term],
) -> Result<ServerRef<Server>, StartError> {
    let start = world.count_start(index).min(inits.len());
    let operations = inits[start - 1].list().to_vec();
    Server::start_link(Start { world: Arc::clone(world), index: index.to_owned(), operations })
}

/// The arguments of one of many children: its index, and its `init`s.
type One = (String, Vec<Term>);

/// Does what is asked of a supervisor, or starts one.
pub(crate) fn perform(it: &Performance<'_>, name: &str) -> Option<String> {
    let world = it.world;
    if name == "start_sup" {
        let description = (Arc::clone(world), it.word(0).to_owned(), it.rest(2));
        let started = Described::start_link_with(description, options(it.word(1)));
        return Some(start_outcome(world, started.map(|supervisor| supervisor.pid())));
    }
    if name == "start_simple" {
        return Some(start_simple(it));
    }
    let to = it.destination(0)?;
    let supervisor = SupervisorRef::at(to.clone());
    let crowd = SimpleOneForOneRef::<ServerRef<Server>, One>::at(to);
    let index = it.word(1);
    let outcome = match name {
        "start_child" => {
            let spec = it.arguments[1].list();
            if spec[0].word() == "tree" {
                supervisor.start_child(tree_spec(world, spec)).map(|it| ok_label(world, it.pid()))
            } else {
                supervisor.start_child(child_spec(world, spec)).map(|it| ok_label(world, it.pid()))
            }
        }
        "start_one" => {
            crowd.start_child((index.to_owned(), it.rest(2))).map(|it| ok_label(world, it.pid()))
        }
        "terminate_child" => supervisor.terminate_child(index).map(ok),
        "terminate_one" => crowd.terminate_child(it.pid(1)?).map(ok),
        "restart_child" => supervisor.restart_child(index).map(|pid| ok_label(world, pid)),
        "delete_child" => supervisor.delete_child(index).map(ok),
        "which_children" => supervisor.which_children().map(|children| {
            let children = children.iter().map(|child| {
                let state = match child.state {
                    ChildState::Running(pid) => world.label(pid),
                    ChildState::Stopped => "undefined".to_owned(),
                    ChildState::Restarting => "restarting".to_owned(),
                };
                format!(" {}={state}/{}", child.id, child_type(child.child_type))
            });
            format!("children{}", children.collect::<String>())
        }),
        "count_children" => supervisor.count_children().map(|counts| {
            let (specs, active) = (counts.specs, counts.active);
            format!("counts {specs} {active} {} {}", counts.supervisors, counts.workers)
        }),
        "get_one_spec" => crowd.get_child_spec(it.pid(1)?).map(|policy| spec(&policy)),
        "get_childspec" => supervisor.get_child_spec(index).map(|policy| spec(&policy)),
        _ => panic!("no operation is called {name}"),
    };
    Some(outcome.unwrap_or_else(|error| failure(world, &error)))
}

/// Its index, its name, the intensity, when to shut down; of its children when to restart, how to
/// stop, and whether they are significant.
fn start_simple(it: &Performance<'_>) -> String {
    let world = Arc::clone(it.world);
    let start = {
        let world = Arc::clone(&world);
        move |(index, inits): One| start_child(&world, &index, &inits)
    };
    let template = ChildSpec::template("template", start)
        .restart(restart(&it.arguments[4]))
        .shutdown(shutdown(&it.arguments[5]))
        .significant(it.word(6) == "true");
    let started = Supervisor::simple_one_for_one(template)
        .intensity(intensity(&it.arguments[2]), HOUR)
        .auto_shutdown(auto_shutdown(&it.arguments[3]))
        .start_link_with(options(it.word(1)));
    let pid = started.map(|supervisor| supervisor.pid());
    // It is made without a callback that could do this.
    if let Ok(pid) = pid {
        world.enter_other(it.word(0), pid);
    }
    start_outcome(&world, pid)
}

fn ok((): ()) -> String {
    "ok".to_owned()
}

fn ok_label(world: &World, pid: Pid) -> String {
    format!("ok {}", world.label(pid))
}

fn child_type(child_type: ChildType) -> &'static str {
    match child_type {
        ChildType::Worker => "worker",
        ChildType::Supervisor => "supervisor",
    }
}

fn spec(policy: &Policy) -> String {
    let restart = match policy.restart {
        Restart::Permanent => "permanent",
        Restart::Transient => "transient",
        Restart::Temporary => "temporary",
    };
    let shutdown = match policy.shutdown {
        Shutdown::BrutalKill => "brutal_kill",
        Shutdown::Infinity => "infinity",
        Shutdown::Timeout(_) => "hour",
        other => return format!("?{other:?}"),
    };
    let Policy { id, child_type: kind, significant, .. } = policy;
    format!("spec {id} {restart} {shutdown} {} {significant}", child_type(*kind))
}

fn failure(world: &World, error: &SupervisorError) -> String {
    match error {
        SupervisorError::AlreadyStarted(pid) => format!("already {}", world.label(*pid)),
        SupervisorError::AlreadyPresent => "already_present".to_owned(),
        SupervisorError::Spec(_) => "spec".to_owned(),
        SupervisorError::Failed(failed) => format!("failed {}", words::reason(&failed.reason)),
        SupervisorError::Ignored => "undefined".to_owned(),
        SupervisorError::NotFound => "not_found".to_owned(),
        SupervisorError::Running => "running".to_owned(),
        SupervisorError::Restarting => "restarting".to_owned(),
        SupervisorError::Call(error) => format!("failed {}", words::call_error(error)),
        SupervisorError::MaxChildren | _ => format!("?{error:?}"),
    }
}
