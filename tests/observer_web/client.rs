//! A client of HTTP that says what a test wants it to say.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use crate::Observer;
use crate::support::wait::test_timeout;

/// What a server has answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// Returns the value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        assert_eq!(self.header("Content-Type"), Some("application/json"));
        serde_json::from_str(&self.body).unwrap()
    }

    #[track_caller]
    pub(crate) fn assert_status(&self, status: u16) {
        assert_eq!(self.status, status, "{}{}", self.head, self.body);
    }
}

impl Observer {
    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(test_timeout())).unwrap();
        stream
    }

    /// Sends some bytes, and reads what is answered to the end.
    #[track_caller]
    pub(crate) fn send(&self, bytes: &[u8]) -> Answer {
        let mut stream = self.connect();
        stream.write_all(bytes).unwrap();
        read_answer(stream)
    }

    /// Sends a request with more headers than `Host`.
    #[track_caller]
    pub(crate) fn request(&self, line: &str, headers: &str) -> Answer {
        self.send(self.head(line, headers).as_bytes())
    }

    pub(crate) fn head(&self, line: &str, headers: &str) -> String {
        format!("{line} HTTP/1.1\r\nHost: localhost:{}\r\n{headers}\r\n", self.port())
    }

    #[track_caller]
    pub(crate) fn get(&self, target: &str) -> Answer {
        self.request(&format!("GET {target}"), "")
    }

    /// Opens a stream of events.
    #[track_caller]
    pub(crate) fn events(&self, target: &str) -> Events {
        let mut stream = self.connect();
        stream.write_all(self.head(&format!("GET {target}"), "").as_bytes()).unwrap();
        let mut stream = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(stream.read_line(&mut head).unwrap() > 0, "it has ended: {head}");
        }
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        assert!(head.contains("Content-Type: text/event-stream\r\n"), "{head}");
        Events { stream }
    }
}

/// Reads an answer to its end.
#[track_caller]
pub(crate) fn read_answer(mut stream: impl Read) -> Answer {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head: {text:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: format!("{head}\r\n"), body: body.to_owned() }
}

/// A stream of events.
pub(crate) struct Events {
    pub(crate) stream: BufReader<TcpStream>,
}

impl Events {
    /// Returns the next event: its name and its data.
    #[track_caller]
    pub(crate) fn next(&mut self) -> (String, Value) {
        self.read().expect("the stream has ended")
    }

    /// Returns the next event, or `None` at the end of the stream.
    #[track_caller]
    pub(crate) fn read(&mut self) -> Option<(String, Value)> {
        let mut name = String::new();
        loop {
            let mut line = String::new();
            match self.stream.read_line(&mut line) {
                Ok(0) => return None,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("{error}"),
            }
            if let Some(event) = line.strip_prefix("event: ") {
                event.trim_end().clone_into(&mut name);
            } else if let Some(data) = line.strip_prefix("data: ") {
                return Some((name, serde_json::from_str(data).unwrap()));
            }
        }
    }

    /// Returns the data of the next update.
    #[track_caller]
    pub(crate) fn update(&mut self) -> Value {
        loop {
            let (name, data) = self.next();
            if name == "update" {
                return data;
            }
        }
    }
}
