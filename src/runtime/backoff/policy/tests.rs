//! What each rule of the policy says, without threads.

use super::*;

const MACHINE: Machine = Machine { has_one_core: false, idle_yield: 400 };
const ONE_CORE: Machine = Machine { has_one_core: true, ..MACHINE };

/// The budget of a thread that has not learnt anything.
const BUDGET: Nanos = 2 * FIRST_WAKE_UP;

const LIMITS: Limits = Limits { wake_ups: 2, deadline: None };

/// A wait for a message that begins at `now`.
fn begin(backoff: &Backoff, now: Nanos) -> Wait<'_> {
    backoff.begin(WaitFor::Message, LIMITS, MACHINE, now)
}

/// Parks in a wait that begins at `now`, for a message that comes `after` and takes `wake_up`.
fn park_for(backoff: &Backoff, now: Nanos, after: Nanos, wake_up: Nanos) {
    let came = now + after;
    begin(backoff, now).parked(Parked::Woken(came), MACHINE, came + wake_up);
}

fn confidence(backoff: &Backoff) -> u32 {
    backoff.history(WaitFor::Message).confidence.get()
}

fn without_confidence() -> Backoff {
    let backoff = Backoff::new();
    backoff.history(WaitFor::Message).confidence.subtract(1);
    backoff
}

/// Makes a yield that took so long.
fn yield_for(wait: &mut Wait<'_>, took: Nanos, found: bool) -> Step {
    wait.yielded(found, MACHINE, wait.now() + took)
}

#[test]
fn a_message_that_came_within_two_wake_ups_counts_as_found() {
    let backoff = without_confidence();
    park_for(&backoff, 1, BUDGET, FIRST_WAKE_UP);
    assert_eq!(confidence(&backoff), 2);
}

#[test]
fn a_late_message_takes_confidence_until_there_is_none() {
    let backoff = Backoff::new();
    backoff.history(WaitFor::Message).confidence.add(1);
    for left in [1, 0, 0] {
        park_for(&backoff, 1, BUDGET + 1, FIRST_WAKE_UP);
        assert_eq!(confidence(&backoff), left);
    }
}

#[test]
fn what_is_found_at_once_gives_confidence_up_to_a_limit() {
    let backoff = Backoff::new();
    for confident in [3, 5, 7, 8, 8] {
        backoff.found_by_glance(WaitFor::Message);
        assert_eq!(confidence(&backoff), confident);
    }
    assert_eq!(backoff.history(WaitFor::Reply).confidence.get(), 1);
}

#[test]
fn what_came_just_before_it_parked_counts_by_the_time_that_it_has_waited() {
    let backoff = without_confidence();
    begin(&backoff, 1).parked(Parked::NotNeeded, MACHINE, 2);
    assert_eq!((confidence(&backoff), backoff.wake_up.get()), (2, FIRST_WAKE_UP));
}

#[test]
fn a_deadline_that_came_before_the_budget_was_spent_says_nothing() {
    let backoff = Backoff::new();
    begin(&backoff, 1).parked(Parked::Otherwise, MACHINE, BUDGET);
    assert_eq!(confidence(&backoff), 1);
    begin(&backoff, 1).parked(Parked::Otherwise, MACHINE, 2 + BUDGET);
    assert_eq!(confidence(&backoff), 0);
}

#[test]
fn a_stamp_of_an_earlier_wait_says_nothing() {
    let backoff = Backoff::new();
    begin(&backoff, 1_000).parked(Parked::Woken(999), MACHINE, 50_000_000);
    assert_eq!((confidence(&backoff), backoff.wake_up.get()), (0, FIRST_WAKE_UP));
    begin(&backoff, 1_000).parked(Parked::Woken(999), MACHINE, 1_001);
    assert_eq!((confidence(&backoff), backoff.wake_up.get()), (0, FIRST_WAKE_UP));
}

#[test]
fn without_confidence_it_backs_off_once_in_32_waits() {
    let backoff = without_confidence();
    let attempts = |count| -> Vec<bool> {
        (0..count).map(|_| begin(&backoff, 1).first(MACHINE) != Step::Park).collect()
    };
    assert_eq!(attempts(64).iter().filter(|it| **it).count(), 2);
    assert!(attempts(32)[31]);
    // Not if messages come seldom.
    park_for(&backoff, 1, 32 * BUDGET + 1, FIRST_WAKE_UP);
    assert!(!attempts(64).contains(&true));
}

#[test]
fn the_wake_up_is_learnt_by_a_quarter_upwards_and_an_eighth_downwards_within_limits() {
    let backoff = Backoff::new();
    let after = |wake_up| {
        park_for(&backoff, 1, 1, wake_up);
        backoff.wake_up.get()
    };
    assert_eq!(after(FIRST_WAKE_UP + 7), FIRST_WAKE_UP + 7);
    assert_eq!(after(FIRST_WAKE_UP - 7), FIRST_WAKE_UP - 7);
    backoff.wake_up.set(FIRST_WAKE_UP);
    assert_eq!(after(1_000_000), 25_000);
    assert_eq!(after(0), 21_875);
    (0..100).for_each(|_| _ = after(1_000_000));
    assert_eq!(backoff.wake_up.get(), MAX_WAKE_UP);
    (0..100).for_each(|_| _ = after(0));
    assert_eq!(backoff.wake_up.get(), MIN_WAKE_UP);
}

#[test]
fn it_spins_and_yields_in_turn_for_two_wake_ups() {
    let backoff = Backoff::new();
    let mut wait = begin(&backoff, 1);
    let mut step = wait.first(MACHINE);
    let mut seen = Vec::new();
    while step != Step::Park {
        seen.push(step);
        step = match step {
            Step::Spin { until } => wait.spun(false, until),
            Step::Yield => yield_for(&mut wait, 400, false),
            Step::Park | Step::Done(_) => unreachable!(),
        };
    }
    assert_eq!(seen[..3], [Step::Spin { until: 1_001 }, Step::Yield, Step::Spin { until: 2_401 }]);
    assert!((BUDGET..BUDGET + SPIN).contains(&(wait.now() - 1)), "{}", wait.now());
}

#[test]
fn it_does_not_back_off_beyond_its_deadline() {
    let backoff = Backoff::new();
    let begin = |deadline, now| {
        let limits = Limits { deadline: Some(deadline), ..LIMITS };
        backoff.begin(WaitFor::Reply, limits, MACHINE, now)
    };
    let mut wait = begin(501, 1);
    assert!(matches!(wait.first(MACHINE), Step::Spin { .. }));
    assert_eq!(wait.spun(false, 501), Step::Park);
    assert_eq!(begin(1, 2).first(MACHINE), Step::Park);

    // Though slow yields have cost its budget little.
    let mut wait = begin(100_001, 1);
    assert_eq!(wait.spun(false, 1_001), Step::Yield);
    assert_eq!(yield_for(&mut wait, 60_000, false), Step::Yield);
    assert_eq!(yield_for(&mut wait, 60_000, false), Step::Park);
}

#[test]
fn slow_yields_cost_the_budget_little_and_are_followed_by_others() {
    let backoff = Backoff::new();
    let mut wait = begin(&backoff, 1);
    assert_eq!(wait.spun(false, 1_001), Step::Yield);
    let steps = (0..100).take_while(|_| yield_for(&mut wait, 20_000, false) == Step::Yield).count();
    assert_eq!(steps as Nanos, (BUDGET - 1_000) / MACHINE.price_of_slow());
    // So what comes within all these yields would have been found.
    park_for(&backoff, 1, 30 * 20_000, FIRST_WAKE_UP);
    assert_eq!(confidence(&backoff), 3);
}

#[test]
fn a_partner_that_is_found_by_slow_yields_is_waited_for_by_yielding() {
    let backoff = Backoff::new();
    for _ in 0..SAME_CORE {
        assert!(backoff.glances(WaitFor::Message, MACHINE));
        let mut wait = begin(&backoff, 1);
        assert!(matches!(wait.first(MACHINE), Step::Spin { .. }));
        assert_eq!(yield_for(&mut wait, 2_400, true), Step::Done(Courtesy::Nothing));
    }
    assert!(!backoff.glances(WaitFor::Message, MACHINE));
    assert_eq!(begin(&backoff, 1).first(MACHINE), Step::Yield);
    // Until it is found by a fast one, or without.
    assert_eq!(yield_for(&mut begin(&backoff, 1), 400, true), Step::Done(Courtesy::Nothing));
    assert!(matches!(begin(&backoff, 1).first(MACHINE), Step::Spin { .. }));
}

#[test]
fn on_one_core_it_yields_first_and_does_not_glance() {
    let backoff = Backoff::new();
    assert!(!backoff.glances(WaitFor::Message, ONE_CORE));
    assert_eq!(begin(&backoff, 1).first(ONE_CORE), Step::Yield);
}

#[test]
fn partners_on_one_core_are_parted_by_a_park_more_and_more_seldom() {
    let backoff = Backoff::new();
    let waits = || {
        let first = |_: &u32| begin(&backoff, 1).first(MACHINE);
        (1..).find(|wait| first(wait) == Step::Park).unwrap()
    };
    let together = |count| {
        (0..count).for_each(|_| _ = yield_for(&mut begin(&backoff, 1), 2_400, true));
    };
    together(SAME_CORE);
    assert_eq!([(); 5].map(|()| waits()), [64, 128, 256, 512, 512]);
    // From the start again once they were found apart.
    begin(&backoff, 1).spun(true, 2);
    together(SAME_CORE);
    assert_eq!(waits(), 64);
}

#[test]
fn two_yields_of_milliseconds_end_yielding_for_four_times_as_long() {
    let backoff = Backoff::new();
    let mut wait = begin(&backoff, 1);
    assert_eq!(yield_for(&mut wait, 3_000_000, false), Step::Park);
    let mut wait = begin(&backoff, wait.now());
    assert_eq!(wait.first(MACHINE), Step::Spin { until: wait.now() + SPIN });
    assert_eq!(yield_for(&mut wait, 3_000_000, false), Step::Park);
    let end = wait.now() + 12_000_000;

    // It spins instead, for its whole budget.
    let mut wait = begin(&backoff, end - 1);
    assert_eq!(wait.first(MACHINE), Step::Spin { until: end - 1 + BUDGET });
    assert_eq!(wait.spun(true, end), Step::Done(Courtesy::Nothing));
    assert_eq!(begin(&backoff, end).first(MACHINE), Step::Spin { until: end + SPIN });
}

#[test]
fn a_core_that_is_contended_again_is_left_alone_for_longer_up_to_a_second() {
    let contention = Contention::new();
    let mut now = 1;
    for quiet in [8, 32, 128, 512, 1_000, 1_000] {
        contention.begin(2_000_000, now);
        assert_eq!(contention.until.get() - now, quiet * 1_000_000);
        now = contention.until.get() + contention.length.get() - 1;
    }
    contention.begin(2_000_000, now + 1);
    assert_eq!(contention.length.get(), 8_000_000);
}

#[test]
fn a_single_long_yield_among_sixteen_is_no_contention() {
    let contention = Contention::new();
    let after = |fast_yields| {
        (0..fast_yields).for_each(|_| contention.learn(400, 1));
        contention.learn(3_000_000, 1);
        contention.is_on(1)
    };
    assert!(!after(0) && !after(15) && !after(100));
    assert!(after(14));
}

#[test]
fn a_vain_attempt_on_a_contended_core_is_the_last_for_32_waits() {
    let backoff = Backoff::new();
    backoff.contention.begin(LONG_YIELD + 1, 1);
    assert_eq!(begin(&backoff, 2).spun(false, 2 + BUDGET), Step::Park);
    let parks = (0..).take_while(|_| begin(&backoff, 2).first(MACHINE) == Step::Park).count();
    assert_eq!(parks, 32);
    assert_eq!(begin(&backoff, 2).first(ONE_CORE), Step::Park);
}

#[test]
fn an_attempt_on_a_contended_core_that_a_deadline_cuts_short_is_not_vain() {
    let backoff = Backoff::new();
    backoff.contention.begin(LONG_YIELD + 1, 1);
    let limits = Limits { deadline: Some(1_002), ..LIMITS };
    let mut wait = backoff.begin(WaitFor::Message, limits, MACHINE, 2);
    assert_eq!(wait.first(MACHINE), Step::Spin { until: 1_002 });
    assert_eq!(wait.spun(false, 1_002), Step::Park);
    assert!(matches!(begin(&backoff, 3).first(MACHINE), Step::Spin { .. }));
}

#[test]
fn no_budget_is_longer_than_ten_milliseconds() {
    let backoff = Backoff::new();
    backoff.contention.begin(1_000 * LONG_YIELD, 1);
    let limits = Limits { wake_ups: u32::MAX, ..LIMITS };
    let wait = backoff.begin(WaitFor::Message, limits, MACHINE, 2);
    assert_eq!(wait.first(MACHINE), Step::Spin { until: 10_000_002 });
}

#[test]
fn a_wait_for_another_node_lasts_for_three_times_as_many_wake_ups() {
    let backoff = Backoff::new();
    let came_after = |after| {
        let wait = backoff.begin(WaitFor::Remote, LIMITS, MACHINE, 1);
        wait.parked(Parked::Woken(1 + after), MACHINE, 1 + after + FIRST_WAKE_UP);
        backoff.history(WaitFor::Remote).confidence.get()
    };
    assert_eq!([3 * BUDGET, 3 * BUDGET + 1].map(came_after), [3, 2]);
    assert_eq!(confidence(&backoff), 1, "it says nothing of processes of this node");
}

#[test]
fn a_long_yield_does_not_make_a_late_message_count_as_found() {
    let backoff = Backoff::new();
    yield_for(&mut begin(&backoff, 1), 3_000_000, false);
    park_for(&backoff, 1, BUDGET + 1, FIRST_WAKE_UP);
    assert_eq!(confidence(&backoff), 0);
}

#[test]
fn what_is_late_on_a_contended_core_takes_no_confidence() {
    let backoff = Backoff::new();
    backoff.contention.begin(1_000 * LONG_YIELD, 1);
    park_for(&backoff, 1, BUDGET + 1, FIRST_WAKE_UP);
    assert_eq!(confidence(&backoff), 1);
}

#[test]
fn every_64th_find_owes_a_yield_unless_the_core_is_contended() {
    let backoff = Backoff::new();
    let spin = || {
        let step = begin(&backoff, 1).spun(true, 2);
        let Step::Done(courtesy) = step else { panic!("it was found, but {step:?} follows") };
        courtesy
    };
    let glance = || backoff.found_by_glance(WaitFor::Message);
    let finds = |ways: [&dyn Fn() -> Courtesy; 2]| {
        (1..).find(|find| ways[find % 2]() == Courtesy::Yield).unwrap()
    };
    assert_eq!(finds([&spin, &glance]), 64);
    assert!(backoff.pays(1));
    assert_eq!(finds([&spin, &glance]), 64);
    // Any yield is one.
    yield_for(&mut begin(&backoff, 1), 400, false);
    assert_eq!(finds([&spin, &glance]), 64);
    (0..2).for_each(|_| backoff.yielded_out_of_courtesy(2_000_000, MACHINE, 3_000_000));
    assert_eq!(finds([&glance, &glance]), 64);
    assert!(!backoff.pays(3_000_001));
    assert_eq!(finds([&glance, &glance]), 64);
}

/// Which of the next `count` waits after messages that nobody is waiting for are to gather, when
/// so many messages come before each.
fn gathering(backoff: &Backoff, taken: &mut u64, count: u32, come: u64) -> Vec<u32> {
    let gathers = |_: &u32| {
        *taken += come;
        backoff.gathers(WaitFor::Stream { taken: *taken }, MACHINE)
    };
    (1..=count).filter(gathers).collect()
}

#[test]
fn a_receiver_lets_messages_gather_once_in_64_waits_and_more_seldom_if_few_come() {
    let (backoff, mut taken) = (Backoff::new(), 0);
    let tries = gathering(&backoff, &mut taken, 2_000, GATHERED - 1);
    assert_eq!(tries, [64, 64 + 128, 64 + 128 + 256, 960, 960 + 512, 960 + 1_024]);
}

#[test]
fn a_receiver_for_which_eight_messages_gather_goes_on_so_until_fewer_do() {
    let (backoff, mut taken) = (Backoff::new(), 0);
    assert_eq!(gathering(&backoff, &mut taken, 63, GATHERED), []);
    assert_eq!(gathering(&backoff, &mut taken, 100, GATHERED), Vec::from_iter(1..=100));
    assert_eq!(gathering(&backoff, &mut taken, 63, GATHERED - 1), []);
    assert_eq!(gathering(&backoff, &mut taken, 1, 1), [1]);
}

#[test]
fn nobody_lets_messages_gather_beside_a_partner_on_the_same_core() {
    let backoff = Backoff::new();
    backoff.history(WaitFor::Message).same_core.add(SAME_CORE);
    assert_eq!(gathering(&backoff, &mut 0, 200, GATHERED), []);
    let one_core = |taken| Backoff::new().gathers(WaitFor::Stream { taken }, ONE_CORE);
    assert!(!(1..200).any(|wait| one_core(wait * GATHERED)));
}

#[test]
fn only_after_messages_that_nobody_waits_for_do_others_gather() {
    let backoff = Backoff::new();
    for other in [WaitFor::Message, WaitFor::Reply, WaitFor::Job] {
        assert!(!(0..1_000).any(|_| backoff.gathers(other, MACHINE)));
    }
}
