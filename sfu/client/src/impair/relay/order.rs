//! What a relay is told.

use std::net::SocketAddr;

use tokio::sync::oneshot;

use super::super::path::LineChange;
use super::{ClientReport, ImpairError};

/// Answers whether the client that was named is there.
pub(super) type Done = oneshot::Sender<Result<bool, ImpairError>>;

/// What a relay is told. Without a client it is for everybody, and for those who come later.
pub(super) enum Order {
    Set {
        client: Option<SocketAddr>,
        change: LineChange,
        done: Done,
    },
    Rebind {
        client: Option<SocketAddr>,
        done: Done,
    },
    Reset {
        done: Done,
    },
    Report {
        done: oneshot::Sender<Vec<ClientReport>>,
    },
}
