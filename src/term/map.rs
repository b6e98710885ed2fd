//! Maps from terms to terms.

use super::Term;

/// A map from terms to terms: each key is there once, in their order.
///
/// OTP: [`maps`](https://www.erlang.org/doc/apps/stdlib/maps.html).
///
/// ```
/// use procession::term::{Map, Term, atom};
///
/// let map = Map::from_iter([(atom("size"), 2), (atom("age"), 7)]);
/// assert_eq!(map.get(&atom("size").into()), Some(&Term::Integer(2)));
/// assert_eq!(Term::Map(map).to_string(), "#{age => 7,size => 2}");
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Map {
    /// Sorted by their keys, which differ.
    pairs: Vec<(Term, Term)>,
}

impl Map {
    /// Returns the map of these pairs, or nothing if they have one key twice.
    pub(super) fn from_pairs(mut pairs: Vec<(Term, Term)>) -> Option<Map> {
        pairs.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        let is_unique = pairs.windows(2).all(|pair| pair[0].0 != pair[1].0);
        is_unique.then_some(Map { pairs })
    }

    /// Returns the value of `key`.
    pub fn get(&self, key: &Term) -> Option<&Term> {
        self.place(key).ok().map(|place| &self.pairs[place].1)
    }

    /// Sets the value of `key`, and returns the one that it had.
    pub fn insert(&mut self, key: Term, value: Term) -> Option<Term> {
        match self.place(&key) {
            Ok(place) => Some(std::mem::replace(&mut self.pairs[place].1, value)),
            Err(place) => {
                self.pairs.insert(place, (key, value));
                None
            }
        }
    }

    /// Returns the keys and their values, in the order of the keys.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Term, &Term)> {
        self.pairs.iter().map(|(key, value)| (key, value))
    }

    /// Returns how many keys it has.
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Whether it has no key.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// Where the key is, or would be.
    fn place(&self, key: &Term) -> Result<usize, usize> {
        self.pairs.binary_search_by(|(other, _)| other.cmp(key))
    }
}

/// Of pairs with the same key the last one counts.
impl<K: Into<Term>, V: Into<Term>> FromIterator<(K, V)> for Map {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Map {
        let pairs = pairs.into_iter().map(|(key, value)| (key.into(), value.into()));
        let mut pairs: Vec<(Term, Term)> = pairs.collect();
        // Stable: of one key the last pair stays last, and the first of the reversed ones is kept.
        pairs.reverse();
        pairs.sort_by(|(one, _), (other, _)| one.cmp(other));
        pairs.dedup_by(|(later, _), (kept, _)| later == kept);
        Map { pairs }
    }
}

impl IntoIterator for Map {
    type Item = (Term, Term);
    type IntoIter = std::vec::IntoIter<(Term, Term)>;

    fn into_iter(self) -> Self::IntoIter {
        self.pairs.into_iter()
    }
}
