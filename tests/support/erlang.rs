//! The programs of Erlang that tests compare with.
//!
//! - `TEST_ERL` names another `erl`, beside which is its `erlc`; `TEST_EPMD` another `epmd`.
//! - `TEST_REQUIRE_BEAM=1` lets the tests fail where there are none, instead of skipping them, and
//!   where Erlang has no application `ssl`, unless `TEST_SKIP_SSL=1` is set.

use std::env;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The program that the variable names, or else the usual one.
fn program(variable: &str, usual: &str) -> PathBuf {
    env::var_os(variable).map_or_else(|| usual.into(), PathBuf::from)
}

pub(crate) fn erl() -> Command {
    Command::new(program("TEST_ERL", "erl"))
}

pub(crate) fn epmd() -> PathBuf {
    program("TEST_EPMD", "epmd")
}

/// Whether there is an Erlang here, and an EPMD. If not, it says that a test is skipped.
///
/// # Panics
///
/// If there is none, and `TEST_REQUIRE_BEAM` is set.
pub(crate) fn is_here() -> bool {
    let is_there = |command: &mut Command| {
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        quiet.status().is_ok()
    };
    let is_here = is_there(erl().arg("-version"))
        && is_there(Command::new(epmd()).args(["-port", "1", "-names"]));
    if !is_here {
        skip("`erl` and `epmd` are not in PATH", true);
    }
    is_here
}

/// Whether this Erlang has TLS. If not, it says that a test is skipped.
///
/// # Panics
///
/// If it has not, and `TEST_REQUIRE_BEAM` is set, but not `TEST_SKIP_SSL`.
pub(crate) fn has_ssl() -> bool {
    let found = "halt(case code:lib_dir(ssl) of {error, _} -> 1; _ -> 0 end)";
    let has_ssl = erl().args(["-noshell", "-eval", found]).status().is_ok_and(|it| it.success());
    if !has_ssl {
        let is_needed = env::var_os("TEST_SKIP_SSL").is_none();
        skip("this Erlang has no application `ssl`", is_needed);
    }
    has_ssl
}

/// Says why a test is skipped, or fails if Erlang is required, and with it what there is not.
fn skip(why: &str, is_needed: bool) {
    assert!(!is_needed || env::var_os("TEST_REQUIRE_BEAM").is_none(), "{why}");
    // Also shown if the test passes.
    _ = writeln!(io::stderr(), "skipped: {why}");
}

/// Compiles a module of the tests into the folder.
pub(crate) fn compile(source: &str, folder: &Path) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(source);
    let erlc = program("TEST_ERL", "erl").with_file_name("erlc");
    let compiled = Command::new(erlc).arg("-o").arg(folder).arg(&source).status().unwrap();
    assert!(compiled.success(), "{} does not compile", source.display());
}
