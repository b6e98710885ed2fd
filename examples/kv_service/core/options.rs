//! What the command line says.

use std::path::PathBuf;

/// When what was written to the append-only file is written to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fsync {
    /// Before the client is told.
    Always,
    /// Each second.
    EverySecond,
    /// When the system likes to.
    No,
}

impl Fsync {
    /// As Redis calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Fsync::Always => "always",
            Fsync::EverySecond => "everysec",
            Fsync::No => "no",
        }
    }
}

/// How the service runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) port: u16,
    pub(crate) dir: PathBuf,
    pub(crate) fsync: Fsync,
    /// Whether clients may crash their connections.
    pub(crate) debug: bool,
}

pub(crate) const USAGE: &str =
    "usage: kv_service [--port PORT] [--dir DIR] [--appendfsync always|everysec|no] [--debug]";

/// What follows the usage if somebody asks for help.
pub(crate) const HELP: &str = "
  --port PORT    the port, on this machine only; 0 is any free one (default: 6380)
  --dir DIR      where the files are (default: kv_service.data)
  --appendfsync always|everysec|no
                 when what was written is on the disk: before the client is told,
                 a second later, or when the system likes to (default: everysec)
  --debug        clients may crash their connections with DEBUG PANIC
  --help         prints this
";

impl Options {
    /// Reads the arguments of the program, without its name.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Options, String> {
        let mut options = Options {
            port: 6380,
            dir: PathBuf::from("kv_service.data"),
            fsync: Fsync::EverySecond,
            debug: false,
        };
        let mut arguments = arguments.into_iter();
        while let Some(option) = arguments.next() {
            if option == "--debug" {
                options.debug = true;
                continue;
            }
            let known = ["--port", "--dir", "--appendfsync"].contains(&option.as_str());
            let Some(value) = arguments.next().filter(|_| known) else {
                return Err(USAGE.to_owned());
            };
            match option.as_str() {
                "--port" => {
                    let port = value.parse();
                    options.port =
                        port.map_err(|error| format!("{value:?} is no port: {error}"))?;
                }
                "--dir" => options.dir = PathBuf::from(value),
                _ => options.fsync = fsync(&value)?,
            }
        }
        Ok(options)
    }
}

fn fsync(value: &str) -> Result<Fsync, String> {
    let all = [Fsync::Always, Fsync::EverySecond, Fsync::No];
    let found = all.into_iter().find(|fsync| fsync.name() == value);
    found.ok_or_else(|| format!("{value:?} is none of always, everysec and no"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn without_arguments_there_are_defaults() {
        let expected = Options {
            port: 6380,
            dir: "kv_service.data".into(),
            fsync: Fsync::EverySecond,
            debug: false,
        };
        assert_eq!(parse(""), Ok(expected));
    }

    #[test]
    fn each_option_is_read() {
        let expected = Options { port: 0, dir: "d".into(), fsync: Fsync::Always, debug: true };
        assert_eq!(parse("--port 0 --dir d --appendfsync always --debug"), Ok(expected));
        assert_eq!(parse("--appendfsync no").unwrap().fsync, Fsync::No);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for line in ["--what 1", "6380", "--port", "--dir", "--debug --port"] {
            assert_eq!(parse(line), Err(USAGE.to_owned()), "{line}");
        }
        assert!(parse("--port 65536").unwrap_err().starts_with("\"65536\" is no port: "));
        let error = parse("--appendfsync often").unwrap_err();
        assert_eq!(error, "\"often\" is none of always, everysec and no");
    }
}
