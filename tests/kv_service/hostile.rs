//! What others send who do not mean well.

use std::io::{ErrorKind, Write};
use std::time::Duration;

use super::client::request;
use super::service::{Dir, Service};

#[track_caller]
fn assert_refused(service: &Service, bytes: &[u8], expected: &str) {
    let mut client = service.connect();
    client.send_bytes(bytes);
    assert_eq!(client.reply().as_deref(), Some(expected), "{}", bytes.escape_ascii());
    assert_eq!(client.reply(), None);
}

#[test]
fn who_breaks_the_protocol_is_told_and_disconnected() {
    let dir = Dir::new("protocol");
    let service = dir.start(&[]);
    for (bytes, error) in [
        (&b"*x\r\n"[..], "invalid multibulk length"),
        (b"*1000000000\r\n", "invalid multibulk length"),
        (b"*1\r\n$1000000000000\r\n", "invalid bulk length"),
        (b"*1\r\n$-1\r\n", "invalid bulk length"),
        (b"*2\r\n+GET\r\n", "expected '$', got '+'"),
        (b"*1\r\n*1\r\n*1\r\n", "expected '$', got '*'"),
        (b"GET \"a\r\n", "unbalanced quotes in request"),
        (&[b'a'; 70_000], "too big inline request"),
        (&[b'*'; 100], "too big mbulk count string"),
    ] {
        assert_refused(&service, bytes, &format!("-ERR Protocol error: {error}"));
    }
    // What came before is answered.
    let mut client = service.connect();
    client.send_bytes(b"SET k v\r\nGET k\r\n*x\r\n");
    for expected in ["OK", "v", "-ERR Protocol error: invalid multibulk length"] {
        assert_eq!(client.reply().as_deref(), Some(expected));
    }
    assert_eq!(client.reply(), None);
    assert_eq!(service.stop(), "");
}

/// Random bytes, of which many look like requests, neither take it down nor disturb others.
#[test]
fn random_bytes_disturb_nobody() {
    let dir = Dir::new("random");
    let service = dir.start(&["--appendfsync", "no"]);
    let mut other = service.connect();
    assert_eq!(other.ask("SET other 1"), "OK");
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed >> 33).unwrap() % below
    };
    let alphabet = b"*$+-:0123456789\r\n\r\n\"'\\x GETSk\xff\0";
    for round in 0..2_000 {
        let mut bytes = request(&["SET", "key", "value"]).repeat(2);
        for _ in 0..random(8) {
            let place = random(bytes.len());
            bytes[place] = alphabet[random(alphabet.len())];
        }
        if round % 2 == 0 {
            bytes = (0..random(300)).map(|_| alphabet[random(alphabet.len())]).collect();
        }
        let mut client = service.connect();
        // It may have had enough of this before it has read all.
        _ = client
            .stream
            .write_all(&bytes)
            .and_then(|()| client.stream.shutdown(std::net::Shutdown::Write));
        while let Ok(Some(_)) = client.try_reply() {}
        assert_eq!(other.ask("GET other"), "1");
    }
    assert_eq!(service.stop(), "");
}

/// Who sends and does not read is held back, whatever the replies would take.
#[test]
fn who_does_not_read_takes_no_memory() {
    let dir = Dir::new("greedy");
    let service = dir.start(&["--appendfsync", "no"]);
    let mut other = service.connect();
    assert_eq!(other.ask(&format!("SET big {}", "b".repeat(100_000))), "OK");
    let before = service.peak_memory();

    let mut greedy = service.connect();
    // Ten thousand replies of 100 kB: a gigabyte.
    let requests = request(&["GET", "big"]).repeat(10_000);
    greedy.stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    match greedy.stream.write_all(&requests) {
        Ok(()) => {}
        Err(error) => {
            assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}")
        }
    }
    for _ in 0..1_000 {
        assert_eq!(other.ask("PING"), "PONG");
    }

    // It has been held back, not dropped. With these the service has read some times.
    for _ in 0..2_000 {
        assert_eq!(greedy.reply().unwrap().len(), 100_000);
    }
    service.assert_grown_less(before, 32 << 20);
    drop(greedy);
    assert_eq!(service.stop(), "");
}

/// Ten thousand that are read later are all answered.
#[test]
fn ten_thousand_requests_at_once_are_all_answered() {
    let dir = Dir::new("many");
    let service = dir.start(&["--appendfsync", "no"]);
    let mut client = service.connect();
    client.send_bytes(&request(&["INCR", "count"]).repeat(10_000));
    for number in 1..=10_000 {
        assert_eq!(client.reply(), Some(format!(":{number}")));
    }
    assert_eq!(service.stop(), "");
}

#[test]
fn who_sends_half_a_request_and_is_silent_disturbs_nobody() {
    let dir = Dir::new("silent");
    let service = dir.start(&[]);
    let before = service.peak_memory();
    let silent: Vec<_> = (0..100)
        .map(|_| {
            let mut client = service.connect();
            client.send_bytes(b"*2\r\n$3\r\nGET\r\n$4000000\r\nkey");
            client
        })
        .collect();
    let mut other = service.connect();
    assert_eq!(other.ask("SET k v"), "OK");
    // It gets no memory for what it has only promised to send.
    service.assert_grown_less(before, 64 << 20);
    drop(silent);
    assert_eq!(service.stop(), "");
}
