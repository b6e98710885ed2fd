//! What `net_adm:ping/1` asks: the call `{is_auth, Node}` of `net_kernel`.

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

use crate::gen_server::{CallResult, Caller, HandleCall, Requests, Wire, reply};
use crate::id::Node;
use crate::term::{Atom, Term, atom};

use super::serve::Kernel;

/// Whether the node that asks is let in: it would not be here otherwise.
#[derive(Clone, Copy, Debug)]
pub(super) struct IsAuth;

impl Serialize for IsAuth {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Term::Atom(atom_of(Node::local())).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for IsAuth {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<IsAuth, D::Error> {
        Term::deserialize(deserializer).map(|_| IsAuth)
    }
}

fn atom_of(node: Node) -> Atom {
    Atom::new(node.name()).expect("the name of a node is no longer than an atom")
}

impl Wire for Kernel {
    fn requests(accept: &mut Requests<Kernel>) {
        accept.call::<IsAuth>("is_auth");
    }
}

impl HandleCall<IsAuth> for Kernel {
    type Reply = Atom;

    fn handle_call(&mut self, IsAuth: IsAuth, _: &Caller<Atom>) -> CallResult<Kernel, IsAuth> {
        reply(atom("yes"))
    }
}
