//! Which handler is meant: its type, and an id if there are several of the type.

use std::any::{Any, TypeId, type_name};
use std::fmt;
use std::marker::PhantomData;

use crate::exit::Detail;
use crate::process;

/// Chooses a handler of type `H`, as made by [`handler`].
///
/// OTP: `Handler`, which is `Module` or `{Module, Id}`.
#[must_use = "it does nothing until a manager gets it"]
pub struct Handler<H> {
    id: Option<Detail>,
    marker: PhantomData<fn() -> H>,
}

/// Returns the handler of type `H`: to add it, or to ask for it.
///
/// A manager can have several handlers of one type, which differ by their [ids](Handler::id). One
/// with an id is not found without it.
///
/// ```
/// use procession::gen_event::{HandlerId, handler};
///
/// struct Printer;
///
/// assert_ne!(HandlerId::from(handler::<Printer>()), handler::<Printer>().id("upstairs").into());
/// ```
///
/// OTP: `Module`.
pub fn handler<H>() -> Handler<H> {
    Handler { id: None, marker: PhantomData }
}

impl<H> Handler<H> {
    /// Chooses the handler of this type with the id `id`: a text, or any other value.
    ///
    /// Ids of two types are never equal: `"a"` is not `String::from("a")`, and `1` not `1_u64`.
    ///
    /// OTP: `{Module, Id}`.
    pub fn id<I: Any + Send + Sync + fmt::Debug + PartialEq>(self, id: I) -> Handler<H> {
        Handler { id: Some(Detail::new(id)), ..self }
    }
}

impl<H> Clone for Handler<H> {
    fn clone(&self) -> Handler<H> {
        Handler { id: self.id.clone(), ..*self }
    }
}

impl<H: 'static> fmt::Debug for Handler<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&HandlerId::from(self.clone()), f)
    }
}

/// A handler of whatever type, as [`which_handlers`](super::EventManagerRef::which_handlers) lists
/// it.
///
/// It prints as the name of the type, with the id in parentheses if there is one.
#[derive(Clone)]
pub struct HandlerId {
    type_id: TypeId,
    type_name: &'static str,
    id: Option<Detail>,
}

impl HandlerId {
    /// Returns the name of the handler's type.
    pub fn type_name(&self) -> &'static str {
        self.type_name
    }

    /// Returns `true` if the handler's type is `H`.
    pub fn is<H: 'static>(&self) -> bool {
        self.type_id == TypeId::of::<H>()
    }

    /// Returns the id, if the handler has one.
    pub fn id(&self) -> Option<&Detail> {
        self.id.as_ref()
    }

    /// Compares as `==` does; a comparison of ids that panics finds no equality.
    pub(crate) fn is_same(&self, other: &HandlerId) -> bool {
        if self.type_id != other.type_id {
            return false;
        }
        match (&self.id, &other.id) {
            (None, None) => true,
            (Some(one), Some(other)) => process::catch(|| one == other).unwrap_or(false),
            (None, Some(_)) | (Some(_), None) => false,
        }
    }
}

impl<H: 'static> From<Handler<H>> for HandlerId {
    fn from(handler: Handler<H>) -> HandlerId {
        HandlerId { type_id: TypeId::of::<H>(), type_name: type_name::<H>(), id: handler.id }
    }
}

impl PartialEq for HandlerId {
    fn eq(&self, other: &HandlerId) -> bool {
        self.type_id == other.type_id && self.id == other.id
    }
}

impl fmt::Debug for HandlerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.id {
            Some(id) => write!(f, "{}({id:?})", self.type_name),
            None => f.write_str(self.type_name),
        }
    }
}

impl fmt::Display for HandlerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
