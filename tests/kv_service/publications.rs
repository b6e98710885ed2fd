//! Publish and subscribe.

use super::client::Client;
use super::service::Dir;

#[test]
fn who_has_subscribed_gets_what_is_published() {
    let dir = Dir::new("subscribe");
    let service = dir.start(&[]);
    let (mut reader, mut writer) = (service.connect(), service.connect());

    assert_eq!(reader.ask("SUBSCRIBE news sport"), "[subscribe news :1]");
    assert_eq!(reader.reply().unwrap(), "[subscribe sport :2]");
    assert_eq!(writer.ask("PUBLISH news rain"), ":1");
    assert_eq!(writer.ask("PUBLISH nobody hears"), ":0");
    assert_eq!(reader.reply().unwrap(), "[message news rain]");

    assert_eq!(reader.ask("PING"), "[pong ]");
    assert_eq!(reader.ask("PING hello"), "[pong hello]");
    assert_eq!(
        reader.ask("GET a"),
        "-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET \
         are allowed in this context"
    );
    assert_eq!(reader.ask("UNSUBSCRIBE news"), "[unsubscribe news :1]");
    assert_eq!(writer.ask("PUBLISH news sun"), ":0");
    assert_eq!(reader.ask("UNSUBSCRIBE"), "[unsubscribe sport :0]");
    assert_eq!(reader.ask("UNSUBSCRIBE"), "[unsubscribe nil :0]");
    assert_eq!(reader.ask("GET a"), "nil");
    assert_eq!(service.stop(), "");
}

#[test]
fn a_subscriber_that_goes_away_is_forgotten() {
    let dir = Dir::new("gone");
    let service = dir.start(&[]);
    let mut writer = service.connect();
    let mut reader = service.connect();
    assert_eq!(reader.ask("SUBSCRIBE news"), "[subscribe news :1]");
    drop(reader);
    while writer.ask("PUBLISH news rain") != ":0" {}
    assert_eq!(service.stop(), "");
}

/// The one that does not read is dropped at its bound; the other one misses nothing, and the
/// publisher is not told.
#[test]
fn a_subscriber_that_does_not_read_is_dropped_and_reported() {
    const COUNT: usize = 100;
    let dir = Dir::new("slow");
    let service = dir.start(&[]);
    let (mut slow, mut fast) = (service.connect(), service.connect());
    for reader in [&mut slow, &mut fast] {
        assert_eq!(reader.ask("SUBSCRIBE news"), "[subscribe news :1]");
    }
    let before = service.peak_memory();
    let mut writer = service.connect();
    let news = "n".repeat(1 << 20);
    let mut receivers = Vec::new();
    for _ in 0..COUNT {
        receivers.push(writer.ask(&format!("PUBLISH news {news}")));
        assert_eq!(fast.reply().unwrap().len(), news.len() + "[message news ]".len());
    }
    assert_eq!(receivers.first().map(String::as_str), Some(":2"));
    assert_eq!(receivers.last().map(String::as_str), Some(":1"));
    service.assert_grown_less(before, 64 << 20);
    read_to_the_end(&mut slow);

    let log = service.stop();
    assert_eq!(log.matches("a subscriber that does not read is dropped").count(), 1, "{log}");
    assert_eq!(log.lines().count(), 1, "{log}");
}

/// What was on its way may come, but then the connection ends.
fn read_to_the_end(client: &mut Client) {
    while client.reply().is_some() {}
}
