//! A request, read from its head. It has no body.

use super::refusal::Refusal;

/// How many bytes the head of a request may have. Cookies of other services of the same host come
/// with it.
pub(super) const MAX_HEAD: usize = 16 << 10;

/// How many headers it may have.
const MAX_HEADERS: usize = 64;

/// A request.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    query: String,
    /// Names in lower case.
    headers: Vec<(String, String)>,
}

/// Returns whether the head of a request is complete, of which the bytes before `seen` were looked
/// at already.
pub(super) fn is_complete(head: &[u8], seen: usize) -> bool {
    let new = &head[seen.saturating_sub(3)..];
    new.windows(2).any(|it| it == b"\n\n") || new.windows(3).any(|it| it == b"\n\r\n")
}

impl Request {
    /// Reads a request from its head.
    pub(super) fn parse(head: &[u8]) -> Result<Request, Refusal> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut parsed = httparse::Request::new(&mut headers);
        match parsed.parse(head) {
            Ok(httparse::Status::Complete(_)) => {}
            Ok(httparse::Status::Partial) => return Err(Refusal::Malformed("it is not complete")),
            Err(httparse::Error::TooManyHeaders) => return Err(Refusal::LargeHead),
            Err(_) => return Err(Refusal::Malformed("it is no request of HTTP/1.1")),
        }
        let target = parsed.path.unwrap_or_default();
        if !target.starts_with('/') {
            return Err(Refusal::Malformed("the target is no path"));
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let header = |it: &httparse::Header<'_>| {
            (it.name.to_ascii_lowercase(), String::from_utf8_lossy(it.value).trim().to_owned())
        };
        let request = Request {
            method: parsed.method.unwrap_or_default().to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: parsed.headers.iter().map(header).collect(),
        };
        request.check_body()?;
        Ok(request)
    }

    fn check_body(&self) -> Result<(), Refusal> {
        let length = self.only_header("content-length")?;
        let has_body = length.is_some_and(|it| it != "0");
        if has_body || self.header("transfer-encoding").is_some() {
            return Err(Refusal::Body);
        }
        Ok(())
    }

    /// Returns the first header of this name, which is in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }

    /// Returns the header of this name, of which there may be no two.
    pub(super) fn only_header(&self, name: &str) -> Result<Option<&str>, Refusal> {
        let mut values = self.headers.iter().filter(|(it, _)| it == name);
        let value = values.next().map(|(_, value)| value.as_str());
        match values.next() {
            None => Ok(value),
            Some(_) => Err(Refusal::Malformed("a header is there twice")),
        }
    }

    /// Returns the cookie of this name.
    pub(super) fn cookie(&self, name: &str) -> Option<&str> {
        let cookies = self.headers.iter().filter(|(it, _)| it == "cookie");
        let mut pairs = cookies.flat_map(|(_, value)| value.split(';'));
        pairs.find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
    }

    /// Returns the parameter of this name, as it is spelt: a pid or a token needs not be escaped.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }

    /// Returns the parameter of this name, with what is escaped in it.
    pub(super) fn decoded(&self, name: &str) -> Result<Option<String>, Refusal> {
        let wrong = Refusal::Malformed("a parameter is escaped wrongly");
        self.parameter(name).map(|value| decode(value).ok_or(wrong)).transpose()
    }
}

/// Returns a text in which `%` stands before the two digits of a byte.
fn decode(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        // A sign is no digit.
        let digit = |it: u8| char::from(it).to_digit(16);
        let [high, low] = digits.as_bytes() else { return None };
        bytes.push(u8::try_from(digit(*high)? << 4 | digit(*low)?).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refusal(head: &str) -> Refusal {
        Request::parse(head.as_bytes()).unwrap_err()
    }

    #[test]
    fn a_request_has_a_path_parameters_headers_and_cookies() {
        let head =
            "GET /trace?pid=0.1.2&anyway=1 HTTP/1.1\r\nHost: a:1\r\nCookie: x=1; y=2=3\r\n\r\n";
        let request = Request::parse(head.as_bytes()).unwrap();
        assert_eq!((&*request.method, &*request.path), ("GET", "/trace"));
        assert_eq!(request.parameter("pid"), Some("0.1.2"));
        assert_eq!((request.parameter("pi"), request.parameter("d")), (None, None));
        assert_eq!(request.only_header("host"), Ok(Some("a:1")));
        assert_eq!((request.cookie("x"), request.cookie("y")), (Some("1"), Some("2=3")));
        assert_eq!(request.cookie("z"), None);
    }

    #[test]
    fn what_is_escaped_in_a_parameter_is_decoded() {
        let decoded = |node: &str| {
            let head = format!("GET /snapshot.json?node={node}&pid=%41 HTTP/1.1\r\n\r\n");
            Request::parse(head.as_bytes()).unwrap().decoded("node")
        };
        for (node, expected) in [
            ("a@b", "a@b"),
            ("a%40b", "a@b"),
            ("%26%23%3d%25", "&#=%"),
            ("%C3%A4+", "ä+"),
            ("", ""),
        ] {
            assert_eq!(decoded(node), Ok(Some(expected.to_owned())), "{node}");
        }
        for node in ["%", "a%4", "%zz", "%+1", "%ff", "%%41", "%4ä"] {
            assert!(matches!(decoded(node), Err(Refusal::Malformed(_))), "{node}");
        }
        let request = Request::parse(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        assert_eq!(request.decoded("node"), Ok(None));
    }

    #[test]
    fn what_is_no_request_is_refused() {
        let twice = "GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n";
        let request = Request::parse(twice.as_bytes()).unwrap();
        assert!(request.only_header("host").is_err());
        for head in ["\0\r\n\r\n", "GET http://a/ HTTP/1.1\r\n\r\n", "GET * HTTP/1.1\r\n\r\n"] {
            assert!(matches!(refusal(head), Refusal::Malformed(_)), "{head:?}");
        }
        assert_eq!(refusal("POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\n"), Refusal::Body);
        assert_eq!(refusal("GET / HTTP/1.1\r\nTransfer-Encoding: x\r\n\r\n"), Refusal::Body);
        assert!(matches!(
            refusal("GET / HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 1\r\n\r\n"),
            Refusal::Malformed(_)
        ));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(MAX_HEADERS + 1));
        assert_eq!(refusal(&many), Refusal::LargeHead);
    }

    #[test]
    fn a_head_is_complete_at_its_empty_line_however_it_comes() {
        for head in ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\n\n"] {
            let head = head.as_bytes();
            let complete = (1..=head.len()).filter(|end| is_complete(&head[..*end], end - 1));
            assert_eq!(complete.collect::<Vec<_>>(), [head.len()]);
            assert!(is_complete(head, 0));
        }
    }
}
