//! Who may look, as a value: the hosts that the observer answers to, the token, and which requests
//! a page of another origin has made.

use std::fmt;
use std::hint::black_box;

use super::refusal::Refusal;
use super::request::Request;

/// The header that a request has which changes something. A page of another origin cannot send it.
const MARK: &str = "x-procession-observer";

/// What this machine is called by itself.
const LOCAL: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Who may look.
pub(super) struct Access {
    /// Whether it answers to the names of this machine for itself, with the port.
    pub(super) is_local: bool,
    /// Other names that it answers to, with the port or exactly so. In lower case.
    pub(super) hosts: Vec<String>,
    pub(super) token: Option<String>,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let token = self.token.as_ref().map(|_| "(hidden)");
        f.debug_struct("Access").field("hosts", &self.hosts).field("token", &token).finish()
    }
}

/// How a request has shown that it may come in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Granted,
    /// By a token in its address, where others may see it: the browser is to keep it as a cookie.
    /// This is the header that says so.
    Cookie(String),
}

impl Access {
    /// Decides whether a request may come in that has come to this port.
    ///
    /// A page that a program of another origin shows may make requests, but not for this host, nor
    /// with the token, nor without the browser telling whose they are.
    pub(super) fn admit(&self, request: &Request, port: u16) -> Result<Entry, Refusal> {
        let host = request.only_header("host")?;
        let host = host.ok_or(Refusal::Malformed("the header `Host` is missing"))?;
        if !self.answers_to(host, port) {
            return Err(Refusal::WrongHost);
        }
        let entry = self.check_token(request, port)?;
        check_origin(request, host)?;
        Ok(entry)
    }

    fn answers_to(&self, host: &str, port: u16) -> bool {
        let host = host.to_ascii_lowercase();
        let has_port = |name: &str| {
            let rest = host.strip_prefix(name).and_then(|rest| rest.strip_prefix(':'));
            rest.is_some_and(|rest| rest == port.to_string())
        };
        let is_local = LOCAL.iter().any(|name| has_port(name) || host == **name && port == 80);
        self.is_local && is_local || self.hosts.iter().any(|name| has_port(name) || host == *name)
    }

    fn check_token(&self, request: &Request, port: u16) -> Result<Entry, Refusal> {
        let Some(token) = &self.token else { return Ok(Entry::Granted) };
        let cookie = cookie_name(port);
        let is_it = |given: Option<&str>| given.is_some_and(|given| is_same(given, token));
        let bearer = request.header("authorization").and_then(|it| it.strip_prefix("Bearer "));
        if is_it(request.parameter("token")) {
            let attributes = "Path=/; HttpOnly; SameSite=Strict";
            return Ok(Entry::Cookie(format!("{cookie}={token}; {attributes}")));
        }
        if is_it(bearer) || is_it(request.cookie(&cookie)) {
            return Ok(Entry::Granted);
        }
        Err(Refusal::NoToken)
    }
}

/// Cookies are those of a host, whatever the port: so that one observer's is not another's.
fn cookie_name(port: u16) -> String {
    format!("procession_observer_{port}")
}

/// Compares two texts in a time that does not tell how far they are the same.
fn is_same(one: &str, other: &str) -> bool {
    let pairs = one.bytes().zip(other.bytes());
    let difference = pairs.fold(0, |found, (one, other)| black_box(found | (one ^ other)));
    one.len() == other.len() && difference == 0
}

/// Refuses what a page of another origin has asked for. Only to the page itself a link may lead.
fn check_origin(request: &Request, host: &str) -> Result<(), Refusal> {
    let is_own = |origin: &str| {
        let place = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        place.is_some_and(|place| place.eq_ignore_ascii_case(host))
    };
    let is_other = request.only_header("origin")?.is_some_and(|origin| !is_own(origin));
    let is_link = request.path == "/" && request.header("sec-fetch-mode") == Some("navigate");
    let is_foreign = match request.only_header("sec-fetch-site")? {
        None | Some("same-origin" | "none") => false,
        Some(_) => !is_link,
    };
    if is_other || is_foreign { Err(Refusal::CrossSite) } else { Ok(()) }
}

/// Refuses a request for a change, unless it has the mark of the page's own code.
pub(super) fn check_mark(request: &Request) -> Result<(), Refusal> {
    match request.header(MARK) {
        Some("1") => Ok(()),
        Some(_) | None => Err(Refusal::NoMark),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef";

    fn access(token: Option<&str>) -> Access {
        let hosts = vec!["observer.example".to_owned(), "proxy.example:444".to_owned()];
        Access { is_local: true, hosts, token: token.map(str::to_owned) }
    }

    fn admit(access: &Access, target: &str, headers: &str) -> Result<Entry, Refusal> {
        let head = format!("GET {target} HTTP/1.1\r\n{headers}\r\n");
        access.admit(&Request::parse(head.as_bytes()).unwrap(), 8080)
    }

    #[test]
    fn the_host_is_one_of_those_that_are_allowed_with_the_port() {
        let access = access(None);
        #[track_caller]
        fn check(access: &Access, host: &str, expected: Result<Entry, Refusal>) {
            assert_eq!(admit(access, "/", &format!("Host: {host}\r\n")), expected, "{host}");
        }
        let right = [
            "localhost:8080",
            "LocalHost:8080",
            "127.0.0.1:8080",
            "[::1]:8080",
            "observer.example",
            "observer.example:8080",
            "proxy.example:444",
        ];
        for host in right {
            check(&access, host, Ok(Entry::Granted));
        }
        let wrong = [
            "",
            "localhost",
            "localhost:8081",
            "localhost:80800",
            "localhost.evil.example:8080",
            "evil.example:8080",
            "localhost:8080:8080",
            "[::1]",
            "observer.example:80",
            "proxy.example",
            "127.0.0.2:8080",
        ];
        for host in wrong {
            check(&access, host, Err(Refusal::WrongHost));
        }
        let elsewhere = Access { is_local: false, ..access };
        check(&elsewhere, "localhost:8080", Err(Refusal::WrongHost));
        check(&elsewhere, "observer.example", Ok(Entry::Granted));
        let access = elsewhere;
        assert!(matches!(admit(&access, "/", ""), Err(Refusal::Malformed(_))));
        let two = "Host: observer.example\r\nHost: observer.example\r\n";
        assert!(matches!(admit(&access, "/", two), Err(Refusal::Malformed(_))));
    }

    #[test]
    fn a_token_comes_in_a_header_a_cookie_or_the_address() {
        let access = access(Some(TOKEN));
        let with = |target: &str, header: &str| {
            admit(&access, target, &format!("Host: localhost:8080\r\n{header}"))
        };
        assert_eq!(with("/", &format!("Authorization: Bearer {TOKEN}\r\n")), Ok(Entry::Granted));
        let cookie = format!("Cookie: procession_observer_8080={TOKEN}\r\n");
        assert_eq!(with("/", &cookie), Ok(Entry::Granted));
        let entry = with(&format!("/?token={TOKEN}"), "").unwrap();
        let Entry::Cookie(cookie) = entry else { panic!("{entry:?}") };
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");

        for header in ["", "Authorization: Bearer \r\n", "Authorization: Bearer 0123\r\n"] {
            assert_eq!(with("/", header), Err(Refusal::NoToken), "{header}");
        }
        let of_another = format!("Cookie: procession_observer_8081={TOKEN}\r\n");
        assert_eq!(with("/", &of_another), Err(Refusal::NoToken));
        for wrong in ["0123456789abcdef0", "0123456789abcdeF", "1123456789abcdef"] {
            assert_eq!(with(&format!("/?token={wrong}"), ""), Err(Refusal::NoToken));
        }
        assert!(!format!("{access:?}").contains(TOKEN));
    }

    #[test]
    fn what_a_page_of_another_origin_asks_for_is_refused() {
        #[track_caller]
        fn check(target: &str, headers: &str, is_admitted: bool) {
            let admitted =
                admit(&access(None), target, &format!("Host: localhost:8080\r\n{headers}"));
            let expected = if is_admitted { Ok(Entry::Granted) } else { Err(Refusal::CrossSite) };
            assert_eq!(admitted, expected, "{headers}");
        }
        check("/updates", "", true);
        check("/updates", "Sec-Fetch-Site: same-origin\r\n", true);
        check("/updates", "Origin: http://LOCALHOST:8080\r\n", true);
        check("/updates", "Origin: http://localhost\r\n", false);
        check("/updates", "Origin: null\r\n", false);
        check("/updates", "Origin: http://localhost:8080.evil.example\r\n", false);
        check("/updates", "Sec-Fetch-Site: cross-site\r\n", false);
        check("/updates", "Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: navigate\r\n", false);
        check("/", "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n", true);
        check("/", "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: cors\r\n", false);
    }
}
