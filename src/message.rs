//! Messages: values of any type on their way to a mailbox.

mod via;
mod destination;
#[cfg(feature = "dist")]
mod node;
#[cfg(all(feature = "dist", target_os = "linux"))]
mod external;

use std::any::{Any, TypeId, type_name};
use std::fmt;
use std::mem;
use std::ops::{Deref, DerefMut};

use smallbox::{SmallBox, smallbox};

use crate::exit::ExitReason;
use crate::id::{MonitorRef, Pid, TimerRef};

pub use destination::{Destination, Name};
#[cfg(all(feature = "dist", target_os = "linux"))]
pub(crate) use external::{AsTerm, External, print_external};
#[cfg(feature = "dist")]
pub use node::{NodeDown, NodeDownInfo, NodeDownReason, NodeType, NodeUp, NodeUpInfo};
pub use via::{NameRefusal, Registrar, Via};

/// A message of any type, as its receiver gets it.
///
/// Any value that is `Any + Send + Debug` can be sent. A `Message` that is sent on arrives as the
/// value that it holds, not as a message within a message.
///
/// ```
/// use procession::Message;
///
/// let message = Message::new(42_u64);
/// assert!(message.is::<u64>());
/// assert_eq!(message.downcast_ref::<u64>(), Some(&42));
///
/// let message = message.downcast::<String>().unwrap_err(); // not a string: the message is back
/// assert_eq!(message.downcast::<u64>().unwrap(), 42);
/// ```
///
/// What is sent as one type is not received as another, which is
/// [easily overlooked](crate::process#messages-and-their-types).
///
/// # Differences from OTP
///
/// A message is moved, never copied, and keeps its Rust type: a receiver chooses by type first and
/// by pattern second. A value that cannot be printed travels inside an [`Opaque`].
pub struct Message(SmallBox<dyn Payload, Space>);

/// The space in a message for what it holds; anything larger is kept on the heap.
///
/// An allocation is the most expensive part of a message, above all if another thread frees it.
type Space = [u64; 6];

impl Message {
    /// Makes a message of `value`. A `value` that is a `Message` already is returned as it is.
    pub fn new<T: Any + Send + fmt::Debug>(value: T) -> Message {
        // Without specialization this is how a generic function says "unless T is Message".
        let mut value = Some(value);
        match (&mut value as &mut dyn Any).downcast_mut::<Option<Message>>() {
            Some(message) => message.take().expect("it was put there two lines above"),
            None => Message(smallbox!(Value(value))),
        }
    }

    /// Returns `true` if the message is a `T`.
    pub fn is<T: Any>(&self) -> bool {
        self.0.is_place_of(TypeId::of::<T>())
    }

    /// Returns the message as a `T`, if it is one.
    pub fn downcast_ref<T: Any>(&self) -> Option<&T> {
        self.0.place().downcast_ref::<Option<T>>()?.as_ref()
    }

    /// Takes the message as a `T`.
    ///
    /// # Errors
    ///
    /// Returns the message itself if it is of another type.
    pub fn downcast<T: Any>(mut self) -> Result<T, Message> {
        match self.place_of::<T>().and_then(Option::take) {
            Some(value) => Ok(value),
            None => Err(self),
        }
    }

    /// Returns the name of the message's type, for reports.
    pub fn type_name(&self) -> &'static str {
        self.0.type_name()
    }

    /// The place of the value, if it is a `T`.
    fn place_of<T: Any>(&mut self) -> Option<&mut Option<T>> {
        self.0.place_mut().downcast_mut()
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// What a message holds.
trait Payload: Send + fmt::Debug {
    fn type_name(&self) -> &'static str;

    /// Whether this is a plain value of that type.
    fn is_place_of(&self, type_id: TypeId) -> bool;

    /// The place of the value: an `Option` of its type, or something else if this is no plain
    /// value.
    fn place(&self) -> &dyn Any;
    fn place_mut(&mut self) -> &mut dyn Any;

    fn is_taken(&self) -> bool;
    fn as_request(&mut self) -> Option<&mut dyn Request>;

    /// What it is, if it has come from another node.
    #[cfg(all(feature = "dist", target_os = "linux"))]
    fn external(&self) -> Option<&dyn AsTerm> {
        None
    }

    /// The value, as its [place](Self::place), or else the request.
    #[cfg(all(feature = "dist", target_os = "linux"))]
    fn content(&self) -> &dyn Any {
        self.place()
    }

    /// User code has received the message, and may send it on: see [`Request::handed_out`].
    fn handed_out(&mut self) {}
}

/// A plain value; `None` after it was taken out.
struct Value<T>(Option<T>);

impl<T: fmt::Debug> fmt::Debug for Value<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => fmt::Debug::fmt(value, f),
            None => f.write_str("(taken)"),
        }
    }
}

impl<T: Any + Send + fmt::Debug> Payload for Value<T> {
    fn type_name(&self) -> &'static str {
        type_name::<T>()
    }

    #[inline]
    fn is_place_of(&self, type_id: TypeId) -> bool {
        TypeId::of::<T>() == type_id
    }

    fn place(&self) -> &dyn Any {
        &self.0
    }

    fn place_mut(&mut self) -> &mut dyn Any {
        &mut self.0
    }

    fn is_taken(&self) -> bool {
        self.0.is_none()
    }

    fn as_request(&mut self) -> Option<&mut dyn Request> {
        None
    }
}

/// A request to a server whose type the mailbox does not know; or the reply to it, which goes back
/// in the same message.
pub(crate) trait Request: Any + Send + fmt::Debug {
    /// The process that waits for the reply, if the request is a call.
    fn client(&self) -> Option<Pid>;

    /// The request, for `sys` tracing; `()` once it has been handled.
    fn content(&self) -> &dyn Any;

    /// The type of the reply, for `sys` tracing; `None` if the request is a cast.
    fn reply_type(&self) -> Option<&'static str>;

    /// A process that is not a server has received the request, and may send it on: from now on
    /// nobody can tell which process will answer it, so its client waits for none in particular.
    fn handed_out(&self);

    /// No process has received the request, nor will any: tells its client, if that waits by its
    /// reply slot.
    fn bounce(&self);

    /// Has `server` handle the request, if it is a running server of the type that the request is
    /// for. Otherwise refuses the request, as the server's type is `server_type`.
    fn dispatch(&mut self, server: &mut dyn Any, server_type: &'static str);
}

/// The payload of a message that is a [`Request`].
struct RequestPayload<Q>(Q);

impl<Q: fmt::Debug> fmt::Debug for RequestPayload<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<Q: Request> Payload for RequestPayload<Q> {
    fn type_name(&self) -> &'static str {
        type_name::<Q>()
    }

    fn is_place_of(&self, _: TypeId) -> bool {
        false
    }

    fn place(&self) -> &dyn Any {
        &()
    }

    fn place_mut(&mut self) -> &mut dyn Any {
        &mut self.0
    }

    fn is_taken(&self) -> bool {
        false
    }

    fn as_request(&mut self) -> Option<&mut dyn Request> {
        Some(&mut self.0)
    }

    #[cfg(all(feature = "dist", target_os = "linux"))]
    fn content(&self) -> &dyn Any {
        &self.0
    }

    fn handed_out(&mut self) {
        self.0.handed_out();
    }
}

/// A plain value that a client waits for the receiver to answer.
pub(crate) trait Awaited: Any + Send + fmt::Debug {
    /// As [`Request::handed_out`].
    fn handed_out(&self);
}

/// The payload of a message that is an [`Awaited`] value. To its receiver it is as any [`Value`].
struct AwaitedValue<T>(Value<T>);

impl<T: fmt::Debug> fmt::Debug for AwaitedValue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<T: Awaited> Payload for AwaitedValue<T> {
    fn type_name(&self) -> &'static str {
        self.0.type_name()
    }

    fn is_place_of(&self, type_id: TypeId) -> bool {
        self.0.is_place_of(type_id)
    }

    fn place(&self) -> &dyn Any {
        self.0.place()
    }

    fn place_mut(&mut self) -> &mut dyn Any {
        self.0.place_mut()
    }

    fn is_taken(&self) -> bool {
        self.0.is_taken()
    }

    fn as_request(&mut self) -> Option<&mut dyn Request> {
        None
    }

    fn handed_out(&mut self) {
        self.0.0.iter().for_each(T::handed_out);
    }
}

impl Message {
    pub(crate) fn awaited(value: impl Awaited) -> Message {
        Message(smallbox!(AwaitedValue(Value(Some(value)))))
    }

    pub(crate) fn request(request: impl Request) -> Message {
        Message(smallbox!(RequestPayload(request)))
    }

    /// The message leaves the mailbox for user code, which may send it on.
    #[inline]
    pub(crate) fn handed_out(&mut self) {
        self.0.handed_out();
    }

    /// If the message is a request, tells its client that no process has received it.
    pub(crate) fn bounce(&mut self) {
        if let Some(request) = self.as_request() {
            request.bounce();
        }
    }

    #[cfg(test)]
    pub(crate) fn is_on_heap(&self) -> bool {
        self.0.is_heap()
    }

    /// Returns the request to a server, if the message is one.
    pub(crate) fn as_request(&mut self) -> Option<&mut dyn Request> {
        self.0.as_request()
    }
}

/// The two steps by which [`receive!`](crate::receive) takes a message apart.
///
/// A pattern that binds by value would move a message out of the queue, even if its guard then
/// refuses that message. So a message is first lent to the pattern in an arm that is never taken,
/// whose guard is the test; only the message that passes is opened.
impl Message {
    /// Lends the message to `test` if it is a `T`, and returns the result of `test`.
    #[doc(hidden)]
    pub fn probe<T, F>(&mut self, test: F) -> bool
    where
        T: Any + Send + fmt::Debug,
        F: FnOnce(T) -> (bool, T),
    {
        if TypeId::of::<T>() == TypeId::of::<Message>() {
            let (passed, message) = test(cast::<Message, T>(self.take()));
            *self = cast::<T, Message>(message);
            return passed;
        }
        let Some(place) = self.place_of::<T>() else { return false };
        let Some(value) = place.take() else { return false };
        let (passed, value) = test(value);
        *place = Some(value);
        passed
    }

    /// Takes the value out of a message that has passed a probe for `T`.
    #[doc(hidden)]
    pub fn open<T: Any>(&mut self) -> T {
        match self.place_of::<T>().and_then(Option::take) {
            Some(value) => value,
            None => cast::<Message, T>(self.take()),
        }
    }

    /// Takes the whole message, and leaves an empty one in its place.
    #[inline]
    pub(crate) fn take(&mut self) -> Message {
        mem::replace(self, Message::taken())
    }

    /// The empty message that is left in the place of one that was taken.
    fn taken() -> Message {
        Message(smallbox!(Value::<()>(None)))
    }

    /// Whether the value of the message is gone, because the probe that it was lent to panicked.
    pub(crate) fn is_lent(&self) -> bool {
        self.0.is_taken()
    }
}

/// Casts a value to `U`, which is known to be its type.
fn cast<T: Any, U: Any>(value: T) -> U {
    let mut value = Some(value);
    let same = (&mut value as &mut dyn Any).downcast_mut::<Option<U>>();
    same.and_then(Option::take).expect("both names are of one type")
}

/// Carries a value that cannot be printed, as a message or inside one.
///
/// It prints the name of the value's type.
///
/// ```
/// use procession::Opaque;
///
/// let job: Opaque<Box<dyn Fn() -> u32 + Send>> = Opaque::new(Box::new(|| 7));
/// assert_eq!(job(), 7);
/// assert!(format!("{job:?}").starts_with("Opaque<"));
/// ```
#[derive(Clone)]
pub struct Opaque<T>(T);

impl<T> Opaque<T> {
    /// Wraps `value`.
    pub fn new(value: T) -> Opaque<T> {
        Opaque(value)
    }

    /// Returns the value.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Opaque<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Opaque<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T> fmt::Debug for Opaque<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opaque<{}>", type_name::<T>())
    }
}

/// The message by which a process that traps exits learns of an exit signal.
///
/// OTP: `{'EXIT', From, Reason}`, see
/// [Receiving exit signals](https://www.erlang.org/doc/system/ref_man_processes.html#receiving-exit-signals).
#[derive(Clone, Debug, PartialEq)]
pub struct Exit {
    /// The process that ended, or that called [`exit`](crate::process::exit).
    pub from: Pid,
    /// Why it ended, or the reason that it sent.
    pub reason: ExitReason,
}

/// The message by which a process learns that one it monitors has ended.
///
/// OTP: `{'DOWN', MonitorRef, process, Destination, Reason}`, see
/// [Monitors](https://www.erlang.org/doc/system/ref_man_processes.html#monitors).
#[derive(Clone, Debug, PartialEq)]
pub struct Down {
    /// The monitor, which is gone now.
    pub monitor: MonitorRef,
    /// The target of the monitor, as it was given to [`monitor`](crate::process::monitor).
    pub object: Destination,
    /// Why the process ended; [`ExitReason::NoProc`] if there was none when the monitor was made.
    pub reason: ExitReason,
}

impl Down {
    /// Returns the process that has ended, if the monitor was set by its pid or by an alias. One
    /// that was set by a name has only that.
    pub fn pid(&self) -> Option<Pid> {
        self.object.fixed_pid()
    }
}

/// A [`Down`] from a monitor made with a [tag](crate::process::MonitorOptions::tag).
#[derive(Clone, Debug, PartialEq)]
pub struct TaggedDown<T> {
    /// The tag, as it was given.
    pub tag: T,
    /// The message that would have come without the tag.
    pub down: Down,
}

/// The message that a timer made by [`timer::start_timer`](crate::timer::start_timer) sends.
///
/// OTP: `{timeout, TimerRef, Msg}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeout<T> {
    /// The timer that has expired.
    pub timer: TimerRef,
    /// The value that was given to the timer.
    pub value: T,
}
