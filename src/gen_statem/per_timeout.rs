//! A place for each timeout of a state machine.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::event_type::TimeoutType;

/// A value for each of some timeouts.
#[derive(Debug)]
pub(crate) struct PerTimeout<T> {
    event: Option<T>,
    state: Option<T>,
    named: BTreeMap<Cow<'static, str>, T>,
}

impl<T> PerTimeout<T> {
    pub(crate) fn new() -> PerTimeout<T> {
        PerTimeout { event: None, state: None, named: BTreeMap::new() }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.event.is_none() && self.state.is_none() && self.named.is_empty()
    }

    pub(crate) fn get(&self, timeout: &TimeoutType) -> Option<&T> {
        match timeout {
            TimeoutType::Event => self.event.as_ref(),
            TimeoutType::State => self.state.as_ref(),
            TimeoutType::Generic(name) => self.named.get(name),
        }
    }

    pub(crate) fn get_mut(&mut self, timeout: &TimeoutType) -> Option<&mut T> {
        match timeout {
            TimeoutType::Event => self.event.as_mut(),
            TimeoutType::State => self.state.as_mut(),
            TimeoutType::Generic(name) => self.named.get_mut(name),
        }
    }

    /// Sets the value of a timeout, in the place of the one that it has.
    pub(crate) fn insert(&mut self, timeout: TimeoutType, value: T) {
        match timeout {
            TimeoutType::Event => self.event = Some(value),
            TimeoutType::State => self.state = Some(value),
            TimeoutType::Generic(name) => _ = self.named.insert(name, value),
        }
    }

    #[inline]
    pub(crate) fn remove(&mut self, timeout: &TimeoutType) -> Option<T> {
        match timeout {
            TimeoutType::Event => self.event.take(),
            TimeoutType::State => self.state.take(),
            TimeoutType::Generic(name) => self.named.remove(name),
        }
    }

    pub(crate) fn each(&self) -> impl Iterator<Item = (TimeoutType, &T)> {
        let event = self.event.iter().map(|value| (TimeoutType::Event, value));
        let state = self.state.iter().map(|value| (TimeoutType::State, value));
        let named = self.named.iter();
        event.chain(state).chain(named.map(|(name, it)| (TimeoutType::Generic(name.clone()), it)))
    }

    pub(crate) fn into_each(self) -> impl Iterator<Item = (TimeoutType, T)> {
        let event = self.event.into_iter().map(|value| (TimeoutType::Event, value));
        let state = self.state.into_iter().map(|value| (TimeoutType::State, value));
        let named = self.named.into_iter();
        event.chain(state).chain(named.map(|(name, it)| (TimeoutType::Generic(name), it)))
    }
}
