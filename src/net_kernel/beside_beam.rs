//! The parts of the protocol beside Erlang's own, where that is installed.

use std::io::Write;
use std::time::Duration;

use crate::io::{TcpListener, TcpStream};
use crate::term::{Term, WirePid};

use super::control::{Control, Object};
use super::cookie::Cookie;
use super::epmd::{Epmd, Registrant, Registration};
use super::frame::{self, Decoder, Frame, Signal};
use super::handshake::{self, Admission, Flags, HandshakeError, Identity, Lengths, Peer};
use super::name::NodeName;
use super::support::beam::{Beam, Cluster, cookie};
use super::support::wait::wait_until;
use super::timed::{Deadline, Timed};

fn deadline() -> Deadline {
    Deadline::after(Duration::from_secs(20))
}

/// This side, registered as `rust@127.0.0.1`.
struct Here {
    epmd: Epmd,
    us: Identity,
    listener: TcpListener,
    _registration: Registration,
}

impl Here {
    fn new(cluster: &Cluster, is_hidden: bool) -> Here {
        let epmd = Epmd { port: cluster.epmd_port() };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let name = NodeName::new("rust@127.0.0.1").unwrap();
        let registrant = Registrant { name: &name, port, is_hidden };
        let registration = epmd.register(registrant, deadline()).unwrap();
        let creation = registration.creation();
        let (flags, cookie) = (Flags::ours(is_hidden), Cookie::new(cookie()).unwrap());
        let us = Identity { name, creation, flags, cookie };
        Here { epmd, us, listener, _registration: registration }
    }

    fn with_cookie(self, cookie: &str) -> Here {
        let us = Identity { cookie: Cookie::new(cookie).unwrap(), ..self.us };
        Here { us, ..self }
    }

    fn dial(&self, beam: &Beam) -> Result<(TcpStream, Peer), HandshakeError> {
        let name = NodeName::new(beam.name()).unwrap();
        let address = self.epmd.find(&name, deadline()).unwrap();
        let mut stream = Timed::new(TcpStream::connect(address)?, deadline());
        let peer = handshake::dial(&mut stream, Lengths::Two, &self.us, &name)?;
        Ok((stream.into_inner()?, peer))
    }

    fn accept(&self) -> Result<(TcpStream, Peer), HandshakeError> {
        let (stream, _) = self.listener.accept_timeout(Duration::from_secs(20))?;
        let mut stream = Timed::new(stream, deadline());
        let admit = |_: &Peer| Admission::Yes;
        let (peer, last) = handshake::accept(&mut stream, Lengths::Two, &self.us, admit)?;
        stream.write_all(&last)?;
        Ok((stream.into_inner()?, peer))
    }
}

fn creation_of(beam: &Beam) -> u32 {
    beam.eval("erlang:system_info(creation)").parse().unwrap()
}

mod epmd {
    use super::*;

    fn register(cluster: &Cluster, name: &str) -> Result<Registration, String> {
        let name = NodeName::new(name).unwrap();
        let registrant = Registrant { name: &name, port: 4711, is_hidden: false };
        let epmd = Epmd { port: cluster.epmd_port() };
        epmd.register(registrant, deadline()).map_err(|error| error.to_string())
    }

    fn find(cluster: &Cluster, name: &str) -> Result<String, String> {
        let epmd = Epmd { port: cluster.epmd_port() };
        let found = epmd.find(&NodeName::new(name).unwrap(), deadline());
        found.map(|address| address.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn keeps_a_node_for_as_long_as_its_connection_is_open() {
        let Some(cluster) = Cluster::start() else { return };
        let unknown = Err("epmd knows of no node a@127.0.0.1".to_owned());
        assert_eq!(find(&cluster, "a@127.0.0.1"), unknown);
        let registration = register(&cluster, "a@127.0.0.1").unwrap();
        assert_eq!(find(&cluster, "a@127.0.0.1"), Ok("127.0.0.1:4711".to_owned()));
        assert_eq!(find(&cluster, "a@localhost"), Ok("127.0.0.1:4711".to_owned()));
        drop(registration);
        wait_until(|| find(&cluster, "a@127.0.0.1") == unknown);
    }

    #[test]
    fn gives_a_name_once() {
        let Some(cluster) = Cluster::start() else { return };
        let first = register(&cluster, "a@127.0.0.1").unwrap();
        let error = register(&cluster, "a@127.0.0.1").unwrap_err();
        assert_eq!(error, "the name a is taken on this machine");
        let other = register(&cluster, "b@127.0.0.1").unwrap();
        drop(first);
        wait_until(|| register(&cluster, "a@127.0.0.1").is_ok());
        assert_ne!(other.creation(), 0);
    }

    #[test]
    fn is_waited_for_until_it_goes_away() {
        let Some(mut cluster) = Cluster::start() else { return };
        let registration = register(&cluster, "a@127.0.0.1").unwrap();
        cluster.stop_epmd();
        registration.wait().unwrap();
        let error = find(&cluster, "a@127.0.0.1").unwrap_err();
        assert!(error.starts_with("no epmd could be reached at 127.0.0.1:"), "{error}");
        cluster.start_epmd();
        assert!(register(&cluster, "a@127.0.0.1").is_ok());
    }
}

#[test]
fn an_erlang_node_is_dialled_as_a_hidden_node() {
    let Some(cluster) = Cluster::start() else { return };
    let (here, beam) = (Here::new(&cluster, true), cluster.beam("beam"));
    let (stream, peer) = here.dial(&beam).unwrap();
    assert_eq!((peer.name.as_str(), peer.creation), (beam.name(), creation_of(&beam)));
    assert!(peer.flags.has(Flags::ALIAS) && !peer.flags.has(Flags::PUBLISHED));
    // The other side has the connection a moment later.
    wait_until(|| beam.eval("nodes(hidden)") == "['rust@127.0.0.1']");
    assert_eq!(beam.eval("nodes()"), "[]");

    let gone = "net_kernel:monitor_nodes(true, [{node_type, all}]), \
                lists:member('rust@127.0.0.1', nodes(hidden)) andalso \
                receive {nodedown, 'rust@127.0.0.1', _} -> down end, nodes(hidden)";
    let gone = beam.begin(gone);
    drop(stream);
    assert_eq!(beam.value(gone), "[]");
}

#[test]
fn an_erlang_node_is_dialled_as_a_visible_node() {
    let Some(cluster) = Cluster::start() else { return };
    let (here, beam) = (Here::new(&cluster, false), cluster.beam("beam"));
    let (_stream, peer) = here.dial(&beam).unwrap();
    assert!(peer.flags.has(Flags::PUBLISHED));
    wait_until(|| beam.eval("nodes()") == "['rust@127.0.0.1']");
}

#[test]
fn an_erlang_node_with_another_cookie_is_not_dialled() {
    let Some(cluster) = Cluster::start() else { return };
    let here = Here::new(&cluster, true).with_cookie("wrong");
    let beam = cluster.beam("beam");
    let error = here.dial(&beam).unwrap_err();
    assert!(matches!(error, HandshakeError::WrongCookie), "{error}");
    assert_eq!(beam.eval("nodes(connected)"), "[]");
}

#[test]
fn a_hidden_erlang_node_that_lacks_nothing_is_dialled() {
    let Some(cluster) = Cluster::start() else { return };
    let here = Here::new(&cluster, false);
    let beam = cluster.beam_with("beam", &["-hidden"]);
    let (_stream, peer) = here.dial(&beam).unwrap();
    assert!(!peer.flags.has(Flags::PUBLISHED));
    wait_until(|| beam.eval("nodes(hidden)") == "['rust@127.0.0.1']");
}

#[test]
fn an_erlang_node_dials() {
    let Some(cluster) = Cluster::start() else { return };
    let (here, beam) = (Here::new(&cluster, false), cluster.beam("beam"));
    let up = beam.begin("net_kernel:connect_node('rust@127.0.0.1')");
    let (_stream, peer) = here.accept().unwrap();
    assert_eq!((peer.name.as_str(), peer.creation), (beam.name(), creation_of(&beam)));
    assert_eq!(beam.value(up), "true");
    assert_eq!(beam.eval("nodes()"), "['rust@127.0.0.1']");
}

#[test]
fn an_erlang_node_with_another_cookie_is_not_accepted() {
    let Some(cluster) = Cluster::start() else { return };
    let here = Here::new(&cluster, false).with_cookie("wrong");
    let beam = cluster.beam("beam");
    let ping = beam.begin("net_adm:ping('rust@127.0.0.1')");
    let error = here.accept().unwrap_err();
    assert!(matches!(error, HandshakeError::WrongCookie), "{error}");
    assert_eq!(beam.value(ping), "pang");
}

#[test]
fn an_erlang_node_has_no_connection_where_it_is_refused() {
    let Some(cluster) = Cluster::start() else { return };
    let (mut here, beam) = (Here::new(&cluster, false), cluster.beam("beam"));
    // It lacks this.
    here.us.flags = Flags(here.us.flags.0 & !Flags::MANDATORY_25_DIGEST.0 & !Flags::MAP_TAG.0);
    let error = here.dial(&beam).unwrap_err();
    assert!(matches!(error, HandshakeError::NotAllowed), "{error}");
    beam.wait_until_logged("cannot handle [\"MAP_TAG\"]");
}

/// The signals that come from the other node.
struct Signals {
    stream: TcpStream,
    decoder: Decoder,
}

impl Signals {
    fn next(&mut self) -> Signal {
        loop {
            match frame::next(&mut self.decoder).unwrap() {
                Some(Frame::Signal(signal)) => return signal,
                Some(Frame::Tick) => {}
                None => {
                    let count = self.decoder.read_from(&mut self.stream).unwrap();
                    assert!(count > 0, "the connection was closed");
                }
            }
        }
    }
}

// What `net_adm:ping/1` asks for is that `net_kernel` answers a call.
#[test]
fn an_erlang_node_pings() {
    let Some(cluster) = Cluster::start() else { return };
    let (here, beam) = (Here::new(&cluster, true), cluster.beam("beam"));
    let ping = beam.begin("net_adm:ping('rust@127.0.0.1')");
    let (mut stream, _) = here.accept().unwrap();
    let decoder = Decoder::new(1 << 20);
    let mut signals = Signals { stream: stream.try_clone().unwrap(), decoder };

    let (monitor, request) = (signals.next(), signals.next());
    let monitor = monitor.control().unwrap();
    let Control::Monitor { from, object, reference } = monitor else { panic!("{monitor:?}") };
    assert_eq!(object, Object::Name("net_kernel".into()));
    let request = request.control().unwrap();
    let Control::SendToName { from: sender, name, message } = request else {
        panic!("{request:?}")
    };
    assert_eq!((&sender, &*name), (&from, "net_kernel"));
    let Term::Tuple(request) = message.read().unwrap() else { panic!("{message:?}") };
    assert_eq!(request[2].to_string(), "{is_auth,'beam@127.0.0.1'}");

    // {From, [alias | Ref]} is who has called.
    let Term::Tuple(caller) = &request[1] else { panic!("{request:?}") };
    let net_kernel = WirePid {
        node: here.us.name.as_str().into(),
        id: 1,
        serial: 2,
        creation: here.us.creation,
    };
    let reply = (&caller[1], crate::term::atom("yes"));
    let answer = Control::SendToAlias { from: net_kernel, alias: reference, message: reply };
    stream.write_all(&frame::write(&answer).unwrap().into_vec()).unwrap();
    assert_eq!(beam.value(ping), "pong");

    // The caller takes its monitor away.
    let demonitor = signals.next();
    let demonitor = demonitor.control().unwrap();
    assert!(matches!(demonitor, Control::Demonitor { .. }), "{demonitor:?}");
}
