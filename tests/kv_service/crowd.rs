//! A thousand connections.

use std::collections::HashSet;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::client::Client;
use super::service::Dir;

const CLIENTS: usize = 1_000;

/// A tenth of the clients, at random, but always the same.
fn choose() -> HashSet<usize> {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut chosen = HashSet::new();
    while chosen.len() < CLIENTS / 10 {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        chosen.insert((random >> 11) as usize % CLIENTS);
    }
    chosen
}

/// A tenth crashes while the others are in use: they notice nothing, and all that was acknowledged
/// is there at the next start.
#[test]
fn connections_that_crash_disturb_no_others() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
    let dir = Dir::new("crowd");
    let service = dir.start(&["--debug"]);
    let mut clients: Vec<Client> = (0..CLIENTS).map(|_| service.connect()).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.ask(&format!("SET key{number} {number}")), "OK");
    }
    // Neighbours of those that crash have requests on their way meanwhile.
    let chosen = choose();
    let crashes = |number: usize| chosen.contains(&number);
    for round in 0..3 {
        for (number, client) in clients.iter_mut().enumerate() {
            if !crashes(number) {
                client.send(&["INCR", &format!("count{number}")]);
            } else if round == 1 {
                client.send(&["DEBUG", "PANIC"]);
            }
        }
        for (number, client) in clients.iter_mut().enumerate() {
            if !crashes(number) {
                assert_eq!(client.reply(), Some(format!(":{}", round + 1)));
            } else if round == 1 {
                assert_eq!(client.reply(), None);
            }
        }
    }
    let mut late = service.connect();
    assert_eq!(late.ask("INFO clients").lines().nth(1), Some("connected_clients:901"));
    let log = service.stop();
    assert_eq!(log.matches("crash report of process").count(), CLIENTS / 10);

    let service = dir.start(&[]);
    let mut reader = service.connect();
    for number in 0..CLIENTS {
        assert_eq!(reader.ask(&format!("GET key{number}")), number.to_string());
        let count = if crashes(number) { "nil" } else { "3" };
        assert_eq!(reader.ask(&format!("GET count{number}")), count);
    }
    service.stop();
}
