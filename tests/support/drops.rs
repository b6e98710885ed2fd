//! Values that do something when they are dropped.

use std::any::Any;
use std::fmt::Debug;

use procession::prelude::*;

/// Runs a closure when it is dropped.
pub(crate) struct OnDrop<F: FnMut()>(pub(crate) F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// A message that runs `on_drop` when it is dropped.
pub(crate) fn message_on_drop(on_drop: impl FnMut() + Send + 'static) -> impl Any + Send + Debug {
    Opaque::new(OnDrop(on_drop))
}

/// Panics when it is dropped.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PanicsOnDrop;

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        panic!("a destructor");
    }
}
