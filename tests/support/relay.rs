//! A relay between two ends of TCP connections, which cuts them, or holds or slows down what
//! passes.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use procession::prelude::*;

/// What stands between those who connect with it and an address. All ends when it is given up.
///
/// A node is to find it at the other's place:
/// `Rust::start_with(|node| node.peer(name, relay.address()))`.
#[derive(Debug)]
pub(crate) struct Relay {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// The way that bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// From who has connected.
    There,
    /// To who has connected.
    Back,
}

#[derive(Debug)]
struct Shared {
    target: SocketAddr,
    state: Mutex<State>,
    changed: Condvar,
    /// Another relay: of both, one connection is cut.
    other: Mutex<Weak<Shared>>,
}

#[derive(Debug, Default)]
struct State {
    streams: Vec<TcpStream>,
    has_ended: bool,
    ways: [WayState; 2],
}

#[derive(Debug)]
struct WayState {
    is_held: bool,
    /// How many bytes pass before the connection is cut, once.
    room: usize,
    /// How many bytes pass in a second, if they do not pass at once.
    pace: Option<usize>,
}

impl Default for WayState {
    fn default() -> WayState {
        WayState { is_held: false, room: usize::MAX, pace: None }
    }
}

impl Relay {
    /// Stands between whoever connects and what listens at `target`.
    pub(crate) fn to(target: SocketAddr) -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (state, changed, other) = (Mutex::default(), Condvar::new(), Mutex::default());
        let shared = Arc::new(Shared { target, state, changed, other });
        let relay = Relay { address, shared: Arc::clone(&shared) };
        process::spawn(move || shared.accept_all(&listener)).unwrap();
        relay
    }

    /// What is said to both of what is to be cut is said of one connection.
    pub(crate) fn pair(&self, other: &Relay) {
        *self.shared.other.lock() = Arc::downgrade(&other.shared);
        *other.shared.other.lock() = Arc::downgrade(&self.shared);
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts what is connected now.
    pub(crate) fn cut(&self) {
        self.shared.state.lock().cut();
    }

    /// Cuts a connection, the first in which so many more bytes have passed this way.
    pub(crate) fn cut_after(&self, way: Way, bytes: usize) {
        self.shared.change(way, |state| state.room = bytes);
    }

    /// Lets no more bytes pass this way.
    pub(crate) fn hold(&self, way: Way) {
        self.shared.change(way, |state| state.is_held = true);
    }

    /// Lets no more than so many bytes pass in a second, each way.
    pub(crate) fn slow_down(&self, bytes: usize) {
        self.shared.change_all(|way| way.pace = Some(bytes));
    }

    /// Lets bytes pass again, both ways and as many as come.
    pub(crate) fn release(&self) {
        self.shared.change_all(|way| *way = WayState::default());
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        state.has_ended = true;
        state.cut();
        drop(state);
        self.shared.changed.notify_all();
        // The acceptor sees that it has ended.
        _ = TcpStream::connect(self.address);
    }
}

impl State {
    fn cut(&mut self) {
        for stream in self.streams.drain(..) {
            // It fails if it is closed already.
            _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Shared {
    fn change(&self, way: Way, change: impl FnOnce(&mut WayState)) {
        change(&mut self.state.lock().ways[way as usize]);
        self.changed.notify_all();
    }

    fn change_all(&self, change: impl Fn(&mut WayState)) {
        self.state.lock().ways.iter_mut().for_each(change);
        self.changed.notify_all();
    }

    fn accept_all(self: Arc<Shared>, listener: &TcpListener) {
        loop {
            let (near, _) = listener.accept().unwrap();
            if self.state.lock().has_ended {
                return;
            }
            let Ok(far) = TcpStream::connect(self.target) else { continue };
            near.set_nodelay(true).unwrap();
            far.set_nodelay(true).unwrap();
            let twins = [near.try_clone().unwrap(), far.try_clone().unwrap()];
            self.state.lock().streams.extend([near.try_clone().unwrap(), far.try_clone().unwrap()]);
            let [near_twin, far_twin] = twins;
            for (way, from, to) in [(Way::There, near, far_twin), (Way::Back, far, near_twin)] {
                let shared = Arc::clone(&self);
                process::spawn(move || shared.forward(way, from, to)).unwrap();
            }
        }
    }

    /// Forwards bytes until either side has closed its end, or it is told to cut.
    fn forward(&self, way: Way, mut from: TcpStream, mut to: TcpStream) {
        let mut room = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = from.read(&mut room) {
            let passing = self.take(way, count);
            let written = to.write_all(&room[..passing]);
            if passing < count || written.is_err() {
                break;
            }
        }
        _ = from.shutdown(Shutdown::Both);
        _ = to.shutdown(Shutdown::Both);
    }

    /// Waits until bytes may pass, and returns how many of these.
    fn take(&self, way: Way, count: usize) -> usize {
        let mut state = self.state.lock();
        while state.ways[way as usize].is_held && !state.has_ended {
            self.changed.wait(&mut state);
        }
        if let Some(pace) = state.ways[way as usize].pace {
            let end = Instant::now() + Duration::from_secs_f64(count as f64 / pace as f64);
            while !state.has_ended && !self.changed.wait_until(&mut state, end).timed_out() {}
        }
        let room = &mut state.ways[way as usize].room;
        let passing = count.min(*room);
        if passing < count {
            *room = usize::MAX;
            drop(state);
            let other = self.other.lock().upgrade();
            other.into_iter().for_each(|it| it.change_all(|way| way.room = usize::MAX));
        } else if *room != usize::MAX {
            *room -= passing;
        }
        passing
    }
}
