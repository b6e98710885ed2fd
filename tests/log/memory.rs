//! A logger that keeps what is logged, for the binaries that look at it.

use log::{LevelFilter, Log, Metadata, Record};
use parking_lot::Mutex;

/// Keeps what is logged, as `level target text`.
struct Memory(Mutex<Vec<String>>);

static MEMORY: Memory = Memory(Mutex::new(Vec::new()));

/// A text that the logger panics at.
pub(crate) const INDIGESTIBLE: &str = "indigestible";

impl Log for Memory {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let text = format!("{} {} {}", record.level(), record.target(), record.args());
        assert!(!text.contains(INDIGESTIBLE), "the logger panics");
        self.0.lock().push(text);
    }

    fn flush(&self) {}
}

pub(crate) fn remember_what_is_logged() {
    _ = log::set_logger(&MEMORY);
    log::set_max_level(LevelFilter::Trace);
}

/// What was logged that contains `text`, in order.
pub(crate) fn logged(text: &str) -> Vec<String> {
    let records = MEMORY.0.lock();
    records.iter().filter(|record| record.contains(text)).cloned().collect()
}
