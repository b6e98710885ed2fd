//! Sixteen threads of a registry's users at random: each answer is one that some order of what was
//! done explains.
//!
//! All that is done has a beginning and an end in one count of moments. A registration is held for
//! sure from the end of what made it to the beginning of what ends it, and possibly from the
//! beginning of the one to the end of the other. An answer must fit: nobody was found who could not
//! be there at any moment of the question, nobody was missed who was there for all of it, and
//! nothing was given to two at once.

#![allow(clippy::disallowed_macros, reason = "it prints how much it has checked")]

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use procession::prelude::*;
use procession::registry::{Registry, RegistryError, RegistryRef};

use crate::support::rounds::rounds;
use crate::support::wait::down_reason;

type Moment = u64;
const NEVER: Moment = u64::MAX;

/// An operation on a key and its answer; none if the process was killed in it.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Register(Option<Result<(), Pid>>),
    Unregister,
    LookUp(Option<Pid>),
}

#[derive(Clone, Copy, Debug)]
struct Record {
    by: Pid,
    key: u8,
    begun: Moment,
    ended: Moment,
    deed: Deed,
}

/// The operations that all processes have written down.
#[derive(Debug, Default)]
struct History {
    now: AtomicU64,
    records: Mutex<Vec<Record>>,
    /// When each process began to end, and when its DOWN was seen.
    deaths: Mutex<HashMap<Pid, (Moment, Moment)>>,
}

impl History {
    fn moment(&self) -> Moment {
        self.now.fetch_add(1, Ordering::SeqCst)
    }

    /// Does something, and writes it down before and after.
    fn record(&self, key: u8, before: Deed, work: impl FnOnce() -> Deed) {
        let (by, begun) = (process::self_pid(), self.moment());
        let place = {
            let mut records = self.records.lock();
            records.push(Record { by, key, begun, ended: NEVER, deed: before });
            records.len() - 1
        };
        let deed = work();
        let ended = self.moment();
        let mut records = self.records.lock();
        records[place] = Record { by, key, begun, ended, deed };
    }
}

/// Numbers that look random.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

const KEYS: u64 = 24;

/// The life of a user: a few deeds, and an end.
fn live(registry: &RegistryRef<u8, ()>, history: &History, dice: &mut Dice) {
    for _ in 0..dice.below(30) {
        let key = dice.below(KEYS) as u8;
        match dice.below(10) {
            0..4 => history.record(key, Deed::Register(None), || {
                Deed::Register(match registry.register(key, ()) {
                    Ok(()) => Some(Ok(())),
                    Err(RegistryError::AlreadyRegistered(pid)) => Some(Err(pid)),
                    Err(error) => panic!("{error}"),
                })
            }),
            4..6 => history.record(key, Deed::Unregister, || {
                registry.unregister(&key).unwrap();
                Deed::Unregister
            }),
            _ => look_up(registry, history, key),
        }
    }
}

fn look_up(registry: &RegistryRef<u8, ()>, history: &History, key: u8) {
    history.record(key, Deed::LookUp(None), || {
        Deed::LookUp(registry.lookup(&key).unwrap().first().map(|(pid, ())| *pid))
    });
}

/// Has one user live after the other, some of which are killed, and looks for them when they are
/// down.
fn drive(registry: &RegistryRef<u8, ()>, history: &Arc<History>, seed: u64, until: Instant) {
    let mut dice = Dice(seed | 1);
    while Instant::now() < until {
        let (there, user_history) = (registry.clone(), Arc::clone(history));
        let mut user_dice = Dice(dice.below(u64::MAX) | 1);
        let (pid, monitor) = process::spawn_monitor(move || {
            live(&there, &user_history, &mut user_dice);
            let me = process::self_pid();
            user_history.deaths.lock().entry(me).or_insert((user_history.moment(), NEVER));
        })
        .unwrap();
        if dice.below(3) == 0 {
            (0..dice.below(200)).for_each(|_| std::thread::yield_now());
            history.deaths.lock().entry(pid).or_insert((history.moment(), NEVER));
            process::exit(pid, ExitReason::Kill);
        }
        down_reason(monitor);
        let down = history.moment();
        history.deaths.lock().get_mut(&pid).unwrap().1 = down;
        look_up(registry, history, dice.below(KEYS) as u8);
    }
}

/// A time for which a process had a key.
#[derive(Debug)]
struct Hold {
    possible: (Moment, Moment),
    /// Empty if the end begins before the beginning ends.
    sure: (Moment, Moment),
}

/// What the registrations of a process under a key amount to.
fn holds(records: &[&Record], death: (Moment, Moment)) -> Vec<Hold> {
    let made = records.iter().filter(|it| matches!(it.deed, Deed::Register(None | Some(Ok(())))));
    let hold = |made: &&Record| {
        let undone = records
            .iter()
            .filter(|it| it.begun > made.begun && matches!(it.deed, Deed::Unregister))
            .map(|it| (it.begun, it.ended))
            .min();
        let end = undone.map_or(death, |undone| (undone.0.min(death.0), undone.1.min(death.1)));
        let is_known = matches!(made.deed, Deed::Register(Some(_)));
        let sure = if is_known { (made.ended, end.0) } else { (NEVER, NEVER) };
        Hold { possible: (made.begun, end.1), sure }
    };
    made.map(hold).collect()
}

/// Checks what was done to a key.
#[track_caller]
fn check(records: &[&Record], deaths: &HashMap<Pid, (Moment, Moment)>) {
    let mut deeds: HashMap<Pid, Vec<&Record>> = HashMap::new();
    records.iter().for_each(|it| deeds.entry(it.by).or_default().push(it));
    // A process that only looks up does not end.
    let death = |by: &Pid| deaths.get(by).copied().unwrap_or((NEVER, NEVER));
    let holds: HashMap<Pid, Vec<Hold>> =
        deeds.iter().map(|(by, deeds)| (*by, holds(deeds, death(by)))).collect();

    let all = holds.iter().flat_map(|(by, holds)| holds.iter().map(|hold| (hold.sure, *by)));
    let mut sure: Vec<((Moment, Moment), Pid)> = all.filter(|(sure, _)| sure.0 < sure.1).collect();
    sure.sort();
    for two in sure.windows(2) {
        assert!(two[0].0.1 <= two[1].0.0, "one key, two holders: {two:?}");
    }

    let may_hold = |by: Pid, it: &Record| {
        let mut holds = holds.get(&by).into_iter().flatten();
        holds.any(|hold| hold.possible.0 < it.ended && it.begun < hold.possible.1)
    };
    // They follow each other, so it can only be the last that has begun.
    let held_throughout = |it: &Record| {
        let begun = sure.partition_point(|(sure, _)| sure.0 < it.begun);
        begun.checked_sub(1).map(|last| sure[last]).filter(|(sure, _)| it.ended < sure.1)
    };
    for it in records.iter().filter(|it| it.ended != NEVER) {
        match it.deed {
            Deed::LookUp(Some(found)) | Deed::Register(Some(Err(found))) => {
                assert!(may_hold(found, it), "{it:?}: {:?}", holds.get(&found));
            }
            Deed::LookUp(None) | Deed::Register(Some(Ok(()))) => {
                assert!(held_throughout(it).is_none(), "{it:?}: {:?}", held_throughout(it));
            }
            Deed::Register(None) | Deed::Unregister => {}
        }
    }
}

#[test]
fn every_answer_is_explained_by_some_order() {
    let seed = std::env::var("TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or(0x5eed_0007);
    let registry = Registry::<u8>::unique("registry_history").partitions(4).start_link().unwrap();
    let history = Arc::new(History::default());
    let until = Instant::now() + Duration::from_secs(rounds(1) as u64);
    let drivers: Vec<_> = (0..16)
        .map(|n| {
            let (registry, history) = (registry.clone(), Arc::clone(&history));
            let seed = seed.wrapping_mul(n + 1).wrapping_add(n * 0x9e37_79b9);
            process::spawn_monitor(move || drive(&registry, &history, seed, until)).unwrap().1
        })
        .collect();
    for driver in drivers {
        assert_eq!(down_reason(driver), ExitReason::Normal, "seed {seed}");
    }
    assert_eq!(registry.count(), Ok(0));
    let records = history.records.lock();
    let deaths = history.deaths.lock();
    assert!(records.len() > 1_000, "{} records", records.len());
    for key in 0..KEYS as u8 {
        let of_key: Vec<&Record> = records.iter().filter(|it| it.key == key).collect();
        check(&of_key, &deaths);
    }
    println!("{} answers of {} processes are explained", records.len(), deaths.len());
}
