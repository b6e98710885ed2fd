//! Two things that happen to a state machine at the same moment, thousands of times.

use std::time::{Duration, Instant};

use procession::gen_statem::InitResult;
use procession::prelude::*;

use crate::support::processes::in_process;
use crate::support::rounds::{delay_by, rounds};
use crate::support::wait::expect;

/// Starts and cancels a timeout in each round, and counts what comes.
#[derive(Debug, Default)]
struct Racer {
    /// The round, in whose events only its own timeout may come.
    round: u32,
    late: u32,
}

#[derive(Debug)]
enum Event {
    /// Starts the timeouts of this round, which are over soon.
    Start(u32),
    /// Ends them, and asks how many came, and how many of those too late.
    Cancel(ReplyTo<u32>),
    Over(u32),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Idle,
    Timed,
}

impl GenStatem for Racer {
    type Args = ();
    type State = State;
    type Event = Event;

    fn init((): ()) -> InitResult<Racer> {
        started(State::Idle, Racer::default())
    }

    fn handle_event(&mut self, _: EventType, event: Event, state: &State) -> StateResult<Racer> {
        match event {
            Event::Start(round) => {
                self.round = round;
                let at = Instant::now() + Duration::from_nanos(u64::from(round % 64) * 500);
                next_state(State::Timed)
                    .state_timeout_at(at, Event::Over(round))
                    .generic_timeout_at("x", at, Event::Over(round))
            }
            Event::Cancel(client) => {
                self.round = 0;
                next_state(State::Idle).cancel("x").reply(client, self.late)
            }
            Event::Over(round) => {
                self.late += u32::from(round != self.round || *state == State::Idle);
                keep_state()
            }
        }
    }
}

// OTP: gen_statem_SUITE:state_timeout: a timer that has fired and is cancelled yields no event.
#[test]
fn a_timeout_that_fires_while_it_is_cancelled_never_comes_too_late() {
    in_process(|| {
        let racer = Racer::start(()).unwrap();
        for round in 1..=u32::try_from(rounds(10_000)).unwrap() {
            racer.cast(Event::Start(round));
            delay_by(round as usize);
            assert_eq!(racer.call(Event::Cancel).unwrap(), 0, "in round {round}");
        }
        let known = racer.sys().get_status().unwrap().machine.unwrap();
        assert!(known.timeouts.is_empty(), "{known:?}");
        racer.stop().unwrap();
    });
}

/// Postpones each call, and ends at a cast.
#[derive(Debug)]
struct Waiting;

impl GenStatem for Waiting {
    type Args = ();
    type State = ();
    type Event = Option<ReplyTo<()>>;

    fn init((): ()) -> InitResult<Waiting> {
        started((), Waiting)
    }

    fn handle_event(
        &mut self,
        _: EventType,
        event: Option<ReplyTo<()>>,
        (): &(),
    ) -> StateResult<Waiting> {
        match event {
            Some(client) => keep_state().postpone(Some(client)),
            None => procession::gen_statem::stop(ExitReason::Shutdown),
        }
    }
}

// OTP 25, run: clients of postponed and queued calls exit with the reason of the machine.
#[test]
fn a_machine_that_ends_while_calls_come_tells_each_client() {
    in_process(|| {
        for round in 0..rounds(3_000) {
            let machine = Waiting::start(()).unwrap();
            let me = process::self_pid();
            let call = move |machine: StatemRef<Waiting>| {
                let error = machine.call(Some).unwrap_err();
                process::send(me, error.into_kind());
            };
            let clients = [(); 2].map(|()| process::spawn(move || call(machine)).unwrap());
            delay_by(round);
            if round % 2 == 0 {
                machine.cast(None);
            } else {
                machine.stop_with(ExitReason::Shutdown, Duration::MAX).unwrap();
            }
            for _ in clients {
                let kind = expect::<CallErrorKind>();
                let is_down = kind == CallErrorKind::Down(ExitReason::Shutdown);
                assert!(is_down || kind == CallErrorKind::NoProc, "in round {round}: {kind:?}");
            }
        }
    });
}
