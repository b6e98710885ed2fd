//! Access rights of tables.

use crate::id::Pid;

use super::{Protection, TableError};

/// Who owns a table, and what other processes may do with it. Each part has a copy.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rights {
    pub(super) owner: Pid,
    pub(super) protection: Protection,
}

/// What a process needs to do to a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Learn about the table: its size, for instance.
    Info,
    Read,
    Write,
    /// Do what only the owner may: give the table away, for instance.
    Own,
}

/// Whether a process may access a table.
#[derive(Debug, PartialEq)]
pub(super) enum AccessDecision {
    Granted,
    Refused(TableError),
    /// The owner has ended: the table must be settled first, and the access decided again.
    OwnerHasEnded,
}

impl Rights {
    /// Decides whether `caller` may have `access`.
    pub(super) fn judge(self, access: Access, caller: Pid, owner_is_alive: bool) -> AccessDecision {
        let Rights { owner, protection } = self;
        match (access, protection) {
            _ if !owner_is_alive => AccessDecision::OwnerHasEnded,
            _ if caller == owner => AccessDecision::Granted,
            (Access::Info, _)
            | (Access::Read, Protection::Public | Protection::Protected)
            | (Access::Write, Protection::Public) => AccessDecision::Granted,
            (Access::Read, Protection::Private)
            | (Access::Write, Protection::Protected | Protection::Private)
            | (Access::Own, _) => {
                AccessDecision::Refused(TableError::NotOwner { owner, protection })
            }
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
        for (protection, access, others_may) in [
            (Private, Access::Info, true),
            (Public, Access::Read, true),
            (Public, Access::Write, true),
            (Public, Access::Own, false),
            (Protected, Access::Read, true),
            (Protected, Access::Write, false),
            (Protected, Access::Own, false),
            (Private, Access::Read, false),
            (Private, Access::Write, false),
            (Private, Access::Own, false),
        ] {
            let rights = Rights { owner, protection };
            let refused = AccessDecision::Refused(TableError::NotOwner { owner, protection });
            let expected = if others_may { AccessDecision::Granted } else { refused };
            assert_eq!(rights.judge(access, other, true), expected, "{protection:?} {access:?}");
            assert_eq!(rights.judge(access, owner, true), AccessDecision::Granted);
            assert_eq!(rights.judge(access, other, false), AccessDecision::OwnerHasEnded);
            assert_eq!(rights.judge(access, owner, false), AccessDecision::OwnerHasEnded);
        }
    }
}
