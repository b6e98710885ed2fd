//! Child specs: what can be started once only, what a type says of its children, what is shown.

use std::any::type_name;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use procession::dynamic_supervisor::DynamicSupervisor;
use procession::prelude::*;
use procession::supervisor::{FailedToStart, SpecError, StartedBefore};
use procession::supervisor_bridge::{BridgeInit, SupervisorBridge};

use crate::support::child::{ObservedChild, child, end_child_and_wait, failure};
use crate::support::processes::idle_body;
use crate::support::supervision::{
    STRATEGIES, child_states, failing, start_dynamic, start_empty, start_failure, stop_dynamic,
    stop_supervisor, unlimited_restarts,
};
use crate::support::wait::wait_until;

mod once {
    use super::*;

    /// A server that owns what cannot be cloned.
    #[derive(Debug)]
    struct Reader(mpsc::Receiver<u32>);

    #[derive(Debug)]
    struct Read;

    impl GenServer for Reader {
        type Args = mpsc::Receiver<u32>;

        fn init(numbers: Self::Args) -> InitResult<Reader> {
            ready(Reader(numbers))
        }
    }

    impl HandleCall<Read> for Reader {
        type Reply = Option<u32>;

        fn handle_call(&mut self, _: Read, _: &Caller<Option<u32>>) -> CallResult<Reader, Read> {
            reply(self.0.try_recv().ok())
        }
    }

    /// A child that owns `value`.
    fn owning(id: &str, value: Arc<()>) -> ChildSpec {
        ChildSpec::once(id, move || {
            Ok(process::spawn_link(move || {
                idle_body();
                drop(value);
            })?)
        })
    }

    fn started_before(id: &str, reason: &ExitReason) -> bool {
        reason.downcast_ref::<StartedBefore>().is_some_and(|it| it.id == id)
    }

    #[test]
    fn moves_a_resource_into_the_child() {
        let (sender, numbers) = mpsc::channel();
        let supervisor = start_dynamic();
        let reader = supervisor.start_child(Reader::child_spec_once(numbers)).unwrap();
        sender.send(7).unwrap();
        assert_eq!(reader.call(Read), Ok(Some(7)));
        stop_dynamic(&supervisor);
        assert!(sender.send(8).is_err());
    }

    #[test]
    fn is_for_supervisors_of_all_kinds() {
        for strategy in STRATEGIES {
            let supervisor = unlimited_restarts(strategy).child(owning("a", Arc::default()));
            let supervisor = supervisor.start_link().unwrap();
            supervisor.start_child(owning("b", Arc::default())).unwrap();
            assert_eq!(child_states(&supervisor), ["+a", "+b"]);
            stop_supervisor(&supervisor);
        }
    }

    #[test]
    fn makes_a_temporary_child() {
        let supervisor = start_empty();
        let pid = supervisor.start_child(owning("a", Arc::default())).unwrap();
        end_child_and_wait(supervisor.start_child(child("b")).unwrap().pid(), failure());
        let monitor = process::monitor(pid);
        process::exit(pid, failure());
        process::wait(monitor, Duration::from_secs(20)).unwrap();
        assert_eq!(child_states(&supervisor), ["+b"]);
        stop_supervisor(&supervisor);
    }

    #[test]
    fn is_refused_if_the_child_is_not_temporary() {
        for restart in [Restart::Permanent, Restart::Transient] {
            let wrong = SpecError::StartsOnce("a".to_owned());
            let spec = || owning("a", Arc::default()).restart(restart);
            let of_supervisor = Supervisor::one_for_one().child(spec()).check();
            assert_eq!(of_supervisor, Err(wrong.clone()));
            let supervisor = start_empty();
            let refused = supervisor.start_child(spec()).unwrap_err();
            assert_eq!(refused, SupervisorError::Spec(wrong.clone()));
            stop_supervisor(&supervisor);
            let supervisor = start_dynamic();
            let refused = supervisor.start_child(spec()).unwrap_err();
            assert_eq!(refused, SupervisorError::Spec(wrong));
            stop_dynamic(&supervisor);
        }
    }

    #[test]
    fn is_an_error_the_second_time() {
        let supervisor = start_dynamic();
        let spec = owning("a", Arc::default());
        supervisor.start_child(spec.clone()).unwrap();
        let again = supervisor.start_child(spec).unwrap_err();
        let text = "child \"a\" failed to start: \
                    child \"a\" can be started only once, and was started before";
        assert_eq!(again.to_string(), text);
        assert!(started_before("a", &start_failure(again)));
        stop_dynamic(&supervisor);
    }

    #[test]
    fn is_an_error_when_the_supervisor_is_restarted() {
        let spec = Supervisor::one_for_one().child(owning("a", Arc::default())).child_spec("inner");
        let supervisor = start_empty();
        supervisor.start_child(spec).unwrap();
        supervisor.terminate_child("inner").unwrap();
        let reason = start_failure(supervisor.restart_child("inner").unwrap_err());
        let failed = reason.downcast_ref::<FailedToStart>().unwrap();
        assert!(started_before("a", &failed.reason));
        stop_supervisor(&supervisor);
    }

    #[test]
    fn drops_what_is_not_started() {
        let value = Arc::new(());
        let supervisor = start_empty();
        supervisor.start_child(owning("a", Arc::default())).unwrap();
        supervisor.start_child(owning("a", Arc::clone(&value))).unwrap_err();
        // The supervisor drops the spec just after its answer.
        wait_until(|| Arc::strong_count(&value) == 1);
        stop_supervisor(&supervisor);
    }
}

mod the_type_of_a_server {
    use super::*;

    /// A server that is started once, and has no time to end.
    #[derive(Debug)]
    struct Job;

    impl GenServer for Job {
        type Args = ();
        const RESTART: Restart = Restart::Temporary;
        const SHUTDOWN: Shutdown = Shutdown::BrutalKill;

        fn init((): ()) -> InitResult<Job> {
            ready(Job)
        }
    }

    #[test]
    fn says_when_it_is_restarted_and_how_it_is_stopped() {
        let specs = [
            Job::child_spec(()),
            Job::child_spec_with(|| ()),
            Job::child_spec_once(()),
            Job::named_child_spec("job", ()),
            Job::child_template(),
        ];
        for policy in specs.map(|spec| spec.policy()) {
            assert_eq!(policy.restart, Restart::Temporary);
            assert_eq!(policy.shutdown, Shutdown::BrutalKill);
        }
    }

    #[test]
    fn says_nothing_by_default() {
        let policy = ObservedChild::child_template().policy();
        assert_eq!(policy.restart, Restart::Permanent);
        assert_eq!(policy.shutdown, Shutdown::Timeout(Duration::from_secs(5)));
    }

    #[test]
    fn has_less_weight_than_the_spec() {
        let timeout = Shutdown::Timeout(Duration::from_secs(1));
        let policy = Job::child_spec(()).restart(Restart::Transient).shutdown(timeout).policy();
        assert_eq!((policy.restart, policy.shutdown), (Restart::Transient, timeout));
    }

    #[test]
    fn leaves_a_child_that_is_a_supervisor_its_time() {
        let policy = Job::child_spec(()).child_type(ChildType::Supervisor).policy();
        assert_eq!(policy.shutdown, Shutdown::Infinity);
    }

    #[test]
    fn is_obeyed_by_a_supervisor() {
        let supervisor = start_empty();
        let job = supervisor.start_child(Job::child_spec(())).unwrap();
        let monitor = process::monitor(job.pid());
        job.stop_with(failure(), Duration::from_secs(20)).unwrap();
        process::wait(monitor, Duration::from_secs(20)).unwrap();
        assert_eq!(supervisor.which_children(), Ok(vec![]));
        stop_supervisor(&supervisor);
    }

    /// A server with a spec of its own.
    #[derive(Debug)]
    struct Hero;

    impl GenServer for Hero {
        type Args = &'static str;

        fn init(_: &'static str) -> InitResult<Hero> {
            ready(Hero)
        }
    }

    impl Hero {
        fn child_spec(name: &'static str) -> ChildSpec<ServerRef<Hero>> {
            Hero::named_child_spec(name, name).restart(Restart::Transient)
        }
    }

    // Elixir: overriding child_spec/1
    #[test]
    fn can_have_a_child_spec_of_its_own() {
        let policy = Hero::child_spec("child_specs::hero").policy();
        assert_eq!((&*policy.id, policy.restart), ("child_specs::hero", Restart::Transient));
    }

    /// A supervisor that is started once.
    struct Team;

    impl Supervise for Team {
        type Args = ();
        const RESTART: Restart = Restart::Temporary;

        fn init((): ()) -> SupervisorInit {
            Ok(Some(Supervisor::one_for_one()))
        }
    }

    #[test]
    fn that_is_a_supervisor_says_when_it_is_restarted() {
        assert_eq!(Team::child_spec(()).policy().restart, Restart::Temporary);
        assert_eq!(Team::named_child_spec("team", ()).policy().restart, Restart::Temporary);
    }
}

// OTP: supervisor:which_children/1, "Modules"
mod a_module {
    use super::*;

    struct Team;

    impl Supervise for Team {
        type Args = ();

        fn init((): ()) -> SupervisorInit {
            Ok(Some(Supervisor::one_for_one()))
        }
    }

    struct Bridge;

    impl SupervisorBridge for Bridge {
        type Args = ();

        fn init((): ()) -> BridgeInit<Bridge> {
            Ok(Some((process::spawn(idle_body)?, Bridge)))
        }

        fn terminate(&mut self, _: &ExitReason) {}
    }

    #[track_caller]
    fn check<C: Child>(spec: ChildSpec<C>, expected: &str) {
        let supervisor = start_empty();
        let id = spec.policy().id;
        supervisor.start_child(spec).unwrap();
        assert_eq!(supervisor.which_children().unwrap()[0].module, expected);
        assert_eq!(supervisor.get_child_spec(id).unwrap().module, expected);
        stop_supervisor(&supervisor);
    }

    #[test]
    fn is_the_type_of_a_server() {
        let me = process::self_pid();
        check(ObservedChild::child_spec(("a", me)), type_name::<ObservedChild>());
        check(child("a"), type_name::<ObservedChild>());
        let with_info = ChildSpec::new("a", move || Ok((ObservedChild::start_link(("a", me))?, 7)));
        check(with_info, type_name::<ObservedChild>());
        let moved = ObservedChild::child_spec_once(("a", me));
        check(moved, type_name::<ObservedChild>());
    }

    #[test]
    fn is_the_type_of_a_supervisor_or_of_a_bridge() {
        check(Team::child_spec(()), type_name::<Team>());
        check(Team::named_child_spec("a_module::team", ()), type_name::<Team>());
        check(DynamicSupervisor::new().child_spec("a"), type_name::<DynamicSupervisor>());
        check(Bridge::child_spec(()), type_name::<Bridge>());
    }

    #[test]
    fn is_the_start_function_of_a_plain_process() {
        let start = || Ok(process::spawn_link(idle_body)?);
        let name = std::any::type_name_of_val(&start);
        assert!(name.contains("is_the_start_function"), "{name}");
        check(ChildSpec::new("a", start), name);
        check(ChildSpec::once("a", start), name);
    }

    #[test]
    fn is_shown_of_dynamic_children() {
        let me = process::self_pid();
        let supervisor = start_dynamic();
        supervisor.start_child(child("a")).unwrap();
        let module = supervisor.which_children().unwrap()[0].module;
        assert_eq!(module, type_name::<ObservedChild>());
        stop_dynamic(&supervisor);

        let template = ObservedChild::child_template();
        let supervisor = Supervisor::simple_one_for_one(template).start_link().unwrap();
        let pid = supervisor.start_child(("a", me)).unwrap().pid();
        assert_eq!(supervisor.get_child_spec(pid).unwrap().module, type_name::<ObservedChild>());
        supervisor.stop().unwrap();
    }
}

mod a_failed_start {
    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    struct OutOfPaper;

    impl std::fmt::Display for OutOfPaper {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("out of paper")
        }
    }

    impl std::error::Error for OutOfPaper {}

    fn printer() -> ChildSpec {
        ChildSpec::new("printer", || Err(StartError::Failed(OutOfPaper.into())))
    }

    #[test]
    fn names_the_child_and_the_reason() {
        let supervisor = start_empty();
        let error = supervisor.start_child(printer()).unwrap_err();
        assert_eq!(error.to_string(), "child \"printer\" failed to start: out of paper");
        stop_supervisor(&supervisor);
    }

    #[test]
    fn of_a_supervisor_names_each_child_on_the_way() {
        let inner = Supervisor::one_for_one().child(printer()).child_spec("inner");
        let error = Supervisor::one_for_one().child(inner).start_link().unwrap_err();
        assert_eq!(
            error.to_string(),
            "the server failed to initialize: child \"inner\" failed to start: \
             child \"printer\" failed to start: out of paper"
        );
    }

    #[test]
    fn can_still_be_told_by_its_type() {
        let supervisor = Supervisor::one_for_one().child(failing("a"));
        let StartError::Failed(reason) = supervisor.start_link().unwrap_err() else {
            panic!("it has not failed");
        };
        assert!(reason.is_orderly());
        assert_eq!(reason.downcast_ref::<FailedToStart>().unwrap().reason, failure());
    }
}
