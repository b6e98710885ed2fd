//! The process of a connection: it reads a request, and answers it.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::io::TcpStream;
use crate::process::receive::deadline_after;

use super::super::{Metrics, Options, Snapshot, snapshot_with};
use super::access::Entry;
use super::control::{self, Action};
use super::details::{self, written};
#[cfg(feature = "dist")]
use super::neighbour;
#[cfg(not(feature = "dist"))]
use super::no_neighbour as neighbour;
use super::page;
use super::refusal::Refusal;
use super::request::Request;
use super::response::{JSON, Response};
use super::shared::Shared;
use super::stream::serve_updates;
use super::trace::serve_trace;
use super::wire::{self, Unread};

/// How long a client may take to read a response.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a client is waited for that has its response and does not close its side, at most.
const LINGER: Duration = Duration::from_secs(1);

/// What is at a path.
enum Route {
    Page(&'static page::File),
    Snapshot,
    Metrics,
    Updates,
    Process,
    Status,
    Trace,
    Act(Action),
}

/// Serves a client. One that goes away is no failure.
pub(super) fn serve(stream: &TcpStream, shared: &Arc<Shared>) {
    let linger = shared.settings.request_timeout.min(LINGER);
    _ = answer(stream, shared).and_then(|()| wire::close(stream, linger));
}

fn answer(stream: &TcpStream, shared: &Arc<Shared>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let port = stream.local_addr()?.port();
    let response = match read(stream, shared) {
        Ok(request) => respond(stream, shared, &request, port),
        Err(Unread::Gone) => return Ok(()),
        Err(Unread::Refused(refusal)) => Err(refusal),
    };
    let response = match response {
        Ok(Some(response)) => response,
        Ok(None) => return Ok(()),
        Err(refusal) => Response::refused(&refusal),
    };
    wire::write_all(stream, &response.into_bytes(), Some(Instant::now() + PATIENCE))
}

fn read(stream: &TcpStream, shared: &Shared) -> Result<Request, Unread> {
    let deadline = deadline_after(shared.settings.request_timeout);
    let head = wire::read_head(stream, deadline)?;
    Request::parse(&head).map_err(Unread::Refused)
}

/// Returns the response to a request; `None` if it was a stream, which is over.
fn respond(
    stream: &TcpStream,
    shared: &Arc<Shared>,
    request: &Request,
    port: u16,
) -> Result<Option<Response>, Refusal> {
    let entry = shared.access.admit(request, port)?;
    let route = find(request)?;
    if let (Entry::Cookie(cookie), Route::Page(_)) = (&entry, &route) {
        return Ok(Some(Response::to_page(cookie)));
    }
    let json = |body| Ok(Some(Response::ok(JSON, body)));
    match route {
        Route::Page(file) => Ok(Some(file.response())),
        Route::Snapshot => json(snapshot(request, shared)?),
        Route::Metrics => {
            let metrics = take_snapshot(shared)?.metrics().to_string();
            Ok(Some(Response::ok(Metrics::CONTENT_TYPE, metrics.into_bytes())))
        }
        Route::Process => json(details::known(request)?),
        Route::Status => json(details::status(request, shared)?),
        Route::Act(action) => {
            control::act(action, request, shared)?;
            Ok(Some(Response::done()))
        }
        Route::Trace => serve_trace(stream, request, shared).map(|()| None),
        Route::Updates => serve_updates(stream, shared).map(|()| None),
    }
}

/// Finds what is at a path, which is compared as it is.
fn find(request: &Request) -> Result<Route, Refusal> {
    let (method, route) = match request.path.as_str() {
        "/snapshot.json" => ("GET", Route::Snapshot),
        "/metrics" => ("GET", Route::Metrics),
        "/updates" => ("GET", Route::Updates),
        "/process.json" => ("GET", Route::Process),
        "/status.json" => ("GET", Route::Status),
        "/trace" => ("GET", Route::Trace),
        "/kill" => ("POST", Route::Act(Action::Kill)),
        "/suspend" => ("POST", Route::Act(Action::Suspend)),
        "/resume" => ("POST", Route::Act(Action::Resume)),
        path => ("GET", page::find(path).map(Route::Page).ok_or(Refusal::NotFound)?),
    };
    if request.method == method { Ok(route) } else { Err(Refusal::Method(method)) }
}

/// Returns a snapshot in JSON, of this program or of the node that is asked for.
fn snapshot(request: &Request, shared: &Shared) -> Result<Vec<u8>, Refusal> {
    match request.decoded("node")? {
        None => written(&take_snapshot(shared)?),
        Some(name) => {
            let _place = shared.snapshots.take_place()?;
            neighbour::snapshot(&name, shared.settings.status_timeout)
        }
    }
}

/// Takes a snapshot for one client. No more of them are taken at a time than there may be streams,
/// whose places they do not take.
fn take_snapshot(shared: &Shared) -> Result<Snapshot, Refusal> {
    let _place = shared.snapshots.take_place()?;
    Ok(snapshot_with(Options::new().cpu_times(true)))
}
