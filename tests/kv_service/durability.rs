//! What is there at the next start.

use std::fs::{self, OpenOptions};
use std::io::Write;

use procession::prelude::*;

use crate::support::wait::expect;

use super::client::{Client, request};
use super::service::{Dir, Service};

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
        let test = process::self_pid();
        for client in 0..WRITERS {
            let connection = service.connect();
            process::spawn(move || {
                let count = write_until_the_end(connection, client, test);
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
fn write_until_the_end(mut connection: Client, client: usize, test: Pid) -> usize {
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

const REFUSED: &str = "-MISCONF Errors writing to the AOF file: File too large (os error 27)";

/// Writes until the disk is full, in the middle of a record; returns how many were acknowledged.
fn fill(service: &Service) -> usize {
    service.limit_files(Some(1_000));
    let mut client = service.connect();
    for number in 0.. {
        match client.ask(&format!("SET {} {number:0300}", key(0, number))).as_str() {
            "OK" => {}
            refused => {
                assert_eq!(refused, REFUSED);
                return number;
            }
        }
    }
    unreachable!("there are numbers enough")
}

/// Those that were acknowledged before it is full are kept and saved then.
#[test]
fn changes_are_refused_while_the_disk_is_full() {
    for fsync in ["always", "everysec"] {
        let dir = Dir::new(&format!("full-{fsync}"));
        let service = dir.start_limited(&["--appendfsync", fsync]);
        let count = fill(&service);
        assert!(count > 0);
        let mut client = service.connect();
        assert_eq!(client.ask(&format!("INCR {}", key(0, 0))), REFUSED);
        assert_eq!(client.ask(&format!("GET {}", key(0, 0))), format!("{:0300}", 0));

        service.limit_files(None);
        while client.ask(&format!("SET {} again", key(1, 0))) != "OK" {}
        let log = service.stop();
        assert!(log.contains("changes are refused, as they cannot be saved: File too"), "{log}");
        assert_eq!(log.lines().count(), 2, "{log}");

        let service = dir.start(&[]);
        let mut client = service.connect();
        assert_eq!(client.ask(&format!("GET {}", key(1, 0))), "again");
        for number in 0..count {
            assert_eq!(client.ask(&format!("GET {}", key(0, number))), format!("{number:0300}"));
        }
        assert_eq!(service.stop(), "");
    }
}

#[test]
fn what_is_lost_at_the_end_is_said() {
    let dir = Dir::new("full-at-the-end");
    let service = dir.start_limited(&[]);
    fill(&service);
    let ended = service.end_by("TERM");
    assert_eq!((ended.code, ended.output.as_str()), (Some(1), ""));
    let expected = "kv_service: stopped; some of what was written could not be saved: \
                    File too large (os error 27)";
    assert_eq!(ended.errors.lines().last(), Some(expected), "{}", ended.errors);
}
