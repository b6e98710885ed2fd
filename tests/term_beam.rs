//! Terms beside those of the BEAM, where `erl` is installed: what is read, written and printed must
//! be the same.
//!
//! - `BEAM_SEED`, a number, repeats a run; a difference prints it. Otherwise each has its own.
//! - `RUN_SLOW_TESTS=1` is for the long run.

use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use procession::term::{self, ImproperList, Map, Term};

#[allow(dead_code, reason = "this binary needs few of them")]
#[path = "support"]
mod support {
    pub(crate) mod dice;
    pub(crate) mod erlang;
    pub(crate) mod terms;
}

use support::dice::Dice;
use support::erlang;
use support::terms::Kinds;

/// The seed of the first term; each that follows has the next one.
fn first_seed() -> u64 {
    let given = std::env::var("BEAM_SEED").ok().and_then(|seed| seed.parse().ok());
    given.unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
        now.as_nanos() as u64 % 1_000_000_000_000
    })
}

/// How many terms there are to be.
fn count() -> u64 {
    if std::env::var_os("RUN_SLOW_TESTS").is_some() { 100_000 } else { 2_000 }
}

/// Has `terms.erl` answer; `None` if there is no Erlang here. `test` is part of the names of files.
fn answers(test: &str, command: &str, input: &[Vec<u8>]) -> Option<Vec<Vec<u8>>> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("term_beam_{test}"));
    fs::create_dir_all(&folder).unwrap();
    if !erlang::is_here() {
        return None;
    }
    erlang::compile("tests/term_beam/terms.erl", &folder);

    let (given, answer) = (folder.join("input"), folder.join("output"));
    _ = fs::remove_file(&answer);
    // What is generated is asked for in plain words.
    let words = if command == "generate" { input.concat() } else { chunks(input) };
    fs::write(&given, words).unwrap();
    let status = erlang::erl()
        .args(["+pc", "unicode", "-noinput", "-pa"])
        .arg(&folder)
        .args(["-run", "terms", "main", command])
        .args([&given, &answer])
        .env("ERL_CRASH_DUMP_SECONDS", "0")
        .status()
        .unwrap();
    assert!(status.success());
    Some(unchunked(&fs::read(answer).unwrap()))
}

fn chunks(binaries: &[Vec<u8>]) -> Vec<u8> {
    let chunk = |binary: &Vec<u8>| {
        let length = u32::try_from(binary.len()).unwrap();
        [&length.to_be_bytes(), &binary[..]].concat()
    };
    binaries.iter().flat_map(chunk).collect()
}

fn unchunked(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut binaries = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let (binary, rest) = rest.split_at(u32::from_be_bytes(*length) as usize);
        binaries.push(binary.to_vec());
        bytes = rest;
    }
    binaries
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Shows of long texts only what is around their difference.
#[track_caller]
fn assert_same_text(here: &str, beam: &str, name: &str) {
    let same = here.chars().zip(beam.chars()).take_while(|(here, beam)| here == beam).count();
    let around =
        |text: &str| text.chars().skip(same.saturating_sub(40)).take(80).collect::<String>();
    assert!(here == beam, "{name}\nBEAM {}\nhere {}", around(beam), around(here));
}

/// A term of ours, and what there is to know in the case of a difference.
struct Case {
    term: Term,
    name: String,
    /// Whether it can be written down in Erlang's language, and printed there in order.
    is_literal: bool,
}

/// Erlang reads the terms as what they are printed, prints them alike, and what it writes is read
/// as the same again.
fn compare(test: &str, cases: &[Case]) {
    let questions = cases.iter().flat_map(|case| {
        let text = if case.is_literal { case.term.to_string() } else { String::new() };
        [term::to_vec(&case.term).unwrap(), text.into_bytes()]
    });
    let questions: Vec<Vec<u8>> = questions.collect();
    let Some(answers) = answers(test, "check", &questions) else { return };
    assert_eq!(answers.len(), 3 * cases.len());
    for (case, answer) in cases.iter().zip(answers.chunks(3)) {
        let Case { term, name, is_literal } = case;
        assert_eq!(text(&answer[2]), "true", "{name}: {term}");
        assert_eq!(term::from_slice::<Term>(&answer[0]).as_ref(), Ok(term), "{name}");
        if *is_literal && !answer[1].is_empty() {
            assert_same_text(&term.to_string(), text(&answer[1]), name);
        }
    }
}

#[test]
fn erlang_reads_and_prints_what_is_written_here() {
    let first = first_seed();
    let cases = (first..first + count()).map(|seed| {
        let mut dice = Dice::new(seed);
        let is_literal = dice.happens(70);
        let kinds = if is_literal { Kinds::Literals } else { Kinds::All };
        let size = dice.index(&[1, 3, 10, 100]);
        let term = support::terms::term(&mut dice, kinds, size);
        Case { term, name: format!("BEAM_SEED={seed}"), is_literal }
    });
    compare("written", &cases.collect::<Vec<_>>());
}

#[test]
fn erlang_reads_what_is_at_a_limit_here() {
    let byte_list = |count| Term::List(vec![7.into(); count]);
    let named = |character: &str| term::Atom::new(&character.repeat(255)).unwrap().into();
    let mut terms = vec![
        byte_list(65_535),
        byte_list(65_536),
        named("a"),
        named("é"),
        named("ж"),
        named("😀"),
        ImproperList::new(vec![1.into(); 65_536], 2.into()),
        Term::Tuple(vec![1.into(); 255]),
        Term::Tuple(vec![1.into(); 256]),
        Term::Binary(vec![0; 65_536].into()),
        Term::Map(Map::from_iter((0..1000).map(|key| (key, key)))),
        term::to_term(&vec![256; 65_536]).unwrap(),
    ];
    for length in (0..20).chain([254, 255, 256, 257, 999, 5000]) {
        for last in [0x7f, 0x80, 0xff, 1] {
            for negative in [false, true] {
                let magnitude = [vec![0xff; length], vec![last]].concat();
                terms.push(Term::integer(negative, &magnitude));
            }
        }
    }
    let case = |(index, term)| Case { term, name: format!("limit {index}"), is_literal: false };
    compare("limits", &terms.into_iter().enumerate().map(case).collect::<Vec<_>>());
}

#[test]
fn what_erlang_writes_is_read_and_printed_here() {
    let (seed, count) = (first_seed(), count());
    let words = format!("{seed} {count}").into_bytes();
    let Some(generated) = answers("read", "generate", &[words]) else { return };
    assert_eq!(generated.len() as u64, 2 * count);

    let mut pairs = Vec::new();
    for (index, pair) in generated.chunks(2).enumerate() {
        let term: Term = term::from_slice(&pair[0])
            .unwrap_or_else(|error| panic!("BEAM_SEED={seed}, term {index}: {error}"));
        if !pair[1].is_empty() {
            let name = format!("BEAM_SEED={seed}, term {index}");
            assert_same_text(&term.to_string(), text(&pair[1]), &name);
        }
        pairs.extend([pair[0].clone(), term::to_vec(&term).unwrap()]);
    }

    // And back: pids, references and funs are still the same.
    let Some(answers) = answers("read", "same", &pairs) else { return };
    for (index, answer) in answers.iter().enumerate() {
        let theirs = &pairs[2 * index];
        assert_eq!(text(answer), "true", "BEAM_SEED={seed}, term {index}: {theirs:?}");
    }
}
