//! How requests are spelt for other nodes.

use serde::ser::Error as _;

use crate::call::Client;
use crate::external::write_request;
use crate::term::{EncodeError, WireWriter};

/// Writes a request of type `M`.
pub(crate) trait WriteRequest<M>:
    Fn(&M, &mut WireWriter<'_>) -> Result<(), EncodeError> + Send + Sync + 'static
{
}

impl<M, W> WriteRequest<M> for W where
    W: Fn(&M, &mut WireWriter<'_>) -> Result<(), EncodeError> + Send + Sync + 'static
{
}

/// What a request is marked by.
pub(crate) const CALL: &str = "$gen_call";
/// What a message is marked by that nobody answers.
pub(crate) const CAST: &str = "$gen_cast";
/// Writes `{'$gen_call', {Pid, [alias|Ref]}, Request}`.
pub(super) fn write_call(
    client: Client,
    out: &mut WireWriter<'_>,
    write: impl FnOnce(&mut WireWriter<'_>) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    match client.mailbox() {
        Some(alias) => write_request(CALL, alias, out, write),
        None => Err(EncodeError::custom("a request that was received is not passed on")),
    }
}

/// Writes `{'$gen_cast', Message}`.
pub(super) fn write_cast(
    out: &mut WireWriter<'_>,
    write: impl FnOnce(&mut WireWriter<'_>) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    out.tuple(2)?;
    out.atom(CAST)?;
    write(&mut out.inside())
}
