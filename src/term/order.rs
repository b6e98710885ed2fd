//! The order of terms, and when they are equal.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use super::Term;

impl PartialEq for Term {
    fn eq(&self, other: &Term) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Term {}

impl PartialOrd for Term {
    fn partial_cmp(&self, other: &Term) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The order that Erlang has for the keys of a map: numbers, atoms, references, funs, ports, pids,
/// tuples, maps, lists, bit strings. Integers come before floats; tuples and maps are ordered by
/// their size first. Funs that only their node can call go by their bytes.
///
/// Two terms are equal if `=:=` says so in OTP 27 and later: `0.0` is not `-0.0`.
///
/// OTP: [Term comparisons](https://www.erlang.org/doc/system/expressions.html#term-comparisons).
impl Ord for Term {
    fn cmp(&self, other: &Term) -> Ordering {
        use Term::*;
        match (self, other) {
            (Integer(one), Integer(other)) => one.cmp(other),
            (BigInteger(one), BigInteger(other)) => one.cmp(other),
            (Integer(_), BigInteger(big)) => sign_order(big.is_negative()).reverse(),
            (BigInteger(big), Integer(_)) => sign_order(big.is_negative()),
            (Float(one), Float(other)) => one.total_cmp(other),
            (Atom(one), Atom(other)) => one.cmp(other),
            (Reference(one), Reference(other)) => one.cmp(other),
            (ExternalFun(one), ExternalFun(other)) => one.cmp(other),
            (Fun(one), Fun(other)) => one.cmp(other),
            (Port(one), Port(other)) => one.cmp(other),
            (Pid(one), Pid(other)) => one.cmp(other),
            (Tuple(one), Tuple(other)) => one.len().cmp(&other.len()).then_with(|| one.cmp(other)),
            (Map(one), Map(other)) => {
                // Each key once: it may be a map itself, and so on.
                let keys = || one.keys().cmp(other.keys());
                let values = || one.values().cmp(other.values());
                one.len().cmp(&other.len()).then_with(keys).then_with(values)
            }
            (List(_) | ImproperList(_), List(_) | ImproperList(_)) => compare_lists(self, other),
            (Binary(_) | BitString(_), Binary(_) | BitString(_)) => bits(self).cmp(&bits(other)),
            _ => rank(self).cmp(&rank(other)),
        }
    }
}

/// How a large integer compares with small ones.
fn sign_order(is_negative: bool) -> Ordering {
    if is_negative { Ordering::Less } else { Ordering::Greater }
}

/// The places of `[]` and of other lists.
const NIL: u8 = 10;
const LIST: u8 = 11;

/// The place of the type among the types.
fn rank(term: &Term) -> u8 {
    match term {
        Term::Integer(_) | Term::BigInteger(_) => 0,
        Term::Float(_) => 1,
        Term::Atom(_) => 2,
        Term::Reference(_) => 3,
        Term::Fun(_) => 4,
        Term::ExternalFun(_) => 5,
        Term::Port(_) => 6,
        Term::Pid(_) => 7,
        Term::Tuple(_) => 8,
        Term::Map(_) => 9,
        Term::List(items) if items.is_empty() => NIL,
        Term::List(_) | Term::ImproperList(_) => LIST,
        Term::Binary(_) | Term::BitString(_) => 12,
    }
}

/// Compares them element by element; then what is left of each, by its type.
fn compare_lists(one: &Term, other: &Term) -> Ordering {
    let ((one, one_tail), (other, other_tail)) = (cells(one), cells(other));
    let common = one.len().min(other.len());
    let rest = || match (one.len() > common, other.len() > common) {
        (false, false) => match (one_tail, other_tail) {
            (Some(one), Some(other)) => one.cmp(other),
            (one, other) => tail_rank(one).cmp(&tail_rank(other)),
        },
        // What is left of the longer one is a list.
        (true, _) => LIST.cmp(&tail_rank(other_tail)),
        (false, true) => tail_rank(one_tail).cmp(&LIST),
    };
    one[..common].cmp(&other[..common]).then_with(rest)
}

/// The elements of a list, and what stands in the place of its end.
fn cells(list: &Term) -> (&[Term], Option<&Term>) {
    if let Term::List(items) = list {
        (items, None)
    } else if let Term::ImproperList(list) = list {
        (list.items(), Some(list.tail()))
    } else {
        (&[], Some(list))
    }
}

fn tail_rank(tail: Option<&Term>) -> u8 {
    tail.map_or(NIL, rank)
}

/// The bytes of a bit string, and how many bits of its last byte count.
fn bits(term: &Term) -> (&[u8], u8) {
    if let Term::BitString(bits) = term {
        (bits.bytes(), bits.last_bits())
    } else if let Term::Binary(bytes) = term {
        (bytes, 8)
    } else {
        (&[], 8)
    }
}

impl Hash for Term {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match self {
            Term::Integer(number) => number.hash(state),
            Term::BigInteger(number) => number.hash(state),
            Term::Float(number) => number.to_bits().hash(state),
            Term::Atom(atom) => atom.hash(state),
            Term::Binary(bytes) => bytes.hash(state),
            Term::BitString(bits) => bits.hash(state),
            Term::List(items) | Term::Tuple(items) => items.hash(state),
            Term::ImproperList(list) => list.hash(state),
            Term::Map(map) => map.hash(state),
            Term::Pid(pid) => pid.hash(state),
            Term::Reference(reference) => reference.hash(state),
            Term::Port(port) => port.hash(state),
            Term::Fun(fun) => fun.hash(state),
            Term::ExternalFun(fun) => fun.hash(state),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::term::{ExternalPid, ExternalPort, ExternalRef, ImproperList, atom};

    #[test]
    fn lists_are_compared_by_cells_and_maps_by_their_keys_first() {
        let list = |items: &[i64]| Term::List(items.iter().map(|&n| n.into()).collect());
        let improper = |items: &[i64], tail: Term| {
            ImproperList::new(items.iter().map(|&n| n.into()).collect(), tail)
        };
        let map = |pairs: &[(i64, i64)]| Term::Map(pairs.iter().copied().collect());
        // OTP 25, run: sorted by the keys of a map.
        let sorted = [
            Term::from(-1_i128 << 70),
            Term::Integer(2),
            Term::from(1_i128 << 70),
            Term::Float(-0.0),
            Term::Float(0.0),
            atom("a").into(),
            Term::Tuple(vec![2.into()]),
            Term::Tuple(vec![1.into(), 1.into()]),
            map(&[(2, 0)]),
            map(&[(1, 9), (2, 0)]),
            map(&[(1, 0), (3, 0)]),
            list(&[]),
            improper(&[1], atom("z").into()),
            list(&[1]),
            list(&[1, 0]),
            improper(&[1], "bits".into()),
            list(&[2]),
            "a".into(),
            "ab".into(),
        ];
        for (place, term) in sorted.iter().enumerate() {
            for (other_place, other) in sorted.iter().enumerate() {
                assert_eq!(term.cmp(other), place.cmp(&other_place), "{term} {other}");
            }
        }
    }

    /// OTP 25, run: `lists:sort/1`.
    #[test]
    fn pids_references_and_ports_are_ordered_as_in_erlang() {
        #[track_caller]
        fn check<T: Into<Term> + Clone>(sorted: &[T]) {
            for (place, one) in sorted.iter().enumerate() {
                for (other_place, other) in sorted.iter().enumerate() {
                    let (one, other): (Term, Term) = (one.clone().into(), other.clone().into());
                    assert_eq!(one.cmp(&other), place.cmp(&other_place), "{one} {other}");
                }
            }
        }

        let nodes = || [("a@h", 5), ("a@h", 6), ("b@h", 5)].into_iter();
        let pid =
            |(node, creation), id, serial| ExternalPid { node: atom(node), id, serial, creation };
        let numbers = [(1, 1), (2, 1), (1, 2), (2, 2)];
        let pids =
            numbers.iter().flat_map(|&(id, serial)| nodes().map(move |node| pid(node, id, serial)));
        check(&pids.collect::<Vec<_>>());

        let words: [&[u32]; 9] = [
            &[1],
            &[2],
            &[0, 1],
            &[2, 1],
            &[1, 2],
            &[0, 0, 1],
            &[3, 2, 1],
            &[1, 2, 3],
            &[1, 2, 3, 0, 1],
        ];
        let references = nodes().flat_map(|(node, creation)| {
            words.iter().map(move |words| ExternalRef::new(atom(node), creation, words))
        });
        check(&references.collect::<Vec<_>>());
        let [short, long] = [&[1, 2, 3][..], &[1, 2, 3, 0, 0]]
            .map(|words| Term::from(ExternalRef::new(atom("a@h"), 5, words)));
        assert_eq!(short, long);

        let ports = nodes().flat_map(|(node, creation)| {
            [1, 2, 1 << 40].map(|id| ExternalPort { node: atom(node), id, creation })
        });
        check(&ports.collect::<Vec<_>>());
    }
}
