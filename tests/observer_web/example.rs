//! The example `observed`, as a program.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::support::example::{path_of, start};
use crate::support::program::Program;

const USAGE: &str = "usage: observed [--port PORT] [--control]\n";

fn get(port: u16, target: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "GET {target} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn it_says_where_its_page_is_and_serves_it_until_it_is_told_to_stop() {
    let observed = start("observed", &["--port", "0"]);
    let line = observed.line();
    let place = line.trim_end().strip_prefix("look at it: http://127.0.0.1:").unwrap();
    let port = place.trim_end_matches('/').parse().unwrap();
    assert_eq!(observed.line(), "press Ctrl-C to stop it, or send it SIGTERM\n");
    assert!(get(port, "/").starts_with("HTTP/1.1 200 OK\r\n"));
    let metrics = get(port, "/metrics");
    assert!(metrics.contains("\nprocession_process_queue_messages{name=\"stock\"} "), "{metrics}");
    assert!(get(port, "/snapshot.json").contains("\"name\":\"goods\""));
    observed.signal("TERM");
    observed.finish().assert_printed("stopped\n");
}

#[test]
fn its_arguments_are_checked() {
    let fails = |arguments: &[&str], code, expected: &str| {
        let ended = Program::start(&path_of("observed"), arguments).finish();
        ended.assert_failed(code, &format!("observed: {expected}"));
    };
    for wrong in [&["--what"][..], &["4040"], &["--port"], &["--port", "0", "x"]] {
        fails(wrong, 2, USAGE);
    }
    fails(&["--port", "x"], 2, "\"x\" is no port: invalid digit found in string\n");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let ended = Program::start(&path_of("observed"), &["--port", &port]).finish();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.errors.contains("cannot listen on") && ended.errors.contains("in use"));
}
