//! What the command line says.

/// How the program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) port: u16,
    /// Whether processes can be suspended and killed from the page.
    pub(crate) control: bool,
}

pub(crate) const USAGE: &str = "usage: observed [--port PORT] [--control]";

/// What follows the usage if somebody asks for help.
pub(crate) const HELP: &str = "
  --port PORT    the port, on this machine only; 0 is any free one (default: 4040)
  --control      processes can be suspended, resumed and killed from the page
  --help         prints this";

impl Options {
    /// Reads the arguments of the program, without its name.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Options, String> {
        let mut options = Options { port: 4040, control: false };
        let mut arguments = arguments.into_iter();
        while let Some(option) = arguments.next() {
            match option.as_str() {
                "--control" => options.control = true,
                "--port" => {
                    let value = arguments.next().ok_or_else(|| USAGE.to_owned())?;
                    let port = value.parse();
                    options.port =
                        port.map_err(|error| format!("{value:?} is no port: {error}"))?;
                }
                _ => return Err(USAGE.to_owned()),
            }
        }
        Ok(options)
    }
}
