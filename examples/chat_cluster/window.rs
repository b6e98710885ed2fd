//! A program that chats, as somebody sees it who sits in front of several.

use std::env;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};

use procession::io::{Child, ChildStdin, ChildStdout};

#[derive(Debug)]
pub(crate) struct Window {
    name: &'static str,
    program: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Window {
    /// Starts this program once more, as somebody who meets others, and waits until it is there.
    pub(crate) fn open(name: &'static str, others: &[&str]) -> io::Result<Window> {
        let mut command = Command::new(env::current_exe()?);
        command.arg(name).args(others).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut program = Child::spawn(&mut command)?;
        let input = program.stdin.take().expect("it is piped");
        let output = BufReader::new(program.stdout.take().expect("it is piped"));
        let mut window = Window { name, program, input, output };
        window.read(1)?;
        Ok(window)
    }

    pub(crate) fn type_in(&mut self, line: &str) -> io::Result<()> {
        println!("{:>4} > {line}", self.name);
        writeln!(self.input, "{line}")
    }

    /// Waits for so many lines, and prints them: sorted, as what others do comes in any order.
    pub(crate) fn read(&mut self, count: usize) -> io::Result<()> {
        let lines: io::Result<Vec<String>> = self.output.by_ref().lines().take(count).collect();
        let mut lines = lines?;
        lines.sort();
        lines.iter().for_each(|line| println!("{:>4} | {line}", self.name));
        Ok(())
    }

    /// Kills the program.
    pub(crate) fn kill(mut self) -> io::Result<()> {
        self.program.kill()
    }

    /// Ends its input, and with that the program.
    pub(crate) fn close(self) -> io::Result<()> {
        let Window { mut program, input, .. } = self;
        drop(input);
        program.wait().map(drop)
    }
}
