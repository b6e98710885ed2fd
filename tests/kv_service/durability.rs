//! What is there at the next start.

use std::fs::{self, OpenOptions};
use std::io::Write;

use procession::prelude::*;

use crate::support::wait::expect;

use super::client::{Client, request};
use super::service::Dir;

#[test]
fn what_was_written_is_there_at_the_next_start() {
    for fsync in ["always", "everysec", "no"] {
        let dir = Dir::new(&format!("restart-{fsync}"));
        let service = dir.start(&["--appendfsync", fsync]);
        let mut client = service.connect();
        for number in 0..100 {
            assert_eq!(client.ask(&format!("SET key{number} {number}")), "OK");
        }
        for request in ["INCR key7", "EXPIRE key8 1000", "SET key9 soon PX 1"] {
            client.ask(request);
        }
        assert_eq!(client.ask("DEL key1 key2"), ":2");
        assert_eq!(service.stop(), "");

        let service = dir.start(&["--appendfsync", fsync]);
        let mut client = service.connect();
        for (request, reply) in [
            ("GET key7", "8"),
            ("EXISTS key1 key2 key9", ":0"),
            ("GET key99", "99"),
            ("FLUSHDB", "OK"),
            ("SET new 1", "OK"),
        ] {
            assert_eq!(client.ask(request), reply, "{request}");
        }
        service.stop();

        let service = dir.start(&[]);
        assert_eq!(service.connect().ask("KEYS *"), "[new]");
        service.stop();
    }
}

/// How many requests of a client were answered before the service was gone.
#[derive(Debug)]
struct Answered {
    client: usize,
    count: usize,
}

/// Writers are never told that something is written that is not there after a `kill -9`. There are
/// many of them, and all write long values to one partition: so much is done there, each time,
/// between the first request and the write to the disk.
#[test]
fn kill_minus_nine_loses_nothing_that_was_acknowledged() {
    const WRITERS: usize = 50;
    for round in 0..5 {
        let dir = Dir::new("killed");
        let service = dir.start(&["--appendfsync", "always"]);
        let (port, test) = (service.port, process::self_pid());
        for client in 0..WRITERS {
            process::spawn(move || {
                let count = write_until_the_end(port, client, test);
                process::send(test, Answered { client, count });
            })
            .unwrap();
        }
        for _ in 0..(round + 1) * WRITERS {
            expect::<Progress>();
        }
        let ended = service.end_by("KILL");
        assert_eq!(ended.code, None);

        let answered: Vec<Answered> = (0..WRITERS).map(|_| expect()).collect();
        assert!(answered.iter().any(|answered| answered.count > 0));
        let service = dir.start(&[]);
        let mut reader = service.connect();
        for Answered { client, count } in answered {
            for number in 0..count {
                let reply = reader.ask(&format!("GET {}", key(client, number)));
                assert!(reply == value(number), "{number} of {count}");
            }
        }
        service.stop();
        while process::receive_timeout(std::time::Duration::ZERO).is_some() {}
    }
}

/// What is in braces decides on the partition.
fn key(client: usize, number: usize) -> String {
    format!("{{all}}{client}-{number}")
}

fn value(number: usize) -> String {
    format!("{number:020000}")
}

#[derive(Debug)]
struct Progress;

/// Sets a key after the other, and returns how many were acknowledged.
fn write_until_the_end(port: u16, client: usize, test: Pid) -> usize {
    let mut connection = Client::connect(port);
    for number in 0.. {
        let request = request(&["SET", &key(client, number), &value(number)]);
        if connection.stream.write_all(&request).is_err() {
            return number;
        }
        match connection.try_reply() {
            Ok(Some(reply)) => assert_eq!(reply, "OK"),
            Ok(None) | Err(_) => return number,
        }
        process::send(test, Progress);
    }
    unreachable!("there are numbers enough")
}

#[test]
fn a_torn_tail_is_cut_and_said() {
    let dir = Dir::new("torn");
    let service = dir.start(&[]);
    let mut client = service.connect();
    for number in 0..100 {
        assert_eq!(client.ask(&format!("SET key{number} {number}")), "OK");
    }
    service.stop();
    let path = dir.path().join("partition-0.aof");
    let whole = fs::metadata(&path).unwrap().len();
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b"*3\r\n$3\r\nSET\r\n$4\r\nkey1\r\n$1000\r\nhalf a val").unwrap();
    drop(file);

    let service = dir.start(&[]);
    assert_eq!(service.connect().ask("DBSIZE"), ":100");
    let log = service.stop();
    let expected = format!("the last record is torn: 40 bytes are cut, {whole} are left");
    assert!(log.contains(&expected) && log.lines().count() == 1, "{log}");

    let service = dir.start(&[]);
    assert_eq!(service.connect().ask("DBSIZE"), ":100");
    assert_eq!(service.stop(), "");
}

#[test]
fn a_file_that_is_broken_in_the_middle_is_not_touched() {
    let dir = Dir::new("broken");
    dir.start(&[]).stop();
    let path = dir.path().join("partition-0.aof");
    fs::write(&path, b"*1\r\n$7\r\nFLUSHDB\r\nno record\r\n").unwrap();
    let arguments = ["--port", "0", "--dir", dir.path().to_str().unwrap()];
    let ended = crate::support::example::start("kv_service", &arguments).finish();
    assert_eq!(ended.code, Some(1), "{}", ended.output);
    let expected = format!("{}: no record at byte 17: unknown command no", path.display());
    assert!(ended.errors.contains(&expected), "{}", ended.errors);
    assert_eq!(fs::metadata(&path).unwrap().len(), 28);
}
