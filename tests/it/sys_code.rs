//! Servers whose state is changed to that of another version, or shown as they want it.

use std::fmt;

use procession::gen_server::StatusPart;
use procession::prelude::*;
use procession::sys::{Mode, OldVersion, SysError};

use crate::sys::*;

use crate::support::calls::CallKind;
use crate::support::drops::OnDrop;
use crate::support::processes::{Begun, idle_body, reason};
use crate::support::scripted::{CallOutcome, pid_of};
use crate::support::wait::{assert_no_message, down_reason, expect, test_timeout, wait_for_exit};

/// A server whose `code_change` and `format_status` do what they are told.
struct Book {
    title: &'static str,
    pages: u32,
    print: fn(&Book, &mut fmt::Formatter<'_>) -> fmt::Result,
    observer: Pid,
    on_drop: Option<OnDrop<Box<dyn FnMut()>>>,
}

/// To the observer: `terminate` has got this reason.
#[derive(Debug, PartialEq)]
struct Terminated(ExitReason);

impl fmt::Debug for Book {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} pages", self.title, self.pages)
    }
}

#[derive(Debug)]
struct AddPage;

#[derive(Debug)]
struct CountPages;

type Changed = Result<Book, (Book, ExitReason)>;
type Change = Opaque<Box<dyn FnOnce(Book, &str) -> Changed + Send>>;

fn change(body: impl FnOnce(Book, &str) -> Changed + Send + 'static) -> Change {
    Opaque::new(Box::new(body))
}

impl GenServer for Book {
    type Args = Pid;

    fn init(observer: Pid) -> InitResult<Book> {
        ready(Book { title: "a book", pages: 0, print: fmt::Debug::fmt, observer, on_drop: None })
    }

    fn terminate(&mut self, reason: &ExitReason) {
        process::send(self.observer, Terminated(reason.clone()));
    }

    fn format_status(&self, part: &StatusPart<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (StatusPart::State | StatusPart::FinalState) = part else {
            return part.print(self, f);
        };
        (self.print)(self, f)
    }

    fn code_change(self, old_version: &OldVersion, extra: Message) -> Changed {
        extra.downcast::<Change>().unwrap().into_inner()(self, &old_version.to_string())
    }
}

impl HandleCast<AddPage> for Book {
    fn handle_cast(&mut self, _: AddPage) -> CastResult<Book> {
        self.pages += 1;
        noreply()
    }
}

impl HandleCall<CountPages> for Book {
    type Reply = u32;

    fn handle_call(&mut self, _: CountPages, _: &Caller<u32>) -> CallResult<Book, CountPages> {
        reply(self.pages)
    }
}

fn book() -> ServerRef<Book> {
    Book::start(process::self_pid()).unwrap()
}

fn suspended_book() -> ServerRef<Book> {
    let server = book();
    sys_of(&server).suspend().unwrap();
    server
}

fn pages(server: &ServerRef<Book>) -> u32 {
    server.call_timeout(CountPages, test_timeout()).unwrap()
}

/// A process that asks for the number of pages, and sends the caller the [`CallOutcome`].
fn reader(server: &ServerRef<Book>) {
    let (me, server) = (process::self_pid(), *server);
    let read = move || {
        process::send(me, CallOutcome(server.call_timeout(CountPages, test_timeout())));
    };
    process::spawn(read).unwrap();
}

mod code_change {
    use super::*;

    // OTP: sys_SUITE:suspend
    #[test]
    fn makes_the_state_of_a_suspended_server_anew() {
        let server = suspended_book();
        server.cast(AddPage);
        let bind = |book: Book, version: &str| {
            assert_eq!(version, "\"1.4\"");
            Ok(Book { title: "a new edition", pages: book.pages + 10, ..book })
        };
        assert_eq!(sys_of(&server).change_code("1.4", change(bind)), Ok(()));
        let status = sys_of(&server).get_status().unwrap();
        assert_eq!((status.mode, &*status.state), (Mode::Suspended, "a new edition of 10 pages"));
        sys_of(&server).resume().unwrap();
        assert_eq!(pages(&server), 11);
    }

    // OTP: gen_server's code_change/3 gets {down, Vsn}
    #[test]
    fn is_told_whether_the_state_is_of_a_newer_version() {
        let server = suspended_book();
        let bind = |book, version: &str| {
            assert_eq!(version, OldVersion::Down("2.0".to_owned()).to_string());
            Ok(Book { pages: 1, ..book })
        };
        let newer = OldVersion::Down("2.0".to_owned());
        assert_eq!(sys_of(&server).change_code(newer, change(bind)), Ok(()));
        sys_of(&server).resume().unwrap();
        assert_eq!(pages(&server), 1);
    }

    #[test]
    fn that_refuses_leaves_the_state_and_the_server_as_they_were() {
        let server = suspended_book();
        server.cast(AddPage);
        let refuse = |book, _: &str| Err((book, reason()));
        let outcome = sys_of(&server).change_code("1", change(refuse));
        assert_eq!(outcome, Err(SysError::Refused(reason())));
        let status = sys_of(&server).get_status().unwrap();
        assert_eq!((status.mode, &*status.state), (Mode::Suspended, "a book of 0 pages"));

        // It can be tried again.
        let bind = |book, _: &str| Ok(Book { pages: 5, ..book });
        assert_eq!(sys_of(&server).change_code("1", change(bind)), Ok(()));
        sys_of(&server).resume().unwrap();
        assert_eq!(pages(&server), 6);
        server.stop().unwrap();
        assert_eq!(expect::<Terminated>(), Terminated(ExitReason::Normal));
    }

    // OTP: gen_server_SUITE:undef_code_change
    #[test]
    fn refuses_by_default_and_names_the_version() {
        #[derive(Debug)]
        struct Plain;

        impl GenServer for Plain {
            type Args = ();

            fn init((): ()) -> InitResult<Plain> {
                ready(Plain)
            }
        }

        let server = Plain::start(()).unwrap();
        sys_of(&server).suspend().unwrap();
        let outcome = sys_of(&server).change_code("0.9", "extra");
        let Err(SysError::Refused(reason)) = outcome else { panic!("{outcome:?}") };
        let text = reason.to_string();
        assert!(text.contains("Plain") && text.contains("0.9"), "{text}");
        sys_of(&server).resume().unwrap();
        assert!(sys_of(&server).get_state(|_: &Plain| ()).is_ok());
    }

    // OTP: {error, {unknown_system_msg, _}}
    #[test]
    fn is_not_called_while_the_server_is_running() {
        let server = book();
        let never = |_, _: &str| unreachable!("the server is not suspended");
        let outcome = sys_of(&server).change_code("1", change(never));
        assert_eq!(outcome, Err(SysError::NotSuspended));
        sys_of(&server).suspend().unwrap();
        sys_of(&server).resume().unwrap();
        let outcome = sys_of(&server).change_code("1", change(never));
        assert_eq!(outcome, Err(SysError::NotSuspended));
        assert_eq!(pages(&server), 0);
    }

    #[test]
    fn that_panics_ends_the_server_without_a_state_to_terminate() {
        let server = suspended_book();
        let (me, pid) = (process::self_pid(), pid_of(&server));
        let on_drop = move |book: &mut Book| {
            book.on_drop = Some(OnDrop(Box::new(move || process::send(me, "dropped"))));
        };
        sys_of(&server).replace_state(on_drop).unwrap();
        let monitor = process::monitor(pid);
        let linked = process::spawn(move || {
            process::set_trap_exit(true);
            process::link(pid);
            process::send(me, Begun);
            process::send(me, expect::<Exit>());
        })
        .unwrap();
        expect::<Begun>();
        reader(&server);
        has_waiting(&server, 1);

        let burn = |_, _: &str| panic!("the pages burn");
        let outcome = sys_of(&server).change_code("1", change(burn));
        let Err(CallErrorKind::Down(end)) = outcome.kind() else { panic!("it went down") };
        assert_eq!(end.as_panic().unwrap().message, "the pages burn");
        assert_eq!(expect::<&str>(), "dropped");
        assert_eq!(down_reason(monitor), end);
        assert_eq!(expect::<CallOutcome<u32>>().0.kind(), Err(CallErrorKind::Down(end.clone())));
        assert_eq!(expect::<Exit>(), Exit { from: pid, reason: end });
        wait_for_exit(linked);
        assert_no_message(); // `terminate` was not called.
        assert_eq!(sys_of(&server).resume().kind(), Err(CallErrorKind::NoProc));
    }

    #[test]
    fn that_exits_ends_the_server_with_that_reason() {
        for end in [ExitReason::Normal, ExitReason::Shutdown, reason()] {
            let server = suspended_book();
            let leave = {
                let end = end.clone();
                move |_, _: &str| process::exit_self(end)
            };
            let monitor = process::monitor(pid_of(&server));
            let outcome = sys_of(&server).change_code("1", change(leave));
            assert_eq!(outcome.kind(), Err(CallErrorKind::Down(end.clone())));
            assert_eq!(down_reason(monitor), end);
            assert_no_message();
        }
    }

    #[test]
    fn can_be_ended_in_the_middle_by_an_exit_signal() {
        for (sent, end) in [(ExitReason::Kill, ExitReason::Killed), (reason(), reason())] {
            let server = suspended_book();
            let me = process::self_pid();
            let wait = move |book, _: &str| {
                process::send(me, Begun);
                idle_body();
                Ok(book)
            };
            elsewhere(&server, move |sys| sys.change_code("1", change(wait)));
            expect::<Begun>();
            let monitor = process::monitor(pid_of(&server));
            process::exit(pid_of(&server), sent);
            assert_eq!(down_reason(monitor), end);
            let outcome = expect::<Got<Result<(), SysError>>>();
            assert_eq!(outcome.0.kind(), Err(CallErrorKind::Down(end)));
            assert_no_message();
        }
    }

    #[test]
    fn can_call_other_servers_and_not_the_own() {
        let (server, other) = (suspended_book(), book());
        let (own, others, me) = (server, other, process::self_pid());
        let ask = move |book, _: &str| {
            others.cast(AddPage);
            let own = (own.call(CountPages).kind(), sys_of(&own).resume().kind());
            process::send(me, Got((others.call(CountPages), own)));
            Ok(book)
        };
        assert_eq!(sys_of(&server).change_code("1", change(ask)), Ok(()));
        let this = CallErrorKind::CallingSelf(pid_of(&server));
        type Own = (Result<u32, CallErrorKind>, Result<(), CallErrorKind>);
        let Got(answers) = expect::<Got<(Result<u32, CallError>, Own)>>();
        assert_eq!(answers, (Ok(1), (Err(this.clone()), Err(this))));
    }

    #[test]
    fn by_hand_of_one_that_has_timed_out_happens_all_the_same() {
        let server = suspended_book();
        let me = process::self_pid();
        let (let_go, held) = std::sync::mpsc::channel::<()>();
        let hold = move |_: &mut Book| {
            process::send(me, Begun);
            _ = held.recv();
        };
        elsewhere(&server, move |sys| sys.replace_state(hold));
        expect::<Begun>();
        let bind = |book, _: &str| Ok(Book { pages: 7, ..book });
        let impatient = sys_of(&server).timeout(std::time::Duration::ZERO);
        let outcome = impatient.change_code("1", change(bind));
        assert_eq!(outcome.kind(), Err(CallErrorKind::Timeout));
        drop(let_go);
        sys_of(&server).resume().unwrap();
        assert_eq!(pages(&server), 7);
        expect::<Got<Result<(), SysError>>>();
        assert_no_message();
    }
}

mod format_status {
    use super::*;

    /// What the status of a book shows that is printed by `print`; sees that nothing else happens.
    fn shown(print: fn(&Book, &mut fmt::Formatter<'_>) -> fmt::Result) -> String {
        let server = book();
        sys_of(&server).replace_state(move |book: &mut Book| book.print = print).unwrap();
        let running = sys_of(&server).get_status().unwrap().state;
        sys_of(&server).suspend().unwrap();
        assert_eq!(sys_of(&server).get_status().unwrap().state, running);
        sys_of(&server).resume().unwrap();
        assert_eq!(pages(&server), 0);
        server.stop().unwrap();
        assert_eq!(expect::<Terminated>(), Terminated(ExitReason::Normal));
        running
    }

    // OTP: gen_server_SUITE:call_format_status
    #[test]
    fn says_how_the_state_is_shown() {
        assert_eq!(shown(fmt::Debug::fmt), "a book of 0 pages");
        assert_eq!(shown(|_, f| f.write_str("a secret")), "a secret");
    }

    // OTP: gen_server_SUITE:crash_in_format_status, throw_in_format_status
    #[test]
    fn that_fails_leaves_a_note_and_the_server_goes_on() {
        let text = shown(|book, f| {
            f.write_str(book.title)?;
            panic!("no ink")
        });
        assert!(text.starts_with("a book... (printing it panicked: no ink"), "{text}");
        assert_eq!(shown(|_, _| Err(fmt::Error)), "...");
        let text = shown(|_, _| process::exit_self(reason()));
        assert!(text.contains("printing it"), "{text}");
    }

    // OTP: gen_server_SUITE:format_all_status
    #[test]
    fn says_how_the_new_state_is_shown_in_a_log() {
        let server = book();
        let print = |book: &mut Book| {
            book.print = |_, f| f.write_str("a secret");
        };
        sys_of(&server).replace_state(print).unwrap();
        sys_of(&server).log_on(2).unwrap();
        server.cast(AddPage);
        assert_eq!(sys_of(&server).log().unwrap(), ["got cast AddPage", "new state a secret"]);
    }
}
