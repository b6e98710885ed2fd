//! This node as the others know it, and what its processes and references are on the wire.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::id::{Alias, MonitorRef, Pid};
use crate::runtime::table::known_as;
use crate::term::{WirePid, WireRef};

use super::epmd::Epmd;
use super::handshake::Identity;
use super::offers::Offers;
#[cfg(feature = "dist-tls")]
use super::tls;

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
    /// What other nodes may have run.
    pub(super) offers: Arc<Offers>,
    #[cfg(feature = "dist-tls")]
    pub(super) tls: Option<tls::Configs>,
}

impl Local {
    /// A node that nobody can dial.
    #[cfg(test)]
    pub(super) fn for_tests() -> Arc<Local> {
        let identity = Identity {
            name: super::name::NodeName::new("here@loopback").unwrap(),
            creation: 7,
            flags: super::handshake::Flags::ours(true),
            cookie: super::cookie::Cookie::new("a cookie").unwrap(),
        };
        let time = Duration::from_secs(20);
        let settings =
            Settings { is_hidden: true, tick_time: time, set_up_time: time, max_frame: 1000 };
        Arc::new(Local {
            identity,
            epmd: None,
            own_epmd: None,
            peers: HashMap::new(),
            port: 0,
            settings,
            offers: Arc::default(),
            #[cfg(feature = "dist-tls")]
            tls: None,
        })
    }

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

    /// Returns a monitor of a process of this node as it is on the wire.
    pub(super) fn wire_ref(&self, monitor: MonitorRef) -> WireRef<'_> {
        let words = Alias::from(monitor).words();
        let reference = WireRef::new(self.name().into(), self.identity.creation, &words);
        reference.expect("a reference has up to five words")
    }

    /// Returns the alias, or monitor, of this node that a reference is, if it can be one.
    pub(super) fn alias(&self, reference: &WireRef<'_>) -> Option<Alias> {
        Alias::of_words(&reference.node, reference.creation, reference.words())
    }
}
