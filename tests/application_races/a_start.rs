//! Races of starts, stops and ends.

use std::fmt::Debug;

use parking_lot::Mutex;
use procession::application::{self, Application, ApplicationError, Mode, RestartType};
use procession::prelude::*;
use procession::supervisor::{Supervised, Supervisor};

use crate::support::processes::idle_body;
use crate::support::wait::{down_reason, expect};
use crate::{Leaver, app, client, failing, gate, gated, heard_client, leaving, running, world};

// OTP answers when the application is stopped, and starts it again.
#[test]
fn of_what_is_being_stopped_starts_it_again() {
    let _world = world();
    let me = process::self_pid();
    let (open, pass) = gate();
    application::load(leaving("slow", move || {
        process::send(me, "stopping");
        pass();
    }))
    .unwrap();
    application::start("slow").unwrap();
    let stop = client(|| application::stop("slow"));
    assert_eq!(expect::<&str>(), "stopping");
    let start = heard_client(|| Mutex::new(application::ensure_started("slow")));
    open.send(()).unwrap();
    drop(open);
    assert_eq!((down_reason(stop), down_reason(start)), (ExitReason::Normal, ExitReason::Normal));
    assert_eq!(expect::<Result<(), ApplicationError>>(), Ok(()));
    assert_eq!(expect::<Mutex<Result<(), ApplicationError>>>().into_inner(), Ok(()));
    assert_eq!(running(), ["slow"]);
}

// OTP's master links itself to the top.
#[test]
fn of_a_tree_that_is_not_linked_links_it_all_the_same() {
    let _world = world();
    let unlinked = Application::new("unlinked").start(|| Leaver::start(Box::new(|| {})));
    application::load(unlinked).unwrap();
    application::start("unlinked").unwrap();
    let top = application::get_supervisor("unlinked").unwrap().unwrap();
    let master = process::monitor(process::info(top).unwrap().parent().unwrap());
    process::exit(top, ExitReason::Kill);
    assert_eq!(down_reason(master), ExitReason::Killed);
    assert_eq!(running(), [""; 0]);
}

#[test]
fn that_fails_does_not_stop_what_another_has_started() {
    let _world = world();
    let me = process::self_pid();
    let (open, pass) = gate();
    application::load(gated("slow", pass)).unwrap();
    let failing = Application::new("failing").start(move || {
        process::send(me, "failing");
        failing()
    });
    application::load(failing).unwrap();
    let starter = client(|| Mutex::new(application::start("slow")));
    assert_eq!(expect::<&str>(), "slow");
    let all = ["slow", "failing"];
    let ensure =
        move || application::ensure_all_started_as(all, RestartType::Temporary, Mode::Concurrent);
    let other = client(move || ensure().map(drop));
    assert_eq!(expect::<&str>(), "failing"); // The other waits for the slow one, too.
    open.send(()).unwrap();
    down_reason(starter);
    down_reason(other);
    assert_eq!(expect::<Mutex<Result<(), ApplicationError>>>().into_inner(), Ok(()));
    assert!(expect::<Result<(), ApplicationError>>().is_err());
    assert_eq!(running(), ["slow"]);
}

#[test]
fn whose_master_is_killed_fails() {
    let _world = world();
    let me = process::self_pid();
    let hanging = Application::new("hanging").start(move || {
        process::send(me, process::self_pid());
        idle_body();
        failing()
    });
    application::load(hanging).unwrap();
    let start = client(|| application::start("hanging"));
    let master = expect::<Pid>();
    assert_eq!(application::get_application(master).as_deref(), Some("hanging"));
    process::exit(master, ExitReason::Kill);
    down_reason(start);
    let (application, reason) = ("hanging".to_owned(), ExitReason::Killed);
    let error = ApplicationError::Start { application, reason };
    assert_eq!(expect::<Result<(), ApplicationError>>(), Err(error));
    assert_eq!(running(), [""; 0]);
}

#[test]
fn may_ask_for_others_from_within_its_tree() {
    #[derive(Debug)]
    struct Asking(Pid);

    impl GenServer for Asking {
        type Args = Pid;

        fn init(observer: Pid) -> InitResult<Asking> {
            process::set_trap_exit(true);
            application::start("other").map_err(ExitReason::from)?;
            process::send(observer, application::get_env::<u8>("asking", "key"));
            ready(Asking(observer))
        }

        fn terminate(&mut self, _: &ExitReason) {
            process::send(self.0, application::stop("other"));
            process::send(self.0, application::get_application(process::self_pid()));
        }
    }

    let _world = world();
    let me = process::self_pid();
    application::load(app("other")).unwrap();
    application::load(
        Application::new("asking")
            .env("key", 7_u8)
            .start(move || Supervisor::one_for_one().child(Asking::child_spec(me)).start_link()),
    )
    .unwrap();
    application::start("asking").unwrap();
    assert_eq!(expect::<Option<u8>>(), Some(7));
    assert_eq!(running(), ["asking", "other"]);
    application::stop("asking").unwrap();
    assert_eq!(expect::<Result<(), ApplicationError>>(), Ok(()));
    assert_eq!(expect::<Option<String>>().as_deref(), Some("asking"));
    assert_eq!(running(), [""; 0]);
}

#[test]
fn of_a_long_chain_by_many_at_once_starts_each_once() {
    let _world = world();
    let name = |n: usize| format!("link{n}");
    for n in 0..30 {
        let link = Application::new(name(n)).start(|| Supervisor::one_for_one().start_link());
        let link = if n > 0 { link.depends_on(name(n - 1)) } else { link };
        application::load(link).unwrap();
    }
    let modes = [Mode::Serial, Mode::Concurrent].into_iter().cycle();
    let clients: Vec<_> = (26..30)
        .zip(modes)
        .map(|(n, mode)| {
            let names = [name(n)];
            let ensure =
                move || application::ensure_all_started_as(names, RestartType::Temporary, mode);
            client(move || ensure().map(drop))
        })
        .collect();
    for client in clients {
        assert_eq!(down_reason(client), ExitReason::Normal);
        assert_eq!(expect::<Result<(), ApplicationError>>(), Ok(()));
    }
    let order: Vec<_> = (0..30).rev().map(name).collect();
    assert_eq!(running(), order);
}
