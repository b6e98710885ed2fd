//! The same service without processes: a thread for each connection, and one map behind a lock. It
//! has what `redis-benchmark` needs, made of the same parts.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use super::core::command::{self, Command};
use super::core::input::Input;
use super::core::record::encode_change;
use super::core::reply::Reply;
use super::core::store::{Action, Change, Entry, apply};
use super::core::{Bytes, Millis};

struct Store {
    entries: HashMap<Bytes, Entry>,
    file: File,
    /// Whether changes are on the disk before clients are told.
    is_synced: bool,
}

/// Serves until it is killed.
#[allow(clippy::disallowed_methods, reason = "it is what others do")]
pub(crate) fn serve(port: u16, path: &Path, is_synced: bool) -> io::Result<()> {
    let file = File::create(path)?;
    let synced = file.try_clone()?;
    thread::spawn(move || {
        loop {
            thread::sleep(Duration::from_secs(1));
            synced.sync_data().unwrap();
        }
    });
    let store = Arc::new(Mutex::new(Store { entries: HashMap::new(), file, is_synced }));
    for stream in TcpListener::bind((Ipv4Addr::LOCALHOST, port))?.incoming() {
        let (stream, store) = (stream?, Arc::clone(&store));
        thread::spawn(move || serve_client(stream, &store));
    }
    Ok(())
}

fn serve_client(mut stream: TcpStream, store: &Mutex<Store>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut input, mut output) = (Input::default(), Vec::new());
    while input.fill(&mut stream)? > 0 {
        let mut record = Vec::new();
        while let Some(arguments) = input.next().map_err(io::Error::other)? {
            match command::parse(&arguments) {
                Ok(Command::Keyed(key, action)) => {
                    store.lock().apply(key, action, &mut record).encode(&mut output);
                }
                Ok(Command::Ping(_)) => Reply::Status("PONG").encode(&mut output),
                Ok(_) => Reply::Array(Vec::new()).encode(&mut output),
                Err(error) => error.encode(&mut output),
            }
        }
        if !record.is_empty() {
            store.lock().save(&record)?;
        }
        stream.write_all(&output)?;
        output.clear();
    }
    Ok(())
}

impl Store {
    fn save(&mut self, record: &[u8]) -> io::Result<()> {
        self.file.write_all(record)?;
        if self.is_synced { self.file.sync_data() } else { Ok(()) }
    }

    fn apply(&mut self, key: Bytes, action: Action, record: &mut Vec<u8>) -> Reply {
        let (reply, change) = apply(action, self.entries.get(&key), now());
        encode_change(&key, &change, record);
        match change {
            Change::Nothing | Change::ExpireAt(_) => {}
            Change::Put(entry) => {
                self.entries.insert(key, entry);
            }
            Change::Remove => {
                self.entries.remove(&key);
            }
        }
        reply
    }
}

fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
}
