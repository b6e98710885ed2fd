//! Control messages: what a signal to a process of another node is on the wire.
//!
//! A control message is a tuple whose first element is a number, its *op*; some carry a term that
//! follows the tuple. Ops that differ only in where the term is, or in whether there is a token for
//! tracing, are one here.
//!
//! OTP: [Control messages](https://www.erlang.org/doc/apps/erts/erl_dist_protocol.html#protocol-between-connected-nodes).

mod op;
mod read;
mod write;

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU64;

use serde::ser::Serialize;

use crate::error_text::errors;
use crate::term::{DecodeError, EncodeError, WirePid, WireRef, WireTerm, WireWriter};

/// A process by its pid, or by its name on the node that the signal goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Object<'a> {
    Pid(WirePid<'a>),
    Name(Cow<'a, str>),
}

/// What has become of a request to start a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Spawned<'a> {
    Pid(WirePid<'a>),
    /// It was refused.
    Error(Cow<'a, str>),
}

/// A function that is to be run: its module, its name, and how many arguments it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Function<'a> {
    pub(super) module: Cow<'a, str>,
    pub(super) name: Cow<'a, str>,
    pub(super) arity: u64,
}

/// A request to start a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SpawnRequest<'a, T> {
    pub(super) request: WireRef<'a>,
    pub(super) from: WirePid<'a>,
    pub(super) leader: WirePid<'a>,
    pub(super) function: Function<'a>,
    pub(super) options: T,
    pub(super) arguments: T,
}

/// What a control message carries, when it is written.
pub(super) trait Carried {
    fn write(&self, out: &mut WireWriter<'_>) -> Result<(), EncodeError>;
}

impl<T: Serialize> Carried for T {
    fn write(&self, out: &mut WireWriter<'_>) -> Result<(), EncodeError> {
        out.value(self)
    }
}

/// A control message with what it carries, which is of type `T`: as it is read, bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Control<'a, T = WireTerm<'a>> {
    Link {
        from: WirePid<'a>,
        to: WirePid<'a>,
    },
    Send {
        to: WirePid<'a>,
        message: T,
    },
    SendToName {
        from: WirePid<'a>,
        name: Cow<'a, str>,
        message: T,
    },
    SendToAlias {
        from: WirePid<'a>,
        alias: WireRef<'a>,
        message: T,
    },
    /// A linked process has ended.
    Exit {
        from: WirePid<'a>,
        to: WirePid<'a>,
        reason: T,
    },
    /// An exit signal that a process has asked for.
    ExitRequest {
        from: WirePid<'a>,
        to: WirePid<'a>,
        reason: T,
    },
    Monitor {
        from: WirePid<'a>,
        object: Object<'a>,
        reference: WireRef<'a>,
    },
    Demonitor {
        from: WirePid<'a>,
        object: Object<'a>,
        reference: WireRef<'a>,
    },
    /// A monitored process has ended.
    Down {
        object: Object<'a>,
        to: WirePid<'a>,
        reference: WireRef<'a>,
        reason: T,
    },
    SpawnRequest(Box<SpawnRequest<'a, T>>),
    SpawnReply {
        request: WireRef<'a>,
        to: WirePid<'a>,
        flags: u64,
        spawned: Spawned<'a>,
    },
    Unlink {
        number: NonZeroU64,
        from: WirePid<'a>,
        to: WirePid<'a>,
    },
    UnlinkAck {
        number: NonZeroU64,
        from: WirePid<'a>,
        to: WirePid<'a>,
    },
    /// One that asks for nothing that there is here.
    Nothing,
}

/// Why bytes are no control message.
#[derive(PartialEq, Eq)]
pub(super) enum ControlError {
    /// They do not begin with a tuple of a number and more.
    Tuple(DecodeError),
    /// There is no message of this op.
    Op(u64),
    /// The tuple has another size than those of its op.
    Elements { op: u64, elements: usize, expected: usize },
    /// An element is not what it is to be.
    Element(u64, DecodeError),
    /// What should follow the tuple does not.
    Payload(u64, DecodeError),
    /// Something follows the tuple.
    TooMuch { op: u64, length: usize },
}

impl fmt::Display for ControlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ControlError::Tuple(error) => write!(f, "no control message: {error}"),
            ControlError::Op(op) => write!(f, "an unknown control message, {op}"),
            ControlError::Elements { op, elements, expected } => {
                write!(f, "control message {op} has {elements} elements, not {expected}")
            }
            ControlError::Element(op, error) => write!(f, "control message {op}: {error}"),
            ControlError::Payload(op, error) => {
                write!(f, "what control message {op} carries: {error}")
            }
            ControlError::TooMuch { op, length } => {
                write!(f, "control message {op} is followed by {length} bytes")
            }
        }
    }
}

errors!(ControlError);

#[cfg(test)]
mod tests {
    use crate::net_kernel::support::fuzz::{TERM_TOKENS, fuzz};
    use crate::term::{self, DecodeErrorKind, ExternalPid, ExternalRef, Output, Term, atom};

    use super::op::{Shape, untraced};
    use super::*;

    fn pid(id: u32) -> WirePid<'static> {
        WirePid { node: "n@h".into(), id, serial: 2, creation: 3 }
    }

    fn reference() -> WireRef<'static> {
        WireRef::new("n@h".into(), 3, &[7, 8, 9]).unwrap()
    }

    fn external(id: u32) -> Term {
        ExternalPid { node: atom("n@h"), id, serial: 2, creation: 3 }.into()
    }

    fn external_reference() -> Term {
        ExternalRef::new(atom("n@h"), 3, &[7, 8, 9]).into()
    }

    /// The bytes of a tuple of these elements.
    fn tuple(elements: impl IntoIterator<Item = Term>) -> Vec<u8> {
        term::to_vec(&Term::Tuple(elements.into_iter().collect())).unwrap()
    }

    fn name(name: &'static str) -> Term {
        atom(name).into()
    }

    /// What the messages carry: `{"x",[]}`.
    fn carried() -> Vec<u8> {
        term::to_vec(&("x", Vec::<u32>::new())).unwrap()
    }

    fn carried_term() -> Term {
        term::from_slice(&carried()).unwrap()
    }

    /// A message, the elements that it has, and whether a term follows them.
    type Case<T> = (Control<'static, T>, Vec<Term>, bool);

    /// All messages that are written.
    fn written<T: Clone>(carried: T) -> Vec<Case<T>> {
        let messages = messages(carried.clone());
        let ties = [links(), monitors(carried.clone())].concat();
        [messages, ties, exits(carried.clone()), spawns(carried)].concat()
    }

    fn messages<T: Clone>(message: T) -> Vec<Case<T>> {
        let (one, two) = (external(1), external(2));
        let to_name = vec![6.into(), one.clone(), name(""), name("x")];
        let to_alias = vec![33.into(), one, external_reference()];
        let send = Control::Send { to: pid(2), message: message.clone() };
        let to_x = Control::SendToName { from: pid(1), name: "x".into(), message: message.clone() };
        let alias = Control::SendToAlias { from: pid(1), alias: reference(), message };
        vec![
            (send, vec![2.into(), name(""), two], true),
            (to_x, to_name, true),
            (alias, to_alias, true),
        ]
    }

    fn links<T>() -> Vec<Case<T>> {
        let (from, to) = (pid(1), pid(2));
        let number = NonZeroU64::MAX;
        let unlink = |op: u64| vec![op.into(), u64::MAX.into(), external(1), external(2)];
        vec![
            (
                Control::Link { from: from.clone(), to: to.clone() },
                vec![1.into(), external(1), external(2)],
                false,
            ),
            (Control::Unlink { number, from: from.clone(), to: to.clone() }, unlink(35), false),
            (Control::UnlinkAck { number, from, to }, unlink(36), false),
        ]
    }

    fn exits<T: Clone>(reason: T) -> Vec<Case<T>> {
        let (from, to) = (pid(1), pid(2));
        let elements = |op: u64| vec![op.into(), external(1), external(2), carried_term()];
        let exit = Control::Exit { from: from.clone(), to: to.clone(), reason: reason.clone() };
        let request = Control::ExitRequest { from, to, reason };
        vec![(exit, elements(3), false), (request, elements(8), false)]
    }

    fn monitors<T>(reason: T) -> Vec<Case<T>> {
        let (from, object) = (pid(1), Object::Pid(pid(2)));
        let named = Object::Name("x".into());
        let elements = |op: u64, object| vec![op.into(), external(1), object, external_reference()];
        let down = vec![21.into(), name("x"), external(2), external_reference(), carried_term()];
        let monitor =
            |object| Control::Monitor { from: from.clone(), object, reference: reference() };
        let demonitor = Control::Demonitor {
            from: from.clone(),
            object: object.clone(),
            reference: reference(),
        };
        vec![
            (monitor(object), elements(19, external(2)), false),
            (monitor(named.clone()), elements(19, name("x")), false),
            (demonitor, elements(20, external(2)), false),
            (
                Control::Down { object: named, to: pid(2), reference: reference(), reason },
                down,
                false,
            ),
        ]
    }

    fn spawns<T: Clone>(carried: T) -> Vec<Case<T>> {
        let request = SpawnRequest {
            request: reference(),
            from: pid(1),
            leader: pid(2),
            function: Function { module: "m".into(), name: "f".into(), arity: 2 },
            options: carried.clone(),
            arguments: carried,
        };
        let function = Term::Tuple(vec![name("m"), name("f"), 2.into()]);
        let (one, two) = (external(1), external(2));
        let elements = vec![
            29.into(),
            external_reference(),
            one.clone(),
            two.clone(),
            function,
            carried_term(),
        ];
        let reply = |flags, spawned| Control::SpawnReply {
            request: reference(),
            to: pid(2),
            flags,
            spawned,
        };
        let replied =
            |flags: u64, end| vec![31.into(), external_reference(), two.clone(), flags.into(), end];
        vec![
            (Control::SpawnRequest(Box::new(request)), elements, true),
            (reply(2, Spawned::Pid(pid(1))), replied(2, one), false),
            (reply(0, Spawned::Error("notsup".into())), replied(0, name("notsup")), false),
        ]
    }

    fn bytes(elements: Vec<Term>, has_payload: bool) -> Vec<u8> {
        let payload = if has_payload { carried() } else { Vec::new() };
        [tuple(elements), payload].concat()
    }

    #[track_caller]
    fn error(bytes: &[u8]) -> String {
        Control::read(bytes).unwrap_err().to_string()
    }

    #[test]
    fn messages_are_written_as_otp_has_them() {
        for (control, elements, has_payload) in written(carried_term()) {
            let mut out = Output::default();
            control.write(&mut out).unwrap();
            assert_eq!(out.into_bytes(), bytes(elements, has_payload), "{control:?}");
        }
    }

    #[test]
    fn messages_are_read_as_they_are_written() {
        let carried = carried();
        let carried = WireTerm::open(&carried).unwrap();
        for (control, elements, has_payload) in written(carried) {
            let bytes = bytes(elements, has_payload);
            assert_eq!(Control::read(&bytes), Ok(control));
        }
    }

    /// Each op that has another form with a token, which stands last, or before the reason.
    #[test]
    fn a_token_for_tracing_is_ignored() {
        let carried = carried();
        let carried = WireTerm::open(&carried).unwrap();
        let mut seen = Vec::new();
        for (control, elements, has_payload) in written(carried) {
            let traced = match control.op() {
                op @ (2 | 3 | 6 | 8) => op + 10,
                op @ (29 | 31 | 33) => op + 1,
                _ => continue,
            };
            let mut elements = elements;
            elements[0] = traced.into();
            let place = elements.len() - usize::from(matches!(traced, 13 | 18));
            elements.insert(place, name("token"));
            let bytes = bytes(elements.clone(), has_payload);
            assert_eq!(Control::read(&bytes), Ok(control));
            seen.push(traced);

            elements.remove(place);
            let text = format!(
                "control message {traced} has {} elements, not {}",
                elements.len(),
                elements.len() + 1
            );
            assert_eq!(error(&self::bytes(elements, has_payload)), text);
        }
        assert_eq!(seen, [12, 16, 34, 13, 18, 30, 32, 32]);
    }

    #[test]
    fn a_reason_may_follow_the_tuple_and_a_sender_stand_in_it() {
        let carried = carried();
        let reason = WireTerm::open(&carried).unwrap();
        let (one, two) = (external(1), external(2));
        let (from, to) = (pid(1), pid(2));
        let exit = Control::Exit { from: from.clone(), to: to.clone(), reason };
        let request = Control::ExitRequest { from, to: to.clone(), reason };
        let (object, reference) = (Object::Pid(pid(1)), reference());
        let down = Control::Down { object, to: to.clone(), reference, reason };
        let send = Control::Send { to, message: reason };
        let monitor = external_reference();
        let cases = [
            (22, vec![one.clone(), two.clone()], send.clone()),
            (23, vec![one.clone(), two.clone(), carried_term()], send),
            (24, vec![one.clone(), two.clone()], exit.clone()),
            (25, vec![one.clone(), two.clone(), carried_term()], exit),
            (26, vec![one.clone(), two.clone()], request.clone()),
            (27, vec![one.clone(), two.clone(), carried_term()], request),
            (28, vec![one, two, monitor], down),
        ];
        for (op, elements, expected) in cases {
            let elements = [vec![op.into()], elements].concat();
            assert_eq!(Control::read(&bytes(elements, true)), Ok(expected), "{op}");
        }
    }

    #[test]
    fn what_is_of_no_use_here_is_nothing() {
        let leader = vec![7.into(), external(1), external(2)];
        for elements in [vec![5.into()], leader] {
            assert_eq!(Control::read(&bytes(elements, false)), Ok(Control::Nothing));
        }
    }

    #[test]
    fn an_unknown_op_is_an_error() {
        for op in (0..=40).chain([255, 256, u64::MAX]) {
            let known = Shape::of(untraced(op).unwrap_or(op)).is_some();
            let unknown =
                matches!(Control::read(&tuple([op.into()])), Err(ControlError::Op(it)) if it == op);
            assert_eq!(unknown, !known, "{op}");
        }
        let text = "an unknown control message, 4";
        assert_eq!(error(&tuple([4.into(), external(1), external(2)])), text);
    }

    #[test]
    fn what_is_no_control_message_is_an_error() {
        let text = "no control message: invalid type: integer `1`, expected a tuple, at byte 1";
        assert_eq!(error(&term::to_vec(&1).unwrap()), text);
        let text = "no control message: a tuple with too few elements, at byte 3";
        assert_eq!(error(&tuple([])), text);
        let text = "no control message: invalid type: atom `x`, expected an integer of 64 bits, \
                    at byte 3";
        assert_eq!(error(&tuple([name("x")])), text);
        assert_eq!(error(b""), "no control message: the term is cut short, at byte 0");
        assert_eq!(
            error(b"\x84"),
            "no control message: a term begins with 131, not with 132, at byte 0"
        );
    }

    #[test]
    fn an_element_of_another_kind_is_an_error() {
        for (control, elements, has_payload) in written(()) {
            let op = control.op();
            // Any term may be a reason, options, or what stands for nothing.
            let is_any =
                |place| matches!((op, place), (2, 1) | (6, 2) | (3 | 8, 3) | (21, 4) | (29, 5));
            for place in 1..elements.len() {
                let mut elements = elements.clone();
                elements[place] = Term::Float(1.5);
                let read = bytes(elements, has_payload);
                let read = Control::read(&read);
                assert_eq!(read.is_ok(), is_any(place), "{op}, element {place}");
                let Err(error) = read else { continue };
                let start = format!("control message {op}: invalid type: a float, expected a");
                assert!(error.to_string().starts_with(&start), "{error}");
            }
        }
        let unlink = tuple([35.into(), 0.into(), external(1), external(2)]);
        let text = "control message 35: invalid type: integer `0`, expected a positive integer of \
                    64 bits, at byte 5";
        assert_eq!(error(&unlink), text);
    }

    #[test]
    fn a_payload_is_where_its_op_has_one() {
        for (control, elements, has_payload) in written(()) {
            let op = control.op();
            let text = if has_payload {
                format!("what control message {op} carries: the term is cut short, at byte 0")
            } else {
                format!("control message {op} is followed by {} bytes", carried().len())
            };
            assert_eq!(error(&bytes(elements.clone(), !has_payload)), text);
            let mut longer = bytes(elements, has_payload);
            longer.push(1);
            assert!(Control::read(&longer).is_err());
        }
    }

    #[test]
    fn what_is_too_deep_to_be_built_is_refused_when_it_is_read() {
        let deep = [&[131][..], &[104, 1].repeat(100_000), &[106]].concat();
        let send = [tuple([2.into(), name(""), external(1)]), deep].concat();
        let Ok(Control::Send { message, .. }) = Control::read(&send) else { panic!() };
        let error = message.read::<Term>().unwrap_err();
        assert_eq!(error.kind(), DecodeErrorKind::TooLarge);
    }

    #[test]
    fn names_of_nodes_may_be_in_latin1() {
        let old_pid = [88, 115, 3, 0xe9, b'@', b'h', 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
        let link = [&[131, 104, 3, 97, 1][..], &old_pid, &old_pid].concat();
        let Ok(Control::Link { from, .. }) = Control::read(&link) else { panic!() };
        assert_eq!(from.node, "é@h");
    }

    /// What has become of bytes; what can be read can be written, and is the same again.
    fn read_and_written(bytes: &[u8]) -> String {
        let control = match Control::read(bytes) {
            Ok(Control::Nothing) => return "nothing".to_owned(),
            Ok(control) => control,
            Err(error) => {
                return error.to_string().chars().filter(|it| !it.is_ascii_digit()).collect();
            }
        };
        let mut again = Output::default();
        control.write(&mut again).unwrap();
        let op = control.op();
        assert_eq!(Control::read(&again.into_bytes()), Ok(control));
        format!("read {op}")
    }

    #[test]
    fn whatever_comes_does_no_harm() {
        let written = written(());
        let ops: Vec<u64> = written.iter().map(|(control, ..)| control.op()).collect();
        let corpus = written
            .into_iter()
            .map(|(_, elements, has_payload)| bytes(elements, has_payload))
            .chain((0..=40).map(|op| vec![131, 104, 4, 97, op]))
            .collect();
        let seen = fuzz("control", corpus, TERM_TOKENS, 100_000, read_and_written);
        for op in ops {
            assert!(seen.contains(&format!("read {op}")), "{op}");
        }
    }
}
