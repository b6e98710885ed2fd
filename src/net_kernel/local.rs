//! This node as the others know it, and what its processes and references are on the wire.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU64;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use crate::id::{MonitorRef, Pid};
use crate::runtime::table::known_as;
use crate::term::{WirePid, WireRef};

use super::epmd::Epmd;
use super::handshake::Identity;

/// What can be set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) is_hidden: bool,
    /// How long a node may be silent, as a measure.
    pub(super) tick_time: Duration,
    /// How long it may take to connect.
    pub(super) set_up_time: Duration,
    /// The most bytes of a frame.
    pub(super) max_frame: usize,
}

/// Returns a pid as it is on the wire.
pub(super) fn wire_pid(pid: Pid) -> WirePid<'static> {
    let [id, serial, creation] = pid.numbers();
    WirePid { node: pid.node().name().into(), id, serial, creation }
}

/// This node, for as long as it is one.
#[derive(Debug)]
pub(super) struct Local {
    pub(super) identity: Identity,
    /// What knows where nodes listen.
    pub(super) epmd: Option<Epmd>,
    /// Where an EPMD of this program listens if there is no other.
    pub(super) own_epmd: Option<IpAddr>,
    /// Where nodes listen that EPMD is not asked for.
    pub(super) peers: HashMap<String, SocketAddr>,
    /// Where it listens.
    pub(super) port: u16,
    pub(super) settings: Settings,
    /// How many nodes have connected, and are not through with the handshake.
    pub(super) guests: AtomicUsize,
}

impl Local {
    fn name(&self) -> &str {
        self.identity.name.as_str()
    }

    /// Returns the pid of no process, for what no process sends.
    pub(super) fn nobody(&self) -> WirePid<'_> {
        WirePid { node: self.name().into(), id: 0, serial: 0, creation: self.identity.creation }
    }

    /// Returns whether a pid is of this node, in this or an earlier life of it.
    pub(super) fn is_own(&self, pid: &WirePid<'_>) -> bool {
        pid.node == self.name()
    }

    /// Returns the process of this node that a pid is of, if there is or was one; `None` for one of
    /// an earlier life of it, too.
    pub(super) fn own(&self, pid: &WirePid<'_>) -> Option<Pid> {
        let is_own = self.is_own(pid) && pid.creation == self.identity.creation;
        is_own.then(|| known_as(pid.id, pid.serial)).flatten()
    }

    /// Returns a monitor of a process of this node as it is on the wire: its owner is in it, so
    /// that it is found without a table.
    pub(super) fn wire_ref(&self, monitor: MonitorRef) -> WireRef<'_> {
        let id = monitor.id.get();
        let words =
            [id as u32, (id >> 32) as u32, monitor.owner.index(), monitor.owner.serial(), 0];
        let reference = WireRef::new(self.name().into(), self.identity.creation, &words);
        reference.expect("a reference has up to five words")
    }

    /// Returns the monitor, or alias, of this node that a reference is, if it can be one.
    pub(super) fn monitor(&self, reference: &WireRef<'_>) -> Option<MonitorRef> {
        let is_own = reference.node == self.name() && reference.creation == self.identity.creation;
        let &[low, high, index, serial, 0] = reference.words() else { return None };
        let id = NonZeroU64::new(u64::from(high) << 32 | u64::from(low))?;
        let owner = is_own.then(|| known_as(index, serial)).flatten()?;
        Some(MonitorRef { id, owner })
    }
}
