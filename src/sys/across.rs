//! System messages from other nodes, and to them: `{system, {Pid, Tag}, What}`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::de::DeserializeOwned;

use crate::call::across::{declare_reply, declare_reply_as};
use crate::call::{Client, ReplyTo};
use crate::external::{self, reason_of_term, reason_to_term, reason_to_text};
use crate::id::{Alias, unique};
use crate::message::Message;
use crate::process;
use crate::term::{self, Atom, DecodeError, EncodeError, Term, WireTerm, WireWriter, atom};
use crate::user_code::displayed;

use super::handle::{Order, Request};
use super::{DebugOptions, Mode, Statistics, Status, SysError};

/// What a system message is marked by.
pub(crate) const SYSTEM: &str = "system";

fn name(name: &'static str) -> Term {
    atom(name).into()
}

fn pair(first: Term, second: Term) -> Term {
    Term::Tuple(vec![first, second])
}

fn text(text: impl Into<String>) -> Term {
    Term::from(text.into())
}

/// A string of Erlang.
fn characters(text: &str) -> Term {
    Term::List(text.chars().map(|character| u32::from(character).into()).collect())
}

/// Declares what travels of system messages.
pub(crate) fn declare() {
    external::declare_written(write_request);
    declare_reply::<()>();
    declare_reply::<Term>();
    external::declare_read_by(statistics_of_term);
    declare_reply_as::<Status>(|status, out| out.value(&status_to_term(status)));
    declare_reply_as::<Result<(), SysError>>(|outcome, out| match outcome {
        Ok(()) => out.atom("ok"),
        Err(SysError::Refused(reason)) => out.value(&pair(name("error"), reason_to_term(reason))),
        Err(other) => out.value(&pair(name("error"), text(other.to_string()))),
    });
}

/// Writes a system message to a process of another node.
fn write_request(request: &Request, out: &mut WireWriter<'_>) -> Result<(), EncodeError> {
    let what = match (request.spelling(), request.order()) {
        (Some(what), _) => what.clone(),
        (None, Order::Suspend(_)) => name("suspend"),
        (None, Order::Resume(_)) => name("resume"),
        (None, Order::Terminate { reason, .. }) => {
            let what = pair(name("terminate"), reason_to_term(reason));
            // If that is too deep, its text is not.
            if term::to_vec(&what).is_ok() {
                what
            } else {
                pair(name("terminate"), reason_to_text(reason))
            }
        }
        (
            None,
            Order::Status(_)
            | Order::State(_)
            | Order::WrittenState(_)
            | Order::Debug(_)
            | Order::ChangeCode { .. },
        ) => {
            return Err(<EncodeError as serde::ser::Error>::custom(format_args!(
                "{request:?} is for this node"
            )));
        }
    };
    // An answer that nobody waits for goes nowhere.
    let alias = request.client().and_then(Client::mailbox);
    let alias = alias.unwrap_or_else(|| Alias { id: unique(), owner: process::self_pid() });
    external::write_request(SYSTEM, alias, out, |out| out.value(&what))
}

/// Returns the system message by which a client of this node asks a process, of whatever node, for
/// `what`: the answer is read as a term.
pub(super) fn ask(what: Term, reply_to: ReplyTo<Term>) -> Message {
    let client = reply_to.client().mailbox().expect("the reply comes to the mailbox");
    let client = Client::reading(client);
    let order = order(what.clone(), client).unwrap_or_else(|| unreachable!("it is known here"));
    Message::awaited(Request::new(order, Some(client)).spelt(what))
}

/// What asks for something about debugging.
pub(super) fn debug_what(command: &'static str, argument: &'static str) -> Term {
    pair(name("debug"), pair(name(command), name(argument)))
}

/// Returns the system message by which `client` asks for `what`.
pub(crate) fn request(what: WireTerm<'_>, client: Client) -> Message {
    let order = what.read::<Term>().ok().and_then(|what| order(what, client));
    let order = order.unwrap_or_else(|| {
        let error = pair(name("unknown_system_msg"), text(what.excerpt(200)));
        debug(client, |_| pair(name("error"), error))
    });
    Message::awaited(Request::new(order, Some(client)))
}

fn order(what: Term, client: Client) -> Option<Order> {
    if let Term::Atom(what) = &what {
        return match what.as_str() {
            "suspend" => Some(Order::Suspend(ReplyTo::of(client))),
            "resume" => Some(Order::Resume(ReplyTo::of(client))),
            "get_status" => Some(Order::Status(ReplyTo::of(client))),
            "get_state" => Some(Order::WrittenState(ReplyTo::of(client))),
            _ => None,
        };
    }
    let Term::Tuple(elements) = what else { return None };
    match &elements[..] {
        [Term::Atom(what), reason] if what == "terminate" => Some(Order::Terminate {
            reason: reason_of_term(reason.clone()),
            reply_to: Some(ReplyTo::of(client)),
        }),
        [Term::Atom(what), _, version, extra] if what == "change_code" => Some(Order::ChangeCode {
            old_version: version.to_string().into(),
            extra: Message::new(extra.clone()),
            reply_to: ReplyTo::of(client),
        }),
        [Term::Atom(what), command] if what == "debug" => Some(debug_order(command, client)),
        _ => None,
    }
}

/// An order that acts on the debug options, and answers with a term.
fn debug(client: Client, act: impl FnOnce(&mut DebugOptions) -> Term + Send + 'static) -> Order {
    let reply_to = ReplyTo::of(client);
    Order::Debug(Box::new(move |debug| reply_to.reply(act(debug))))
}

fn debug_order(command: &Term, client: Client) -> Order {
    let spelt = command.to_string();
    let act: fn(&mut DebugOptions) = match spelt.as_str() {
        "{statistics,true}" => DebugOptions::count,
        "{statistics,false}" => DebugOptions::stop_counting,
        "{trace,true}" => |debug| debug.set_trace(true),
        "{trace,false}" => |debug| debug.set_trace(false),
        "{log,true}" => |debug| debug.keep(10),
        "{log,false}" => DebugOptions::forget,
        "{log,print}" => |debug| debug.print(),
        "no_debug" => DebugOptions::clear,
        "{statistics,get}" => {
            return debug(client, |debug| {
                let counted = debug.counted().map(|it| statistics_to_term(&it));
                pair(name("ok"), counted.unwrap_or_else(|| name("no_statistics")))
            });
        }
        "{log,get}" => {
            return debug(client, |debug| {
                pair(name("ok"), Term::List(debug.log().into_iter().map(Term::from).collect()))
            });
        }
        _ => return debug(client, |_| name("unknown_debug")),
    };
    debug(client, move |debug| {
        act(debug);
        name("ok")
    })
}

/// Returns a status as OTP's servers show it.
fn status_to_term(status: &Status) -> Term {
    let Status { pid, mode, parent, dictionary, debug, state, .. } = status;
    let mode = name(match mode {
        Mode::Running => "running",
        Mode::Suspended => "suspended",
    });
    let spelt_pid = |pid| term::to_term(pid).unwrap_or_else(|_| name("undefined"));
    let parent = spelt_pid(parent.as_ref().unwrap_or(pid));
    let entry = |(key, value): &(String, String)| pair(text(key), text(value));
    let shown_name = status.name.clone().unwrap_or_else(|| displayed(pid));
    let header = format!("Status for generic server {shown_name}");
    let data = |entries: Vec<(&str, Term)>| {
        let entries = entries.into_iter().map(|(key, value)| pair(characters(key), value));
        pair(name("data"), Term::List(entries.collect()))
    };
    let running = data(vec![
        ("Status", mode.clone()),
        ("Parent", parent.clone()),
        ("Logged events", Term::List(Vec::new())),
    ]);
    let items = vec![
        Term::List(dictionary.iter().map(entry).collect()),
        mode,
        parent,
        Term::List(debug.iter().map(text).collect()),
        Term::List(vec![
            pair(name("header"), characters(&header)),
            running,
            data(vec![("State", text(state))]),
        ]),
    ];
    let module = term::Atom::new(status.module).map_or_else(|_| name("gen_server"), Term::from);
    Term::Tuple(vec![
        name("status"),
        spelt_pid(pid),
        pair(name("module"), module),
        Term::List(items),
    ])
}

fn statistics_to_term(statistics: &Statistics) -> Term {
    let Statistics { start_time, current_time, messages_in, messages_out } = *statistics;
    Term::List(vec![
        pair(name("start_time"), date_and_time(start_time)),
        pair(name("current_time"), date_and_time(current_time)),
        pair(name("messages_in"), messages_in.into()),
        pair(name("messages_out"), messages_out.into()),
    ])
}

/// Reads `{ok, State}`, or what a server of OTP 25 answers: the bare state, which may look as that.
pub(super) fn state_of_term<R: DeserializeOwned>(answer: &Term) -> Result<R, DecodeError> {
    if let Term::Tuple(elements) = answer
        && let [Term::Atom(tag), state] = &elements[..]
        && tag == "ok"
        && let Ok(state) = term::from_term(state)
    {
        return Ok(state);
    }
    term::from_term(answer)
}

/// Reads `{ok, Statistics}`, or `{ok, no_statistics}`.
fn statistics_of_term(answer: WireTerm<'_>) -> Result<Option<Statistics>, DecodeError> {
    type Time = ((u64, u64, u64), (u64, u64, u64));
    let (_, counted): (Atom, Term) = answer.read()?;
    if counted == name("no_statistics") {
        return Ok(None);
    }
    let entries: Vec<(Atom, Term)> = term::from_term(&counted)?;
    let entry = |key: &str| {
        let found = entries.iter().find(|(name, _)| name == key).map(|(_, value)| value);
        found.ok_or_else(|| {
            <DecodeError as serde::de::Error>::custom(format_args!("statistics without {key}"))
        })
    };
    let time = |key| Ok::<_, DecodeError>(time_of(term::from_term::<Time>(entry(key)?)?));
    Ok(Some(Statistics {
        start_time: time("start_time")?,
        current_time: time("current_time")?,
        messages_in: term::from_term(entry("messages_in")?)?,
        messages_out: term::from_term(entry("messages_out")?)?,
    }))
}

/// Returns the time of a date and a time of day in UTC, from 1970 to 9999.
fn time_of(
    ((year, month, day), (hour, minute, second)): ((u64, u64, u64), (u64, u64, u64)),
) -> SystemTime {
    let year = year.clamp(1970, 9999);
    let leap_days = |year: u64| year / 4 - year / 100 + year / 400;
    let of_years = (year - 1970) * 365 + leap_days(year - 1) - leap_days(1969);
    let months = days_of_months(year);
    let of_months: u64 = months.iter().take(month.clamp(1, 12) as usize - 1).sum();
    let days = of_years + of_months + day.clamp(1, 31) - 1;
    let of_day = hour.min(23) * 3600 + minute.min(59) * 60 + second.min(60);
    UNIX_EPOCH + Duration::from_secs(days * 86_400 + of_day)
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400)
}

fn days_of_months(year: u64) -> [u64; 12] {
    [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
}

/// Returns a time as `{{Year, Month, Day}, {Hour, Minute, Second}}`, in UTC.
fn date_and_time(time: SystemTime) -> Term {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (mut days, of_day) = (seconds / 86_400, seconds % 86_400);
    let mut year = 1970;
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let mut month = 1_u64;
    for length in days_of_months(year) {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let triple = |numbers: [u64; 3]| Term::Tuple(numbers.into_iter().map(Term::from).collect());
    pair(triple([year, month, days + 1]), triple([of_day / 3600, of_day / 60 % 60, of_day % 60]))
}

#[cfg(test)]
mod tests {
    use super::*;

    // OTP 25, run: `calendar:system_time_to_universal_time/2`.
    #[test]
    fn a_time_is_a_date_and_a_time_of_day() {
        for (seconds, shown) in [
            (0, "{{1970,1,1},{0,0,0}}"),
            (951_782_400, "{{2000,2,29},{0,0,0}}"),
            (1_709_164_800, "{{2024,2,29},{0,0,0}}"),
            (1_735_689_599, "{{2024,12,31},{23,59,59}}"),
            (4_107_542_399, "{{2100,2,28},{23,59,59}}"),
            (4_107_542_400, "{{2100,3,1},{0,0,0}}"),
        ] {
            let time = UNIX_EPOCH + Duration::from_secs(seconds);
            let spelt = date_and_time(time);
            assert_eq!(spelt.to_string(), shown);
            assert_eq!(time_of(term::from_term(&spelt).unwrap()), time);
        }
    }
}
