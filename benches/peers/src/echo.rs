//! An echo over loopback TCP. The servers are those of the peers; the clients are bare threads, one
//! for each connection, which sends [`SIZE`] bytes and waits until they are back.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc;
use std::thread;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::meter::Meter;
use crate::peer::Peer;

/// The bytes of a request.
pub(crate) const SIZE: usize = 64;

/// A listener of the standard library, for peers that make theirs of it.
pub(crate) fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there are ports");
    let address = listener.local_addr().expect("it is bound");
    (listener, address)
}

/// The time of a request with so many connections, by the number of requests.
pub(crate) async fn time<P: Peer>(connections: u64, meter: Meter) -> Option<f64> {
    let mut clients = Clients::connect(P::serve_echo()?, connections);
    Some(meter.per_round(connections, async |requests| _ = clients.ask(requests).await).await)
}

/// The processor time that a request takes of all threads but those of the clients.
pub(crate) async fn processor<P: Peer>(connections: u64, meter: Meter) -> Option<f64> {
    let mut clients = Clients::connect(P::serve_echo()?, connections);
    let each = meter.per_round(connections, async |requests| _ = clients.ask(requests).await).await;
    let fitting = meter.budget.as_nanos() as f64 / each;
    let requests = (fitting as u64).next_multiple_of(connections);
    let before = of_all_threads();
    let of_clients = clients.ask(requests).await;
    Some((of_all_threads() - before - of_clients) / requests as f64)
}

/// Threads with a connection each.
struct Clients {
    asks: Vec<mpsc::Sender<u64>>,
    done: UnboundedReceiver<f64>,
}

impl Clients {
    fn connect(server: SocketAddr, connections: u64) -> Clients {
        let (sender, done) = unbounded_channel();
        let connect = |_| {
            let stream = TcpStream::connect(server).expect("it listens");
            stream.set_nodelay(true).expect("TCP has it");
            let (ask, asks) = mpsc::channel();
            let done = sender.clone();
            thread::spawn(move || client(stream, &asks, &done));
            ask
        };
        Clients { asks: (0..connections).map(connect).collect(), done }
    }

    /// Has them make so many requests in all, and returns the processor time that they have used.
    async fn ask(&mut self, requests: u64) -> f64 {
        for ask in &self.asks {
            ask.send(requests / self.asks.len() as u64).expect("a client goes on");
        }
        let mut used = 0.0;
        for _ in &self.asks {
            used += self.done.recv().await.expect("a client goes on");
        }
        used
    }
}

fn client(mut stream: TcpStream, asks: &mpsc::Receiver<u64>, done: &UnboundedSender<f64>) {
    for requests in asks {
        let before = of_thread(Path::new("/proc/thread-self"));
        let mut buffer = [0; SIZE];
        for _ in 0..requests {
            stream.write_all(&[7; SIZE]).expect("the server goes on");
            stream.read_exact(&mut buffer).expect("the server goes on");
        }
        let used = of_thread(Path::new("/proc/thread-self")) - before;
        done.send(used).expect("somebody waits");
    }
}

/// Processor time of all threads that there are, in nanoseconds.
fn of_all_threads() -> f64 {
    let tasks = fs::read_dir("/proc/self/task").expect("a Linux");
    tasks.map(|task| of_thread(&task.expect("a Linux").path())).sum()
}

/// Processor time of a thread; none if it has ended meanwhile.
fn of_thread(task: &Path) -> f64 {
    let figures = fs::read_to_string(task.join("schedstat")).unwrap_or_default();
    let first = figures.split_whitespace().next();
    first.map_or(0.0, |figure| figure.parse().expect("a number"))
}

/// Sends back what comes, until no more does.
pub(crate) fn serve<S>(mut stream: &S)
where
    for<'a> &'a S: Read + Write,
{
    let mut buffer = [0; SIZE];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        stream.write_all(&buffer[..count]).expect("the client goes on");
    }
}
