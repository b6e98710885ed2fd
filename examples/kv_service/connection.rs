//! The process of a connection: it reads requests, has them done and writes the replies.
//!
//! All requests that have come are answered before the next are read, so a client that sends
//! without reading is held back by its own connection, and the process keeps no more than it has
//! read at once.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use procession::io::TcpStream;
use procession::prelude::*;

use super::api::{Batch, Keyspace};
use super::core::Bytes;
use super::core::command::{self, Command};
use super::core::input::Input;
use super::core::reply::Reply;
use super::info::Service;
use super::subscriber::{Output, Subscriber, Subscription, confirmation, publish};

/// How much is written at once, but for longer replies.
const BLOCK: usize = 64 << 10;

/// Serves a client, until one of both has had enough.
pub(crate) fn serve(stream: TcpStream, service: Arc<Service>) -> Result<(), ExitReason> {
    stream.set_nodelay(true)?;
    // A client that goes away in the middle of something is no failure.
    _ = Connection::new(stream, service).serve();
    Ok(())
}

struct Connection {
    stream: TcpStream,
    service: Arc<Service>,
    keys: Keyspace,
    input: Input,
    batch: Batch,
    output: Vec<u8>,
    /// The process that writes, while the client has subscribed to something.
    subscriber: Option<ServerRef<Subscriber>>,
}

/// Whether a connection goes on.
#[derive(PartialEq)]
enum Next {
    GoOn,
    Close,
}

impl Connection {
    fn new(stream: TcpStream, service: Arc<Service>) -> Connection {
        Connection {
            stream,
            service,
            keys: Keyspace::new(),
            input: Input::default(),
            batch: Batch::default(),
            output: Vec::new(),
            subscriber: None,
        }
    }

    fn serve(mut self) -> io::Result<()> {
        while self.input.fill(&mut self.stream)? > 0 {
            let next = self.answer()?;
            self.settle()?;
            self.flush()?;
            if next == Next::Close {
                break;
            }
        }
        Ok(())
    }

    /// Answers all requests that have been read.
    fn answer(&mut self) -> io::Result<Next> {
        loop {
            let command = match self.input.next() {
                Ok(None) => return Ok(Next::GoOn),
                Ok(Some(arguments)) if arguments.is_empty() => continue,
                Ok(Some(arguments)) => {
                    let parsed = command::parse(&arguments);
                    match parsed {
                        Ok(command) if self.subscriber.is_some() => {
                            subscribed(command, &command::name_of(&arguments))
                        }
                        parsed => parsed,
                    }
                }
                Err(violation) => {
                    self.batch.push(Reply::error(violation));
                    return Ok(Next::Close);
                }
            };
            match command {
                Ok(command) => {
                    if self.obey(command)? == Next::Close {
                        return Ok(Next::Close);
                    }
                }
                Err(error) => self.batch.push(error),
            }
        }
    }

    fn obey(&mut self, command: Command) -> io::Result<Next> {
        match command {
            Command::Keyed(key, action) => self.batch.push_keyed(key, action),
            Command::Each(keys, action) => self.batch.push_each(keys, &action),
            Command::Known(reply) => self.batch.push(reply),
            Command::Echo(text) => self.batch.push(Reply::Bulk(text)),
            Command::Ping(text) => {
                let pong = self.pong(text);
                self.batch.push(pong);
            }
            Command::Quit => {
                self.batch.push(Reply::OK);
                return Ok(Next::Close);
            }
            Command::DebugPanic if self.service.options.debug => {
                panic!("its client has asked for it")
            }
            Command::DebugPanic => {
                self.batch
                    .push(Reply::error("DEBUG is not allowed: start the service with --debug"));
            }
            Command::ConfigGet(patterns) => self.batch.push(self.service.config(&patterns)),
            // These see what the requests before them have done.
            Command::Keys(pattern) => self.after_all_before(|it| it.keys.keys(&pattern))?,
            Command::DbSize => self.after_all_before(|it| it.keys.db_size())?,
            Command::FlushDb => self.after_all_before(|it| it.keys.clear())?,
            Command::Info(sections) => {
                self.after_all_before(|it| it.service.info(&sections, &it.keys))?;
            }
            Command::Publish(channel, message) => self.after_all_before(|_| {
                publish(&channel, message).map_or_else(Reply::error, Reply::count)
            })?,
            Command::Subscribe(channels) => self.subscribe(channels)?,
            Command::Unsubscribe(channels) => self.unsubscribe(channels)?,
        }
        Ok(Next::GoOn)
    }

    fn pong(&self, text: Option<Bytes>) -> Reply {
        match (&self.subscriber, text) {
            (None, None) => Reply::Status("PONG"),
            (None, Some(text)) => Reply::Bulk(text),
            (Some(_), text) => {
                let text = text.map_or_else(|| Reply::text(""), Reply::Bulk);
                Reply::Array(vec![Reply::text("pong"), text])
            }
        }
    }

    /// Does all requests that were added before, and then this one.
    fn after_all_before(&mut self, work: impl FnOnce(&Connection) -> Reply) -> io::Result<()> {
        self.settle()?;
        let reply = work(self);
        self.batch.push(reply);
        Ok(())
    }

    /// Does what is in the batch.
    fn settle(&mut self) -> io::Result<()> {
        for reply in self.batch.settle(&self.keys) {
            reply.encode(&mut self.output);
            if self.output.len() >= BLOCK {
                write(&mut self.stream, self.subscriber.as_ref(), &mut self.output)?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.output.is_empty() {
            write(&mut self.stream, self.subscriber.as_ref(), &mut self.output)?;
        }
        Ok(())
    }

    fn subscribe(&mut self, channels: Vec<Bytes>) -> io::Result<()> {
        self.settle()?;
        self.flush()?;
        if self.subscriber.is_none() {
            let stream = self.stream.try_clone()?;
            let subscriber = Subscriber::start_link(stream).map_err(io::Error::other)?;
            self.subscriber = Some(subscriber);
        }
        channels.into_iter().try_for_each(|it| self.ask_for(Subscription::Subscribe(it)))
    }

    fn unsubscribe(&mut self, channels: Vec<Bytes>) -> io::Result<()> {
        self.settle()?;
        self.flush()?;
        if self.subscriber.is_some() && channels.is_empty() {
            return self.ask_for(Subscription::UnsubscribeAll);
        }
        for channel in &channels {
            if self.subscriber.is_some() {
                self.ask_for(Subscription::Unsubscribe(Bytes::clone(channel)))?;
            } else {
                let channel = Reply::Bulk(Bytes::clone(channel));
                self.batch.push(confirmation("unsubscribe", channel, 0));
            }
        }
        if channels.is_empty() {
            self.batch.push(confirmation("unsubscribe", Reply::Null, 0));
        }
        Ok(())
    }

    /// The subscriber confirms what it does. With the last channel it ends.
    fn ask_for(&mut self, subscription: Subscription) -> io::Result<()> {
        let Some(subscriber) = &self.subscriber else { return Ok(()) };
        let left = subscriber.call_timeout(subscription, Duration::MAX);
        if left.map_err(io::Error::other)? == 0 {
            subscriber.stop().map_err(io::Error::other)?;
            self.subscriber = None;
        }
        Ok(())
    }
}

/// Writes what is in `output`, which is empty then.
fn write(
    stream: &mut TcpStream,
    subscriber: Option<&ServerRef<Subscriber>>,
    output: &mut Vec<u8>,
) -> io::Result<()> {
    match subscriber {
        Some(subscriber) => {
            let output = Output(std::mem::take(output));
            subscriber.call_timeout(output, Duration::MAX).map_err(io::Error::other)
        }
        None => {
            stream.write_all(output)?;
            output.clear();
            output.shrink_to(BLOCK);
            Ok(())
        }
    }
}

/// A command that a client has sent that has subscribed to something.
fn subscribed(command: Command, name: &str) -> Result<Command, Reply> {
    if command.may_be_sent_by_subscribers() {
        return Ok(command);
    }
    Err(Reply::error(format_args!(
        "Can't execute '{name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are \
         allowed in this context"
    )))
}
