//! What neighbours tell is told once: it waits for a database that cannot be used.

use std::time::Duration;

use api_store::StoreError;
use tokio::sync::watch;

/// Between two tries.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How long one word is tried: until the database takes it or refuses it for good, or the office
/// closes. Those behind it wait meanwhile, up to the bound of their queue; whoever tells then
/// waits too.
pub(super) struct Patience(watch::Receiver<bool>);

impl Patience {
    /// Ends with one last try when `stop` comes.
    pub(super) fn until(stop: &watch::Receiver<bool>) -> Patience {
        Patience(stop.clone())
    }

    /// Whether to try again after this outcome; answers when it is time to.
    pub(super) async fn tries_again<T>(&mut self, outcome: &Result<T, StoreError>) -> bool {
        let Err(error) = outcome else { return false };
        if *self.0.borrow() || !error.is_unavailable() {
            return false;
        }
        tracing::warn!(%error, "what was told waits for the database");
        tokio::select! {
            () = tokio::time::sleep(RETRY_AFTER) => {}
            _ = self.0.wait_for(|stop| *stop) => {}
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestApp;

    #[tokio::test]
    async fn what_waits_is_tried_until_it_is_taken_and_once_more_at_a_stop() {
        let closed = TestApp::open().await.app.store.clone();
        closed.close().await;
        tokio::time::pause();
        let (stop, stopped) = watch::channel(false);
        let mut patience = Patience::until(&stopped);
        for _ in 0..1_000 {
            assert!(patience.tries_again(&closed.ping().await).await);
        }
        assert!(!patience.tries_again(&Ok(())).await);
        let refused = Err::<(), _>(closed.ping().await.expect_err("closed"));
        let (again, told) = tokio::join!(patience.tries_again(&refused), async { stop.send(true) });
        told.expect("somebody waits");
        assert!(again);
        assert!(!patience.tries_again(&refused).await);
    }
}
