//! Destinations: pids, aliases and names of processes, here or on other nodes.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::id::{Alias, Node, Pid, Whereabouts};
#[cfg(feature = "dist")]
use crate::term::ExternalRef;

use super::Via;

/// A name that a process can be registered as.
///
/// OTP: [`server_name()`](https://www.erlang.org/doc/apps/stdlib/gen_server.html#t:server_name/0).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Name {
    /// A name in the runtime's own table: see [`register`](crate::process::register).
    Local(Arc<str>),
    /// A name that a registrar keeps.
    Via(Via),
}

impl<S: Into<Arc<str>>> From<S> for Name {
    fn from(name: S) -> Name {
        Name::Local(name.into())
    }
}

impl From<Via> for Name {
    fn from(name: Via) -> Name {
        Name::Via(name)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Name::Local(name) => f.write_str(name),
            Name::Via(name) => fmt::Display::fmt(name, f),
        }
    }
}

/// A process, by its pid, by an alias, or by a name that is looked up at each use.
///
/// Messages, requests, monitors, signals and timers are addressed to a destination. Functions that
/// take one accept pids, aliases, names and the references of servers; and a name with the node
/// that it is looked up on, `("logger", node)`.
///
/// ```
/// # #[cfg(feature = "dist")] {
/// use procession::Node;
/// use procession::prelude::*;
/// use std::time::Duration;
///
/// let logger = ("logger", Node::named("beam@127.0.0.1"));
/// process::send(logger, "to nobody");
/// // This program is not a node yet, so it is connected with none.
/// let reason = process::join(logger, Duration::from_secs(5));
/// assert_eq!(reason, Some(ExitReason::NoConnection));
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Destination {
    /// The process with this pid.
    Pid(Pid),
    /// The process that made this alias, as long as the alias is active.
    Alias(Alias),
    /// The process that has this name at the time.
    Name(Name),
    /// The process that has this name on that node at the time. Of this node, it is the
    /// [`Name`](Self::Name).
    OnNode(Arc<str>, Node),
    /// The process of another node that has made this reference as an alias, as long as the alias
    /// is active.
    #[cfg(feature = "dist")]
    Reference(Box<ExternalRef>),
}

impl Destination {
    /// Returns the process, if this always leads to the same one.
    pub(crate) fn fixed_pid(&self) -> Option<Pid> {
        match self {
            Destination::Pid(pid) => Some(*pid),
            Destination::Alias(alias) => Some(alias.owner),
            Destination::Name(_) | Destination::OnNode(..) => None,
            #[cfg(feature = "dist")]
            Destination::Reference(_) => None,
        }
    }

    /// Returns the destination for a monitor: an alias cannot be monitored, but its process can.
    pub(crate) fn without_alias(self) -> Destination {
        match self {
            Destination::Alias(alias) => Destination::Pid(alias.owner),
            Destination::Pid(_) | Destination::Name(_) | Destination::OnNode(..) => self,
            #[cfg(feature = "dist")]
            Destination::Reference(_) => self,
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Destination::Pid(pid) => fmt::Display::fmt(&Whereabouts(*pid), f),
            Destination::Alias(alias) => fmt::Debug::fmt(alias, f),
            Destination::Name(name) => fmt::Display::fmt(name, f),
            Destination::OnNode(name, node) => write!(f, "{{{name}, {node}}}"),
            #[cfg(feature = "dist")]
            Destination::Reference(reference) => fmt::Display::fmt(reference, f),
        }
    }
}

impl PartialEq<Pid> for Destination {
    fn eq(&self, pid: &Pid) -> bool {
        matches!(self, Destination::Pid(own) if own == pid)
    }
}

impl From<Pid> for Destination {
    fn from(pid: Pid) -> Destination {
        Destination::Pid(pid)
    }
}

impl From<Alias> for Destination {
    fn from(alias: Alias) -> Destination {
        Destination::Alias(alias)
    }
}

impl From<Name> for Destination {
    fn from(name: Name) -> Destination {
        Destination::Name(name)
    }
}

/// Names of the runtime's own table. They are listed, as a pair of a name and a node could be a
/// name otherwise, for all that the compiler knows.
macro_rules! local_names {
    ($($name:ty),+ $(,)?) => {
        $(
            impl From<$name> for Destination {
                fn from(name: $name) -> Destination {
                    Destination::Name(Name::Local(name.into()))
                }
            }
        )+
    };
}

local_names!(&str, &mut str, String, Arc<str>, Box<str>, Cow<'_, str>);

impl<N: Into<Arc<str>>> From<(N, Node)> for Destination {
    fn from((name, node): (N, Node)) -> Destination {
        let name = name.into();
        if node.is_here() {
            Destination::Name(Name::Local(name))
        } else {
            Destination::OnNode(name, node)
        }
    }
}

impl From<Via> for Destination {
    fn from(name: Via) -> Destination {
        Destination::Name(Name::Via(name))
    }
}

/// An alias, as other nodes know it: one of this node, or one of another.
#[cfg(feature = "dist")]
impl From<ExternalRef> for Destination {
    fn from(reference: ExternalRef) -> Destination {
        let ExternalRef { node, creation, .. } = &reference;
        match Alias::of_words(node.as_str(), *creation, reference.words()) {
            Some(alias) => Destination::Alias(alias),
            None => Destination::Reference(Box::new(reference)),
        }
    }
}

#[cfg(all(test, feature = "dist"))]
mod tests {
    use crate::id::Incarnation;

    use super::*;

    #[test]
    fn what_is_of_another_node_prints_with_its_name() {
        let node = Node::named("destination::tests@there");
        let pid = Pid::remote(Incarnation::of(node, 1).unwrap(), 93, 0);
        let printed = Destination::from(pid).to_string();
        assert!(printed.ends_with(".93.0> on destination::tests@there"), "{printed}");
        let printed = Destination::from(("logger", node)).to_string();
        assert_eq!(printed, "{logger, destination::tests@there}");
        assert_eq!(Destination::from(("logger", Node::local())).to_string(), "logger");
        let here = Pid::local(1, std::num::NonZeroU64::MIN);
        assert_eq!(Destination::from(here).to_string(), here.to_string());
    }
}
