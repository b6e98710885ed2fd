//! Calls whose events are made by closures, and who waits for whom meanwhile.

use std::time::Duration;

use procession::gen_statem::InitResult;
use procession::prelude::*;

use crate::support::processes::{FOREVER, dead_pid, in_process};
use crate::support::wait::{assert_no_message, expect, wait_until};

/// What a [`Runner`] does with the client of a call.
type Job = Box<dyn FnOnce(ReplyTo<Outcome>) + Send>;

type Outcome = Result<(), CallErrorKind>;

/// Does what it is told to.
#[derive(Debug)]
struct Runner;

#[derive(Debug)]
enum Event {
    Run(Opaque<Job>, ReplyTo<Outcome>),
    /// Is postponed for ever.
    Hold(ReplyTo<Outcome>),
}

impl GenStatem for Runner {
    type Args = ();
    type State = ();
    type Event = Event;

    fn init((): ()) -> InitResult<Runner> {
        started((), Runner)
    }

    fn handle_event(&mut self, _: EventType, event: Event, (): &()) -> StateResult<Runner> {
        match event {
            Event::Run(job, client) => {
                job.into_inner()(client);
                keep_state()
            }
            Event::Hold(client) => keep_state().postpone(Event::Hold(client)),
        }
    }
}

fn runners<const N: usize>() -> [StatemRef<Runner>; N] {
    [(); N].map(|()| Runner::start(()).unwrap())
}

/// An event that has a machine do `job` with the client.
fn run(
    job: impl FnOnce(ReplyTo<Outcome>) + Send + 'static,
) -> impl FnOnce(ReplyTo<Outcome>) -> Event {
    move |client| Event::Run(Opaque::new(Box::new(job)), client)
}

/// An event whose client gets its reply at once.
fn answered(client: ReplyTo<Outcome>) -> Event {
    run(|client| client.reply(Ok(())))(client)
}

/// Calls a machine that does not answer, for this long, and returns what comes of that.
fn hold(machine: StatemRef<Runner>, timeout: Duration) -> Outcome {
    machine.call_timeout(Event::Hold, timeout).map_err(CallError::into_kind)?
}

mod a_reply_that_is_deferred {
    use super::*;

    // The client waits for another process: so the machine may wait for whoever calls the client.
    #[test]
    fn does_not_make_its_client_wait_for_the_machine() {
        in_process(|| {
            let [machine, other] = runners();
            let me = StatemRef::<Runner>::from_pid(process::self_pid());
            let call_me = move |client: ReplyTo<Outcome>| {
                client.reply(hold(me, Duration::from_millis(1)));
            };
            let found = machine.call(run(move |client| {
                let client = client.defer();
                let worker = process::spawn_link(move || client.reply(expect::<Outcome>()));
                process::send(worker.unwrap(), other.call(run(call_me)).unwrap());
            }));
            assert_eq!(found.unwrap(), Err(CallErrorKind::Timeout));
        });
    }
}

mod the_closure_of_a_call {
    use super::*;

    // One cycle: `one` would wait for `other`, which waits for `one`.
    #[test]
    fn may_make_calls_which_are_refused_if_they_would_wait_for_ever() {
        in_process(|| {
            let [one, other, third] = runners();
            let me = process::self_pid();
            let waiting = other.send_request(run(move |client| client.reply(hold(one, FOREVER))));
            wait_until(|| one.sys().get_status().unwrap().machine.unwrap().postponed.len() == 1);
            let outer = one.send_request(run(move |client| {
                let outer = third.call(|client| {
                    process::send(me, hold(other, FOREVER));
                    answered(client)
                });
                client.reply(outer.unwrap());
            }));
            let inner = expect::<Outcome>();
            assert!(matches!(inner, Err(CallErrorKind::Deadlock(_))), "{inner:?}");
            assert_eq!(outer.receive_response(FOREVER).unwrap(), Ok(()));
            drop(waiting);
        });
    }

    #[test]
    fn may_make_a_call_of_the_same_machine() {
        let [machine] = runners();
        let mut inner = None;
        let outer = machine.call(|client| {
            inner = Some(machine.call(answered).unwrap());
            answered(client)
        });
        assert_eq!((outer.unwrap(), inner), (Ok(()), Some(Ok(()))));
    }

    #[test]
    fn that_panics_leaves_nothing_behind() {
        in_process(|| {
            let [machine] = runners();
            let failed = process::catch(|| machine.call::<Outcome>(|_| panic!("no")));
            assert!(failed.is_err());
            assert_eq!(machine.call(answered).unwrap(), Ok(()));
            machine.stop().unwrap();
            assert_no_message();
        });
    }

    // The reply of a call that is made inside another one comes by the mailbox.
    #[test]
    fn that_panics_inside_another_leaves_nothing_behind() {
        in_process(|| {
            let [machine] = runners();
            let outer = machine.call(|client| {
                let failed = process::catch(|| machine.call::<Outcome>(|_| panic!("no")));
                assert!(failed.is_err());
                answered(client)
            });
            assert_eq!(outer.unwrap(), Ok(()));
            machine.stop().unwrap();
            assert_no_message();
        });
    }

    #[test]
    fn does_not_run_if_there_is_no_machine() {
        let machine = StatemRef::<Runner>::from_pid(dead_pid());
        let error = machine.call::<Outcome>(|_| panic!("it runs")).unwrap_err();
        assert_eq!(*error.kind(), CallErrorKind::NoProc);
    }
}

mod the_closure_of_a_request {
    use super::*;

    #[test]
    fn that_panics_leaves_nothing_behind() {
        in_process(|| {
            let [machine] = runners();
            let failed = process::catch(|| drop(machine.send_request::<Outcome>(|_| panic!("no"))));
            assert!(failed.is_err());
            machine.stop().unwrap();
            assert_no_message();
        });
    }
}
