//! The floor: bare TCP, and threads of the standard library.

use std::hint::black_box;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::Instant;

use crossbeam_channel::{Receiver, unbounded};

use crate::harness::{Slice, in_thread, nanos};

pub(crate) const SLICE: Slice = Slice::of_millis(20, 60);

/// About what a call has.
const MESSAGE: usize = 128;

/// How many bytes go one way in one message.
pub(crate) const BULK: usize = 64 << 20;

pub(crate) const MEBIBYTES: f64 = (BULK >> 20) as f64;

/// The ports of servers.
#[derive(Debug)]
pub(crate) struct Floor {
    /// What answers, by how many hops there are between threads.
    pub(crate) answering: [u16; 3],
    /// What answers when all has come.
    pub(crate) sink: u16,
}

impl Floor {
    /// Starts the servers.
    pub(crate) fn serve() -> io::Result<Floor> {
        let answer = |hops| serve(move |stream| answer(stream, hops));
        let answering = [answer(0)?, answer(1)?, answer(2)?];
        Ok(Floor { answering, sink: serve(swallow)? })
    }
}

/// Serves clients, each in a thread.
fn serve(talk: impl Fn(TcpStream) -> io::Result<()> + Copy + Send + 'static) -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            // Whoever is not answered, fails.
            thread::spawn(move || stream.set_nodelay(true).and_then(|()| talk(stream)));
        }
    });
    Ok(port)
}

/// Sends back each message, after so many hops to other threads.
fn answer(mut stream: TcpStream, hops: usize) -> io::Result<()> {
    let mut replies = stream.try_clone()?;
    if hops == 0 {
        return each_message(&mut stream, |message| replies.write_all(message));
    }
    let (sender, mut receiver) = unbounded::<[u8; MESSAGE]>();
    for _ in 1..hops {
        let (next_sender, next_receiver) = unbounded();
        let from: Receiver<_> = receiver;
        thread::spawn(move || from.iter().for_each(|it| _ = next_sender.send(it)));
        receiver = next_receiver;
    }
    thread::spawn(move || receiver.iter().try_for_each(|message| replies.write_all(&message)));
    each_message(&mut stream, |message| sender.send(*message).map_err(io::Error::other))
}

fn each_message(
    stream: &mut TcpStream,
    mut act: impl FnMut(&[u8; MESSAGE]) -> io::Result<()>,
) -> io::Result<()> {
    let mut message = [0; MESSAGE];
    loop {
        stream.read_exact(&mut message)?;
        act(&message)?;
    }
}

/// Reads messages of `BULK` bytes, each into memory of its own, and answers each.
fn swallow(mut stream: TcpStream) -> io::Result<()> {
    loop {
        let mut message = vec![0; BULK];
        stream.read_exact(&mut message)?;
        black_box(&message);
        stream.write_all(&[1])?;
    }
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("it listens");
    stream.set_nodelay(true).expect("it is a socket");
    stream
}

/// Nanoseconds until a message is answered.
pub(crate) fn ping_pong(port: u16) -> f64 {
    in_thread(|| {
        let mut stream = connect(port);
        let mut message = [7; MESSAGE];
        SLICE.mean(|| {
            stream.write_all(&message).expect("it is connected");
            stream.read_exact(&mut message).expect("it is answered");
        })
    })
}

/// Nanoseconds for a mebibyte of a large message.
pub(crate) fn bulk(port: u16) -> f64 {
    in_thread(|| {
        let mut stream = connect(port);
        let message = vec![7; BULK];
        let start = Instant::now();
        stream.write_all(&message).expect("it is connected");
        stream.read_exact(&mut [0]).expect("it is answered");
        nanos(start.elapsed()) / MEBIBYTES
    })
}
