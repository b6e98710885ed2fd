//! The servers that are measured, as programs.

use std::env;
use std::error::Error;
use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

pub(crate) const NAMES: [&str; 3] = ["Redis", "kv_service", "threads and a lock"];

/// A server, which is killed when this is dropped.
pub(crate) struct Server {
    child: Child,
    dir: PathBuf,
    pub(crate) port: u16,
}

impl Server {
    /// Starts the server of this name, and waits until it listens.
    pub(crate) fn start(name: &str, fsync: &str) -> Result<Server, Box<dyn Error>> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let dir = env::temp_dir().join(format!("procession-kv-{port}"));
        fs::create_dir_all(&dir)?;
        let mut command = command(name, fsync, port, &dir)?;
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        let child = child.map_err(|error| format!("cannot start {name}: {error}"))?;
        let server = Server { child, dir, port };
        let start = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if start.elapsed() > Duration::from_secs(10) {
                Err(format!("{name} does not listen"))?;
            }
            thread::yield_now();
        }
        Ok(server)
    }
}

fn command(name: &str, fsync: &str, port: u16, dir: &Path) -> Result<Command, Box<dyn Error>> {
    let port = port.to_string();
    let this = env::current_exe()?;
    let mut command = match name {
        "kv_service" => {
            let profile = this.parent().and_then(Path::parent).ok_or("there is no profile")?;
            let path = profile.join("examples/kv_service");
            if !path.is_file() {
                Err("run `cargo build --release --example kv_service` first")?;
            }
            let mut command = Command::new(path);
            command.args(["--port", &port, "--appendfsync", fsync, "--dir"]).arg(dir);
            command
        }
        "threads and a lock" => {
            let mut command = Command::new(this);
            command.args(["--baseline", &port]).arg(dir.join("baseline.aof")).arg(fsync);
            command
        }
        _ => {
            let mut command = Command::new("redis-server");
            command.args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--dir"]).arg(dir);
            command.args(["--appendonly", "yes", "--appendfsync", fsync]);
            command
        }
    };
    command.current_dir(dir);
    Ok(command)
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
        _ = fs::remove_dir_all(&self.dir);
    }
}
