//! A process by itself: what is known of it, and what it answers.

use std::fmt;
use std::time::Duration;

use procession::gen_server::StatusPart;
use procession::observer::web::Web;
use procession::prelude::*;
use procession::process::WaitsFor;

use crate::Observer;
use crate::support::processes::{Busy, begun, busy, dead_pid, idle};
use crate::support::wait::{down_reason, exit_and_wait, wait_until};

/// A server with a secret, which its status does not show.
#[derive(Debug)]
pub(crate) struct Vault {
    pub(crate) secret: &'static str,
}

pub(crate) const SECRET: &str = "open sesame";

impl GenServer for Vault {
    type Args = ();

    fn init((): ()) -> InitResult<Vault> {
        process::dictionary::put("the key of a secret", SECRET);
        ready(Vault { secret: SECRET })
    }

    fn handle_info(&mut self, _: Message) -> CastResult<Vault> {
        noreply()
    }

    fn format_status(&self, part: &StatusPart<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if matches!(part, StatusPart::State | StatusPart::FinalState) {
            return write!(f, "a secret of {} letters", self.secret.len());
        }
        f.write_str("what nobody is to know")
    }
}

/// Has the server wait until the sender is dropped.
pub(crate) struct Hold(pub(crate) std::sync::mpsc::Receiver<()>);

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hold")
    }
}

impl HandleCast<Hold> for Vault {
    fn handle_cast(&mut self, Hold(held): Hold) -> CastResult<Vault> {
        _ = held.recv();
        noreply()
    }
}

/// A pid as it stands in an address.
pub(crate) fn bare(pid: Pid) -> String {
    pid.to_string().trim_matches(['<', '>']).to_owned()
}

#[test]
fn a_process_is_shown_with_what_it_waits_for_and_its_ties() {
    let observer = Observer::start(Web::new());
    let vault = Vault::start(()).unwrap();
    let (client, _) = begun(process::Builder::new(), move || {
        process::link(vault.pid());
        process::monitor(vault.pid());
        process::receive_match(|_| false);
    });
    wait_until(|| process::info(client).is_some_and(|it| it.waits_for == Some(WaitsFor::Message)));

    let of_client = observer.get(&format!("/process.json?pid={}", bare(client))).json();
    let of_vault = observer.get(&format!("/process.json?pid={}", bare(vault.pid()))).json();
    let vault_pid = serde_json::Value::from(vault.pid().to_string());
    let (client_pid, me) = (client.to_string(), process::self_pid().to_string());
    assert_eq!(of_client["waits_for"], "Message");
    assert_eq!((&of_client["links"][0], &of_client["monitors"][0]), (&vault_pid, &vault_pid));
    assert_eq!((&of_client["ancestors"][0], &of_client["behaviour"]), (&me.into(), &false.into()));
    let ties = [&of_vault["links"][0], &of_vault["monitored_by"][0]];
    assert_eq!(ties, [&*client_pid, &*client_pid]);
    assert_eq!(of_vault["behaviour"], true);
    assert!(of_vault["initial_call"].as_str().unwrap().ends_with("Vault"));
    exit_and_wait(client, ExitReason::Kill);
}

#[test]
fn a_status_shows_what_format_status_shows_and_no_more() {
    let observer = Observer::start(Web::new());
    let vault = Vault::start(()).unwrap();
    let answer = observer.get(&format!("/status.json?pid={}", bare(vault.pid())));
    assert!(!answer.body.contains(SECRET), "{}", answer.body);
    let status = answer.json();
    assert_eq!(
        (&status["state"], &status["mode"]),
        (&"a secret of 11 letters".into(), &"running".into())
    );
    assert_eq!(status["dictionary"], serde_json::json!(["the key of a secret"]));
    assert!(status["module"].as_str().unwrap().ends_with("::Vault"));
    vault.sys().suspend().unwrap();
    let status = observer.get(&format!("/status.json?pid={}", bare(vault.pid()))).json();
    assert_eq!(status["mode"], "suspended");
    vault.sys().resume().unwrap();
    for target in
        ["/snapshot.json", "/metrics", &format!("/process.json?pid={}", bare(vault.pid()))]
    {
        assert!(!observer.get(target).body.contains(SECRET), "{target}");
    }
    vault.stop().unwrap();
}

#[test]
fn a_server_that_is_busy_is_said_to_be() {
    let observer = Observer::start(Web::new().status_timeout(Duration::from_millis(30)));
    let vault = Vault::start(()).unwrap();
    let (let_go, held) = std::sync::mpsc::channel();
    vault.cast(Hold(held));
    let target = format!("/status.json?pid={}", bare(vault.pid()));
    let answer = observer.get(&target);
    answer.assert_status(504);
    assert!(answer.body.starts_with("it is busy, and has not answered within 30ms: it runs"));
    // It holds up nobody else.
    observer.get("/snapshot.json").assert_status(200);
    drop(let_go);
    vault.sys().get_status().unwrap();
    observer.get(&target).assert_status(200);
    vault.stop().unwrap();
}

#[test]
fn a_process_that_would_not_answer_is_not_asked() {
    let observer = Observer::start(Web::new().status_timeout(Duration::from_millis(1)));
    let plain = idle();
    let target = format!("/status.json?pid={}", bare(plain));
    let answer = observer.get(&target);
    answer.assert_status(409);
    assert!(answer.body.contains("no behaviour"), "{}", answer.body);
    assert_eq!(process::info(plain).unwrap().message_queue_len, 0);
    observer.get(&format!("{target}&anyway=1")).assert_status(504);
    assert_eq!(process::info(plain).unwrap().message_queue_len, 1);
    exit_and_wait(plain, ExitReason::Kill);
}

#[test]
fn a_process_that_is_not_there_is_named_as_such() {
    let observer = Observer::start(Web::new());
    let dead = bare(dead_pid());
    for pid in [&*dead, "", "0", "<0.1.1>", "0.1.1.1", "x", "-1.0.0", "99999999999999999999.1.1"] {
        observer.get(&format!("/status.json?pid={pid}")).assert_status(404);
        assert!(observer.get(&format!("/process.json?pid={pid}")).json().is_null());
    }
    observer.get("/process.json").assert_status(400);
    let Busy { pid, monitor, let_go } = busy(process::Builder::new(), || {});
    let target = format!("/process.json?pid={}", bare(pid));
    assert_eq!(observer.get(&target).json()["pid"], pid.to_string());
    drop(let_go);
    assert_eq!(down_reason(monitor), ExitReason::Normal);
    assert!(observer.get(&target).json().is_null());
}
