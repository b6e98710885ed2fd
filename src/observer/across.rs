//! Snapshots of other nodes, which these offer.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use crate::id::Node;
use crate::net_kernel::NetKernel;
use crate::rpc::{self, RpcError};
use crate::term::{self, Atom, DecodeError, Term};

use super::{Options, Snapshot};

/// The function that is offered.
const FUNCTION: (&str, &str) = ("procession", "snapshot");

/// How long a snapshot of another node is waited for by default: as long as a call.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Lets other nodes look at this program, by [`snapshot_of`], or as Erlang's
/// `erpc:call(Node, procession, snapshot, [CpuTimes, Stacks])`, of two booleans. What is not
/// offered they cannot see.
///
/// They see what is in a [`Snapshot`]: names, labels, types and numbers, but neither messages nor
/// states.
///
/// ```no_run
/// use procession::net_kernel::NetKernel;
/// use procession::observer;
///
/// let node = observer::offer(NetKernel::named("shop@127.0.0.1")).start_link()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn offer(node: NetKernel) -> NetKernel {
    let (module, name) = FUNCTION;
    let snapshot =
        |cpu_times, stacks| Snapshot::take(Options::new().cpu_times(cpu_times).stacks(stacks));
    node.offer(module, name, snapshot)
}

/// Looks at the whole program that another node is, if that [offers](offer) it. Waits for at most
/// five seconds.
///
/// The other node takes the snapshot in a process made for it, and none of its other processes is
/// asked, but for the server `rex`, which starts that one.
///
/// ```no_run
/// use procession::{Node, observer};
///
/// let shop = Node::named("shop@127.0.0.1");
/// let snapshot = observer::snapshot_of(shop)?;
/// println!("{}", snapshot.term());
/// # Ok::<(), procession::rpc::RpcError>(())
/// ```
///
/// # Errors
///
/// As [`rpc::call_timeout`]: [`RpcError::BadRpc`] with `undef` if the node does not offer it.
pub fn snapshot_of(node: Node) -> Result<RemoteSnapshot, RpcError> {
    snapshot_of_with(node, Options::new(), TIMEOUT)
}

/// As [`snapshot_of`], with what the options ask for, and for at most `timeout`.
///
/// # Errors
///
/// As [`snapshot_of`].
pub fn snapshot_of_with(
    node: Node,
    options: Options,
    timeout: Duration,
) -> Result<RemoteSnapshot, RpcError> {
    let (module, name) = FUNCTION;
    let arguments = (options.cpu_times, options.stacks);
    let term = rpc::call_timeout(node, module, name, &arguments, timeout)?;
    Ok(RemoteSnapshot { node, term })
}

/// A look at the whole program that another node is, as that has told it.
///
/// It serializes to a format that describes itself, such as JSON, as a [`Snapshot`] does that is
/// taken there, whichever version of the crate has taken it: who shows one shows the other. Pids
/// are texts, and those of the other node: its process `<0.7.0>` is another one than `<0.7.0>`
/// here.
///
/// A program that wants to read it declares what it looks at:
///
/// ```no_run
/// use procession::{Node, observer};
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct Shop {
///     processes: Vec<Process>,
/// }
/// #[derive(Deserialize)]
/// struct Process {
///     pid: String,
///     message_queue_len: usize,
/// }
///
/// let snapshot = observer::snapshot_of(Node::named("shop@127.0.0.1"))?;
/// let shop: Shop = snapshot.read()?;
/// for process in shop.processes {
///     println!("{}: {}", process.pid, process.message_queue_len);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RemoteSnapshot {
    node: Node,
    term: Term,
}

impl RemoteSnapshot {
    /// Returns the node that it is of.
    pub fn node(&self) -> Node {
        self.node
    }

    /// Returns the term that the node has sent: a map, as a [`Snapshot`] is [spelt](crate::term).
    pub fn term(&self) -> &Term {
        &self.term
    }

    /// Reads it as a type of the program's own, which has those of the fields of a [`Snapshot`]
    /// that are of interest.
    ///
    /// # Errors
    ///
    /// If the term is not of this type.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        term::from_term(&self.term)
    }
}

impl Serialize for RemoteSnapshot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Spelt(&self.term).serialize(serializer)
    }
}

/// A term that a value of Rust is spelt as: what that was is known of its shape.
struct Spelt<'a>(&'a Term);

impl Serialize for Spelt<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Term::Integer(value) => serializer.serialize_i64(*value),
            Term::Float(value) => serializer.serialize_f64(*value),
            Term::Atom(atom) => atom_as_value(atom, serializer),
            Term::Binary(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => serializer.serialize_str(text),
                Err(_) => serializer.serialize_bytes(bytes),
            },
            Term::List(elements) => sequence(elements, serializer),
            Term::Tuple(elements) => match &elements[..] {
                // A variant that has a value.
                [Term::Atom(name), value] => {
                    let mut map = serializer.serialize_map(Some(1))?;
                    map.serialize_entry(name.as_str(), &Spelt(value))?;
                    map.end()
                }
                elements => sequence(elements, serializer),
            },
            Term::Map(pairs) => {
                let mut map = serializer.serialize_map(Some(pairs.len()))?;
                for (key, value) in pairs.iter() {
                    map.serialize_entry(&Spelt(key), &Spelt(value))?;
                }
                map.end()
            }
            Term::BigInteger(_)
            | Term::BitString(_)
            | Term::ImproperList(_)
            | Term::Pid(_)
            | Term::Reference(_)
            | Term::Port(_)
            | Term::Fun(_)
            | Term::ExternalFun(_) => serializer.collect_str(self.0),
        }
    }
}

fn sequence<S: Serializer>(elements: &[Term], serializer: S) -> Result<S::Ok, S::Error> {
    let mut sequence = serializer.serialize_seq(Some(elements.len()))?;
    elements.iter().try_for_each(|element| sequence.serialize_element(&Spelt(element)))?;
    sequence.end()
}

/// A boolean, nothing, or a variant without a value.
fn atom_as_value<S: Serializer>(atom: &Atom, serializer: S) -> Result<S::Ok, S::Error> {
    match atom.as_str() {
        "true" => serializer.serialize_bool(true),
        "false" => serializer.serialize_bool(false),
        "undefined" => serializer.serialize_none(),
        name => serializer.serialize_str(name),
    }
}
