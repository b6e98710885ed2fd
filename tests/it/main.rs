//! The behaviour of the crate as a user sees it, a module per subject.

mod support;

mod races;
