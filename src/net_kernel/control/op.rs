//! The ops of control messages, by their names in OTP.

pub(super) const LINK: u64 = 1;
pub(super) const SEND: u64 = 2;
pub(super) const EXIT: u64 = 3;
pub(super) const NODE_LINK: u64 = 5;
pub(super) const REG_SEND: u64 = 6;
pub(super) const GROUP_LEADER: u64 = 7;
pub(super) const EXIT2: u64 = 8;
pub(super) const MONITOR_P: u64 = 19;
pub(super) const DEMONITOR_P: u64 = 20;
pub(super) const MONITOR_P_EXIT: u64 = 21;
pub(super) const SEND_SENDER: u64 = 22;
pub(super) const PAYLOAD_EXIT: u64 = 24;
pub(super) const PAYLOAD_EXIT2: u64 = 26;
pub(super) const PAYLOAD_MONITOR_P_EXIT: u64 = 28;
pub(super) const SPAWN_REQUEST: u64 = 29;
pub(super) const SPAWN_REPLY: u64 = 31;
pub(super) const ALIAS_SEND: u64 = 33;
pub(super) const UNLINK_ID: u64 = 35;
pub(super) const UNLINK_ID_ACK: u64 = 36;

/// How a message of an op is made.
pub(super) struct Shape {
    /// How many elements its tuple has.
    pub(super) elements: usize,
    /// Whether a term follows the tuple.
    pub(super) has_payload: bool,
}

impl Shape {
    pub(super) fn of(op: u64) -> Option<Shape> {
        let (elements, has_payload) = match op {
            NODE_LINK => (1, false),
            LINK | GROUP_LEADER => (3, false),
            SEND | SEND_SENDER | ALIAS_SEND | PAYLOAD_EXIT | PAYLOAD_EXIT2 => (3, true),
            EXIT | EXIT2 | MONITOR_P | DEMONITOR_P | UNLINK_ID | UNLINK_ID_ACK => (4, false),
            REG_SEND | PAYLOAD_MONITOR_P_EXIT => (4, true),
            MONITOR_P_EXIT | SPAWN_REPLY => (5, false),
            SPAWN_REQUEST => (6, true),
            _ => return None,
        };
        Some(Shape { elements, has_payload })
    }
}

/// Returns the op without a token, of one that has one as a further element.
pub(super) fn untraced(op: u64) -> Option<u64> {
    match op {
        12 | 13 | 16 | 18 => Some(op - 10),
        23 | 25 | 27 | 30 | 32 | 34 => Some(op - 1),
        _ => None,
    }
}
