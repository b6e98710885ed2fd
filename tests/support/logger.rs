//! A logger that keeps what is logged, for the binaries that look at it.

use log::{LevelFilter, Log, Metadata, Record};
use parking_lot::Mutex;

/// Keeps what is logged, as `level target text`.
struct Kept(Mutex<Vec<String>>);

static KEPT: Kept = Kept(Mutex::new(Vec::new()));

/// A text that the logger panics at.
pub(crate) const LOGGER_PANICS_AT: &str = "text that makes the logger panic";

impl Log for Kept {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let text = format!("{} {} {}", record.level(), record.target(), record.args());
        assert!(!text.contains(LOGGER_PANICS_AT), "the logger panics");
        self.0.lock().push(text);
    }

    fn flush(&self) {}
}

/// Makes it the logger of the program.
pub(crate) fn keep_what_is_logged() {
    _ = log::set_logger(&KEPT);
    log::set_max_level(LevelFilter::Trace);
}

/// What was logged that contains `text`, in order.
pub(crate) fn logged(text: &str) -> Vec<String> {
    let records = KEPT.0.lock();
    records.iter().filter(|record| record.contains(text)).cloned().collect()
}
