//! Why a request is refused: each reason with its status and what the client is told.

use std::borrow::Cow;

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is no request of HTTP, or lacks something.
    Malformed(&'static str),
    /// It has no token, or a wrong one.
    NoToken,
    /// A page of another origin has made it.
    CrossSite,
    /// It would change something, and nothing may be changed here.
    ReadOnly,
    /// It would change something, and lacks the header that only the page's own code sends.
    NoMark,
    /// It would end a thread of the program's own.
    Foreign,
    NotFound,
    /// No process has this pid.
    NoProcess,
    /// This node is not connected with one of this name.
    NoNode,
    /// The path has another method.
    Method(&'static str),
    /// It was not there in time.
    Slow,
    /// The process would not answer.
    NoBehaviour,
    /// The process cannot be asked, or has refused.
    Unanswered(String),
    /// It has a body.
    Body,
    /// It is meant for another host.
    WrongHost,
    /// Its head is too long.
    LargeHead,
    /// There are as many streams, snapshots or connections as there may be.
    Full,
    /// What it asks for is just being started again.
    Restarting,
    /// The process has not answered in time.
    Busy(String),
}

impl Refusal {
    /// Returns the status line's number and words.
    pub(super) fn status(&self) -> &'static str {
        match self {
            Refusal::Malformed(_) => "400 Bad Request",
            Refusal::NoToken => "401 Unauthorized",
            Refusal::CrossSite | Refusal::ReadOnly | Refusal::NoMark | Refusal::Foreign => {
                "403 Forbidden"
            }
            Refusal::NotFound | Refusal::NoProcess | Refusal::NoNode => "404 Not Found",
            Refusal::Method(_) => "405 Method Not Allowed",
            Refusal::Slow => "408 Request Timeout",
            Refusal::NoBehaviour | Refusal::Unanswered(_) => "409 Conflict",
            Refusal::Body => "413 Content Too Large",
            Refusal::WrongHost => "421 Misdirected Request",
            Refusal::LargeHead => "431 Request Header Fields Too Large",
            Refusal::Full | Refusal::Restarting => "503 Service Unavailable",
            Refusal::Busy(_) => "504 Gateway Timeout",
        }
    }

    /// Returns what the client is told.
    pub(super) fn text(&self) -> Cow<'_, str> {
        let text = match self {
            Refusal::Malformed(what) => what,
            Refusal::NoToken => {
                "a token is needed: `Authorization: Bearer TOKEN`, or `/?token=TOKEN`"
            }
            Refusal::CrossSite => "only the observer's own page may ask for this",
            Refusal::ReadOnly => {
                "nothing may be changed here: the observer was started without control"
            }
            Refusal::NoMark => "the header `X-Procession-Observer: 1` is missing",
            Refusal::Foreign => "it is a thread of the program's own, which cannot be ended",
            Refusal::NotFound => "there is nothing here",
            Refusal::NoProcess => "no process has this pid: it has ended",
            Refusal::NoNode => "no node of this name is connected",
            Refusal::Method(allowed) => return format!("it is asked for with {allowed}").into(),
            Refusal::Slow => "the request took too long",
            Refusal::NoBehaviour => {
                "it is no behaviour, and would never take the question out of its mailbox, unless \
                 its code does so: `&anyway=1` asks all the same"
            }
            Refusal::Unanswered(why) | Refusal::Busy(why) => why,
            Refusal::Body => "a request has no body here",
            Refusal::WrongHost => "the observer does not answer to this host",
            Refusal::LargeHead => "the head of the request is too long",
            Refusal::Full => {
                "there are as many streams, snapshots or connections as there may be: close \
                 another one, or ask again later"
            }
            Refusal::Restarting => "the observer is being started again",
        };
        text.into()
    }
}
