//! What scopes say to each other, and the names of groups in it, as terms.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::Arc;

use once_cell::sync::Lazy;
use parking_lot::RwLock;
use serde::de::{DeserializeOwned, Error as _};
use serde::ser::Serialize;

use crate::external;
use crate::id::Pid;
use crate::term;
use crate::term::{Atom, DecodeError, Term, WireTerm, atom};

use super::Group;
use super::peers::Said;

/// How the names of groups of one type are spelt.
#[derive(Debug)]
pub(super) struct Spelling<G> {
    write: fn(&G) -> Option<Term>,
    read: fn(&Term) -> Option<G>,
}

impl<G> Clone for Spelling<G> {
    fn clone(&self) -> Spelling<G> {
        *self
    }
}

impl<G> Copy for Spelling<G> {}

type Spellings = HashMap<TypeId, Box<dyn Any + Send + Sync>>;

static SPELLINGS: Lazy<RwLock<Spellings>> = Lazy::new(|| {
    let mut known = Spellings::new();
    macro_rules! spell {
        ($($type:ty),+ $(,)?) => { $(add::<$type>(&mut known, Spelling::by_serde());)+ };
    }
    spell!(Term, Atom, String, Pid, bool, char, ());
    spell!(i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize);
    let read = |term: &Term| term::from_term::<String>(term).ok().map(Arc::from);
    add::<Arc<str>>(&mut known, Spelling { write: |text| Some((&**text).into()), read });
    RwLock::new(known)
});

fn add<G: Group>(known: &mut Spellings, spelling: Spelling<G>) {
    known.insert(TypeId::of::<G>(), Box::new(spelling));
}

impl<G: Group> Spelling<G> {
    fn by_serde() -> Spelling<G>
    where
        G: Serialize + DeserializeOwned,
    {
        Spelling {
            write: |group| term::to_term(group).ok(),
            read: |term| term::from_term(term).ok(),
        }
    }

    /// Lets groups of this type be known on other nodes.
    pub(super) fn declare()
    where
        G: Serialize + DeserializeOwned,
    {
        add::<G>(&mut SPELLINGS.write(), Spelling::by_serde());
    }

    /// Returns how groups of this type are spelt; `None` if they are of this node alone.
    pub(super) fn of_type() -> Option<Spelling<G>> {
        let known = SPELLINGS.read();
        known.get(&TypeId::of::<G>())?.downcast_ref::<Spelling<G>>().copied()
    }

    /// Returns what is sent for what is said. A group that is no term is left out.
    pub(super) fn write(self, said: &Said<Arc<G>>) -> Option<Term> {
        Some(match said {
            Said::Discover(from) => tuple([word("discover"), pid(*from)]),
            Said::Sync(from, groups) => {
                let group = |(group, members): &(Arc<G>, Vec<Pid>)| {
                    Some(tuple([(self.write)(group)?, pids(members)]))
                };
                let groups = Term::List(groups.iter().filter_map(group).collect());
                let sync = tuple([word("sync"), pid(*from), groups]);
                tuple([word("$gen_cast"), sync])
            }
            Said::Join(from, group, members) => {
                tuple([word("join"), pid(*from), (self.write)(group)?, pids(members)])
            }
            Said::Leave(from, members, groups) => {
                let groups = groups.iter().filter_map(|group| (self.write)(group)).collect();
                tuple([word("leave"), pid(*from), pids(members), Term::List(groups)])
            }
        })
    }

    /// Returns what a message says that needs the names of groups. Groups of other types are left
    /// out, and so are processes of other nodes than the sender's.
    fn read(self, what: &str, rest: &[Term]) -> Option<Said<Arc<G>>> {
        match (what, rest) {
            ("sync", [from, Term::List(groups)]) => {
                let from = peer(from)?;
                let groups = groups.iter().filter_map(|group| self.group(from, group));
                Some(Said::Sync(from, groups.collect()))
            }
            ("join", [from, group, members]) => {
                let from = peer(from)?;
                Some(Said::Join(from, Arc::new((self.read)(group)?), members_of(from, members)?))
            }
            ("leave", [from, members, Term::List(groups)]) => {
                let from = peer(from)?;
                let groups = groups.iter().filter_map(|group| (self.read)(group)).map(Arc::new);
                Some(Said::Leave(from, members_of(from, members)?, groups.collect()))
            }
            _ => None,
        }
    }

    fn group(self, from: Pid, group: &Term) -> Option<(Arc<G>, Vec<Pid>)> {
        let Term::Tuple(group) = group else { return None };
        let [group, members] = &group[..] else { return None };
        Some((Arc::new((self.read)(group)?), members_of(from, members)?))
    }
}

/// Reads what a scope of another node says.
pub(super) fn read<G: Group>(message: WireTerm<'_>) -> Result<Said<Arc<G>>, DecodeError> {
    let read = |message: WireTerm<'_>| {
        let said = said(&message.read()?);
        said.ok_or_else(|| DecodeError::custom("no scope of another node says so"))
    };
    external::read_by(read, message)
}

fn said<G: Group>(message: &Term) -> Option<Said<Arc<G>>> {
    let Term::Tuple(elements) = message else { return None };
    let (Term::Atom(what), rest) = elements.split_first()? else { return None };
    match (what.as_str(), rest) {
        ("discover", [from] | [from, _]) => peer(from).map(Said::Discover),
        (what, rest) => Spelling::of_type()?.read(what, rest),
    }
}

fn word(name: &'static str) -> Term {
    atom(name).into()
}

fn tuple<const N: usize>(elements: [Term; N]) -> Term {
    Term::Tuple(elements.into())
}

fn pid(pid: Pid) -> Term {
    term::to_term(&pid).expect("a pid is a term")
}

fn pids(members: &[Pid]) -> Term {
    Term::List(members.iter().map(|member| pid(*member)).collect())
}

/// Returns the scope of another node that a term is.
fn peer(term: &Term) -> Option<Pid> {
    term::from_term::<Pid>(term).ok().filter(|pid| pid.is_remote())
}

/// Returns the members of a group that a peer tells of: a process, or a list of them.
fn members_of(peer: Pid, members: &Term) -> Option<Vec<Pid>> {
    let members = match term::from_term::<Pid>(members) {
        Ok(member) => vec![member],
        Err(_) => term::from_term::<Vec<Pid>>(members).ok()?,
    };
    let of_peer = |member: &Pid| member.incarnation() == peer.incarnation();
    Some(members.into_iter().filter(of_peer).collect())
}
