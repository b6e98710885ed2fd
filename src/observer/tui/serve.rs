//! The process that shows the view.

use std::io::{self, Read};
use std::time::Instant;

use ratatui_core::terminal::Terminal;

use super::super::snapshot_with;
use super::Options;
use super::ask::{Answered, carry_out};
use super::key::{Key, Keys};
use super::terminal::{RawMode, Screen, size};
use super::view::{Act, View};
use crate::application::signals;
use crate::exit::ExitReason;
use crate::id::{MonitorRef, Pid};
use crate::message::Down;
use crate::process;
use crate::process::Builder;
use crate::process::receive::{deadline_after, is_past, time_left};
use crate::receive;

/// How much of the input is read at once.
const CHUNK: usize = 1024;

/// What was read, or why nothing is read any more.
#[derive(Debug)]
struct Input(io::Result<Vec<u8>>);

/// A signal that asks the program to end.
#[derive(Debug)]
struct Signal(i32);

/// Shows the view until it ends. What is restored is so in the order from here upwards.
pub(super) fn serve(options: Options) -> io::Result<()> {
    let me = process::self_pid();
    process::set_label("shows the program");
    let heard = move |signal| process::send(me, Signal(signal));
    let _signals = signals::listen(heard).map_err(|reason| other("listen to signals", &reason))?;
    let _raw_mode = RawMode::enter()?;
    let mut terminal = Terminal::new(Screen::enter(io::stdout(), size)?)?;
    let reader = Builder::new().link().spawn_monitor(move || read_input(me));
    let reader = reader.map_err(io::Error::other)?;
    let result = Serving { view: View::new(me), keys: Keys::default(), options }.run(&mut terminal);
    stop(reader);
    result
}

fn other(what: &str, reason: &ExitReason) -> io::Error {
    io::Error::other(format!("{what}: {reason}"))
}

/// Sends what is read to the view.
fn read_input(view: Pid) {
    process::set_label("reads keys");
    let mut bytes = [0; CHUNK];
    loop {
        let read = crate::io::stdin().read(&mut bytes);
        let is_over = !matches!(read, Ok(length) if length > 0);
        process::send(view, Input(read.map(|length| bytes[..length].to_vec())));
        if is_over {
            return;
        }
    }
}

/// Ends the reader, so that the input is the program's again.
fn stop((reader, monitor): (Pid, MonitorRef)) {
    process::unlink(reader);
    process::exit(reader, ExitReason::Shutdown);
    receive! {
        down: Down if down.monitor == monitor => drop(down),
    }
}

struct Serving {
    view: View,
    keys: Keys,
    options: Options,
}

impl Serving {
    fn run<W: io::Write>(mut self, terminal: &mut Terminal<Screen<W>>) -> io::Result<()> {
        let mut next_look = Some(Instant::now());
        loop {
            if is_past(next_look) {
                next_look = deadline_after(self.options.interval);
                let options = super::super::Options::new().cpu_times(true).stacks(true);
                self.view.show(snapshot_with(options));
            }
            terminal.draw(|frame| self.view.draw(frame.buffer_mut()))?;
            let time_left = time_left(next_look);
            let keys = receive! {
                Input(read) => match read? {
                    bytes if bytes.is_empty() => return Ok(()),
                    bytes => self.keys.read(&bytes),
                },
                answered: Answered => {
                    self.view.hear(answered);
                    Vec::new()
                }
                Signal(signal) => {
                    let text = format!("the program got the signal {signal}");
                    return Err(io::Error::new(io::ErrorKind::Interrupted, text));
                }
                after time_left => Vec::new(),
            };
            for key in keys {
                match self.press(key) {
                    Some(Act::Quit) => return Ok(()),
                    Some(Act::Look) => next_look = Some(Instant::now()),
                    Some(Act::Redraw) => terminal.clear()?,
                    Some(Act::Ask(order, pid)) => carry_out(order, pid),
                    None => {}
                }
            }
        }
    }

    /// Takes a key. The lines must be settled before each of several.
    fn press(&mut self, key: Key) -> Option<Act> {
        let entries = self.view.entries();
        self.view.settle(&entries);
        self.view.press(key, &entries)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_interval_may_be_without_limit() {
        assert_eq!(time_left(deadline_after(Duration::MAX)), Duration::MAX);
        assert_eq!(time_left(deadline_after(Duration::ZERO)), Duration::ZERO);
        assert!(time_left(deadline_after(Duration::from_secs(1000))) > Duration::from_secs(500));
    }
}
