//! What is measured.

/// One piece of work that every peer does, if it can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Call,
    CallFromThread,
    EightCallers,
    Chain,
    Cast,
    TwoCasters,
    StartStop,
    Ring,
    Crash,
    Memory,
    Echo,
    EchoBy64,
    EchoProcessor,
    EchoProcessorBy64,
}

impl Subject {
    pub(crate) const ALL: [Subject; 14] = [
        Subject::Call,
        Subject::CallFromThread,
        Subject::EightCallers,
        Subject::Chain,
        Subject::Cast,
        Subject::TwoCasters,
        Subject::StartStop,
        Subject::Ring,
        Subject::Crash,
        Subject::Memory,
        Subject::Echo,
        Subject::EchoBy64,
        Subject::EchoProcessor,
        Subject::EchoProcessorBy64,
    ];

    /// Its name as an argument.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Subject::Call => "call",
            Subject::CallFromThread => "thread",
            Subject::EightCallers => "callers",
            Subject::Chain => "chain",
            Subject::Cast => "cast",
            Subject::TwoCasters => "casters",
            Subject::StartStop => "spawn",
            Subject::Ring => "ring",
            Subject::Crash => "crash",
            Subject::Memory => "memory",
            Subject::Echo => "echo",
            Subject::EchoBy64 => "echo64",
            Subject::EchoProcessor => "echo-cpu",
            Subject::EchoProcessorBy64 => "echo64-cpu",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Subject> {
        Subject::ALL.into_iter().find(|subject| subject.name() == name)
    }

    /// Its name at the head of a column.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Subject::Call => "call, from inside",
            Subject::CallFromThread => "call, from a thread",
            Subject::EightCallers => "8 callers",
            Subject::Chain => "chain",
            Subject::Cast => "cast",
            Subject::TwoCasters => "cast x2",
            Subject::StartStop => "spawn + stop",
            Subject::Ring => "ring hop",
            Subject::Crash => "crash to callable",
            Subject::Memory => "memory, KB",
            Subject::Echo => "TCP echo",
            Subject::EchoBy64 => "TCP echo x64",
            Subject::EchoProcessor => "TCP echo, CPU",
            Subject::EchoProcessorBy64 => "TCP echo x64, CPU",
        }
    }

    pub(crate) fn explanation(self) -> &'static str {
        match self {
            Subject::Call => "a call and its reply, the caller being an actor itself",
            Subject::CallFromThread => "the same, the caller being a thread outside of any runtime",
            Subject::EightCallers => "eight actors call one: time by number of calls",
            Subject::Chain => "an actor calls A, which calls B to answer",
            Subject::Cast => "a message of 16 bytes from one actor until another has handled it",
            Subject::TwoCasters => "the same with two senders: time by number of messages",
            Subject::StartStop => "an actor starts another, stops it and knows that it has ended",
            Subject::Ring => "a message around a ring of 1,000 actors: time by hop",
            Subject::Crash => "a supervised actor crashes, until its successor answers a call",
            Subject::Memory => "resident memory of an idle actor, of 10,000",
            Subject::Echo => "64 bytes to a server over loopback TCP, and back",
            Subject::EchoBy64 => "the same on 64 connections: time by number of requests",
            Subject::EchoProcessor => "processor time of the server, of a request",
            Subject::EchoProcessorBy64 => "the same with 64 connections",
        }
    }

    /// Whether it is measured in nanoseconds. Memory is in kilobytes.
    pub(crate) fn is_time(self) -> bool {
        self != Subject::Memory
    }
}
