//! What the crate has for its users' tests.

use std::panic::{AssertUnwindSafe, catch_unwind};

use procession::assert_receive;
use procession::prelude::*;
use procession::process::Builder;
use procession::report::{Context, Report};
use procession::testing::{self, TestSupervisor};

use crate::support::child::{ObservedChild, child, child_events, end_child_and_wait, failure};
use crate::support::processes::{idle_body, in_process};
use crate::support::supervision::{failing, process_child};
use crate::support::wait::{assert_no_message, down_reason, expect, wait_for_exit};

/// The message of the panic that `body` ends with.
#[track_caller]
fn panic_of(body: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(body)).expect_err("it has not panicked");
    *payload.downcast::<String>().expect("a message")
}

mod a_supervisor {
    use super::*;

    #[test]
    fn stops_its_children_when_it_is_dropped_the_last_first() {
        let tests = TestSupervisor::start();
        tests.start_supervised(child("a"));
        tests.start_supervised(child("b"));
        drop(tests);
        assert_eq!(child_events(), ["+a", "+b", "-b", "-a"]);
    }

    #[test]
    fn stops_its_children_when_the_test_fails() {
        let text = panic_of(|| {
            let tests = TestSupervisor::start();
            tests.start_supervised(child("a"));
            panic!("the test of {} fails", tests.pid());
        });
        assert!(text.starts_with("the test of <"), "{text}");
        assert_eq!(child_events(), ["+a", "-a"]);
    }

    #[test]
    fn restarts_its_children() {
        let tests = TestSupervisor::start();
        for _ in 0..10 {
            let pid = tests.which_children().unwrap().first().and_then(|child| child.state.pid());
            let pid = pid.unwrap_or_else(|| tests.start_supervised(child("a")).pid());
            end_child_and_wait(pid, failure());
        }
        assert_eq!(tests.count_children().unwrap().active, 1);
    }

    #[test]
    fn stops_a_child_on_request_and_forgets_it() {
        let tests = TestSupervisor::start();
        for spec in [child("a"), child("a").restart(Restart::Temporary), child("a")] {
            let pid = tests.start_supervised(spec).pid();
            tests.stop_supervised("a");
            assert!(!process::is_alive(pid));
            assert_eq!(tests.which_children(), Ok(vec![]));
        }
    }

    #[test]
    fn says_which_child_does_not_start_or_is_not_there() {
        let tests = TestSupervisor::start();
        let text = panic_of(|| _ = tests.start_supervised(failing("a")));
        assert!(
            text.starts_with("the test's child \"a\" cannot be started: child \"a\""),
            "{text}"
        );
        let text = panic_of(|| tests.stop_supervised("b"));
        assert_eq!(text, "the test's child \"b\" cannot be stopped: no such child");
    }

    #[test]
    fn waits_for_what_is_about_to_end() {
        let tests = TestSupervisor::start();
        let me = process::self_pid();
        tests.start_supervised(process_child("a", move || {
            let helper = process::spawn(|| {
                receive! { () => {} }
            });
            process::send(me, helper.unwrap());
            idle_body();
        }));
        let helper: Pid = expect();
        let monitor = process::monitor(helper);
        // It is told to end just when the test ends.
        process::send(helper, ());
        drop(tests);
        assert_eq!(down_reason(monitor), ExitReason::Normal);
    }

    #[test]
    fn that_is_gone_is_no_trouble() {
        let tests = TestSupervisor::start();
        tests.start_supervised(child("a"));
        tests.stop().unwrap();
        drop(tests);
        assert_eq!(child_events(), ["+a", "-a"]);
    }

    #[test]
    fn leaves_nothing_in_the_mailbox_of_a_test_that_traps_exits() {
        in_process(|| {
            process::set_trap_exit(true);
            let tests = TestSupervisor::start();
            tests.start_supervised(process_child("a", idle_body));
            drop(tests);
            assert_no_message();
        });
    }
}

// It waits for the time-out: the others do not.
#[test]
fn a_process_that_is_left_behind_fails_the_test_and_is_killed() {
    let me = process::self_pid();
    let start = move || {
        let tests = TestSupervisor::start();
        tests.start_supervised(process_child("a", move || {
            let left = Builder::new().name("testing::left").spawn(idle_body);
            process::send(me, left.unwrap());
            idle_body();
        }));
    };
    let text = panic_of(start);
    let left: Pid = expect();
    let expected = format!(
        "the test has left processes behind, which are killed now:\n    {left} testing::left"
    );
    assert_eq!(text, expected);
    wait_for_exit(left);
}

mod a_message {
    use super::*;

    #[derive(Debug)]
    struct Numbered(u32);

    #[test]
    fn is_received_whether_it_is_there_or_comes_later() {
        let me = process::self_pid();
        process::send(me, Numbered(1));
        assert_eq!(assert_receive!(Numbered(number) => number), 1);
        process::spawn(move || process::send(me, Numbered(2))).unwrap();
        assert_receive!(Numbered(2) => {});
        process::send(me, "text");
        let text = assert_receive!(
            Numbered(number) if number > 2 => number.to_string(),
            text: &str => text.to_owned()
        );
        assert_eq!(text, "text");
    }

    #[test]
    fn that_does_not_come_fails_the_test_which_prints_its_mailbox() {
        process::send(process::self_pid(), Numbered(3));
        process::send(process::self_pid(), "text");
        let text = panic_of(|| assert_receive!(Numbered(4) => {}));
        let expected = "no message within 5s for `Numbered(4) => {}`; the mailbox has:\n    \
                        it::testing::a_message::Numbered: Numbered(3)\n    &str: \"text\"";
        assert_eq!(text, expected);
        // It is still there.
        assert_eq!(testing::mailbox().len(), 2);
    }

    #[test]
    fn is_missing_in_an_empty_mailbox() {
        let text = panic_of(|| testing::nothing_fits("Numbered(4) => {}"));
        let expected = "no message within 5s for `Numbered(4) => {}`: the mailbox is empty";
        assert_eq!(text, expected);
    }
}

mod reports {
    use super::*;

    /// The ids of the children that a supervisor has reported as terminated.
    fn terminated(reports: Vec<Report>) -> Vec<String> {
        let id = |report| {
            let Report::Supervisor(it) = report else { return None };
            (it.context == Context::ChildTerminated).then_some(it.child.id)
        };
        reports.into_iter().filter_map(id).collect()
    }

    #[test]
    fn are_those_of_processes_that_the_test_has_started() {
        let reports = testing::capture_reports();
        let (pid, monitor) = process::spawn_monitor(|| panic!("a crash")).unwrap();
        down_reason(monitor);
        let reports = reports.take();
        let [Report::Crash(crash)] = &reports[..] else { panic!("{reports:?}") };
        assert_eq!(crash.pid, pid);
    }

    #[test]
    fn are_those_of_processes_far_below() {
        let reports = testing::capture_reports();
        let tests = TestSupervisor::start();
        let inner = Supervisor::one_for_one().intensity(9, std::time::Duration::from_secs(1));
        let inner = tests.start_supervised(inner.child_spec("inner"));
        let child: ServerRef<ObservedChild> = inner.start_child(child("a")).unwrap();
        end_child_and_wait(child.pid(), failure());
        inner.count_children().unwrap();
        let reports = reports.take();
        assert!(reports.iter().any(|report| matches!(report, Report::Server(_))), "{reports:?}");
        assert!(reports.iter().any(|report| matches!(report, Report::Crash(_))), "{reports:?}");
        assert_eq!(terminated(reports), ["a"]);
    }

    #[test]
    fn are_not_those_of_others() {
        let me = process::self_pid();
        process::spawn(move || {
            let reports = testing::capture_reports();
            process::send(me, ());
            receive! { () => {} }
            process::send(me, reports.take().len());
        })
        .map(|other| {
            expect::<()>();
            let (_, monitor) = process::spawn_monitor(|| panic!("a crash")).unwrap();
            down_reason(monitor);
            process::send(other, ());
        })
        .unwrap();
        assert_eq!(expect::<usize>(), 0);
    }

    #[test]
    fn are_taken_once() {
        let reports = testing::capture_reports();
        let crash = || {
            let (_, monitor) = process::spawn_monitor(|| panic!("a crash")).unwrap();
            down_reason(monitor);
        };
        crash();
        assert_eq!(reports.take().len(), 1);
        assert_eq!(reports.take().len(), 0);
        crash();
        assert_eq!(reports.take().len(), 1);
    }
}

#[test]
fn names_are_unique() {
    let names: Vec<_> = (0..100).map(|_| testing::unique_name("testing")).collect();
    let mut different = names.clone();
    different.sort();
    different.dedup();
    assert_eq!(different.len(), 100);
    assert!(names[0].starts_with("testing-"));
}
