//! What of a recording is on disk, and whether its disk takes more.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use sfu_protocol::ids::TapeId;
use sfu_protocol::link::TapeEnd;
use sfu_protocol::recording::TroubleReason;
use tokio::sync::Notify;

/// What is on disk, for acknowledgements and for coming back.
#[derive(Debug)]
pub(crate) struct Durable {
    ends: Mutex<BTreeMap<TapeId, u64>>,
    /// Why nothing more reaches the disk now.
    trouble: Mutex<Option<TroubleReason>>,
    /// The first link whose frames are taken.
    first_link: AtomicU64,
    changed: Arc<Notify>,
}

impl Durable {
    pub(super) fn new(have: &[TapeEnd], changed: Arc<Notify>) -> Self {
        let ends = have.iter().map(|end| (end.tape, end.next_index)).collect();
        Durable {
            ends: Mutex::new(ends),
            trouble: Mutex::default(),
            first_link: AtomicU64::new(0),
            changed,
        }
    }

    pub(crate) fn ends(&self) -> Vec<TapeEnd> {
        self.lock_ends()
            .iter()
            .map(|(tape, next_index)| TapeEnd {
                tape: *tape,
                next_index: *next_index,
            })
            .collect()
    }

    /// Why tapes cannot be written now.
    pub(crate) fn trouble(&self) -> Option<TroubleReason> {
        *self.lock_trouble()
    }

    /// Frames of earlier links are not taken any more: a new one is wanted.
    pub(crate) fn wants_link_after(&self, link: u64) -> bool {
        self.first_link.load(Ordering::Acquire) > link
    }

    pub(super) fn reached(&self, reached: BTreeMap<TapeId, u64>) {
        self.lock_ends().extend(reached);
        self.changed.notify_one();
    }

    pub(super) fn failed(&self, reason: TroubleReason) {
        *self.lock_trouble() = Some(reason);
        self.changed.notify_one();
    }

    /// The disk takes tapes again. What it refused is asked for on a link from this one on.
    pub(super) fn works_again(&self, first_link: u64) {
        *self.lock_trouble() = None;
        self.first_link.store(first_link, Ordering::Release);
        self.changed.notify_one();
    }

    fn lock_ends(&self) -> MutexGuard<'_, BTreeMap<TapeId, u64>> {
        self.ends
            .lock()
            .expect("nobody panics while holding the ends")
    }

    fn lock_trouble(&self) -> MutexGuard<'_, Option<TroubleReason>> {
        self.trouble
            .lock()
            .expect("nobody panics while holding the trouble")
    }
}
