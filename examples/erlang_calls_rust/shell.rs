//! A shell of Erlang, which is typed into, and whose answers are printed.

use std::io::{self, Error, ErrorKind, Read, Write};
use std::process::{Command, Stdio};

use procession::io::{Child, ChildStdin, ChildStdout};

#[derive(Debug)]
pub(crate) struct Shell {
    name: String,
    /// The shell ends with it.
    _erl: Child,
    input: ChildStdin,
    output: ChildStdout,
    /// How many expressions it has been given.
    count: usize,
}

impl Shell {
    /// Starts a node with a shell.
    pub(crate) fn start(name: &str, cookie: &str) -> io::Result<Shell> {
        let mut command = Command::new("erl");
        command.args(["-name", name, "-setcookie", cookie, "-start_epmd", "false"]);
        let mut erl = Child::spawn(command.stdin(Stdio::piped()).stdout(Stdio::piped()))?;
        let (input, output) = (erl.stdin.take().expect("piped"), erl.stdout.take().expect("piped"));
        let mut shell = Shell { name: name.to_owned(), _erl: erl, input, output, count: 0 };
        shell.read_to_prompt()?; // What it prints at its start has the version.
        Ok(shell)
    }

    /// Types in expressions, and prints them and the value of the last.
    pub(crate) fn type_in(&mut self, expressions: &str) -> io::Result<()> {
        println!("{}{expressions}.", self.prompt());
        writeln!(self.input, "{}.", expressions.replace('\n', " "))?;
        self.count += 1;
        print!("{}", self.read_to_prompt()?);
        Ok(())
    }

    fn prompt(&self) -> String {
        format!("({}){}> ", self.name, self.count + 1)
    }

    /// Reads up to the next prompt, and returns what comes before it.
    fn read_to_prompt(&mut self) -> io::Result<String> {
        let prompt = self.prompt();
        let mut text = Vec::new();
        let mut room = [0; 4096];
        while !text.ends_with(prompt.as_bytes()) {
            match self.output.read(&mut room)? {
                0 => Err(Error::new(ErrorKind::UnexpectedEof, "the shell has ended"))?,
                count => text.extend_from_slice(&room[..count]),
            }
        }
        text.truncate(text.len() - prompt.len());
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}
