//! The process that writes to a connection: what is queued, and ticks.

use std::io::{self, ErrorKind, IoSlice, Write};
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::exit::ExitReason;
use crate::message::NodeDownReason;
use crate::process;
use crate::process::receive::{deadline_after, is_past, time_left};
use crate::runtime::dist_entry::{Frame, Taken};
use crate::runtime::incoming::Frames;

use super::channel::WriteHalf;
use super::frame::TICK;
use super::lost::Lost;
use super::ticks::{Due, Ticks};
use super::traffic::Counters;

/// As many parts as the system takes at once.
const MAX_PARTS: usize = 1024;

/// For how long something is queued for later: seldom that long, as more follows. The other node
/// keeps a monitor for as long that is not there any more.
const LATER: Duration = Duration::from_millis(10);

/// There is something to write.
#[derive(Clone, Copy, Debug)]
pub(super) struct Queued;

/// There is something to write that may wait for a moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct QueuedForLater;

/// What is queued is to be written, and then nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Finish;

/// What writes to a connection.
pub(super) struct Writer {
    stream: WriteHalf,
    /// What has been read from it, and written.
    counters: Arc<Counters>,
    quarter: Duration,
    ticks: Ticks,
    /// When the quarter is over; never, if that is too far off for the clock.
    next: Option<Instant>,
    is_tick_due: bool,
    /// What it writes; `None` until there is a connection.
    frames: Option<Frames>,
}

impl Writer {
    pub(super) fn new(stream: WriteHalf, counters: Arc<Counters>, tick_time: Duration) -> Writer {
        let quarter = (tick_time / 4).max(Duration::from_millis(1));
        Writer {
            stream,
            counters,
            quarter,
            ticks: Ticks::default(),
            next: deadline_after(quarter),
            is_tick_due: false,
            frames: None,
        }
    }

    /// Writes `first`, and then what is queued, until the connection is lost.
    pub(super) fn run(mut self, first: Frame, frames: Frames) -> Result<(), ExitReason> {
        self.frames = Some(frames);
        self.write(&[first])?;
        let mut is_ending = false;
        loop {
            let Some(Taken { frames: queued, is_all }) = frames.take() else { return Ok(()) };
            self.write_signals(&queued)?;
            if is_ending && is_all && queued.is_empty() {
                self.stream.close();
                return Ok(());
            }
            if self.wait(queued.is_empty()) == Some(Finish) {
                frames.finish();
                is_ending = true;
            }
            self.tick()?;
        }
    }

    /// Writes what was queued.
    fn write_signals(&mut self, signals: &[Frame]) -> Result<(), ExitReason> {
        self.write(signals)?;
        let count = signals.iter().filter(|signal| !signal.parts().eq([TICK])).count();
        self.counters.sent_signals(count);
        Ok(())
    }

    /// Waits until there may be more to do. It is told of what is queued only if it has found
    /// nothing.
    fn wait(&self, has_found_nothing: bool) -> Option<Finish> {
        let wait = if has_found_nothing { time_left(self.next) } else { Duration::ZERO };
        let mut told = process::receive_timeout(wait)?;
        if has_found_nothing && told.is::<QueuedForLater>() {
            told = process::receive_timeout(time_left(self.next).min(LATER))?;
        }
        told.downcast().ok()
    }

    /// Writes all of the frames; meanwhile the other node may turn out to be gone.
    fn write(&mut self, frames: &[Frame]) -> Result<(), ExitReason> {
        let mut parts: Vec<IoSlice<'_>> =
            frames.iter().flat_map(Frame::parts).map(IoSlice::new).collect();
        let mut left = &mut parts[..];
        while !left.is_empty() {
            let count = left.len().min(MAX_PARTS);
            match self.attempt(|stream| stream.write_vectored(&left[..count]))? {
                Some(0) => return Err(io::Error::from(ErrorKind::WriteZero).into()),
                Some(written) => {
                    IoSlice::advance_slices(&mut left, written);
                    self.counters.sent_bytes(written);
                }
                None => {}
            }
        }
        while self.attempt(|stream| stream.flush())?.is_none() {}
        Ok(())
    }

    /// Writes until the end of the quarter; `None` if there was nothing that could be written.
    fn attempt<T>(
        &mut self,
        write: impl FnOnce(&mut WriteHalf) -> io::Result<T>,
    ) -> Result<Option<T>, ExitReason> {
        let wait = time_left(self.next);
        self.stream.set_write_timeout(Some(wait.max(Duration::from_millis(1))))?;
        let written = match write(&mut self.stream) {
            Ok(written) => Some(written),
            Err(error) if error.kind() == ErrorKind::TimedOut => None,
            Err(error) if error.kind() == ErrorKind::Interrupted => None,
            Err(error) => return Err(Lost::Io(error).into()),
        };
        self.count_quarters()?;
        Ok(written)
    }

    /// Sends a tick if it is time for one.
    fn tick(&mut self) -> Result<(), ExitReason> {
        self.count_quarters()?;
        if mem::take(&mut self.is_tick_due) {
            self.frames.into_iter().for_each(|it| it.queue(TICK.to_vec().into()));
        }
        Ok(())
    }

    /// Counts the quarters that are over.
    fn count_quarters(&mut self) -> Result<(), ExitReason> {
        if !is_past(self.next) {
            return Ok(());
        }
        // If this process was late, what is missing of the others may be on its way.
        self.next = deadline_after(self.quarter);
        match self.ticks.quarter(self.counters.heard(), self.counters.sent()) {
            Due::Nothing => Ok(()),
            Due::Tick => {
                self.is_tick_due = true;
                Ok(())
            }
            Due::GiveUp => {
                self.frames
                    .into_iter()
                    .for_each(|it| it.explain_loss(NodeDownReason::NetTickTimeout));
                Err(Lost::Silent.into())
            }
        }
    }
}
