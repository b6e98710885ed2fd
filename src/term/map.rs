//! Maps from terms to terms.

use std::slice;

use super::Term;
use super::atom::atom;

/// A map from terms to terms: each key is there once, in their order.
///
/// OTP: [`maps`](https://www.erlang.org/doc/apps/stdlib/maps.html).
///
/// ```
/// use procession::term::{Map, Term, atom};
///
/// let map = Map::from_iter([(atom("size"), 2), (atom("age"), 7)]);
/// assert_eq!(map.get_atom("size"), Some(&Term::Integer(2)));
/// assert_eq!(map.get(&Term::from(7)), None);
/// assert_eq!(Term::Map(map).to_string(), "#{age => 7,size => 2}");
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Map {
    /// Sorted by their keys, which differ.
    pairs: Vec<(Term, Term)>,
}

impl Map {
    /// Returns a map without keys.
    pub fn new() -> Map {
        Map::default()
    }

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

    /// Returns the value of the key that is the atom of this name.
    pub fn get_atom(&self, name: &str) -> Option<&Term> {
        let nameless = Term::Atom(atom(""));
        let place = self.pairs.binary_search_by(|(key, _)| match key.as_atom() {
            Some(key) => key.as_str().cmp(name),
            // All that are no atoms are on one side of all atoms.
            None => key.cmp(&nameless),
        });
        place.ok().map(|place| &self.pairs[place].1)
    }

    /// Whether `key` is there.
    pub fn contains_key(&self, key: &Term) -> bool {
        self.place(key).is_ok()
    }

    /// Sets the value of `key`, and returns the one that it had.
    ///
    /// A new key moves those behind it, so a large map is better made of all its keys at once: by
    /// [`collect`](Iterator::collect).
    pub fn insert(&mut self, key: Term, value: Term) -> Option<Term> {
        match self.place(&key) {
            Ok(place) => Some(std::mem::replace(&mut self.pairs[place].1, value)),
            Err(place) => {
                self.pairs.insert(place, (key, value));
                None
            }
        }
    }

    /// Removes `key`, and returns its value. Those behind it move.
    pub fn remove(&mut self, key: &Term) -> Option<Term> {
        self.place(key).ok().map(|place| self.pairs.remove(place).1)
    }

    /// Returns the keys and their values, in the order of the keys.
    pub fn iter(&self) -> Pairs<'_> {
        Pairs(self.pairs.iter())
    }

    /// Returns the keys in their order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &Term> {
        self.pairs.iter().map(|(key, _)| key)
    }

    /// Returns the values, in the order of their keys.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &Term> {
        self.pairs.iter().map(|(_, value)| value)
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

impl<'a> IntoIterator for &'a Map {
    type Item = (&'a Term, &'a Term);
    type IntoIter = Pairs<'a>;

    fn into_iter(self) -> Pairs<'a> {
        self.iter()
    }
}

/// The keys of a map and their values, in the order of the keys: what [`Map::iter`] returns.
#[derive(Clone, Debug)]
pub struct Pairs<'a>(slice::Iter<'a, (Term, Term)>);

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a Term, &'a Term);

    fn next(&mut self) -> Option<(&'a Term, &'a Term)> {
        self.0.next().map(|(key, value)| (key, value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl ExactSizeIterator for Pairs<'_> {}

impl DoubleEndedIterator for Pairs<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.next_back().map(|(key, value)| (key, value))
    }
}
