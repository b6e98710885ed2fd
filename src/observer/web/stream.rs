//! A stream of events: a response that has no end. The process of its connection writes it, and
//! another one sees when its client is gone.

use std::io::{self, Read};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use crate::gen_server::ServerRef;
use crate::io::TcpStream;
use crate::message::Down;
use crate::process;
use crate::receive;

use super::feed::{Bell, Feed, Newer, Watch};
use super::json::{Json, to_json};
use super::refusal::Refusal;
use super::response::stream_head;
use super::shared::{Place, Shared};
use super::wire::write_all;

/// How long a client may take for an event, until it is given up.
const PATIENCE: Duration = Duration::from_secs(10);

/// After this time without an event a client is sent something all the same, to see whether it is
/// there.
pub(super) const SIGN_OF_LIFE: Duration = Duration::from_secs(15);

/// A stream that has begun.
#[derive(Debug)]
pub(super) struct Stream<'a> {
    stream: &'a TcpStream,
    _place: Place<'a>,
}

/// The client of a stream has closed it, or has sent something: it has nothing more to say.
#[derive(Debug)]
pub(super) struct Gone;

impl<'a> Stream<'a> {
    /// Begins a stream of the calling process, which is sent [`Gone`].
    pub(super) fn begin(stream: &'a TcpStream, place: Place<'a>) -> Result<Stream<'a>, Refusal> {
        let reader = stream.set_read_timeout(None).and_then(|()| stream.try_clone());
        let reader = reader.map_err(|_| Refusal::Full)?;
        let me = process::self_pid();
        let watch = move || {
            _ = (&reader).read(&mut [0]);
            process::send(me, Gone);
        };
        process::spawn_link(watch).map_err(|_| Refusal::Full)?;
        let stream = Stream { stream, _place: place };
        // If the client is gone, that is seen where it is waited for.
        _ = stream.write(&stream_head());
        Ok(stream)
    }

    /// Writes an event, or several.
    pub(super) fn write(&self, events: &[u8]) -> io::Result<()> {
        write_all(self.stream, events, Some(Instant::now() + PATIENCE))
    }

    /// Writes what shows whether the client is there.
    pub(super) fn write_nothing(&self) -> io::Result<()> {
        self.write(b":\n\n")
    }
}

impl Drop for Stream<'_> {
    fn drop(&mut self) {
        // So that nobody goes on waiting for the client.
        _ = self.stream.shutdown(Shutdown::Both);
    }
}

/// Returns an event with data in JSON, which has no line breaks.
pub(super) fn event(name: &str, data: &[u8]) -> Vec<u8> {
    [b"event: ", name.as_bytes(), b"\ndata: ", data, b"\n\n"].concat()
}

/// Sends a client each update, or the newest of those that have come while it was not ready.
///
/// # Errors
///
/// A refusal if the stream has not begun.
pub(super) fn serve_updates(stream: &TcpStream, shared: &Shared) -> Result<(), Refusal> {
    let place = shared.streams.take_place()?;
    let feed = shared.feed()?;
    let bell = Bell::new();
    let monitor = process::monitor(feed);
    let latest = ServerRef::<Feed>::from_pid(feed).call(Watch(bell.clone()));
    let latest = latest.map_err(|_| Refusal::Restarting)?;
    let stream = Stream::begin(stream, place)?;
    if stream.write(&hello(shared)).is_err() {
        return Ok(());
    }
    loop {
        let written = receive! {
            Newer => {
                bell.has_come();
                latest.get().map_or(Ok(()), |update| stream.write(&update))
            }
            Gone => return Ok(()),
            // The browser connects again.
            down: Down if down.monitor == monitor => return Ok(()),
            after SIGN_OF_LIFE => stream.write_nothing(),
        };
        if written.is_err() {
            return Ok(());
        }
    }
}

/// The first event: what the page is to know of the observer.
fn hello(shared: &Shared) -> Vec<u8> {
    let program = std::env::current_exe().ok();
    let program = program.as_deref().and_then(|path| path.file_name());
    let interval = shared.settings.interval.as_millis();
    let hello = Json::Object(vec![
        ("program", Json::text_if_any(program.map(|name| name.to_string_lossy()))),
        ("program_pid", Json::Number(std::process::id().into())),
        ("control", Json::Bool(shared.settings.control)),
        ("interval", Json::Number(u64::try_from(interval).unwrap_or(u64::MAX))),
    ]);
    let hello = to_json(&hello).unwrap_or_default(); // It is made of texts and numbers.
    // When the stream breaks off, the browser connects again after a second.
    [b"retry: 1000\n", &*event("hello", hello.as_bytes())].concat()
}
