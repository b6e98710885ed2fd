//! What the service says of itself.

use std::process;
use std::time::Instant;

use super::api::{Keyspace, PARTITIONS};
use super::core::Bytes;
use super::core::glob;
use super::core::input::MAX_BULK;
use super::core::options::Options;
use super::core::reply::Reply;
use super::losses::Losses;
use super::tree::{MAX_CONNECTIONS, listener};

/// How the service runs, and since when.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) options: Options,
    pub(crate) port: u16,
    pub(crate) since: Instant,
    pub(crate) losses: Losses,
}

impl Service {
    /// Returns the settings whose names are as one of the patterns says.
    pub(crate) fn config(&self, patterns: &[Bytes]) -> Reply {
        let dir = self.options.dir.display().to_string();
        let settings = [
            ("appendfsync", self.options.fsync.name().to_owned()),
            ("appendonly", "yes".to_owned()),
            ("dir", dir),
            ("maxclients", MAX_CONNECTIONS.to_string()),
            ("port", self.port.to_string()),
            ("proto-max-bulk-len", MAX_BULK.to_string()),
            ("save", String::new()),
        ];
        let fits = |name: &str| {
            let matches = |it: &Bytes| glob::matches(&it.to_ascii_lowercase(), name.as_bytes());
            patterns.iter().any(matches)
        };
        let fitting = settings.iter().filter(|(name, _)| fits(name));
        Reply::Array(
            fitting.flat_map(|(name, value)| [Reply::text(name), Reply::text(value)]).collect(),
        )
    }

    /// Returns these sections of what Redis calls the info; all if none is named.
    pub(crate) fn info(&self, sections: &[Bytes], keys: &Keyspace) -> Reply {
        let wants = |name: &str| {
            let all = ["all", "default", "everything"];
            let is = |it: &Bytes, name: &str| it.eq_ignore_ascii_case(name.as_bytes());
            let wants = |it: &Bytes| is(it, name) || all.iter().any(|all| is(it, all));
            sections.is_empty() || sections.iter().any(wants)
        };
        type Lines = fn(&Service, &Keyspace) -> String;
        let all: [(&str, Lines); 4] = [
            ("Server", |it, _| it.server()),
            ("Clients", |_, _| clients()),
            ("Persistence", |it, _| it.persistence()),
            ("Keyspace", |_, keys| keyspace(keys)),
        ];
        let wanted = all.iter().filter(|(name, _)| wants(name));
        let texts = wanted.map(|(name, lines)| format!("# {name}\r\n{}", lines(self, keys)));
        Reply::text(&texts.collect::<Vec<_>>().join("\r\n"))
    }

    fn server(&self) -> String {
        format!(
            "kv_service_version:{}\r\nprocess_id:{}\r\ntcp_port:{}\r\nuptime_in_seconds:{}\r\n",
            env!("CARGO_PKG_VERSION"),
            process::id(),
            self.port,
            self.since.elapsed().as_secs()
        )
    }

    fn persistence(&self) -> String {
        let fsync = self.options.fsync.name();
        format!("aof_enabled:1\r\naof_fsync:{fsync}\r\naof_files:{PARTITIONS}\r\n")
    }
}

fn clients() -> String {
    let count = listener().info().map_or(0, |info| info.active_connections);
    format!("connected_clients:{count}\r\nmaxclients:{MAX_CONNECTIONS}\r\n")
}

fn keyspace(keys: &Keyspace) -> String {
    match keys.sizes() {
        Ok((0, _)) | Err(_) => String::new(),
        Ok((keys, expiring)) => format!("db0:keys={keys},expires={expiring},avg_ttl=0\r\n"),
    }
}
