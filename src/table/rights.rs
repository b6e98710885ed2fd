//! Who may do what to a table.

use crate::id::Pid;

use super::{Protection, TableError};

/// What decides who may use a table. Each of its parts has a copy.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rights {
    pub(super) owner: Pid,
    pub(super) protection: Protection,
}

/// What somebody wants to do to a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// How large it is, for instance.
    Know,
    Read,
    Write,
    /// What only owners do: to give it away, for instance.
    Own,
}

/// What becomes of a wish.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    Granted,
    Refused(TableError),
    /// First it is to be seen who inherits.
    OwnerHasEnded,
}

impl Rights {
    /// Judges the wish of `caller`.
    pub(super) fn judge(self, wish: Wish, caller: Pid, owner_is_alive: bool) -> Verdict {
        let Rights { owner, protection } = self;
        match (wish, protection) {
            _ if !owner_is_alive => Verdict::OwnerHasEnded,
            _ if caller == owner => Verdict::Granted,
            (Wish::Know, _)
            | (Wish::Read, Protection::Public | Protection::Protected)
            | (Wish::Write, Protection::Public) => Verdict::Granted,
            (Wish::Read, Protection::Private)
            | (Wish::Write, Protection::Protected | Protection::Private)
            | (Wish::Own, _) => Verdict::Refused(TableError::NotOwner { owner, protection }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Protection::{Private, Protected, Public};

    #[test]
    fn judges_by_the_chart_of_the_manual() {
        let [owner, other] = [1, 2].map(|n| Pid::local(n, std::num::NonZeroU64::MIN));
        for (protection, wish, others_may) in [
            (Private, Wish::Know, true),
            (Public, Wish::Read, true),
            (Public, Wish::Write, true),
            (Public, Wish::Own, false),
            (Protected, Wish::Read, true),
            (Protected, Wish::Write, false),
            (Protected, Wish::Own, false),
            (Private, Wish::Read, false),
            (Private, Wish::Write, false),
            (Private, Wish::Own, false),
        ] {
            let rights = Rights { owner, protection };
            let refused = Verdict::Refused(TableError::NotOwner { owner, protection });
            let expected = if others_may { Verdict::Granted } else { refused };
            assert_eq!(rights.judge(wish, other, true), expected, "{protection:?} {wish:?}");
            assert_eq!(rights.judge(wish, owner, true), Verdict::Granted);
            assert_eq!(rights.judge(wish, other, false), Verdict::OwnerHasEnded);
            assert_eq!(rights.judge(wish, owner, false), Verdict::OwnerHasEnded);
        }
    }
}
