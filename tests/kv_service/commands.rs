//! What it answers.

use super::service::Dir;

#[test]
fn keys_are_set_got_counted_and_deleted() {
    let dir = Dir::new("keys");
    let service = dir.start(&[]);
    let mut client = service.connect();
    for (request, reply) in [
        ("PING", "PONG"),
        ("ECHO words", "words"),
        ("GET a", "nil"),
        ("SET a 1", "OK"),
        ("SET b 2 NX", "OK"),
        ("SET b 3 NX", "nil"),
        ("SET c 3 XX", "nil"),
        ("SET b 4 XX", "OK"),
        ("GET b", "4"),
        ("INCR a", ":2"),
        ("INCR d", ":1"),
        ("EXISTS a b c d a", ":4"),
        ("DBSIZE", ":3"),
        ("DEL a c d", ":2"),
        ("KEYS *", "[b]"),
        ("KEYS x*", "[]"),
        ("TTL b", ":-1"),
        ("EXPIRE b 100", ":1"),
        ("TTL b", ":100"),
        ("SET e 1 EX 50", "OK"),
        ("TTL e", ":50"),
        ("FLUSHDB", "OK"),
        ("DBSIZE", ":0"),
        ("LPUSH l 1", "-ERR unknown command 'LPUSH', with args beginning with: 'l' '1' "),
        ("GET", "-ERR wrong number of arguments for 'get' command"),
        ("DEBUG PANIC", "-ERR DEBUG is not allowed: start the service with --debug"),
        ("CONFIG GET appendf*", "[appendfsync everysec]"),
        ("INFO clients", "# Clients\r\nconnected_clients:1\r\nmaxclients:10000\r\n"),
        ("QUIT", "OK"),
    ] {
        assert_eq!(client.ask(request), reply, "{request}");
    }
    assert_eq!(client.reply(), None);
    service.stop();
}

#[test]
fn a_key_is_gone_when_its_time_is_over() {
    let dir = Dir::new("expiry");
    let service = dir.start(&[]);
    let mut client = service.connect();
    for key in ["a", "b", "c"] {
        assert_eq!(client.ask(&format!("SET {key} 1 PX 20")), "OK");
    }
    assert_eq!(client.ask("SET stays 1"), "OK");
    // It is not there for those who look, and then not at all.
    while client.ask("GET a") != "nil" || client.ask("DBSIZE") != ":1" {}
    assert_eq!(client.ask("KEYS *"), "[stays]");
    service.stop();
}

#[test]
fn requests_may_be_written_by_hand() {
    let dir = Dir::new("by-hand");
    let service = dir.start(&[]);
    let mut client = service.connect();
    client.send_bytes(b"PING\r\n\r\nset k \"a b\\x21\"\nGET k\n");
    for expected in ["PONG", "OK", "a b!"] {
        assert_eq!(client.reply().unwrap(), expected);
    }
    service.stop();
}

/// One request after the other sees what those before it have done, though they come at once, and
/// are done in several partitions.
#[test]
fn requests_that_come_at_once_are_answered_in_order() {
    let dir = Dir::new("pipelined");
    let service = dir.start(&[]);
    let mut client = service.connect();
    let keys: Vec<String> = (0..100).map(|number| format!("key{number}")).collect();
    let mut requests = String::new();
    for key in &keys {
        requests += &format!("SET {key} 1\nINCR {key}\nGET {key}\n");
    }
    requests += "DBSIZE\nDEL key0 key1 key2 key3 nokey\nDBSIZE\nPING\n";
    client.send_bytes(requests.as_bytes());
    for key in &keys {
        for expected in ["OK", ":2", "2"] {
            assert_eq!(client.reply().unwrap(), expected, "{key}");
        }
    }
    for expected in [":100", ":4", ":96", "PONG"] {
        assert_eq!(client.reply().unwrap(), expected);
    }
    service.stop();
}

#[test]
fn a_request_may_come_byte_by_byte() {
    let dir = Dir::new("bytes");
    let service = dir.start(&[]);
    let mut client = service.connect();
    for byte in super::client::request(&["SET", "key", "value"]) {
        client.send_bytes(&[byte]);
    }
    assert_eq!(client.reply().unwrap(), "OK");
    assert_eq!(client.ask("GET key"), "value");
    service.stop();
}
