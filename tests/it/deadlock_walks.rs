//! Deadlocks among servers that call each other at random.

use procession::prelude::*;

use crate::support::processes::in_process;
use crate::support::rounds::rounds;
use crate::support::scripted::pid_of;
use crate::support::wait::{assert_no_message, down_reason, expect, test_timeout};

/// Random walks through a few servers, each of which calls the next, and some of which let their
/// own caller go first.
mod random_walks {
    use std::collections::HashMap;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::{SystemTime, UNIX_EPOCH};

    use parking_lot::Mutex;

    use super::*;

    const NODES: usize = 4;
    /// Walks of one driver through one set of servers.
    const WALKS: usize = 50;

    /// What a server does with its caller before it calls the next.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Manner {
        /// Lets it wait until the next has answered.
        Hold,
        /// Answers it.
        Answer,
        /// Lets somebody else answer it.
        HandOver,
    }

    #[derive(Clone, Copy, Debug)]
    struct Hop {
        manner: Manner,
        to: usize,
    }

    /// A call of each server on the way.
    #[derive(Clone, Debug)]
    struct Walk {
        group: Arc<Group>,
        driver: Pid,
        hops: Arc<[Hop]>,
        /// How many hops are behind it.
        done: usize,
        /// Of this call in the log.
        number: usize,
    }

    /// To the driver: the walk is over, at the end or as a call failed.
    #[derive(Debug)]
    struct Over(Option<Failure>);

    #[derive(Clone, Debug)]
    struct Failure {
        /// Of the call in the log.
        number: usize,
        error: CallError,
    }

    #[derive(Debug)]
    struct Group {
        nodes: Vec<ServerRef<Node>>,
        helper: Pid,
        log: Log,
    }

    /// Asks the helper whether it has answered all, and says so.
    #[derive(Debug)]
    struct AllAnswered(Pid);

    impl Group {
        fn start() -> Group {
            let helper = process::spawn(|| {
                loop {
                    receive! {
                        reply_to: ReplyTo<()> => reply_to.reply(()),
                        AllAnswered(asker) => process::send(asker, AllAnswered(asker)),
                    }
                }
            });
            let nodes = (0..NODES).map(|_| Node::start(()).unwrap()).collect();
            Group { nodes, helper: helper.unwrap(), log: Log::default() }
        }

        fn stop(&self) {
            // Else a server could see another end before the helper has answered for that.
            process::send(self.helper, AllAnswered(process::self_pid()));
            expect::<AllAnswered>();
            self.nodes.iter().for_each(|node| node.stop().unwrap());
            process::exit(self.helper, ExitReason::Kill);
        }

        fn index(&self, pid: Pid) -> Option<usize> {
            self.nodes.iter().position(|node| node.pid() == pid)
        }
    }

    impl Walk {
        /// Calls the server that comes next.
        fn go_to(mut self, to: usize) -> Result<(), Failure> {
            let group = Arc::clone(&self.group);
            let node = &group.nodes[to];
            let number = group.log.begin(process::self_pid(), pid_of(node));
            self.number = number;
            let outcome = node.call_timeout(self, test_timeout());
            group.log.end(number);
            outcome.map_err(|error| Failure { number, error })
        }
    }

    /// A server on the way.
    #[derive(Debug)]
    struct Node {
        /// The call that it answers by returning from its callback.
        holds: Option<usize>,
    }

    impl GenServer for Node {
        type Args = ();

        fn init((): ()) -> InitResult<Node> {
            ready(Node { holds: None })
        }
    }

    impl HandleCall<Walk> for Node {
        type Reply = ();

        fn handle_call(&mut self, walk: Walk, caller: &Caller<()>) -> CallResult<Self, Walk> {
            let (group, driver) = (Arc::clone(&walk.group), walk.driver);
            if let Some(answered) = self.holds.take() {
                group.log.end(answered);
            }
            let Some(&Hop { manner, to }) = walk.hops.get(walk.done) else {
                self.holds = Some(walk.number);
                process::send(driver, Over(None));
                return reply(());
            };
            match manner {
                Manner::Hold => self.holds = Some(walk.number),
                Manner::Answer => caller.defer().reply(()),
                Manner::HandOver => process::send(group.helper, caller.defer()),
            }
            if manner != Manner::Hold {
                group.log.end(walk.number);
            }
            let done = walk.done + 1;
            if let Err(failure) = (Walk { done, ..walk }).go_to(to) {
                process::send(driver, Over(Some(failure)));
            }
            if manner == Manner::Hold { reply(()) } else { noreply() }
        }
    }

    /// When which process has waited for which.
    #[derive(Debug, Default)]
    struct Log {
        clock: AtomicU64,
        waits: Mutex<Vec<Wait>>,
    }

    /// The wait of a caller, from before it began until after it had ended or been answered.
    #[derive(Clone, Copy, Debug)]
    struct Wait {
        caller: Pid,
        server: Pid,
        from: u64,
        to: u64,
    }

    impl Log {
        fn now(&self) -> u64 {
            self.clock.fetch_add(1, Ordering::SeqCst)
        }

        fn begin(&self, caller: Pid, server: Pid) -> usize {
            let mut waits = self.waits.lock();
            let from = self.now();
            waits.push(Wait { caller, server, from, to: u64::MAX });
            waits.len() - 1
        }

        /// The first end counts.
        fn end(&self, number: usize) {
            let mut waits = self.waits.lock();
            let now = self.now();
            let to = &mut waits[number].to;
            *to = now.min(*to);
        }

        /// Whether there was a moment at which each of `pids` waited for the next, and the last for
        /// the first, who did so by the call `number`.
        fn stood(&self, number: usize, pids: &[Pid]) -> bool {
            let waits = self.waits.lock();
            let mut by_caller: HashMap<Pid, Vec<Wait>> = HashMap::new();
            for wait in waits.iter() {
                by_caller.entry(wait.caller).or_default().push(*wait);
            }
            let own = waits[number];
            let next = |index: usize| pids[(index + 1) % pids.len()];
            if own.caller != pids[0] || own.server != next(0) {
                return false;
            }
            // A process waits for one at a time, so each span is split into few.
            let mut spans = vec![(own.from, own.to)];
            for (index, pid) in pids.iter().enumerate().skip(1) {
                let waits = by_caller.get(pid).map_or(&[][..], |waits| waits);
                let waits = waits.iter().filter(|wait| wait.server == next(index));
                spans = waits
                    .flat_map(|wait| {
                        spans.iter().map(|(from, to)| (wait.from.max(*from), wait.to.min(*to)))
                    })
                    .filter(|(from, to)| from < to)
                    .collect();
            }
            !spans.is_empty()
        }
    }

    /// The numbers that a seed gives (xorshift64*).
    struct Random(u64);

    impl Random {
        fn below(&mut self, limit: usize) -> usize {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            let number = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
            usize::try_from(number).unwrap() % limit
        }
    }

    /// `TEST_SEED`, or another one each time.
    fn seed() -> u64 {
        let given = std::env::var("TEST_SEED").ok().and_then(|seed| seed.parse().ok());
        given.unwrap_or_else(|| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            now.as_secs() << 20 | u64::from(now.subsec_micros()) | 1
        })
    }

    /// Where a walk begins, and how it goes on; only upwards, or anywhere.
    fn walk(random: &mut Random, upwards: bool) -> (usize, Vec<Hop>) {
        let first = random.below(if upwards { 2 } else { NODES });
        let mut at = first;
        let mut hops = Vec::new();
        for _ in 0..random.below(6) {
            let to = if upwards {
                if at + 1 == NODES {
                    break;
                }
                at + 1 + random.below(NODES - at - 1)
            } else {
                (at + 1 + random.below(NODES - 1)) % NODES
            };
            let manner = match random.below(5) {
                0 => Manner::Answer,
                1 => Manner::HandOver,
                _ => Manner::Hold,
            };
            hops.push(Hop { manner, to });
            at = to;
        }
        (first, hops)
    }

    /// Takes `WALKS` walks, one after the other, and returns what has failed on each.
    fn take_walks(
        group: &Arc<Group>,
        random: &mut Random,
        upwards: bool,
        mut check: impl FnMut(usize, &[Hop], Option<&Failure>),
    ) {
        for _ in 0..WALKS {
            let (first, hops) = walk(random, upwards);
            let driver = process::self_pid();
            let (group, hops): (_, Arc<[Hop]>) = (Arc::clone(group), hops.into());
            let start = Walk { group, driver, hops: Arc::clone(&hops), done: 0, number: 0 };
            start.go_to(first).unwrap();
            let Over(failure) = expect();
            check(first, &hops, failure.as_ref());
        }
        assert_no_message();
    }

    /// How many walks to take.
    fn walks() -> usize {
        if rounds(1) == 1 { 20_000 } else { 100_000 }
    }

    /// Lets `drivers` take walks at the same time, through new servers again and again, and gives
    /// each failure to `check`.
    fn take_walks_at_once(upwards: bool, check: fn(&Group, &Failure)) -> usize {
        const DRIVERS: usize = 4;
        let mut random = Random(seed());
        let mut failed = 0;
        for _ in 0..walks() / (DRIVERS * WALKS) {
            let seed = random.0;
            let group = Arc::new(Group::start());
            let drivers: Vec<_> = (0..DRIVERS)
                .map(|driver| {
                    let (group, me) = (Arc::clone(&group), process::self_pid());
                    let mut random = Random(seed ^ (driver as u64) << 56);
                    let body = move || {
                        let mut failures = Vec::new();
                        take_walks(&group, &mut random, upwards, |_, _, failure| {
                            failures.extend(failure.cloned());
                        });
                        process::send(me, failures);
                    };
                    process::spawn_monitor(body).unwrap().1
                })
                .collect();
            for driver in drivers {
                assert_eq!(down_reason(driver), ExitReason::Normal, "TEST_SEED={seed}");
                let failures = expect::<Vec<Failure>>();
                failed += failures.len();
                let sound = process::catch(|| failures.iter().for_each(|it| check(&group, it)));
                assert_eq!(sound, Ok(()), "TEST_SEED={seed}");
            }
            group.stop();
            random.below(2);
        }
        failed
    }

    #[test]
    fn that_cannot_meet_themselves_are_never_refused() {
        in_process(|| {
            let failed = take_walks_at_once(true, |_, failure| panic!("{failure:?}"));
            assert_eq!(failed, 0);
        });
    }

    #[test]
    fn that_cross_are_refused_only_for_a_cycle_that_stood() {
        in_process(|| {
            let failed = take_walks_at_once(false, |group, Failure { number, error }| {
                let CallErrorKind::Deadlock(pids) = error.kind() else { panic!("{error}") };
                assert!(pids.iter().all(|pid| group.index(*pid).is_some()), "{pids:?}");
                let log = &group.log;
                assert!(log.stood(*number, pids), "{pids:?} by {number} of {log:#?}");
            });
            assert!(failed > 0, "nothing was refused");
        });
    }

    /// The cycle that a walk alone runs into: when it comes to a server which waits, through others
    /// that have not let their callers go, for the one that calls it.
    fn cycle_of(first: usize, hops: &[Hop]) -> Option<Vec<usize>> {
        let at: Vec<usize> = [first].into_iter().chain(hops.iter().map(|hop| hop.to)).collect();
        for (last, hop) in hops.iter().enumerate() {
            let waiting = hops[..=last].iter().rev().take_while(|it| it.manner == Manner::Hold);
            let since = last - waiting.count().min(last);
            if let Some(met) = (since..last).find(|index| at[*index] == hop.to) {
                return Some([last].into_iter().chain(met..last).map(|it| at[it]).collect());
            }
        }
        None
    }

    #[test]
    fn alone_are_refused_exactly_if_they_meet_themselves() {
        let seed = seed();
        in_process(move || {
            let mut random = Random(seed);
            for _ in 0..walks() / WALKS {
                let group = Arc::new(Group::start());
                take_walks(&group, &mut random, false, |first, hops, failure| {
                    let expected = cycle_of(first, hops).map(|indices| {
                        let pids = indices.iter().map(|index| pid_of(&group.nodes[*index]));
                        CallErrorKind::Deadlock(pids.collect())
                    });
                    let error = failure.map(|failure| failure.error.kind().clone());
                    assert_eq!(error, expected, "TEST_SEED={seed}: {first} {hops:?}");
                });
                group.stop();
            }
        });
    }
}
