//! Backtraces of panics, trimmed to the frames of the program's own code.

use std::backtrace::{self, BacktraceStatus};
use std::env;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// The crates whose frames say nothing of the program's own code.
const RUNTIME: [&str; 5] = ["std", "core", "alloc", "__rustc", "procession"];

/// The backtrace of a panic, in a [`Panic`](super::Panic).
///
/// It prints the frames of the program's own code only; with `RUST_BACKTRACE=full`, all. Their
/// names are looked up when it is first printed, which may take a tenth of a second.
#[derive(Clone)]
pub struct Backtrace(Arc<Frames>);

struct Frames {
    captured: backtrace::Backtrace,
    text: OnceLock<String>,
    /// Whether a report has shown it.
    is_shown: AtomicBool,
}

impl Backtrace {
    /// Captures a backtrace, if `RUST_BACKTRACE` asks for one.
    pub(super) fn capture() -> Option<Backtrace> {
        let captured = backtrace::Backtrace::capture();
        let is_captured = captured.status() == BacktraceStatus::Captured;
        is_captured.then(|| {
            let (text, is_shown) = (OnceLock::new(), AtomicBool::new(false));
            Backtrace(Arc::new(Frames { captured, text, is_shown }))
        })
    }

    fn text(&self) -> &str {
        self.0.text.get_or_init(|| {
            let text = self.0.captured.to_string();
            if is_full() { text } else { trimmed(&text) }
        })
    }

    /// Whether a report has shown it.
    pub(crate) fn is_shown(&self) -> bool {
        // Relaxed: the reports of one process are written by itself.
        self.0.is_shown.load(Ordering::Relaxed)
    }

    pub(crate) fn set_shown(&self) {
        self.0.is_shown.store(true, Ordering::Relaxed);
    }
}

impl PartialEq for Backtrace {
    fn eq(&self, other: &Backtrace) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.text() == other.text()
    }
}

impl Eq for Backtrace {}

impl fmt::Display for Backtrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl fmt::Debug for Backtrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
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
    // What follows a name are its parameters, whose paths are not that of the function.
    let path = match symbol.split_once('<') {
        Some((name, _)) if !name.is_empty() => name,
        _ => symbol,
    };
    match path.split_once("::") {
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
            ("      inlined_in_the_runtime<my_app::Server>", false),
            ("             at ./src/gen_server/serve.rs:9:5", false),
            ("      inlined_without_its_path<procession::id::Pid>", true),
            ("             at ./examples/my_app.rs:9:5", true),
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
