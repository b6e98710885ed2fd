//! What agents log.

use std::any::type_name_of_val;

use procession::prelude::*;

use crate::support::logger::{keep_what_is_logged, logged};
use crate::support::wait::down_reason;
use crate::{assert_has_line, report};

#[test]
fn that_crashes_is_reported_with_the_function_that_has_sent_the_closure() {
    keep_what_is_logged();
    let (agent, monitor) = Agent::start_monitor(|| vec![1_u8]).unwrap();
    let change = |numbers: &mut Vec<u8>| {
        numbers.push(2);
        panic!("half-way")
    };
    let closure = type_name_of_val(&change);
    agent.cast(change);
    assert!(down_reason(monitor).as_panic().is_some());

    let report = report(agent.pid());
    assert!(closure.contains("that_crashes_is_reported"), "{closure}");
    assert_has_line(&report, &format!("last message: cast({closure})"));
    assert_has_line(&report, "state: [1, 2]");
}

// Elixir, probed: GenServer's default for handle_info
#[test]
fn warns_of_other_messages() {
    keep_what_is_logged();
    let options = StartOptions::new().name("an agent that is sent a message");
    let agent = Agent::start_with(|| 7_u8, options).unwrap();
    process::send(agent, "a message that is no closure");
    assert_eq!(agent.get(|n| *n), Ok(7));

    let warnings = logged("a message that is no closure");
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].starts_with("WARN procession::gen_server "), "{warnings:?}");
    let name = "an agent that is sent a message (procession::agent::Agent<u8>) does not handle";
    assert!(warnings[0].contains(name), "{warnings:?}");
}

#[test]
fn warns_of_a_cast_for_another_type_of_state() {
    keep_what_is_logged();
    let agent = Agent::start(|| 7_u8).unwrap();
    let change = |text: &mut String| text.clear();
    let closure = type_name_of_val(&change);
    AgentRef::<String>::from_pid(agent.pid()).cast(change);
    assert_eq!(agent.get(|n| *n), Ok(7));

    let warnings = logged(closure);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    let agent = format!("{} (procession::agent::Agent<u8>)", agent.pid());
    let text = format!("{agent} has dropped a cast for a procession::agent::Agent<");
    assert!(warnings[0].contains(&text), "{warnings:?}");
}
