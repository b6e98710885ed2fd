//! System messages to a server that is busy.

use std::ops::ControlFlow;

use procession::prelude::*;
use procession::sys;

use crate::support::*;

const CASTS: u64 = 100_000;

/// Checks that what it gets is numbered without a gap.
#[derive(Debug, Default)]
struct Ledger {
    next: u64,
    /// How often its state was replaced, and its code changed.
    replaced: u32,
    changed: u32,
}

impl GenServer for Ledger {
    type Args = ();

    fn init((): ()) -> InitResult<Ledger> {
        ready(Ledger::default())
    }

    fn code_change(self, _: &str, by: Message) -> Result<Ledger, (Ledger, ExitReason)> {
        let by = by.downcast::<u32>().unwrap();
        Ok(Ledger { changed: self.changed + by, ..self })
    }
}

impl HandleCast<u64> for Ledger {
    fn handle_cast(&mut self, n: u64) -> CastResult<Ledger> {
        assert_eq!(n, self.next, "a cast is lost, repeated or out of order");
        self.next += 1;
        noreply()
    }
}

/// Casts to a new ledger, by a process of its own, while `meddle` meddles with it, time and again;
/// then sees that nothing is missing, and returns how often that was.
fn under_load(meddle: impl Fn(&sys::Sys, u32)) -> (ServerRef<Ledger>, u32) {
    let ledger = Ledger::start(()).unwrap();
    let to = ledger.clone();
    let (writer, monitor) =
        process::spawn_monitor(move || (0..CASTS).for_each(|n| to.cast(n))).unwrap();
    let sys = sys::of(&ledger).timeout(patience());
    let mut times = 0;
    while process::is_alive(writer) || times < 20 {
        meddle(&sys, times);
        times += 1;
    }
    assert_eq!(down_reason(monitor), ExitReason::Normal);
    assert_eq!(sys.get_state(|it: &Ledger| it.next), Ok(CASTS));
    (ledger, times)
}

#[test]
fn a_server_is_suspended_replaced_changed_and_resumed_and_no_cast_is_lost() {
    let (ledger, times) = under_load(|sys, _| {
        sys.suspend().unwrap();
        let replace = |it: &mut Ledger| {
            *it = Ledger { next: it.next, replaced: it.replaced + 1, changed: it.changed };
            it.next
        };
        let before = sys.replace_state(replace).unwrap();
        sys.change_code("1", 1_u32).unwrap();
        assert_eq!(sys.get_state(|it: &Ledger| it.next), Ok(before), "it was suspended");
        sys.resume().unwrap();
    });
    let counts = sys::of(&ledger).get_state(|it: &Ledger| (it.replaced, it.changed));
    assert_eq!(counts, Ok((times, times)));
    assert_eq!(ledger.stop(), Ok(()));
}

#[test]
fn a_server_is_traced_now_and_then_and_no_cast_is_lost() {
    let (ledger, _) = under_load(|sys, times| {
        if times % 2 == 0 {
            sys.statistics_on().unwrap();
            sys.log_on(10).unwrap();
            sys.trace_on().unwrap();
            let mut seen = None;
            let install = sys.install("in order", move |event, _: &Ledger| {
                if let sys::Event::In { message, .. } = event {
                    let n = *message.downcast_ref::<u64>().unwrap();
                    assert!(seen.is_none_or(|seen| n == seen + 1));
                    seen = Some(n);
                }
                ControlFlow::Continue(())
            });
            install.unwrap();
        } else {
            let status = sys.get_status().unwrap();
            assert!(status.debug.contains(&r#"function "in order""#.to_owned()), "{status:?}");
            sys.no_debug().unwrap();
        }
    });
    assert_eq!(ledger.stop(), Ok(()));
}
