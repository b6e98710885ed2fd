//! Snapshots of the nodes that this one is connected with.

use std::time::Duration;

use crate::call_error::CallErrorKind;
use crate::node::{Nodes, nodes};
use crate::rpc::RpcError;

use super::super::{Options, snapshot_of_with};
use super::details::written;
use super::refusal::Refusal;

/// Returns a snapshot of a node in JSON. With a node that is not connected no connection is made.
pub(super) fn snapshot(name: &str, timeout: Duration) -> Result<Vec<u8>, Refusal> {
    let node = nodes(Nodes::Connected).into_iter().find(|it| it.name() == name);
    let node = node.ok_or(Refusal::NoNode)?;
    match snapshot_of_with(node, Options::new(), timeout) {
        Ok(snapshot) => written(&snapshot),
        Err(error) => Err(refusal(&error)),
    }
}

fn refusal(error: &RpcError) -> Refusal {
    match error {
        RpcError::Call(call) if *call.kind() == CallErrorKind::Timeout => {
            Refusal::Busy("the node has not answered in time".to_owned())
        }
        RpcError::Call(_) => Refusal::Unanswered(error.to_string()),
        RpcError::BadRpc(_) => Refusal::Unanswered(format!(
            "the node does not show its processes, unless it has `observer::offer`: {error}"
        )),
    }
}
