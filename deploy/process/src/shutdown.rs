//! Decides when the process stops: on SIGTERM or SIGINT, or when a part asks for it.
//!
//! A part holds a clone and either waits for [`Shutdown::requested`] or asks
//! [`Shutdown::is_requested`] between two steps. The wish is never taken back.

use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// signal(7) on Linux, all architectures but MIPS.
const SIGXFSZ: i32 = 25;

/// The wish to stop, shared by every part of a process.
#[derive(Debug, Clone)]
pub struct Shutdown {
    wish: Arc<watch::Sender<bool>>,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

impl Shutdown {
    /// A process that shall run on.
    pub fn new() -> Self {
        Self {
            wish: Arc::new(watch::Sender::new(false)),
        }
    }

    /// Asks everyone to stop. Asking twice changes nothing.
    pub fn request(&self) {
        self.wish.send_replace(true);
    }

    /// Whether somebody has asked.
    pub fn is_requested(&self) -> bool {
        *self.wish.borrow()
    }

    /// Returns once somebody has asked, at once when that was before.
    pub async fn requested(&self) {
        let mut wish = self.wish.subscribe();
        // The sender lives in `self`, so waiting cannot fail while we are here.
        let _ = wish.wait_for(|asked| *asked).await;
    }

    /// Asks on the first SIGTERM or SIGINT. A second one ends the process at once, for a person
    /// who does not want to wait for what drains.
    ///
    /// Fails when the kernel refuses the handlers. Needs a tokio runtime.
    pub fn request_on_signals(&self) -> std::io::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        // A file that may grow no further (LimitFSIZE=, ulimit -f) shall fail the write that grows
        // it, not end the process. A handler stays for good.
        drop(signal(SignalKind::from_raw(SIGXFSZ))?);
        let shutdown = self.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                if shutdown.is_requested() {
                    tracing::warn!("second signal: ending without draining");
                    std::process::exit(EXIT_FORCED);
                }
                tracing::info!("asked to stop: draining");
                shutdown.request();
            }
        });
        Ok(())
    }
}

/// What a shell shows for a process that SIGINT ended.
const EXIT_FORCED: i32 = 130;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wish_reaches_those_who_waited_and_those_who_ask_later() {
        let shutdown = Shutdown::new();
        assert!(!shutdown.is_requested());
        let waiting = tokio::spawn({
            let shutdown = shutdown.clone();
            async move { shutdown.requested().await }
        });
        shutdown.clone().request();
        waiting.await.expect("the waiting task does not panic");
        assert!(shutdown.is_requested());
        shutdown.requested().await;
    }
}
