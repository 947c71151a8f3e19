//! One handle that watches.

use std::collections::BTreeMap;

use sfu_protocol::media::Kind;

/// How far it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Watching {
    /// Nothing was subscribed to yet.
    #[default]
    Not,
    /// An offer is on its way, or its answer.
    Between,
    Standing,
}

/// See the module's head.
#[derive(Debug, Clone, Default)]
pub(super) struct Watcher {
    pub(super) handle: Option<u64>,
    pub(super) state: Watching,
    /// Kinds of the streams that it watches, by their publisher.
    pub(super) watched: BTreeMap<u64, Vec<Kind>>,
}

impl Watcher {
    /// How many streams of a kind it watches.
    pub(super) fn held(&self, kind: Kind) -> usize {
        let kinds = self.watched.values().flatten();
        kinds.filter(|it| **it == kind).count()
    }
}
