//! Backtraces of panics, trimmed to the frames of the program's own code.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::env;

/// The crates whose frames say nothing of the program's own code.
const RUNTIME: [&str; 5] = ["std", "core", "alloc", "__rustc", "procession"];

/// Captures and prints a backtrace, if `RUST_BACKTRACE` asks for one.
pub(super) fn captured() -> Option<String> {
    let backtrace = Backtrace::capture();
    if backtrace.status() != BacktraceStatus::Captured {
        return None;
    }
    let text = backtrace.to_string();
    Some(if is_full() { text } else { trimmed(&text) })
}

/// Returns whether all frames are wanted. The variables are those that `capture` reads.
fn is_full() -> bool {
    let wanted = env::var_os("RUST_LIB_BACKTRACE").or_else(|| env::var_os("RUST_BACKTRACE"));
    wanted.is_some_and(|wanted| wanted == "full")
}

/// Returns the frames of the program's own code; or all frames, if none is known to be that.
///
/// A frame is a line with its number and symbol, and a line `at file:line:column` where that is
/// known. Frames of functions that were inlined have no number.
fn trimmed(text: &str) -> String {
    let mut lines = text.lines().peekable();
    let mut kept = Vec::new();
    while let Some(frame) = lines.next() {
        let place = lines.next_if(|line| line.trim_start().starts_with("at "));
        if is_of_program(symbol(frame), place.map(|place| &place.trim_start()[3..])) {
            kept.push(frame);
            kept.extend(place);
        }
    }
    if kept.is_empty() { text.to_owned() } else { kept.join("\n") }
}

fn symbol(line: &str) -> &str {
    let line = line.trim_start();
    let numbered = line.split_once(": ");
    numbered.filter(|(number, _)| number.parse::<u32>().is_ok()).map_or(line, |(_, symbol)| symbol)
}

/// Returns whether a frame is in a crate other than the runtime's: that of its symbol's path, or of
/// the type in `<Type as Trait>::function`, or if that is a mere parameter, of the trait. If there
/// is little debug information a symbol may have no path; then its place says where it is.
fn is_of_program(symbol: &str, place: Option<&str>) -> bool {
    match symbol.split_once("::") {
        Some((head, _)) => {
            let name = head.rsplit([' ', '<', '&', '*', '(', '[']).next().unwrap_or(head);
            !RUNTIME.contains(&name)
        }
        None => place.is_some_and(|place| {
            let place = place.strip_prefix("./").unwrap_or(place);
            let of_runtime = place.starts_with("/rustc/") || place.starts_with(own_sources());
            place.contains(".rs:") && !of_runtime
        }),
    }
}

/// Returns the folder of this crate's sources.
fn own_sources() -> &'static str {
    file!().strip_suffix("user_code/backtrace.rs").unwrap_or("/rustc/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_frames_of_the_program() {
        let frames = [
            ("   0: std::backtrace::Backtrace::capture", false),
            ("             at /rustc/library/std/src/backtrace.rs:296:13", false),
            ("   1: core::ops::function::FnOnce::call_once", false),
            ("   2: my_app::divide", true),
            ("             at ./src/main.rs:7:5", true),
            ("      my_app::inlined", true),
            ("      inlined_without_its_path", true),
            ("             at ./examples/my_app.rs:9:5", true),
            ("      inlined_in_the_runtime", false),
            ("             at ./src/process/spawn.rs:9:5", false),
            ("      inlined_in_the_library", false),
            ("             at /rustc/library/core/src/option.rs:9:5", false),
            ("   3: <my_app::Server as procession::gen_server::GenServer>::init", true),
            ("   4: <procession::Call<my_app::Server> as procession::Request>::dispatch", false),
            ("   5: <F as core::convert::Into<G>>::into", false),
            ("   6: <alloc::boxed::Box<F,A> as core::ops::function::FnOnce<A>>::call_once", false),
            ("   7: __rust_try", false),
            ("   8: start_thread", false),
            ("             at ./nptl/pthread_create.c:447:8", false),
        ];
        let text: String = frames.map(|(line, _)| format!("{line}\n")).concat();
        let kept = frames.into_iter().filter(|(_, is_kept)| *is_kept);
        let expected: Vec<_> = kept.map(|(line, _)| line).collect();
        assert_eq!(trimmed(&text), expected.join("\n"));
    }

    #[test]
    fn keeps_all_frames_if_none_is_known_to_be_the_programs() {
        let text = "   0: std::panicking::begin\n   1: <unknown>\n   2: start_thread\n";
        assert_eq!(trimmed(text), text);
    }
}
