//! The process of a listener that answers requests. When it is stopped, the listener stops
//! listening; the connections are told to end only after that.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::exit::ExitReason;
use crate::gen_server::{
    CastResult, GenServer, InitResult, ServerRef, StartOptions, answers, noreply, ready,
};
use crate::message::Message;
use crate::proc_lib;
use crate::supervisor::{ChildSpec, Shutdown};

use super::acceptor::start_returned;
use super::gate::Gate;
use super::shared::{Returned, Shared};
use super::{CONTROL, Info, LocalAddr};

pub(super) struct Control {
    shared: Arc<Shared>,
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.shared, f)
    }
}

impl GenServer for Control {
    type Args = Arc<Shared>;

    fn init(shared: Arc<Shared>) -> InitResult<Control> {
        // Whoever has stopped this process has stopped the listener from listening: then that ends,
        // and its supervisor starts it again.
        shared.opener()?;
        shared.set_control();
        let mut control = Control { shared };
        control.start_returned();
        ready(control)
    }

    fn handle_info(&mut self, message: Message) -> CastResult<Control> {
        // The others are exits of what this has started.
        if message.is::<Returned>() {
            self.start_returned();
        }
        noreply()
    }

    fn terminate(&mut self, reason: &ExitReason) {
        // If this has failed, or the supervisor of the connections has ended, this is only
        // restarted, and clients wait in the backlog until then.
        if *reason == ExitReason::Shutdown && self.shared.connections().is_some() {
            self.shared.close(true);
            self.drain(self.shared.settings.drain);
        }
    }
}

impl Control {
    pub(super) fn child_spec(shared: Arc<Shared>) -> ChildSpec<ServerRef<Control>> {
        let start = move || {
            let options = StartOptions::new().trap_exit(true);
            Control::start_link_with(Arc::clone(&shared), options)
        };
        ChildSpec::new(CONTROL, start).shutdown(Shutdown::Infinity)
    }

    /// Waits until all connections have ended, and those that were accepted and have not begun, for
    /// at most `time`.
    fn drain(&mut self, time: Duration) {
        self.start_returned();
        let gate = &self.shared.gate;
        let is_empty = || (gate.counts().permits == 0).then_some(());
        _ = gate.wait_until(time, None, is_empty);
    }

    fn info(&self) -> Info {
        let counts = self.shared.gate.counts();
        Info {
            address: self.address(),
            status: self.shared.status(),
            active_connections: counts.active,
            max_connections: counts.max,
            acceptors: self.shared.settings.acceptors,
        }
    }

    fn address(&self) -> LocalAddr {
        self.shared.address().expect("a listener that has started has listened")
    }

    /// Has each connection that was returned started by a process of its own, as it may have to
    /// wait for room.
    fn start_returned(&mut self) {
        // If there is no supervisor, this process is restarted when there is one.
        let Some(connections) = self.shared.connections() else { return };
        while let Some(connection) = self.shared.take_returned() {
            let shared = Arc::clone(&self.shared);
            // Here already, so that it counts as long as it waits.
            let permit = shared.gate.permit_anyway();
            let start = move || start_returned(&shared, connections, connection, permit);
            if let Err(error) = proc_lib::spawn_link(start) {
                // It is returned with the function, and so this is done again.
                return self.shared.pause(&error);
            }
        }
    }
}

#[derive(Debug)]
pub(super) struct GetInfo;
#[derive(Debug)]
pub(super) struct GetAddr;
#[derive(Debug)]
pub(super) struct GetGate;
#[derive(Debug)]
pub(super) struct SetMaxConnections(pub(super) usize);
/// Asks for what the processes share; weakly, as whoever has it keeps the socket open.
#[derive(Debug)]
pub(super) struct GetShared;

answers! {
    Control:
    GetInfo => GetInfo: Info, |this| this.info();
    GetAddr => GetAddr: LocalAddr, |this| this.address();
    GetGate => GetGate: Arc<Gate>, |this| Arc::clone(&this.shared.gate);
    GetShared => GetShared: Weak<Shared>, |this| Arc::downgrade(&this.shared);
    SetMaxConnections(max) => SetMaxConnections: (), |this| this.shared.gate.set_max(max);
}
