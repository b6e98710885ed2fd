//! The same random scenarios here and on the BEAM, where `erl` is installed: what is seen must be
//! the same.
//!
//! - `BEAM_SEED`, a number, repeats a run; a difference prints it. Otherwise each has its own.
//! - `BEAM_SCENARIOS` says how many scenarios of each kind there are to be.
//! - `BEAM_DIFFERENCES` says how many are shown before it fails: one if it is not given.
//! - `RUN_SLOW_TESTS=1` is for the long run.
//! - `BEAM_SCRIPT`, a file, replays one script and prints both traces.

use std::io::{self, Write};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use std::{env, fs};

use parking_lot::{Mutex, MutexGuard};

#[allow(dead_code, reason = "this binary needs few of them")]
#[path = "support"]
mod support {
    pub(crate) mod dice;
    pub(crate) mod erlang;
    pub(crate) mod machine_table;
    pub(crate) mod table_machine;
    pub(crate) mod wait;
}

#[path = "beam/differences.rs"]
mod differences;
#[path = "beam/erlang.rs"]
mod erlang;
#[path = "beam/generate.rs"]
mod generate;
#[path = "beam/here.rs"]
mod here;
#[path = "beam/script.rs"]
mod script;
#[path = "beam/shrink.rs"]
mod shrink;
#[path = "beam/trace.rs"]
mod trace;

use differences::Side;
use erlang::Erlang;
use script::Script;

/// The number that a variable of the environment is.
fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok().and_then(|number| number.parse().ok())
}

/// How many scenarios of a kind there are to be.
fn count(usual: u64, slow: u64) -> u64 {
    let is_slow = env::var_os("RUN_SLOW_TESTS").is_some();
    number("BEAM_SCENARIOS").unwrap_or(if is_slow { slow } else { usual })
}

/// The seed of the first scenario; each that follows has the next one.
fn first_seed() -> u64 {
    number("BEAM_SEED").unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
        now.as_nanos() as u64 % 1_000_000_000_000
    })
}

/// Says something to whoever runs the tests, also if they pass.
fn say(text: &str) {
    _ = writeln!(io::stderr(), "{text}");
}

/// The Erlang that is here, if one is.
fn erlang() -> Option<Erlang> {
    Erlang::start()
}

/// The scenarios of this file take turns: each waits until the whole program rests.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock()
}

/// How often the BEAM runs a script again of which it has seen something else than was seen here.
const BEAM_RUNS: usize = 3;

/// Returns what the BEAM has seen of the script that it was sent.
fn beam_trace(erlang: &mut Erlang) -> Vec<String> {
    trace::normal_form(&erlang.receive(), Side::Beam)
}

/// What both sides have seen of a script.
struct Comparison {
    beam: Vec<String>,
    here: Vec<String>,
}

impl Comparison {
    fn of(script: &Script, erlang: &mut Erlang) -> Comparison {
        erlang.send(script);
        let here = trace::normal_form(&here::run(script), Side::Here);
        let mut comparison = Comparison { beam: beam_trace(erlang), here };
        // On a busy machine the BEAM interrupts a process where it seldom does, and another one
        // overtakes it there. What is seen here is right if the BEAM does it, too.
        for _ in 0..BEAM_RUNS {
            if comparison.differs() {
                erlang.send(script);
                comparison.beam = beam_trace(erlang);
            }
        }
        comparison
    }

    fn differs(&self) -> bool {
        self.beam != self.here
    }

    /// Both, as far as they are the same only once.
    fn show(&self) -> String {
        let same = self.beam.iter().zip(&self.here).take_while(|(beam, here)| beam == here).count();
        let mark = |mark: &str, lines: &[String]| {
            lines.iter().map(|line| format!("{mark} {line}\n")).collect::<String>()
        };
        mark(" ", &self.beam[..same])
            + &mark("BEAM", &self.beam[same..])
            + &mark("here", &self.here[same..])
    }
}

/// Compares so many scenarios, and fails with the shortest script for what differs.
#[track_caller]
fn compare(kind: &str, generate: fn(u64) -> Script, count: u64) {
    let _turn = turn();
    let Some(mut erlang) = erlang() else { return };
    let (first, start) = (first_seed(), Instant::now());
    let mut differences = Vec::new();
    for seed in first..first + count {
        let script = differences::without_differences(&generate(seed));
        let comparison = Comparison::of(&script, &mut erlang);
        if comparison.differs() {
            let difference = explain(script, comparison, &mut erlang);
            differences.push(format!("BEAM_SEED={seed} {difference}"));
            if differences.len() >= number("BEAM_DIFFERENCES").unwrap_or(1) as usize {
                break;
            }
        }
    }
    assert!(differences.is_empty(), "{kind}\n{}", differences.join("\n"));
    let elapsed = start.elapsed();
    say(&format!("{count} scenarios of {kind} agree with the BEAM: seed {first}, {elapsed:.1?}"));
}

/// The shortest script that shows the difference that `script` does, and what each side sees of it.
fn explain(script: Script, first: Comparison, erlang: &mut Erlang) -> String {
    // A race may end as on the BEAM more often than not.
    let mut found = None;
    let shortest = shrink::shortest(script.clone(), |script| {
        if *script != differences::without_differences(script) {
            return false;
        }
        let comparison = (0..5).map(|_| Comparison::of(script, erlang)).find(Comparison::differs);
        let differs = comparison.is_some();
        found = comparison.or(found.take());
        differs
    });
    match found {
        Some(comparison) => {
            format!("shows a difference, and so does\n\n{shortest}\n{}", comparison.show())
        }
        None => format!("has once shown a difference:\n\n{script}\n{}", first.show()),
    }
}

#[test]
fn processes_do_what_they_do_on_the_beam() {
    compare("the kernel", generate::kernel, count(3_000, 20_000));
}

#[test]
fn servers_do_what_they_do_on_the_beam() {
    compare("gen_server", generate::servers, count(2_500, 5_000));
}

#[test]
fn state_machines_do_what_they_do_on_the_beam() {
    compare("gen_statem", generate::machines, count(1_000, 10_000));
}

#[test]
fn supervisors_do_what_they_do_on_the_beam() {
    compare("supervisors", generate::trees, count(2_000, 3_000));
}

/// The script of a file, if one is given: for a look at what it does.
#[test]
fn a_script_is_replayed() {
    let _turn = turn();
    let Some(file) = env::var_os("BEAM_SCRIPT") else { return };
    let Some(mut erlang) = erlang() else { return };
    let script = Script::parse(&fs::read_to_string(file).expect("it can be read"));
    let comparison = Comparison::of(&script, &mut erlang);
    say(&comparison.show());
    assert!(!comparison.differs());
}
