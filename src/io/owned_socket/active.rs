//! How a socket gives its data to its owner, as a value.

/// Whether the data of a socket is sent to its owner as messages, and how many times.
///
/// OTP: the option `active` of
/// [`inet:setopts/2`](https://www.erlang.org/doc/apps/kernel/inet.html#setopts/2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Active {
    /// Nothing is sent: the data is read with [`recv`](super::OwnedSocket::recv). The socket is
    /// *passive*.
    #[default]
    False,
    /// One packet is sent; then the socket is passive.
    Once,
    /// So many packets are sent; then the socket is passive, and says so by a
    /// [`Passive`](super::Passive). A socket that is counting already adds the number, which can be
    /// negative.
    N(i16),
    /// All packets are sent, as they come. The owner has no way to slow down the other side, whose
    /// data fills its mailbox if it comes faster than it is handled.
    True,
}

/// What follows from a change of [`Active`], or from a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Next {
    pub(super) active: Active,
    /// Whether the owner is told that the socket is passive.
    pub(super) tells: bool,
}

impl Active {
    /// What is so when the option is set to `wanted`. `None` if the count would be more than
    /// 32,767.
    pub(super) fn set(self, wanted: Active) -> Option<Next> {
        let next = match (self, wanted) {
            (Active::N(left), Active::N(more)) if i32::from(left) + i32::from(more) > 0 => {
                Next { active: Active::N(left.checked_add(more)?), tells: false }
            }
            (Active::False | Active::Once | Active::True, Active::N(count)) if count > 0 => {
                Next { active: wanted, tells: false }
            }
            (_, Active::N(_)) => Next { active: Active::False, tells: true },
            (_, Active::False | Active::Once | Active::True) => {
                Next { active: wanted, tells: false }
            }
        };
        Some(next)
    }

    /// What is so when a packet is sent to the owner. `None` if it must not be.
    pub(super) fn count(self) -> Option<Next> {
        let (active, tells) = match self {
            Active::False => return None,
            Active::Once => (Active::False, false),
            Active::N(left) if left > 1 => (Active::N(left - 1), false),
            Active::N(_) => (Active::False, true),
            Active::True => (Active::True, false),
        };
        Some(Next { active, tells })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(before: Active, wanted: Active, expected: Option<(Active, bool)>) {
        let next = before.set(wanted).map(|next| (next.active, next.tells));
        assert_eq!(next, expected, "{before:?}, {wanted:?}");
    }

    // OTP 25, run; gen_tcp_misc_SUITE:active_n.
    #[test]
    fn counts_are_added_and_other_modes_are_set() {
        use Active::{False, N, Once, True};
        check(False, N(3), Some((N(3), false)));
        check(N(3), N(-1), Some((N(2), false)));
        check(N(2), N(-2), Some((False, true)));
        check(False, N(-5), Some((False, true)));
        check(False, N(0), Some((False, true)));
        check(N(1), N(i16::MAX - 1), Some((N(i16::MAX), false)));
        check(N(1), N(i16::MAX), None);
        check(N(i16::MAX), N(i16::MIN), Some((False, true)));
        check(Once, N(5), Some((N(5), false)));
        check(True, N(5), Some((N(5), false)));
        check(N(5), Once, Some((Once, false)));
        check(N(5), True, Some((True, false)));
        check(N(5), False, Some((False, false)));
    }

    #[test]
    fn a_packet_counts() {
        let after = |active: Active| active.count().map(|next| (next.active, next.tells));
        assert_eq!(after(Active::False), None);
        assert_eq!(after(Active::Once), Some((Active::False, false)));
        assert_eq!(after(Active::N(2)), Some((Active::N(1), false)));
        assert_eq!(after(Active::N(1)), Some((Active::False, true)));
        assert_eq!(after(Active::True), Some((Active::True, false)));
    }
}
