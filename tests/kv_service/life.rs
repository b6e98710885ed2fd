//! How it starts and ends.

use std::fs::{self, OpenOptions};
use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;

use crate::support::example;

use super::service::{Dir, start_after};

#[test]
fn it_stops_in_order_at_sigterm_and_at_ctrl_c() {
    let dir = Dir::new("signals");
    for signal in ["TERM", "INT"] {
        let service = dir.start(&[]);
        let mut idle = service.connect();
        assert_eq!(idle.ask("PING"), "PONG");
        let ended = service.end_by(signal);
        assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""));
        assert_eq!(ended.output, "stopped, and all is saved\n");
        assert_eq!(idle.reply(), None);
    }
}

#[test]
fn it_stops_in_order_while_clients_wait_half_way() {
    let dir = Dir::new("half-way");
    let service = dir.start(&[]);
    let (mut half, mut subscriber) = (service.connect(), service.connect());
    half.send_bytes(b"*2\r\n$3\r\nGET\r\n$100\r\nhalf a k");
    assert_eq!(subscriber.ask("SUBSCRIBE news"), "[subscribe news :1]");
    assert_eq!(service.stop(), "");
    assert_eq!((half.reply(), subscriber.reply()), (None, None));
}

#[test]
fn it_stops_at_the_end_of_an_input_from_which_something_came() {
    let dir = Dir::new("input");
    let mut service = dir.start(&[]);
    service.program.write("anything\n");
    let ended = service.program.finish();
    assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""));
    assert_eq!(ended.output, "stopped, and all is saved\n");
}

#[test]
fn an_input_that_ends_at_once_does_not_stop_it() {
    let dir = Dir::new("no-input");
    let mut service = dir.start(&[]);
    service.program.close_input();
    let mut client = service.connect();
    for _ in 0..1_000 {
        assert_eq!(client.ask("PING"), "PONG");
    }
    service.stop();
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let ended = example::start("kv_service", &["--port", &port]).finish();
    let expected = format!("kv_service: cannot listen on 127.0.0.1:{port}: ");
    assert_eq!(ended.code, Some(1));
    assert!(ended.errors.starts_with(&expected), "{}", ended.errors);
}

#[test]
fn arguments_that_make_no_sense_are_refused() {
    let ended = example::start("kv_service", &["6380"]).finish();
    ended.assert_failed(
        2,
        "kv_service: usage: kv_service [--port PORT] [--dir DIR] \
         [--appendfsync always|everysec|no] [--debug]\n",
    );
}

#[test]
fn help_is_printed_with_the_defaults() {
    let ended = example::start("kv_service", &["--help"]).finish();
    assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""));
    assert!(ended.output.starts_with("usage: kv_service "), "{}", ended.output);
    for default in ["6380", "kv_service.data", "everysec"] {
        assert!(ended.output.contains(&format!("(default: {default})")), "{}", ended.output);
    }
}

#[test]
fn a_directory_that_is_in_use_is_refused() {
    let dir = Dir::new("in-use");
    let service = dir.start(&[]);
    let ended = example::start("kv_service", &dir.arguments(&[])).finish();
    let shown = dir.path().display();
    ended.assert_failed(1, &format!("kv_service: {shown} is in use by another kv_service\n"));
    assert_eq!(service.stop(), "");
}

#[test]
fn a_directory_is_free_after_a_kill() {
    let dir = Dir::new("in-use-killed");
    dir.start(&[]).end_by("KILL");
    assert_eq!(dir.start(&[]).stop(), "");
}

#[test]
fn an_output_that_cannot_be_written_disturbs_nothing() {
    let dir = Dir::new("no-output");
    let mut program = start_after("exec > /dev/full", &dir.arguments(&[]));
    program.write("anything\n");
    let ended = program.finish();
    assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""));
}

/// It reads a pipe, which does not end.
#[test]
fn a_stop_as_it_reads_its_files_is_no_failure() {
    let dir = Dir::new("loading");
    fs::create_dir_all(dir.path()).unwrap();
    let pipe = dir.path().join("partition-0.aof");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let program = example::start("kv_service", &dir.arguments(&[]));
    // This waits until it has been opened for reading.
    let writer = OpenOptions::new().write(true).open(&pipe).unwrap();
    program.signal("TERM");
    let ended = program.finish();
    let expected = (Some(0), "stopped as it was starting\n");
    assert_eq!((ended.code, ended.output.as_str()), expected, "{}", ended.errors);
    drop(writer);
}
