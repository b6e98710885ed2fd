//! A process by itself: what is known of it, and what it answers.

use serde::Serialize;

use crate::call_error::CallErrorKind;
use crate::id::Pid;
use crate::process;
use crate::process::Info;
use crate::report::MachineStatus;
use crate::sys::{self, Mode, Status, SysError};

use super::super::ProcessInfo;
use super::super::thread_usage::cpu_time;
use super::json::{Json, to_json};
use super::refusal::Refusal;
use super::request::Request;
use super::shared::Shared;

/// How many bytes are shown of a state.
const SHOWN: usize = 64 << 10;

/// Returns the process that a request is about.
pub(super) fn process_of(request: &Request) -> Result<Info, Refusal> {
    let wanted = request.parameter("pid");
    let wanted = wanted.ok_or(Refusal::Malformed("`?pid=` is missing: `0.1.2`, say"))?;
    let wanted = format!("<{wanted}>");
    let found = process::processes().into_iter().find(|pid| pid.to_string() == wanted);
    found.and_then(process::info).ok_or(Refusal::NoProcess)
}

/// Returns what is known of a process, which is not asked; `null` if there is none. (A browser
/// would report anything but success as an error of the page, which looks again and again.)
pub(super) fn known(request: &Request) -> Result<Vec<u8>, Refusal> {
    let info = match process_of(request) {
        Ok(info) => info,
        Err(Refusal::NoProcess) => return written(&Json::Null),
        Err(refusal) => return Err(refusal),
    };
    let cpu_time = info.thread_id.and_then(cpu_time);
    let process = ProcessInfo { info, application: None, cpu_time, stack: None };
    written(&process)
}

/// Returns a value in JSON.
pub(super) fn written(value: &impl Serialize) -> Result<Vec<u8>, Refusal> {
    match to_json(value) {
        Ok(json) => Ok(json.into_bytes()),
        Err(error) => Err(Refusal::Unanswered(error.to_string())),
    }
}

/// Asks a process for its status. Of what is in it only that is shown which its `format_status`
/// shows: so of its dictionary the keys.
pub(super) fn status(request: &Request, shared: &Shared) -> Result<Vec<u8>, Refusal> {
    let info = process_of(request)?;
    check_asking(request, &info)?;
    let sys = sys::of(info.pid).timeout(shared.settings.status_timeout);
    let Status { name, module, mode, parent, dictionary, debug, state, machine, .. } =
        sys.get_status().map_err(|error| unanswered(&error, &info, shared))?;
    let mode = match mode {
        Mode::Running => "running",
        Mode::Suspended => "suspended",
    };
    let status = Json::Object(vec![
        ("pid", Json::text(info.pid)),
        ("name", Json::text_if_any(name)),
        ("module", Json::text(module)),
        ("mode", Json::text(mode)),
        ("parent", Json::text_if_any(parent)),
        ("dictionary", Json::texts(dictionary.into_iter().map(|(key, _)| key))),
        ("debug", Json::texts(debug)),
        ("state", Json::Text(shortened(state))),
        ("machine", machine.map_or(Json::Null, of_machine)),
    ]);
    written(&status)
}

fn of_machine(status: MachineStatus) -> Json {
    Json::Object(vec![
        ("queue", Json::texts(status.queue)),
        ("postponed", Json::texts(status.postponed)),
        ("timeouts", Json::texts(status.timeouts)),
    ])
}

/// Refuses to ask a process that would not answer, unless the request insists: the question would
/// stay in its mailbox.
pub(super) fn check_asking(request: &Request, info: &Info) -> Result<(), Refusal> {
    let insists = request.parameter("anyway") == Some("1");
    if info.behaviour || insists { Ok(()) } else { Err(Refusal::NoBehaviour) }
}

/// Returns why a process has not answered a system message.
pub(super) fn unanswered(error: &SysError, asked: &Info, shared: &Shared) -> Refusal {
    let SysError::Call(call) = error else { return Refusal::Unanswered(error.to_string()) };
    let is_gone = matches!(call.kind(), CallErrorKind::NoProc | CallErrorKind::Down(_));
    match *call.kind() == CallErrorKind::Timeout {
        true => Refusal::Busy(busy(asked.pid, shared)),
        false if is_gone => Refusal::NoProcess,
        false => Refusal::Unanswered(error.to_string()),
    }
}

fn busy(pid: Pid, shared: &Shared) -> String {
    let time = shared.settings.status_timeout;
    let Some(info) = process::info(pid) else { return Refusal::NoProcess.text().into_owned() };
    let does = match info.waits_for {
        Some(waits_for) => format!("it waits for {waits_for}"),
        None => "it runs".to_owned(),
    };
    let queue = info.message_queue_len;
    format!(
        "it is busy, and has not answered within {time:?}: {does}, with {queue} messages queued"
    )
}

fn shortened(mut state: String) -> String {
    if let Some(end) = (0..=SHOWN).rev().find(|end| state.is_char_boundary(*end))
        && end < state.len()
    {
        state.truncate(end);
        state += "... (the rest is not shown)";
    }
    state
}
