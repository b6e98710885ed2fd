//! Events on their way to a state machine whose type the mailbox does not know.

use std::any::{Any, type_name};
use std::fmt;

use log::Level;

use crate::call::ReplyTo;
use crate::call_error::CallErrorKind;
use crate::id::Pid;
use crate::message::{Message, Request};
use crate::process::info::logged_self;
use crate::user_code::{drop_caught, is_seen, printed};

use super::event_type::EventType;
use super::serve::Machine;
use super::{GenStatem, warn};

pub(crate) fn call_message<S: GenStatem, R: Send + 'static>(
    event: S::Event,
    reply_to: ReplyTo<R>,
) -> Message {
    Message::request(Call::<S, R> { event: Some(event), reply_to })
}

#[inline]
pub(crate) fn cast_message<S: GenStatem>(event: S::Event) -> Message {
    Message::request(Cast::<S> { event: Some(event) })
}

/// Takes the event out of a [`cast_message`] that was not sent.
pub(crate) fn open_cast<S: GenStatem>(mut message: Message) -> S::Event {
    let cast = message.as_request().map(|request| request as &mut dyn Any);
    let cast = cast.and_then(|cast| cast.downcast_mut::<Cast<S>>());
    cast.and_then(|cast| cast.event.take()).expect("nobody has handled it")
}

/// A call on its way to the machine.
struct Call<S: GenStatem, R> {
    /// `None` once the machine has taken it out.
    event: Option<S::Event>,
    reply_to: ReplyTo<R>,
}

impl<S: GenStatem, R> fmt::Debug for Call<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print(self.event.as_ref(), f)
    }
}

impl<S: GenStatem, R: Send + 'static> Request for Call<S, R> {
    fn client(&self) -> Option<Pid> {
        Some(self.reply_to.pid())
    }

    fn content(&self) -> &dyn Any {
        content(self.event.as_ref())
    }

    fn reply_type(&self) -> Option<&'static str> {
        Some(type_name::<R>())
    }

    fn handed_out(&self) {
        self.reply_to.clear_edge();
    }

    fn bounce(&self) {
        self.reply_to.bounce();
    }

    fn dispatch(&mut self, server: &mut dyn Any, found: &'static str) {
        let event = self.event.take();
        match server.downcast_mut::<Machine<S>>() {
            Some(machine) => {
                let event = event.expect("a request is dispatched once");
                let client = self.reply_to.client();
                machine.receive(&EventType::Call(client.pid()), Some(client), event);
            }
            None => {
                // A panic of its destructor is no concern of the server that refuses it.
                drop_caught(event);
                let expected = type_name::<S>();
                self.reply_to.refuse(CallErrorKind::WrongServer { expected, found });
            }
        }
    }
}

/// A cast on its way to the machine.
struct Cast<S: GenStatem> {
    /// `None` once the machine has taken it out.
    event: Option<S::Event>,
}

impl<S: GenStatem> fmt::Debug for Cast<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print(self.event.as_ref(), f)
    }
}

impl<S: GenStatem> Request for Cast<S> {
    fn client(&self) -> Option<Pid> {
        None
    }

    fn content(&self) -> &dyn Any {
        content(self.event.as_ref())
    }

    fn reply_type(&self) -> Option<&'static str> {
        None
    }

    fn handed_out(&self) {}

    fn bounce(&self) {}

    fn dispatch(&mut self, server: &mut dyn Any, found: &'static str) {
        match server.downcast_mut::<Machine<S>>() {
            Some(machine) => {
                let event = self.event.take().expect("a request is dispatched once");
                machine.receive(&EventType::Cast, None, event);
            }
            None => {
                let expected = type_name::<S>();
                if is_seen(Level::Warn, super::TARGET) {
                    let (me, event) = (logged_self(), printed(self));
                    warn(format_args!(
                        "{me} ({found}) has dropped a cast for a {expected}: {event}"
                    ));
                }
                drop_caught(self.event.take());
            }
        }
    }
}

fn print<E: fmt::Debug>(event: Option<&E>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match event {
        Some(event) => fmt::Debug::fmt(event, f),
        None => f.write_str("(handled)"),
    }
}

fn content<E: Any>(event: Option<&E>) -> &dyn Any {
    if let Some(event) = event { event } else { &() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gen_statem::{Actions, InitResult, StateResult, keep_state, started};

    #[derive(Debug)]
    struct Echo;

    #[derive(Debug)]
    enum Event {
        Say(u64, ReplyTo<u64>),
        Add(u64, u64, u64),
        Total(ReplyTo<u64>),
    }

    impl GenStatem for Echo {
        type Args = ();
        type State = ();
        type Event = Event;

        fn init((): ()) -> InitResult<Self> {
            started((), Echo)
        }

        fn handle_event(&mut self, _: EventType, event: Event, (): &()) -> StateResult<Self> {
            match event {
                Event::Say(word, client) => keep_state().reply(client, word),
                Event::Total(client) => keep_state().reply(client, 0),
                Event::Add(a, b, c) => {
                    _ = a + b + c;
                    keep_state()
                }
            }
        }
    }

    /// To allocate costs more than all else that a machine does for an event.
    #[test]
    fn small_events_are_not_on_the_heap() {
        assert!(!cast_message::<Echo>(Event::Add(1, 2, 3)).is_on_heap());
        let echo = Echo::start(()).unwrap();
        let said = echo.call(|client| {
            assert!(!call_message::<Echo, _>(Event::Say(7, client), client).is_on_heap());
            assert!(!call_message::<Echo, _>(Event::Total(client), client).is_on_heap());
            Event::Say(7, client)
        });
        assert_eq!(said, Ok(7));
        echo.stop().unwrap();
    }
}
