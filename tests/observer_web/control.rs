//! What may be done to processes, and by whom.

use procession::observer::web::Web;
use procession::prelude::*;
use procession::sys::Mode;

use crate::Observer;
use crate::details::{Vault, bare};
use crate::support::processes::idle;
use crate::support::wait::{down_reason, exit_and_wait};

const MARK: &str = "X-Procession-Observer: 1\r\n";

#[test]
fn nothing_can_be_changed_unless_that_is_allowed() {
    let observer = Observer::start(Web::new());
    let process = idle();
    for path in ["/kill", "/suspend", "/resume"] {
        let answer = observer.request(&format!("POST {path}?pid={}", bare(process)), MARK);
        answer.assert_status(403);
        assert!(answer.body.contains("without control"), "{}", answer.body);
    }
    assert!(process::is_alive(process));
    exit_and_wait(process, ExitReason::Kill);
}

#[test]
fn a_process_is_killed_suspended_and_resumed() {
    let observer = Observer::start(Web::new().control(true));
    let vault = Vault::start(()).unwrap();
    let monitor = process::monitor(vault.pid());
    let does = |what: &str| {
        observer
            .request(&format!("POST /{what}?pid={}", bare(vault.pid())), MARK)
            .assert_status(200);
    };
    does("suspend");
    assert_eq!(vault.sys().get_status().unwrap().mode, Mode::Suspended);
    does("resume");
    assert_eq!(vault.sys().get_status().unwrap().mode, Mode::Running);
    does("kill");
    assert_eq!(down_reason(monitor), ExitReason::Killed);
    let again = observer.request(&format!("POST /kill?pid={}", bare(vault.pid())), MARK);
    again.assert_status(404);
}

#[test]
fn only_the_page_itself_changes_anything() {
    let observer = Observer::start(Web::new().control(true));
    let process = idle();
    let line = format!("POST /kill?pid={}", bare(process));
    let origin = format!("Origin: http://localhost:{}\r\n", observer.port());
    for headers in [
        String::new(),
        origin.clone(),
        "X-Procession-Observer: 0\r\n".to_owned(),
        format!("{MARK}Origin: http://evil.example\r\n"),
        format!("{MARK}Origin: null\r\n"),
        format!("{MARK}Sec-Fetch-Site: same-site\r\n"),
        format!("{MARK}Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n"),
    ] {
        observer.request(&line, &headers).assert_status(403);
        assert!(process::is_alive(process));
    }
    let monitor = process::monitor(process);
    observer
        .request(&line, &format!("{MARK}{origin}Sec-Fetch-Site: same-origin\r\n"))
        .assert_status(200);
    assert_eq!(down_reason(monitor), ExitReason::Killed);
}

#[test]
fn what_cannot_be_done_is_refused() {
    let observer = Observer::start(Web::new().control(true));
    let me = bare(process::self_pid());
    let answer = observer.request(&format!("POST /kill?pid={me}"), MARK);
    answer.assert_status(403);
    assert!(answer.body.contains("the program's own"), "{}", answer.body);
    let plain = idle();
    let answer = observer.request(&format!("POST /suspend?pid={}", bare(plain)), MARK);
    answer.assert_status(409);
    assert_eq!(process::info(plain).unwrap().message_queue_len, 0);
    exit_and_wait(plain, ExitReason::Kill);
}
