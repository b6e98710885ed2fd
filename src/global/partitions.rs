//! Which losses of connections are known. Each is handed on once, so that all nodes hear of it, and
//! nobody stays connected with a node that another one has lost.
//!
//! OTP: `prevent_overlapping_partitions` of
//! [`kernel`](https://www.erlang.org/doc/apps/kernel/kernel_app.html).

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::id::Node;

use super::said::Loss;

/// For how long a loss is remembered.
const MEMORY: Duration = Duration::from_secs(60 * 60);

/// The last loss of each node that each has lost.
#[derive(Debug, Default)]
pub(super) struct Losses(HashMap<(Node, Node), (Loss, Instant)>);

impl Losses {
    /// Returns whether the loss is new, and remembers it.
    pub(super) fn is_new(&mut self, loss: Loss) -> bool {
        let now = Instant::now();
        let key = (loss.from, loss.lost);
        let is_known = self.0.get(&key).is_some_and(|(known, _)| {
            known.creation == loss.creation && loss.number <= known.number
        });
        if !is_known {
            self.0.retain(|_, (_, since)| now.duration_since(*since) < MEMORY);
            self.0.insert(key, (loss, now));
        }
        !is_known
    }
}
