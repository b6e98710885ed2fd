//! The events of a process, as a stream. The process writes down what happens in it as long as
//! there is room for it, and waits for nobody: what there is no room for is counted.

use std::mem;
use std::ops::ControlFlow;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::io::TcpStream;
use crate::message::Down;
use crate::process;
use crate::receive;
use crate::sys::{self, Event};

use super::details::{check_asking, process_of, unanswered};
use super::feed::{Bell, Newer};
use super::json::to_json;
use super::refusal::Refusal;
use super::request::Request;
use super::shared::Shared;
use super::stream::{Gone, SIGN_OF_LIFE, Stream, event};

/// How many events may wait to be written.
const ROOM: usize = 256;

/// Events that wait to be written.
#[derive(Default)]
struct Events {
    texts: Vec<String>,
    /// How many there was no room for.
    left_out: usize,
}

impl Events {
    fn has_room(&mut self) -> bool {
        let has_room = self.texts.len() < ROOM;
        self.left_out += usize::from(!has_room);
        has_room
    }

    fn take(&mut self) -> Vec<String> {
        let mut texts = mem::take(&mut self.texts);
        match mem::take(&mut self.left_out) {
            0 => {}
            left_out => texts.push(format!("... and {left_out} more that there was no room for")),
        }
        texts
    }
}

/// Sends a client the events of a process until either of them is gone.
///
/// # Errors
///
/// A refusal if the stream has not begun.
pub(super) fn serve_trace(
    stream: &TcpStream,
    request: &Request,
    shared: &Shared,
) -> Result<(), Refusal> {
    let info = process_of(request)?;
    check_asking(request, &info)?;
    let place = shared.streams.take_place()?;
    let monitor = process::monitor(info.pid);
    let (events, bell) = (Arc::<Mutex<Events>>::default(), Bell::new());
    let sys = sys::of(info.pid).timeout(shared.settings.status_timeout);
    let name = format!("observer::web {}", process::self_pid());
    sys.watch(name.clone(), watcher(Arc::downgrade(&events), bell.clone()))
        .map_err(|error| unanswered(&error, &info, shared))?;
    let stream = Stream::begin(stream, place)?;
    loop {
        let written = receive! {
            Newer => {
                bell.has_come();
                let texts = events.lock().take();
                stream.write(&event("trace", to_json(&texts).unwrap_or_default().as_bytes()))
            }
            Gone => break,
            down: Down if down.monitor == monitor => {
                _ = stream.write(&event("end", b"\"it has ended\""));
                break;
            }
            after SIGN_OF_LIFE => stream.write_nothing(),
        };
        if written.is_err() {
            break;
        }
    }
    // From now on the function removes itself at the next event, if the process is too busy to be
    // asked to do so.
    drop(events);
    _ = sys.remove(name);
    Ok(())
}

/// Returns what is installed in the process. It prints only what is written.
fn watcher(
    events: Weak<Mutex<Events>>,
    bell: Bell,
) -> impl FnMut(&Event<'_>) -> ControlFlow<()> + Send + 'static {
    move |event| {
        let Some(events) = events.upgrade() else { return ControlFlow::Break(()) };
        if events.lock().has_room() {
            let text = event.formatted(); // User code, so not under the lock.
            events.lock().texts.push(text);
            bell.ring();
        }
        ControlFlow::Continue(())
    }
}
