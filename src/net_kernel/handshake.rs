//! The handshake: how two nodes find out who the other is, and prove that they know the cookie.
//!
//! Each role is a machine that is given the messages of the other side and says what to send. It
//! knows of no sockets; who else is connected or dialling is asked of the caller. A message has its
//! length in front, in two bytes.
//!
//! ```text
//!   dialler                                    acceptor
//!   -------                                    --------
//!   N flags creation name            ----->
//!                                    <-----    s ok | ok_simultaneous | nok | not_allowed | alive
//!   s true                           ----->                             (after alive)
//!                                    <-----    N flags challenge creation name
//!   r challenge digest               ----->
//!                                    <-----    a digest
//! ```
//!
//! What a message has behind its end is ignored, as it is there for later versions.
//!
//! OTP: [Distribution handshake](https://www.erlang.org/doc/apps/erts/erl_dist_protocol.html#distribution-handshake).

mod flags;
mod error;
mod message;
mod dialler;
mod acceptor;
mod exchange;

pub(super) use acceptor::{Admission, Standing};
pub(super) use error::HandshakeError;
pub(super) use exchange::{Lengths, accept, dial};
pub(super) use flags::Flags;

use super::cookie::Cookie;
use super::name::NodeName;

/// What this side says of itself.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) name: NodeName,
    pub(super) creation: u32,
    pub(super) flags: Flags,
    pub(super) cookie: Cookie,
}

/// The other side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Peer {
    pub(super) name: NodeName,
    pub(super) creation: u32,
    /// What both sides can do.
    pub(super) flags: Flags,
}

/// What becomes of a machine that has been given a message.
#[derive(Debug)]
enum Next<M> {
    /// It waits for another one.
    Message(M),
    /// The other side is who it says it is. What the machine says last is to be sent.
    Through(Peer),
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    use crate::net_kernel::support::fuzz::fuzz;
    use crate::net_kernel::timed::{Deadline, Timed};
    use crate::process;

    use super::acceptor::{Acceptor, Standing};
    use super::dialler::Dialler;
    use super::*;

    const COOKIE: &str = "secret";
    const A: &str = "a@host";
    const B: &str = "b@host";

    fn name(text: &str) -> NodeName {
        NodeName::new(text).unwrap()
    }

    fn identity(text: &str) -> Identity {
        let cookie = Cookie::new(COOKIE).unwrap();
        Identity { name: name(text), creation: 7, flags: Flags::ours(false), cookie }
    }

    /// The messages in what a machine has said, without their lengths.
    fn messages(mut said: &[u8]) -> Vec<Vec<u8>> {
        let mut messages = Vec::new();
        while let Some((length, rest)) = said.split_first_chunk() {
            let (message, rest) = rest.split_at(u16::from_be_bytes(*length).into());
            messages.push(message.to_vec());
            said = rest;
        }
        messages
    }

    fn name_message(flags: u64, name: &str) -> Vec<u8> {
        let length = u16::try_from(name.len()).unwrap().to_be_bytes();
        [b"N", &flags.to_be_bytes()[..], &[0, 0, 0, 9], &length, name.as_bytes()].concat()
    }

    fn challenge_message(flags: u64, challenge: u32, name: &str) -> Vec<u8> {
        let length = u16::try_from(name.len()).unwrap().to_be_bytes();
        let challenge = challenge.to_be_bytes();
        [b"N", &flags.to_be_bytes()[..], &challenge, &[0, 0, 0, 9], &length, name.as_bytes()]
            .concat()
    }

    fn reply_message(challenge: u32, digest: [u8; 16]) -> Vec<u8> {
        [b"r", &challenge.to_be_bytes()[..], &digest].concat()
    }

    fn digest(challenge: u32) -> [u8; 16] {
        Cookie::new(COOKIE).unwrap().digest(challenge)
    }

    const OURS: u64 = 0xd_0717_5fbd;

    /// What a machine has come to.
    #[derive(Debug)]
    struct Outcome {
        /// The messages that it has said, without those of its beginning.
        said: Vec<Vec<u8>>,
        /// The end; `None` if it waits for a message.
        end: Option<Result<Peer, HandshakeError>>,
        /// What it would mean that the connection is closed.
        closed: Option<HandshakeError>,
    }

    impl Outcome {
        #[track_caller]
        fn error(self) -> String {
            let Some(Err(error)) = self.end else { panic!("{self:?}") };
            error.to_string()
        }

        #[track_caller]
        fn peer(self) -> Peer {
            let Some(Ok(peer)) = self.end else { panic!("{self:?}") };
            peer
        }
    }

    /// Gives these messages to the dialler of b, whose challenge is 1.
    fn dial(messages_of_b: &[&[u8]]) -> Outcome {
        let (us, peer) = (identity(A), name(B));
        let mut out = Vec::new();
        let mut dialler = Dialler::new(&us, &peer, 1, &mut out);
        let mut name_of_a = name_message(OURS, A);
        name_of_a[12] = 7;
        assert_eq!(messages(&out), [name_of_a]);
        out.clear();
        for message in messages_of_b {
            let end = match dialler.step(message, &mut out) {
                Ok(Next::Message(next)) => {
                    dialler = next;
                    continue;
                }
                Ok(Next::Through(peer)) => Ok(peer),
                Err(error) => Err(error),
            };
            return Outcome { said: messages(&out), end: Some(end), closed: None };
        }
        Outcome { said: messages(&out), end: None, closed: Some(dialler.closed()) }
    }

    /// Gives these messages to the acceptor of b, whose challenge is 2.
    fn accept(admission: Admission, messages_of_a: &[&[u8]]) -> Outcome {
        let us = identity(B);
        let (mut acceptor, mut out) = (Acceptor::new(&us, 2), Vec::new());
        for message in messages_of_a {
            let end = match acceptor.step(message, &mut out, |_| admission) {
                Ok(Next::Message(next)) => {
                    acceptor = next;
                    continue;
                }
                Ok(Next::Through(peer)) => Ok(peer),
                Err(error) => Err(error),
            };
            return Outcome { said: messages(&out), end: Some(end), closed: None };
        }
        Outcome { said: messages(&out), end: None, closed: None }
    }

    mod a_dialler {
        use super::*;

        #[test]
        fn proves_the_cookie_and_asks_for_a_proof() {
            let challenge = challenge_message(OURS, 2, B);
            let ack = [b"a", &digest(1)[..]].concat();
            let outcome = super::dial(&[b"sok", &challenge, &ack]);
            assert_eq!(outcome.said, [reply_message(1, digest(2))]);
            let peer = outcome.peer();
            assert_eq!((peer.name, peer.creation, peer.flags), (name(B), 9, Flags(OURS)));
        }

        #[test]
        fn goes_on_whether_the_other_side_has_dialled_or_not() {
            let challenge = challenge_message(OURS, 2, B);
            let outcome = super::dial(&[b"sok_simultaneous", &challenge]);
            assert_eq!(outcome.said, [reply_message(1, digest(2))]);
        }

        #[test]
        fn says_that_an_earlier_connection_is_lost() {
            let outcome = super::dial(&[b"salive"]);
            assert_eq!(outcome.said, [b"strue"]);
            let challenge = challenge_message(OURS, 2, B);
            let outcome = super::dial(&[b"salive", &challenge]);
            assert_eq!(outcome.said, [b"strue".to_vec(), reply_message(1, digest(2))]);
        }

        #[test]
        fn gives_up_where_it_is_refused() {
            let error = super::dial(&[b"snok"]).error();
            assert_eq!(error, "the node has dialled at the same time");
            let error = super::dial(&[b"snot_allowed"]).error();
            assert_eq!(error, "the node does not allow the connection");
        }

        #[test]
        fn takes_no_other_message_than_the_next() {
            let status = "the node has sent something else than a status";
            for message in [&b""[..], b"s", b"shello", b"sok!", b"Nok", b"a", b"sok_simultaneou"] {
                assert_eq!(super::dial(&[message]).error(), status);
            }
            let challenge = "the node has sent something else than its name and a challenge";
            let whole = challenge_message(OURS, 2, B);
            for length in 0..whole.len() {
                assert_eq!(super::dial(&[b"sok", &whole[..length]]).error(), challenge);
            }
            let ack = "the node has sent something else than the acknowledgement of a challenge";
            let whole_ack = [b"a", &digest(1)[..]].concat();
            for length in 0..whole_ack.len() {
                assert_eq!(super::dial(&[b"sok", &whole, &whole_ack[..length]]).error(), ack);
            }
        }

        #[test]
        fn talks_only_to_the_node_that_it_has_dialled() {
            let challenge = challenge_message(OURS, 2, "c@host");
            let outcome = super::dial(&[b"sok", &challenge]);
            assert_eq!((outcome.said.len(), outcome.error()), (0, "the node is c@host".into()));
            let challenge = challenge_message(OURS, 2, A);
            let outcome = super::dial(&[b"sok", &challenge]);
            assert_eq!(outcome.error(), "the node has the name of this one");
            let challenge = challenge_message(OURS, 2, "b");
            let error = super::dial(&[b"sok", &challenge]).error();
            assert_eq!(error, "\"b\" cannot be the name of a node");
        }

        #[test]
        fn says_what_the_other_side_lacks() {
            let flags = OURS & !Flags::MANDATORY_25_DIGEST.0 & !Flags::MAP_TAG.0;
            let challenge = challenge_message(flags, 2, B);
            let outcome = super::dial(&[b"sok", &challenge]);
            assert_eq!((outcome.said.len(), outcome.error()), (0, "the node lacks MAP_TAG".into()));
        }

        #[test]
        fn wants_the_proof_of_the_cookie() {
            let challenge = challenge_message(OURS, 2, B);
            let ack = [b"a", &digest(2)[..]].concat();
            let error = super::dial(&[b"sok", &challenge, &ack]).error();
            assert_eq!(error, "the node has another cookie");
        }

        #[test]
        fn has_the_wrong_cookie_if_the_other_side_says_nothing_more() {
            let closed = |messages: &[&[u8]]| super::dial(messages).closed.unwrap().to_string();
            assert_eq!(closed(&[]), "the node has closed the connection");
            assert_eq!(closed(&[b"sok"]), "the node has closed the connection");
            let challenge = challenge_message(OURS, 2, B);
            assert_eq!(closed(&[b"sok", &challenge]), "the node has another cookie");
        }
    }

    mod an_acceptor {
        use super::*;

        fn challenge() -> Vec<u8> {
            let mut challenge = challenge_message(OURS, 2, B);
            challenge[16] = 7;
            challenge
        }

        #[test]
        fn asks_for_a_proof_of_the_cookie_and_gives_one() {
            let (name_of_a, reply) = (name_message(OURS, A), reply_message(1, digest(2)));
            let outcome = super::accept(Admission::Yes, &[&name_of_a, &reply]);
            let ack = [b"a", &digest(1)[..]].concat();
            assert_eq!(outcome.said, [b"sok".to_vec(), challenge(), ack]);
            let peer = outcome.peer();
            assert_eq!((peer.name, peer.creation, peer.flags), (name(A), 9, Flags(OURS)));
        }

        #[test]
        fn says_that_its_own_dial_is_given_up() {
            let outcome = super::accept(Admission::InsteadOfOurs, &[&name_message(OURS, A)]);
            assert_eq!(outcome.said, [b"sok_simultaneous".to_vec(), challenge()]);
        }

        #[test]
        fn refuses_a_dial_while_its_own_goes_on() {
            let outcome = super::accept(Admission::No, &[&name_message(OURS, A)]);
            assert_eq!(outcome.said, [b"snok"]);
            assert_eq!(outcome.error(), "the node has dialled at the same time");
        }

        #[test]
        fn asks_whether_a_connection_that_is_up_is_lost() {
            let name_of_a = name_message(OURS, A);
            let admission = Admission::InPlaceOfAnother;
            let outcome = super::accept(admission, &[&name_of_a]);
            assert_eq!(outcome.said, [b"salive"]);
            assert!(outcome.end.is_none());
            let outcome = super::accept(admission, &[&name_of_a, b"strue"]);
            assert_eq!(outcome.said, [b"salive".to_vec(), challenge()]);
            let outcome = super::accept(admission, &[&name_of_a, b"sfalse"]);
            assert_eq!(outcome.said, [b"salive"]);
            assert_eq!(outcome.error(), "the node has given up the connection");
        }

        #[test]
        fn does_not_allow_what_it_cannot_talk_to() {
            let lacking = OURS & !Flags::UNLINK_ID.0;
            let refused = [
                (name_message(lacking, A), "the node lacks UNLINK_ID"),
                (name_message(OURS, B), "the node has the name of this one"),
                (name_message(OURS, "a"), "\"a\" cannot be the name of a node"),
                (name_message(OURS, ""), "\"\" cannot be the name of a node"),
                (name_message(OURS, "a@b@c"), "\"a@b@c\" cannot be the name of a node"),
            ];
            for (message, error) in refused {
                let outcome = super::accept(Admission::Yes, &[&message]);
                assert_eq!(outcome.said, [b"snot_allowed"], "{error}");
                assert_eq!(outcome.error(), error);
            }
        }

        #[test]
        fn takes_no_other_message_than_the_next() {
            let error =
                |messages: &[&[u8]]| super::accept(Admission::InPlaceOfAnother, messages).error();
            let name_of_a = name_message(OURS, A);
            let name = "the node has sent something else than its name";
            for length in 0..name_of_a.len() {
                assert_eq!(error(&[&name_of_a[..length]]), name);
            }
            // The handshake of before OTP 23.
            assert_eq!(error(&[b"n\0\x05\0\0\0\0a@host"]), name);
            let goes_on = "the node has sent something else than whether it goes on";
            for message in [&b""[..], b"s", b"sok", b"strue!", b"rtrue"] {
                assert_eq!(error(&[&name_of_a, message]), goes_on);
            }
            let reply = "the node has sent something else than the reply to a challenge";
            let whole = reply_message(1, digest(2));
            for length in 0..whole.len() {
                assert_eq!(error(&[&name_of_a, b"strue", &whole[..length]]), reply);
            }
        }

        #[test]
        fn says_nothing_to_who_does_not_know_the_cookie() {
            let (name_of_a, reply) = (name_message(OURS, A), reply_message(1, digest(1)));
            let outcome = super::accept(Admission::Yes, &[&name_of_a, &reply]);
            assert_eq!(outcome.said, [b"sok".to_vec(), challenge()]);
            assert_eq!(outcome.error(), "the node has another cookie");
        }
    }

    #[test]
    fn what_follows_a_message_is_ignored() {
        let behind = |message: Vec<u8>| [message, b"more".to_vec()].concat();
        let challenge = behind(challenge_message(OURS, 2, B));
        let ack = behind([b"a", &digest(1)[..]].concat());
        assert_eq!(dial(&[b"sok", &challenge, &ack]).peer().name, name(B));
        let (name_of_a, reply) = (name_message(OURS, A), reply_message(1, digest(2)));
        let outcome = accept(Admission::Yes, &[&behind(name_of_a), &behind(reply)]);
        assert_eq!(outcome.peer().name, name(A));
    }

    // OTP 25, read: `net_kernel:handle_info({_, {accept_pending, ...}}, _)`.
    #[test]
    fn of_two_dials_that_meet_the_one_of_the_greater_name_goes_on() {
        let (a, b) = (name(A), name(B));
        let admission =
            |standing| [Admission::of(&a, &b, standing), Admission::of(&b, &a, standing)];
        assert_eq!(admission(Standing::Nothing), [Admission::Yes; 2]);
        assert_eq!(admission(Standing::Dialling), [Admission::No, Admission::InsteadOfOurs]);
        assert_eq!(admission(Standing::Up), [Admission::InPlaceOfAnother; 2]);
    }

    /// Has both roles talk over a stream, each in a process.
    fn talk(a: Identity, b: Identity, admission: Admission) -> [Result<Peer, HandshakeError>; 2] {
        let (mut dialling, mut accepting) = UnixStream::pair().unwrap();
        let (results, result) = std::sync::mpsc::channel();
        let acceptor = move || {
            let accepted = super::accept(&mut accepting, Lengths::Two, &b, |_| admission);
            let accepted = accepted.and_then(|(peer, last)| {
                accepting.write_all(&last)?;
                Ok(peer)
            });
            drop(accepting);
            results.send(accepted).unwrap();
        };
        process::spawn(acceptor).unwrap();
        let dialled = super::dial(&mut dialling, Lengths::Two, &a, &name(B));
        [dialled, result.recv().unwrap()]
    }

    #[test]
    fn both_roles_understand_each_other() {
        for admission in [Admission::Yes, Admission::InsteadOfOurs, Admission::InPlaceOfAnother] {
            let [dialled, accepted] = talk(identity(A), identity(B), admission);
            assert_eq!(dialled.unwrap().name, name(B));
            assert_eq!(accepted.unwrap().name, name(A));
        }
        let [dialled, accepted] = talk(identity(A), identity(B), Admission::No);
        assert!(matches!(dialled, Err(HandshakeError::Simultaneous)), "{dialled:?}");
        assert!(matches!(accepted, Err(HandshakeError::Simultaneous)), "{accepted:?}");
    }

    #[test]
    fn both_roles_find_out_that_the_cookies_differ() {
        let other = Identity { cookie: Cookie::new("other").unwrap(), ..identity(A) };
        let [dialled, accepted] = talk(other, identity(B), Admission::Yes);
        assert!(matches!(dialled, Err(HandshakeError::WrongCookie)), "{dialled:?}");
        assert!(matches!(accepted, Err(HandshakeError::WrongCookie)), "{accepted:?}");
    }

    #[test]
    fn both_roles_find_out_that_one_lacks_something() {
        let flags = Flags(OURS & !Flags::V4_NC.0);
        let [dialled, accepted] =
            talk(Identity { flags, ..identity(A) }, identity(B), Admission::Yes);
        assert!(matches!(dialled, Err(HandshakeError::NotAllowed)), "{dialled:?}");
        assert!(matches!(accepted, Err(HandshakeError::Lacks(Flags::V4_NC))), "{accepted:?}");
    }

    #[test]
    fn a_long_message_is_refused_before_it_is_read() {
        let (mut here, mut there) = UnixStream::pair().unwrap();
        there.write_all(&1025_u16.to_be_bytes()).unwrap();
        let error =
            super::accept(&mut here, Lengths::Two, &identity(B), |_| Admission::Yes).unwrap_err();
        assert_eq!(error.to_string(), "a message of 1025 bytes in the handshake");
    }

    #[test]
    fn nothing_is_read_that_comes_after_the_handshake() {
        let (mut here, mut there) = UnixStream::pair().unwrap();
        let challenge = challenge_message(OURS, 2, B);
        for message in [b"sok", &challenge[..], &[b"a", &[0; 16][..]].concat(), b"a frame"] {
            there.write_all(&u16::try_from(message.len()).unwrap().to_be_bytes()).unwrap();
            there.write_all(message).unwrap();
        }
        let error = super::dial(&mut here, Lengths::Two, &identity(A), &name(B)).unwrap_err();
        assert!(matches!(error, HandshakeError::WrongCookie), "{error}");
        let mut rest = [0; 9];
        here.read_exact(&mut rest).unwrap();
        assert_eq!(&rest, b"\0\x07a frame");
    }

    #[test]
    fn a_node_that_is_silent_or_says_little_at_a_time_is_given_up_in_time() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        for said in [&b""[..], b"\0", b"\0\x20N"] {
            let mut there = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            there.write_all(said).unwrap();
            let here = crate::io::TcpStream::try_from(listener.accept().unwrap().0).unwrap();
            let mut here = Timed::new(here, Deadline::after(Duration::from_millis(30)));
            let error = super::accept(&mut here, Lengths::Two, &identity(B), |_| Admission::Yes)
                .unwrap_err();
            assert_eq!(error.to_string(), "the handshake was not through in time");
        }
    }

    /// The messages, each behind its length.
    fn stream(messages: &[&[u8]]) -> Vec<u8> {
        let with_length = |message: &&[u8]| {
            let length = u16::try_from(message.len()).unwrap().to_be_bytes();
            [&length[..], message].concat()
        };
        messages.iter().flat_map(with_length).collect()
    }

    /// What becomes of what a peer sends, in words.
    fn in_words(outcome: &Outcome) -> String {
        let said: usize = outcome.said.iter().map(Vec::len).sum();
        assert!(said < 200);
        let said: Vec<Option<u8>> =
            outcome.said.iter().map(|message| message.first().copied()).collect();
        let end = match &outcome.end {
            None => String::new(),
            Some(Ok(_)) => "through".to_owned(),
            Some(Err(error)) => {
                let text = error.to_string();
                let letters = text.chars().filter(|it| it.is_ascii_lowercase() || *it == ' ');
                letters.take(50).collect()
            }
        };
        format!("{said:?} {end}")
    }

    /// Gives a stream to all who may get it.
    fn talked_to(bytes: &[u8]) -> String {
        let mut rest = bytes;
        let mut sent = Vec::new();
        // A message that is not there to its end is what there is of it.
        while let Some((length, left)) = rest.split_first_chunk() {
            let length = usize::from(u16::from_be_bytes(*length)).min(left.len());
            let (message, left) = left.split_at(length);
            sent.push(message);
            rest = left;
        }
        let outcomes = [
            dial(&sent),
            accept(Admission::Yes, &sent),
            accept(Admission::InPlaceOfAnother, &sent),
        ];
        outcomes.each_ref().map(in_words).join("|")
    }

    #[test]
    fn whatever_comes_does_no_harm() {
        let name = name_message(OURS, A);
        let (challenge, reply) = (challenge_message(OURS, 2, B), reply_message(1, digest(2)));
        let ack = [b"a", &digest(1)[..]].concat();
        let mut corpus = vec![
            stream(&[&name, &reply]),
            stream(&[&name, b"strue", &reply]),
            stream(&[&name_message(OURS, "@"), &reply]),
        ];
        for status in ["sok", "sok_simultaneous", "snok", "salive", "snot_allowed"] {
            corpus.push(stream(&[status.as_bytes(), &challenge, &ack]));
        }
        let seen = fuzz("handshake", corpus, b"sNran@\0\x01", 100_000, talked_to);
        // Some get through, by either side.
        let is_through =
            |by: usize| seen.iter().any(|all| all.split('|').nth(by).unwrap().ends_with("through"));
        assert!(is_through(0) && is_through(1), "{seen:?}");
    }
}
