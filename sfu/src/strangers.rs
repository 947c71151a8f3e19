//! Whoever has not shown a grant yet. There is room for a number of them; beyond it the one that
//! has waited longest goes. A client shows its grant with its first message, one round trip
//! after it came, so those who fill the room with silence crowd out one another.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// Most WebSockets without a grant at a time, or media streams that have proved nothing: a quarter
/// of all that a node has by default.
pub(crate) const MAX_STRANGERS: usize = 1_024;

/// Those who wait, by their order of coming.
#[derive(Debug, Default)]
pub(crate) struct Strangers(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    by_order: BTreeMap<u64, Arc<Notify>>,
}

/// One of them, until it is dropped.
#[derive(Debug)]
pub(crate) struct Stranger {
    strangers: Arc<Strangers>,
    order: u64,
    told: Arc<Notify>,
}

impl Strangers {
    /// One more, perhaps in the place of the first.
    pub(crate) fn enter(self: &Arc<Self>) -> Stranger {
        let told = Arc::new(Notify::new());
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.by_order.len() >= MAX_STRANGERS
            && let Some((_, first)) = waiting.by_order.pop_first()
        {
            first.notify_one();
        }
        let order = waiting.next;
        waiting.next += 1;
        waiting.by_order.insert(order, Arc::clone(&told));
        Stranger {
            strangers: Arc::clone(self),
            order,
            told,
        }
    }
}

impl Stranger {
    /// Returns when another has taken its place.
    pub(crate) async fn crowded_out(&self) {
        self.told.notified().await;
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let waiting = &self.strangers.0;
        let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.by_order.remove(&self.order);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[test]
    fn beyond_the_bound_the_one_that_has_waited_longest_goes() {
        let strangers = Arc::new(Strangers::default());
        let mut all: Vec<_> = (0..MAX_STRANGERS).map(|_| strangers.enter()).collect();
        let out = |one: &Stranger| one.crowded_out().now_or_never().is_some();
        assert!(!out(&all[0]));
        all.push(strangers.enter());
        assert!(out(&all[0]) && !out(&all[1]) && !out(&all[MAX_STRANGERS]));
        // One that shows its grant makes room.
        all.remove(2);
        all.push(strangers.enter());
        assert!(!out(&all[1]));
        drop(all);
        assert!(strangers.0.lock().expect("whole").by_order.is_empty());
    }
}
