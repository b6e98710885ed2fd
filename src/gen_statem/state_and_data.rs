//! What a state machine has: a state, and data.

/// The state and the data of a state machine, as [`sys`](crate::sys) functions get it.
///
/// OTP: `{State, Data}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateAndData<S, D> {
    /// The state.
    pub state: S,
    /// The data: the value that implements [`GenStatem`](super::GenStatem).
    pub data: D,
}
