//! What a node can do, as it says in the handshake.

use std::fmt;

/// A set of capabilities, a bit each.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flags(pub(crate) u64);

/// Declares the flags that this side knows, with their names in OTP.
macro_rules! flags {
    ($($name:ident = $bit:expr;)+) => {
        #[allow(dead_code, reason = "what is declined has a name, too")]
        impl Flags {
            $(pub(crate) const $name: Flags = Flags($bit);)+

            /// All of them, by name.
            const NAMES: &[(Flags, &str)] = &[$((Flags::$name, stringify!($name)),)+];
        }
    };
}

flags! {
    PUBLISHED = 0x1;
    EXTENDED_REFERENCES = 0x4;
    DIST_MONITOR = 0x8;
    FUN_TAGS = 0x10;
    DIST_MONITOR_NAME = 0x20;
    NEW_FUN_TAGS = 0x80;
    EXTENDED_PIDS_PORTS = 0x100;
    EXPORT_PTR_TAG = 0x200;
    BIT_BINARIES = 0x400;
    NEW_FLOATS = 0x800;
    UNICODE_IO = 0x1000;
    DIST_HDR_ATOM_CACHE = 0x2000;
    SMALL_ATOM_TAGS = 0x4000;
    UTF8_ATOMS = 0x1_0000;
    MAP_TAG = 0x2_0000;
    BIG_CREATION = 0x4_0000;
    SEND_SENDER = 0x8_0000;
    BIG_SEQTRACE_LABELS = 0x10_0000;
    EXIT_PAYLOAD = 0x40_0000;
    FRAGMENTS = 0x80_0000;
    HANDSHAKE_23 = 0x100_0000;
    UNLINK_ID = 0x200_0000;
    MANDATORY_25_DIGEST = 0x400_0000;
    SPAWN = 1 << 32;
    NAME_ME = 1 << 33;
    V4_NC = 1 << 34;
    ALIAS = 1 << 35;
    ALTACT_SIG = 1 << 37;
}

impl Flags {
    /// What OTP 25 requires of a node: [`MANDATORY_25_DIGEST`](Flags::MANDATORY_25_DIGEST) stands
    /// for all of them.
    const MANDATORY_25: Flags = Flags::EXTENDED_REFERENCES
        .and(Flags::FUN_TAGS)
        .and(Flags::NEW_FUN_TAGS)
        .and(Flags::EXTENDED_PIDS_PORTS)
        .and(Flags::EXPORT_PTR_TAG)
        .and(Flags::BIT_BINARIES)
        .and(Flags::NEW_FLOATS)
        .and(Flags::UTF8_ATOMS)
        .and(Flags::MAP_TAG)
        .and(Flags::BIG_CREATION)
        .and(Flags::HANDSHAKE_23);

    /// What is required of other nodes here, and by OTP 26 and later ones.
    const MANDATORY: Flags = Flags::MANDATORY_25.and(Flags::UNLINK_ID).and(Flags::V4_NC);

    /// What this side can do. It leaves out what would make frames depend on earlier ones, or come
    /// in pieces: each can be read by itself.
    const OURS: Flags = Flags::MANDATORY
        .and(Flags::MANDATORY_25_DIGEST)
        .and(Flags::DIST_MONITOR)
        .and(Flags::DIST_MONITOR_NAME)
        .and(Flags::UNICODE_IO)
        .and(Flags::SMALL_ATOM_TAGS)
        .and(Flags::BIG_SEQTRACE_LABELS)
        .and(Flags::SPAWN)
        .and(Flags::ALIAS);

    /// Returns what this side can do. A hidden node is not published.
    pub(crate) fn ours(is_hidden: bool) -> Flags {
        if is_hidden { Flags::OURS } else { Flags::OURS.and(Flags::PUBLISHED) }
    }

    const fn and(self, others: Flags) -> Flags {
        Flags(self.0 | others.0)
    }

    pub(crate) fn has(self, flags: Flags) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// Returns what is in force with a node that says this of itself.
    ///
    /// # Errors
    ///
    /// What it lacks that it must have.
    pub(super) fn in_force(self, ours: Flags) -> Result<Flags, Flags> {
        let stands_for_all = self.has(Flags::MANDATORY_25_DIGEST);
        let theirs = if stands_for_all { self.and(Flags::MANDATORY_25) } else { self };
        match Flags(Flags::MANDATORY.0 & !theirs.0) {
            Flags(0) => Ok(Flags(theirs.0 & ours.0)),
            missing => Err(missing),
        }
    }
}

/// By their names in OTP.
impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Flags::NAMES.iter().filter(|(flag, _)| self.has(*flag));
        for (index, (_, name)) in names.enumerate() {
            f.write_str(if index == 0 { "" } else { ", " })?;
            f.write_str(name)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visible_node_is_published() {
        assert_eq!(Flags::ours(true), Flags(0xd_0717_5fbc));
        assert_eq!(Flags::ours(false), Flags(0xd_0717_5fbd));
    }

    // OTP 25, run: `erts_internal:get_dflags()`.
    #[test]
    fn otp_requires_what_is_mandatory() {
        assert_eq!(Flags::MANDATORY_25, Flags(0x107_0f94));
    }

    #[test]
    fn each_mandatory_flag_is_missed_by_its_name() {
        for (flag, name) in Flags::NAMES.iter().filter(|(flag, _)| Flags::MANDATORY.has(*flag)) {
            let theirs = Flags(Flags::MANDATORY.0 & !flag.0);
            let missing = theirs.in_force(Flags::OURS).unwrap_err();
            assert_eq!(missing.to_string(), *name);
        }
        let none = Flags(0).in_force(Flags::OURS).unwrap_err();
        assert_eq!(none, Flags::MANDATORY);
        assert!(none.to_string().starts_with("EXTENDED_REFERENCES, FUN_TAGS, "));
    }

    #[test]
    fn a_digest_stands_for_what_otp_25_requires() {
        let digest = Flags::MANDATORY_25_DIGEST.and(Flags::V4_NC);
        assert_eq!(digest.in_force(Flags::OURS), Err(Flags::UNLINK_ID));
        let digest = digest.and(Flags::UNLINK_ID);
        assert!(digest.in_force(Flags::OURS).unwrap().has(Flags::MANDATORY));
    }

    #[test]
    fn what_only_one_side_can_do_is_not_in_force() {
        let in_force = Flags(u64::MAX).in_force(Flags::ours(true)).unwrap();
        assert_eq!(in_force, Flags::ours(true));
        let in_force = Flags::MANDATORY.and(Flags::FRAGMENTS).in_force(Flags::ours(false));
        assert_eq!(in_force, Ok(Flags::MANDATORY));
    }
}
