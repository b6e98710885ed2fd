//! The external forms of types: how their values are spelt for other nodes, and read from there.
//!
//! A message and a reply do not know what they hold when they leave, so the forms are found by
//! type, in a table. Some types of the standard library are in it from the start, all others were
//! declared.

mod reason;

use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;

use once_cell::sync::Lazy;
use parking_lot::RwLock;
use serde::de::{DeserializeOwned, Error as _};
use serde::ser::Error as _;

use crate::id::{Alias, MonitorRef, Pid};
use crate::term::{
    self, Atom, DecodeError, EncodeError, ExternalPid, ExternalRef, Output, Term, WirePid,
    WireTerm, WireWriter,
};
use crate::user_code::{Caught, catch};

pub(crate) use reason::{reason_of_term, reason_to_term, reason_to_text};

type Write = dyn Fn(&dyn Any, &mut WireWriter<'_>) -> Result<(), EncodeError> + Send + Sync;
type Read<T> = fn(WireTerm<'_>) -> Result<T, DecodeError>;

static FORMS: Lazy<RwLock<Forms>> = Lazy::new(|| RwLock::new(Forms::of_everybody()));

/// The forms are kept for as long as the program runs: there are no more of them than types.
#[derive(Default)]
struct Forms {
    written: HashMap<TypeId, &'static Write>,
    /// A [`Read`] each.
    read: HashMap<TypeId, &'static (dyn Any + Send + Sync)>,
}

/// Declares how values of type `T` are written. What was declared first counts.
pub(crate) fn declare_written<T: Any>(
    write: impl Fn(&T, &mut WireWriter<'_>) -> Result<(), EncodeError> + Send + Sync + 'static,
) {
    let mut forms = FORMS.write();
    forms.declare_written(write);
}

/// Declares that values of type `T` are read as serde says.
pub(crate) fn declare_read<T: DeserializeOwned + 'static>() {
    let is_known = FORMS.read().read.contains_key(&TypeId::of::<T>());
    if !is_known {
        let read: Read<T> = |term| term.read();
        FORMS.write().read.entry(TypeId::of::<T>()).or_insert_with(|| Box::leak(Box::new(read)));
    }
}

/// Declares how values of type `T` are read.
pub(crate) fn declare_read_by<T: 'static>(read: Read<T>) {
    FORMS.write().read.entry(TypeId::of::<T>()).or_insert_with(|| Box::leak(Box::new(read)));
}

/// Writes a value, or what is in an `Option` of it, as its type was declared.
///
/// # Errors
///
/// Why it is no term; or `None` if its type was not declared.
pub(crate) fn write(value: &dyn Any, out: &mut WireWriter<'_>) -> Result<(), Option<EncodeError>> {
    let write = FORMS.read().written.get(&value.type_id()).copied();
    let write = write.ok_or(None)?;
    match catch(|| write(value, out)) {
        Ok(written) => written.map_err(Some),
        Err(payload) => {
            let why = Caught::of(payload);
            Err(Some(EncodeError::custom(format_args!("writing the value {why}"))))
        }
    }
}

/// Returns a value as a term, if it is one and its type was declared.
pub(crate) fn to_term(value: &dyn Any) -> Option<Term> {
    let mut written = Output::default();
    let mut out = WireWriter::new(&mut written);
    out.version();
    write(value, &mut out).ok()?;
    term::from_slice(&written.into_bytes()).ok()
}

/// Reads a value of a type that was declared.
///
/// # Errors
///
/// Why it is not one, or has not been declared.
pub(crate) fn read<T: Any>(term: WireTerm<'_>) -> Result<T, DecodeError> {
    let read = FORMS.read().read.get(&TypeId::of::<T>()).copied();
    match read.and_then(|read| read.downcast_ref::<Read<T>>()) {
        Some(read) => read_by(*read, term),
        None => {
            let text = format!("values of {} are not read from other nodes", type_name::<T>());
            Err(DecodeError::custom(text))
        }
    }
}

/// Reads a term by the code of the program.
pub(crate) fn read_by<T>(
    read: impl FnOnce(WireTerm<'_>) -> Result<T, DecodeError>,
    term: WireTerm<'_>,
) -> Result<T, DecodeError> {
    catch(|| read(term)).unwrap_or_else(|payload| {
        Err(DecodeError::custom(format_args!("reading the value {}", Caught::of(payload))))
    })
}

/// Returns a pid as it is on the wire.
pub(crate) fn wire_pid(pid: Pid) -> WirePid<'static> {
    let [id, serial, creation] = pid.numbers();
    WirePid { node: pid.node().name().into(), id, serial, creation }
}

/// Writes `{Label, {Pid, [alias | Ref]}, Request}`: a request whose answer comes to the alias.
pub(crate) fn write_request(
    label: &str,
    alias: Alias,
    out: &mut WireWriter<'_>,
    write: impl FnOnce(&mut WireWriter<'_>) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    out.tuple(3)?;
    out.atom(label)?;
    out.tuple(2)?;
    out.pid(&wire_pid(alias.owner))?;
    write_tag(alias, out)?;
    write(&mut out.inside())
}

/// Writes `[alias | Ref]`: what stands before the reply to a request that is sent to the alias.
pub(crate) fn write_tag(alias: Alias, out: &mut WireWriter<'_>) -> Result<(), EncodeError> {
    out.list(1)?;
    out.atom("alias")?;
    out.value(&alias)
}

/// Declares the types that everybody can spell.
macro_rules! declare_written {
    ($forms:expr; $($type:ty),+ $(,)?) => {
        $($forms.declare_written(|value: &$type, out| out.value(value));)+
    };
}

impl Forms {
    fn of_everybody() -> Forms {
        let mut forms = Forms::default();
        declare_written! {
            forms;
            Term, Atom, Pid, Alias, MonitorRef, ExternalPid, ExternalRef,
            String, &'static str, bool, (), char,
            i64, u64, i32, u32, i16, u16, i8, u8, i128, u128, isize, usize, f64, f32,
            Vec<u8>, Vec<Term>, Vec<String>, Vec<i64>, Vec<u64>, Vec<i32>, Vec<u32>,
        }
        forms
    }

    fn declare_written<T: Any>(
        &mut self,
        write: impl Fn(&T, &mut WireWriter<'_>) -> Result<(), EncodeError> + Send + Sync + 'static,
    ) {
        let is_known = self.written.contains_key(&TypeId::of::<T>());
        if is_known {
            return;
        }
        let write: &'static Write =
            Box::leak(Box::new(move |value: &dyn Any, out: &mut WireWriter<'_>| {
                let value = match value.downcast_ref::<Option<T>>() {
                    Some(value) => value.as_ref(),
                    None => value.downcast_ref(),
                };
                match value {
                    Some(value) => write(value, out),
                    None => Err(EncodeError::custom("the value was taken")),
                }
            }));
        self.written.insert(TypeId::of::<T>(), write);
        self.written.insert(TypeId::of::<Option<T>>(), write);
    }
}
