//! The examples, as programs to run.

use std::env::{self, consts::EXE_SUFFIX};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::SystemTime;

use crate::support::program::Program;

/// Starts an example.
pub(crate) fn start(name: &str, arguments: &[&str]) -> Program {
    Program::start(&path_of(name), arguments)
}

/// Cargo puts the examples beside the directory of the test executables.
pub(crate) fn path_of(name: &str) -> PathBuf {
    let test = env::current_exe().unwrap();
    let profile = test.parent().and_then(|deps| deps.parent()).unwrap();
    let path = profile.join("examples").join(format!("{name}{EXE_SUFFIX}"));
    assert!(path.is_file(), "{} is missing: run `cargo build --examples`", path.display());
    if let Some(source) = newer_source(&path).unwrap() {
        panic!("{name} is older than {}: run `cargo build --examples`", source.display());
    }
    path
}

/// Returns a source that has changed since `program` was built from it. `cargo test` builds the
/// examples, but not `cargo test --test it`.
fn newer_source(program: &Path) -> io::Result<Option<PathBuf>> {
    // Who edits while the tests run does not disturb them.
    static START: LazyLock<SystemTime> = LazyLock::new(SystemTime::now);
    let start = *START;
    let built = fs::metadata(program)?.modified()?;
    // Cargo has left a rule of `make` beside it.
    let rule = fs::read_to_string(program.with_extension("d"))?;
    let (_, sources) = rule.trim_end().split_once(": ").expect("the rule names sources");
    let sources = sources.replace("\\ ", "\0");
    for source in sources.split(' ') {
        let source = PathBuf::from(source.replace('\0', " "));
        // One that is gone belonged to what the program was before.
        let changed = fs::metadata(&source).map_or(Ok(start), |it| it.modified())?;
        if built < changed && changed <= start {
            return Ok(Some(source));
        }
    }
    Ok(None)
}
