//! Who may look.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use procession::observer::web::{Web, WebError};
use procession::prelude::*;

use crate::Observer;

const TOKEN: &str = "correct-horse-battery-staple";

#[test]
fn a_host_that_is_not_this_one_is_refused() {
    let observer = Observer::start(Web::new().allow_host("Observer.example"));
    let port = observer.port();
    let with =
        |host: &str| observer.send(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes());
    let right = ["localhost", "127.0.0.1", "[::1]", "observer.example"];
    for host in right.map(|host| format!("{host}:{port}")) {
        with(&host).assert_status(200);
    }
    with("observer.example").assert_status(200);
    for host in ["evil.example", "localhost", "localhost:1", "localhost.evil.example"] {
        with(host).assert_status(421);
        with(&format!("evil.{host}:{port}")).assert_status(421);
    }
    observer.send(b"GET / HTTP/1.1\r\n\r\n").assert_status(400);
    observer.send(b"GET / HTTP/1.0\r\n\r\n").assert_status(400);
}

#[test]
fn an_observer_answers_to_the_loopback_address_on_which_it_listens() {
    let observer = Observer::start(Web::new().address([127, 0, 0, 2]));
    let port = observer.port();
    let with =
        |host: &str| observer.send(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes());
    for host in ["127.0.0.2", "127.0.0.1", "localhost"].map(|host| format!("{host}:{port}")) {
        with(&host).assert_status(200);
    }
    with(&format!("127.0.0.3:{port}")).assert_status(421);
}

#[test]
fn without_the_token_nothing_is_told() {
    let observer = Observer::start(Web::new().token(TOKEN));
    for target in ["/", "/page.css", "/snapshot.json", "/metrics", "/updates", "/nothing"] {
        let answer = observer.get(target);
        answer.assert_status(401);
        assert_eq!(answer.header("WWW-Authenticate"), Some("Bearer"));
        observer
            .request(&format!("GET {target}"), "Authorization: Bearer x\r\n")
            .assert_status(401);
    }
    let bearer = format!("Authorization: Bearer {TOKEN}\r\n");
    observer.request("GET /snapshot.json", &bearer).assert_status(200);

    let answer = observer.get(&format!("/?token={TOKEN}"));
    answer.assert_status(303);
    assert_eq!(answer.header("Location"), Some("/"));
    let cookie = answer.header("Set-Cookie").unwrap();
    let (cookie, attributes) = cookie.split_once("; ").unwrap();
    assert_eq!(attributes, "Path=/; HttpOnly; SameSite=Strict");
    observer.request("GET /", &format!("Cookie: other=1; {cookie}\r\n")).assert_status(200);
    let other = cookie.replace(TOKEN, "another-token-altogether");
    observer.request("GET /", &format!("Cookie: {other}\r\n")).assert_status(401);
    let one_letter_off = TOKEN.replace("staple", "stapla");
    for wrong in [format!("{TOKEN}x"), one_letter_off, TOKEN[1..].to_owned(), String::new()] {
        observer.get(&format!("/?token={wrong}")).assert_status(401);
        let bearer = format!("Authorization: Bearer {wrong}\r\n");
        observer.request("GET /", &bearer).assert_status(401);
    }
}

#[test]
fn a_page_of_another_origin_gets_nothing() {
    let observer = Observer::start(Web::new());
    let cross = "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n";
    for target in ["/snapshot.json", "/updates", "/page.js", "/status.json?pid=0.1.1"] {
        observer.request(&format!("GET {target}"), cross).assert_status(403);
    }
    let link = "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n";
    observer.request("GET /", link).assert_status(200);
    observer.request("GET /", "Origin: http://evil.example\r\n").assert_status(403);
}

#[test]
fn what_does_not_go_together_does_not_start() {
    process::set_trap_exit(true);
    let everywhere = Web::new().address(Ipv4Addr::UNSPECIFIED);
    let of_network = Ipv4Addr::new(192, 0, 2, 1);
    #[track_caller]
    fn check(web: Web, expected: &WebError) {
        let error = web.start_link().unwrap_err();
        let StartError::Failed(reason) = &error else { panic!("{error}") };
        assert_eq!(reason.downcast_ref::<WebError>(), Some(expected));
        assert!(error.to_string().contains(&expected.to_string()), "{error}");
    }
    check(everywhere.clone(), &WebError::NoToken(Ipv4Addr::UNSPECIFIED.into()));
    check(Web::new().address(of_network), &WebError::NoToken(IpAddr::V4(of_network)));
    check(everywhere.token(TOKEN), &WebError::NoHost(Ipv4Addr::UNSPECIFIED.into()));
    check(Web::new().token("fifteen-letters"), &WebError::ShortToken);
    check(Web::new().token("sixteen; letters"), &WebError::TokenCharacter(';'));
    check(Web::new().allow_host("a/b"), &WebError::Host("a/b".to_owned()));
    check(Web::new().interval(Duration::ZERO), &WebError::NoInterval);

    // With all that it needs, it does.
    let web = Web::new().address(Ipv4Addr::UNSPECIFIED).token(TOKEN).allow_host("a.example");
    let web = web.start_link().unwrap();
    let debug = format!("{:?}", Web::new().token(TOKEN));
    assert!(!debug.contains(TOKEN), "{debug}");
    web.stop().unwrap();
}

#[test]
fn a_port_that_is_taken_is_an_error_of_the_start() {
    process::set_trap_exit(true);
    let observer = Observer::start(Web::new());
    let error = Web::new().port(observer.port()).start_link().unwrap_err().to_string();
    assert!(error.contains("cannot listen on") && error.contains("in use"), "{error}");
}
