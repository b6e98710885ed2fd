//! The addresses that the name of a host stands for.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::process::{self, Builder};

use super::timed::Deadline;

type Addresses = io::Result<Vec<SocketAddr>>;

/// Returns the addresses of a port of a host.
///
/// The system's resolver takes as long as it takes, and nothing calls it back. So a process of its
/// own asks it, and the caller waits for that by the deadline, or until it is told to end. What
/// nobody waits for any more ends when the resolver has answered.
pub(super) fn resolve(host: &str, port: u16, deadline: Deadline) -> Addresses {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![(address, port).into()]);
    }
    let host = host.to_owned();
    elsewhere(deadline, move || Ok((&*host, port).to_socket_addrs()?.collect()))
}

/// Runs `look_up` in a process of its own.
fn elsewhere(
    deadline: Deadline,
    look_up: impl FnOnce() -> Addresses + Send + 'static,
) -> Addresses {
    let left = deadline.left()?;
    let found = Arc::new(Mutex::new(None));
    let place = Arc::clone(&found);
    let body = move || {
        let addresses = look_up();
        *place.lock() = Some(addresses);
    };
    // It is nobody's child, as parents wait for their children. A kill leaves it behind at once.
    let builder = Builder::new().without_ancestors().kill_grace(Duration::ZERO);
    let (_, monitor) = builder.spawn_monitor(body).map_err(io::Error::other)?;
    if process::wait(monitor, left).is_none() {
        process::demonitor(monitor);
        return Err(ErrorKind::TimedOut.into());
    }
    let found = found.lock().take();
    found.unwrap_or_else(|| Err(io::Error::other("the look-up was ended")))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use crate::exit::ExitReason;

    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    /// Stands for a resolver that does not answer before the sender is dropped.
    fn silent(gate: Receiver<()>) -> impl FnOnce() -> Addresses + Send + 'static {
        move || {
            _ = gate.recv();
            Ok(Vec::new())
        }
    }

    #[test]
    fn a_name_stands_for_addresses_and_an_address_for_itself() {
        let soon = Deadline::after(LONG);
        assert_eq!(resolve("127.0.0.1", 7, soon).unwrap(), ["127.0.0.1:7".parse().unwrap()]);
        assert_eq!(resolve("::1", 7, soon).unwrap(), ["[::1]:7".parse().unwrap()]);
        let found = resolve("localhost", 7, soon).unwrap();
        assert!(found.iter().all(|it| it.ip().is_loopback()) && !found.is_empty(), "{found:?}");
    }

    #[test]
    fn what_is_not_resolved_in_time_is_an_error() {
        let (_open, gate) = channel();
        let soon = Deadline::after(Duration::from_millis(30));
        let (looking, monitor) = process::spawn_monitor(move || {
            let error = elsewhere(soon, silent(gate)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TimedOut);
        })
        .unwrap();
        assert_eq!(process::wait(monitor, LONG), Some(ExitReason::Normal), "{looking}");
    }

    #[test]
    fn who_waits_for_an_address_ends_as_it_is_told() {
        for (signal, reason) in
            [(ExitReason::Shutdown, ExitReason::Shutdown), (ExitReason::Kill, ExitReason::Killed)]
        {
            let (_open, gate): (Sender<()>, _) = channel();
            let (begun, has_begun) = channel();
            let (looking, monitor) = process::spawn_monitor(move || {
                let look_up = silent(gate);
                _ = elsewhere(Deadline::after(Duration::MAX), move || {
                    begun.send(()).unwrap();
                    look_up()
                });
            })
            .unwrap();
            has_begun.recv().unwrap();
            process::exit(looking, signal);
            assert_eq!(process::wait(monitor, LONG), Some(reason));
        }
    }
}
