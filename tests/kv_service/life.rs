//! How it starts and ends.

use std::net::{Ipv4Addr, TcpListener};

use crate::support::example;

use super::service::Dir;

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
