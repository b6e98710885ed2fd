//! A browser without a window, driven over the protocol of WebDriver.
//!
//! - `TEST_CHROMEDRIVER` names another `chromedriver`.
//! - `TEST_REQUIRE_BROWSER=1` lets the tests fail where there is none, instead of skipping them.

use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use serde_json::{Value, json};

use crate::support::wait::test_timeout;

/// What identifies an element in answers.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

pub(crate) struct Browser {
    driver: Child,
    port: u16,
    /// The path of the session.
    session: String,
}

/// Says that a test is skipped, or fails if there must be a browser.
fn skip(why: &str) {
    assert!(env::var_os("TEST_REQUIRE_BROWSER").is_none(), "{why}");
    println!("THE TEST IN A BROWSER IS SKIPPED: {why}");
}

impl Browser {
    /// Starts a browser; `None` if there is none here.
    pub(crate) fn start() -> Option<Browser> {
        let driver = env::var_os("TEST_CHROMEDRIVER").unwrap_or_else(|| "chromedriver".into());
        let driver = Command::new(driver)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let driver = match driver {
            Ok(driver) => driver,
            Err(error) => {
                skip(&format!("`chromedriver` cannot be started: {error}"));
                return None;
            }
        };
        let mut browser = Browser { driver, port: 0, session: String::new() };
        browser.port = browser.read_port();
        let options = json!({ "args": [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--window-size=1400,900",
        ] });
        let capabilities = json!({
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let body = json!({ "capabilities": { "alwaysMatch": capabilities } });
        match browser.request("POST", "/session", Some(&body)) {
            Ok(session) => {
                browser.session = format!("/session/{}", session["sessionId"].as_str().unwrap());
                Some(browser)
            }
            Err(error) => {
                skip(&format!("`chromedriver` starts no browser: {error}"));
                None
            }
        }
    }

    fn read_port(&mut self) -> u16 {
        let mut lines = BufReader::new(self.driver.stdout.take().unwrap()).lines();
        let port = lines.find_map(|line| {
            let line = line.unwrap();
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end_matches('.').parse().ok()
        });
        port.expect("chromedriver says its port")
    }

    fn request(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, String> {
        let (status, text) = self.exchange(method, path, body).map_err(|it| it.to_string())?;
        let mut answer: Value = serde_json::from_str(&text).map_err(|it| it.to_string())?;
        let value = answer["value"].take();
        if status == 200 { Ok(value) } else { Err(value["message"].to_string()) }
    }

    fn exchange(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> io::Result<(u16, String)> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(test_timeout()))?;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost:{}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.port,
            body.len()
        );
        stream.write_all(head.as_bytes())?;
        let mut stream = BufReader::new(stream);
        let (mut status, mut length) = (0, 0);
        loop {
            let mut line = String::new();
            stream.read_line(&mut line)?;
            let line = line.trim_end().to_ascii_lowercase();
            if let Some(number) = line.strip_prefix("http/1.1 ") {
                status = number[..3].parse().map_err(io::Error::other)?;
            } else if let Some(number) = line.strip_prefix("content-length:") {
                length = number.trim().parse().map_err(io::Error::other)?;
            } else if line.is_empty() {
                break;
            }
        }
        let mut text = String::new();
        stream.take(length).read_to_string(&mut text)?;
        Ok((status, text))
    }

    #[track_caller]
    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        self.request(method, &format!("{}{path}", self.session), body).unwrap()
    }

    #[track_caller]
    pub(crate) fn open(&self, address: &str) {
        self.ask("POST", "/url", Some(&json!({ "url": address })));
    }

    /// Runs the body of a function in the page, and returns its value.
    #[track_caller]
    pub(crate) fn run(&self, script: &str) -> Value {
        self.ask("POST", "/execute/sync", Some(&json!({ "script": script, "args": [] })))
    }

    /// Waits until an expression has a value that is true, and returns that.
    #[track_caller]
    pub(crate) fn wait_for(&self, expression: &str) -> Value {
        let start = Instant::now();
        loop {
            let value = self.run(&format!("return {expression}"));
            if !matches!(value, Value::Null | Value::Bool(false)) && value != 0 && value != "" {
                return value;
            }
            if start.elapsed() > test_timeout() {
                let text = self.run("return document.body.innerText");
                panic!("not so in time: {expression}\n{text}\n{:?}", self.logged());
            }
        }
    }

    /// Clicks on the element that a selector finds, once it is there: it may be drawn anew between
    /// the two.
    #[track_caller]
    pub(crate) fn click(&self, selector: &str) {
        let start = Instant::now();
        loop {
            let element = self.element(selector);
            let path = format!("{}/element/{element}/click", self.session);
            match self.request("POST", &path, Some(&json!({}))) {
                Ok(_) => return,
                Err(error) if error.contains("stale element") => {
                    assert!(start.elapsed() < test_timeout(), "{selector}: {error}");
                }
                Err(error) => panic!("{selector}: {error}"),
            }
        }
    }

    /// Types into an element.
    #[track_caller]
    pub(crate) fn write(&self, selector: &str, text: &str) {
        let element = self.element(selector);
        self.ask("POST", &format!("/element/{element}/value"), Some(&json!({ "text": text })));
    }

    #[track_caller]
    fn element(&self, selector: &str) -> String {
        let body = json!({ "using": "css selector", "value": selector });
        let element = self.ask("POST", "/element", Some(&body));
        element[ELEMENT].as_str().unwrap().to_owned()
    }

    /// Returns what has come to the page's console since it was asked last.
    #[track_caller]
    pub(crate) fn logged(&self) -> Vec<Value> {
        let log = self.ask("POST", "/se/log", Some(&json!({ "type": "browser" })));
        log.as_array().unwrap().clone()
    }

    /// Says which colours the user likes.
    #[track_caller]
    pub(crate) fn prefer(&self, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        let body =
            json!({ "cmd": "Emulation.setEmulatedMedia", "params": { "features": features } });
        self.ask("POST", "/goog/cdp/execute", Some(&body));
    }

    /// Keeps a picture of the page in Cargo's directory for files of tests.
    #[track_caller]
    pub(crate) fn keep_picture(&self, name: &str) -> PathBuf {
        let picture = self.ask("GET", "/screenshot", None);
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::write(&path, decoded(picture.as_str().unwrap())).unwrap();
        path
    }
}

/// Decodes base 64.
fn decoded(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = text.bytes().filter_map(|it| DIGITS.iter().position(|digit| *digit == it));
    let (mut bits, mut count, mut bytes) = (0_usize, 0, Vec::new());
    for digit in digits {
        bits = (bits << 6 | digit) & 0xffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    bytes
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            // It ends the browser; the test may have failed as that is gone.
            _ = self.request("DELETE", &self.session, None);
        }
        _ = self.driver.kill();
        _ = self.driver.wait();
    }
}
