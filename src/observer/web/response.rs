//! A response, and how it is written. Each ends its connection.

use std::borrow::Cow;

use super::refusal::Refusal;

pub(super) const HTML: &str = "text/html; charset=utf-8";
pub(super) const CSS: &str = "text/css; charset=utf-8";
pub(super) const SCRIPT: &str = "text/javascript; charset=utf-8";
pub(super) const SVG: &str = "image/svg+xml";
pub(super) const JSON: &str = "application/json";
pub(super) const EVENTS: &str = "text/event-stream";
const TEXT: &str = "text/plain; charset=utf-8";

/// What every response says: nothing of it is to be kept, shown in a frame, or loaded from, or
/// together with, anything of another origin.
const ALWAYS: &str = "\
    Connection: close\r\n\
    Cache-Control: no-store\r\n\
    Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'\r\n\
    X-Content-Type-Options: nosniff\r\n\
    X-Frame-Options: DENY\r\n\
    Cross-Origin-Resource-Policy: same-origin\r\n\
    Referrer-Policy: no-referrer\r\n";

/// A response with its body.
#[derive(Debug)]
pub(super) struct Response {
    status: &'static str,
    kind: &'static str,
    headers: String,
    body: Cow<'static, [u8]>,
}

impl Response {
    pub(super) fn ok(kind: &'static str, body: impl Into<Cow<'static, [u8]>>) -> Response {
        Response { status: "200 OK", kind, headers: String::new(), body: body.into() }
    }

    pub(super) fn done() -> Response {
        Response::ok(TEXT, b"done\n")
    }

    /// Leads to the page, with the cookie that opens it.
    pub(super) fn to_page(cookie: &str) -> Response {
        let headers = format!("Location: /\r\nSet-Cookie: {cookie}\r\n");
        Response { status: "303 See Other", headers, ..Response::ok(TEXT, Vec::new()) }
    }

    pub(super) fn refused(refusal: &Refusal) -> Response {
        let headers = match refusal {
            Refusal::NoToken => "WWW-Authenticate: Bearer\r\n".to_owned(),
            Refusal::Method(allowed) => format!("Allow: {allowed}\r\n"),
            Refusal::Full | Refusal::Restarting => "Retry-After: 1\r\n".to_owned(),
            Refusal::Malformed(_)
            | Refusal::CrossSite
            | Refusal::ReadOnly
            | Refusal::NoMark
            | Refusal::Foreign
            | Refusal::NotFound
            | Refusal::NoProcess
            | Refusal::NoNode
            | Refusal::Slow
            | Refusal::NoBehaviour
            | Refusal::Unanswered(_)
            | Refusal::Body
            | Refusal::WrongHost
            | Refusal::LargeHead
            | Refusal::Busy(_) => String::new(),
        };
        let body = format!("{}\n", refusal.text()).into_bytes();
        Response { status: refusal.status(), headers, ..Response::ok(TEXT, body) }
    }

    /// Returns the response as it is written.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        let Response { status, kind, headers, body } = self;
        let mut bytes = head(status, kind, &headers);
        bytes.extend(format!("Content-Length: {}\r\n\r\n", body.len()).into_bytes());
        bytes.extend_from_slice(&body);
        bytes
    }
}

/// Returns the head of a stream of events.
pub(super) fn stream_head() -> Vec<u8> {
    let mut bytes = head("200 OK", EVENTS, "");
    bytes.extend_from_slice(b"\r\n");
    bytes
}

fn head(status: &str, kind: &str, headers: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{headers}{ALWAYS}").into_bytes()
}
