//! The recorder. It records what a node's shards send over a link, and makes files of it.
//!
//! ```text
//!            commands                    link                         store
//! api ------> desk ---> session ---> intake <===> node     finish ---> objects
//!      <------ board <---/  \-----------> tape_writer ---> spool ---^
//!       reports
//! ```
//!
//! | module | does |
//! |---|---|
//! | `desk` | takes commands, finds unfinished recordings at start |
//! | `session` | one recording from start to ready |
//! | `intake` | the link: asks, hands over, acknowledges, dials again |
//! | `tape_writer` | a thread that puts tapes and journal on disk |
//! | `finish` | a thread that makes files from tapes and stores them |
//! | [`compose`] | all ffmpeg |
//! | [`store`] | objects by key |
//! | `spool` | the recorder's own disk |
//! | `trouble`, `condition` | what is wrong with a disk, and whether it can be recorded on now |
//!
//! What is promised: an entry is acknowledged when it is fsynced; a recording is `ready` when
//! every part in the store matches the manifest; what is unfinished at a stop or a crash is gone
//! on with at the next start.

mod board;
pub mod compose;
mod condition;
mod config;
mod desk;
mod durable;
mod finish;
mod intake;
mod metrics;
mod session;
mod spool;
pub mod store;
mod tape_writer;
mod trouble;
mod uploads;
mod verify;

use std::io;
use std::sync::{Arc, Mutex};

use deploy_process::shutdown::Shutdown;
use prometheus::Registry;
use sfu_protocol::link::{FromNode, ToNode};
use sfu_protocol::recording::{RecorderCommand, RecorderReport};
use tokio::sync::{Notify, Semaphore, mpsc, watch};
use tokio::task::JoinHandle;

pub use condition::Condition;
pub use config::{Config, ConfigFault};
pub use verify::{Difference, PartFault, Verified, VerifyError, verify};

use board::Board;
use condition::LookAgain;
use desk::Desk;
use intake::Intake;
use metrics::Metrics;
use session::Shared;
use store::{Directory, StoreError};

/// A link to a node, as it is dialled.
#[derive(Debug)]
pub struct LinkEnd {
    /// What the recorder says.
    pub to_node: mpsc::Sender<ToNode>,
    /// What the node says. Closed means that the link is lost.
    pub from_node: mpsc::Receiver<FromNode>,
}

/// Dials the node. A node that cannot be reached is a link whose `from_node` is closed; it is
/// dialled again after a while.
pub type Dial = Arc<dyn Fn() -> LinkEnd + Send + Sync>;

/// A recorder did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is out of range.
    #[error(transparent)]
    Config(#[from] ConfigFault),
    /// The object store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The spool cannot be used.
    #[error("the recorder's spool {path}: {source}")]
    Spool {
        /// Where it is.
        path: std::path::PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A metric's name is taken: two recorders in one registry.
    #[error(transparent)]
    Metrics(#[from] prometheus::Error),
}

/// A running recorder. Dropped, it lets go of its recordings like one that was killed.
#[derive(Debug)]
pub struct Recorder {
    commands: mpsc::Sender<RecorderCommand>,
    reports: Mutex<Option<mpsc::Receiver<RecorderReport>>>,
    leave: watch::Sender<bool>,
    condition: watch::Receiver<Condition>,
    desk: JoinHandle<()>,
}

impl Recorder {
    /// Starts, and goes on with what the spool holds unfinished. Needs a tokio runtime.
    pub fn start(
        config: Config,
        dial: Dial,
        registry: &Registry,
        shutdown: Shutdown,
    ) -> Result<Recorder, StartError> {
        config.check()?;
        let metrics = Metrics::register(registry)?;
        let store = Directory::open(&config.objects_dir)?;
        let (orders_tx, orders) = mpsc::channel(intake::ORDERS);
        let (commands_tx, commands) = mpsc::channel(desk::COMMANDS);
        let (reports_tx, reports) = mpsc::channel(board::REPORTS);
        let (leave_tx, leave) = watch::channel(false);
        let changed = Arc::new(Notify::new());
        let (condition_tx, condition) = watch::channel(Ok(()));
        let look_again = LookAgain::default();
        let spool_dir = config.spool_dir.clone();
        let config = Arc::new(config);
        let shared = Shared {
            config: config.clone(),
            store,
            orders: orders_tx,
            board: Board::new(reports_tx, metrics.reports_held.clone()),
            metrics: metrics.clone(),
            changed: changed.clone(),
            finishing: Arc::new(Semaphore::new(1)),
            look_again: look_again.clone(),
        };
        let mut desk = Desk::new(shared);
        desk.recover().map_err(|source| StartError::Spool {
            path: spool_dir,
            source,
        })?;
        let gauges = metrics.disk_problem.clone();
        let watching = condition::watch_disk(config, look_again, condition_tx, gauges);
        tokio::spawn(watching);
        tokio::spawn(Intake::new(dial, orders, changed, metrics).run());
        let desk = tokio::spawn(desk.run(commands, shutdown, leave));
        Ok(Recorder {
            commands: commands_tx,
            reports: Mutex::new(Some(reports)),
            leave: leave_tx,
            condition,
            desk,
        })
    }

    /// Where commands are taken.
    pub fn commands(&self) -> mpsc::Sender<RecorderCommand> {
        self.commands.clone()
    }

    /// Whether recordings can be begun and written now, and in words why not.
    pub fn condition(&self) -> watch::Receiver<Condition> {
        self.condition.clone()
    }

    /// How recordings stand, as it changes.
    ///
    /// # Panics
    /// When called twice: there is one listener.
    pub fn reports(&self) -> mpsc::Receiver<RecorderReport> {
        let mut reports = self.reports.lock().expect("nobody panics while taking it");
        reports.take().expect("reports have one listener")
    }

    /// Lets go of every recording with all that is received on disk. They are gone on with at
    /// the next start.
    pub async fn stop(self) {
        self.leave.send_replace(true);
        if self.desk.await.is_err() {
            tracing::error!("the recorder's desk did not end well");
        }
    }
}
