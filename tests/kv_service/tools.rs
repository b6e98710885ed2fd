//! The clients that come with Redis, and Redis itself.

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use super::service::Dir;

/// Whether a program can be run. A test that needs one that is not there says so, and passes.
fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        eprintln!("skipped: {program} is not installed");
    }
    found
}

/// A redis-server that keeps nothing.
struct Redis {
    server: Child,
    port: u16,
}

impl Redis {
    fn start() -> Redis {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let server = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        crate::support::wait::wait_until(|| {
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
        });
        Redis { server, port }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.server.kill().unwrap();
        self.server.wait().unwrap();
    }
}

/// What `redis-cli` prints that is given these lines.
fn session(port: u16, lines: &str) -> String {
    let mut cli = Command::new("redis-cli")
        .args(["-p", &port.to_string(), "--no-raw"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    cli.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let ended = cli.wait_with_output().unwrap();
    assert!(ended.status.success(), "{ended:?}");
    String::from_utf8(ended.stdout).unwrap() + &String::from_utf8(ended.stderr).unwrap()
}

const SESSION: &str = "\
PING
PING hello
PING a b
ECHO \"hello world\"
SET key value
GET key
GET nokey
GET
get a b
SET key
SET key other NX
SET key other XX
SET nokey other XX
SET new value NX
SET k v EX 0
SET k v EX x
SET k v EX
SET k v PX 1 EX 1
SET k v NX XX
SET k v BAD
SET k v EX 9223372036854775
SET k v EX 100
TTL k
TTL key
TTL nokey
SET k v
TTL k
EXPIRE k 100
TTL k
EXPIRE nokey 100
EXPIRE k x
EXPIRE k 1 FOO
EXPIRE k 9223372036854775
EXPIRE k -1
GET k
EXISTS key new nokey key
EXISTS
DEL nokey
DEL key new nokey
INCR count
INCR count
INCR count
SET count ten
INCR count
SET count 9223372036854775807
INCR count
SET count 01
INCR count
SET count -2
INCR count
KEYS c*
KEYS nothing*
KEYS
DBSIZE
DBSIZE x
PUBLISH channel message
PUBLISH channel
CONFIG GET save
CONFIG GET
CONFIG FOO
COMMAND DOCS nosuch
COMMAND FOO
DEBUG
NOSUCH a \"b c\" d
nosuch
SET bytes \"\\x00\\xff\\r\\n\"
GET bytes
FLUSHDB
FLUSHDB SYNC
FLUSHDB NOW
DBSIZE
UNSUBSCRIBE
";

/// Word for word.
#[test]
fn a_session_with_redis_cli_is_as_with_redis() {
    if !has("redis-cli") || !has("redis-server") {
        return;
    }
    let dir = Dir::new("session");
    let service = dir.start(&[]);
    let redis = Redis::start();
    let (here, there) = (session(service.port, SESSION), session(redis.port, SESSION));
    for (line, (here, there)) in here.lines().zip(there.lines()).enumerate() {
        assert_eq!(here, there, "in line {line}");
    }
    assert_eq!(here, there);
    service.stop();
}

#[test]
fn redis_benchmark_runs_to_its_end() {
    if !has("redis-benchmark") {
        return;
    }
    let dir = Dir::new("benchmark");
    let service = dir.start(&[]);
    for pipeline in ["1", "16"] {
        let ended = Command::new("redis-benchmark")
            .args(["-p", &service.port.to_string(), "-t", "ping,set,get", "-c", "50"])
            .args(["-n", "10000", "-P", pipeline, "-r", "1000", "--csv"])
            .output()
            .unwrap();
        let output = String::from_utf8(ended.stdout).unwrap();
        let errors = String::from_utf8(ended.stderr).unwrap();
        assert!(ended.status.success() && errors.is_empty(), "{output}{errors}");
        let tests = ["test", "PING_INLINE", "PING_MBULK", "SET", "GET"];
        let names: Vec<&str> = output.lines().filter_map(|line| line.split('"').nth(1)).collect();
        assert_eq!(names, tests, "{output}");
    }
    assert_eq!(service.stop(), "");
}
