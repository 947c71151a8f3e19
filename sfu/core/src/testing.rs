//! The one place where tests take a starting point on the monotonic clock.

use std::time::Instant;

/// Some moment. Every other moment of a test is counted from it.
#[expect(
    clippy::disallowed_methods,
    reason = "tests need one real Instant: the type has no other constructor"
)]
pub(crate) fn start() -> Instant {
    Instant::now()
}
