//! Panics of the transport. They cost the connection that they happen in and nobody else; one of
//! ours is a fault.

use std::cell::Cell;
use std::panic;
use std::sync::Once;

thread_local! {
    static OF_TRANSPORT: Cell<u64> = const { Cell::new(0) };
}

/// From now on those of the transport are counted, each for its thread, and nobody else hears of
/// them: a fuzzer would end at the first.
pub(crate) fn count_those_of_the_transport() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |told| {
            let in_transport = |at: &panic::Location<'_>| at.file().contains("/str0m-");
            match told.location().is_some_and(in_transport) {
                true => OF_TRANSPORT.set(OF_TRANSPORT.get() + 1),
                false => others(told),
            }
        }));
    });
}

/// How many there were on this thread since this was asked last.
pub(crate) fn take() -> u64 {
    OF_TRANSPORT.take()
}
