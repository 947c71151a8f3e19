//! Opening the office: books, keys, neighbours, jobs.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use api_store::setup::CompleteSetupError;
use api_store::{Store, StoreError};
use axum::Router;
use prometheus::Registry;
use sfu_protocol::control::NodeEvent;
use sfu_protocol::ids::NodeId;
use sfu_protocol::recording::RecorderReport;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::account::{self, NewAccount};
use crate::adapters::directory::DirectoryObjects;
use crate::adapters::limits::ProcessLimits;
use crate::app::{App, Relay, SharedApp};
use crate::clock::Clock;
use crate::config::{Config, SetupConfig};
use crate::metrics::Metrics;
use crate::passwords::Passwords;
use crate::ports::{Demo, Nodes, Recorders};
use crate::public_url::PublicUrl;
use crate::secrets::Secrets;
use crate::tokens::Keys;
use crate::{jobs, router};

/// What the office is made of.
pub struct Wiring {
    /// The section `[api]`.
    pub config: Config,
    /// The section `[setup]`.
    pub setup: SetupConfig,
    /// Where people reach this deployment.
    pub public_url: PublicUrl,
    /// The node for which grants are signed.
    pub node: NodeId,
    /// `sqlite:...?mode=rwc` or `postgres:`.
    pub database_url: String,
    /// Where the recorder puts finished files.
    pub objects_dir: PathBuf,
    /// Addresses of the TURN relay that shares [`Secrets::turn_key`]; empty when none runs.
    pub turn_urls: Vec<String>,
    /// From [`crate::secrets::load_or_create`].
    pub secrets: Secrets,
    /// The nodes.
    pub nodes: Arc<dyn Nodes>,
    /// The recorders.
    pub recorders: Arc<dyn Recorders>,
    /// Synthetic participants.
    pub demo: Arc<dyn Demo>,
    /// What happens on the node.
    pub events: mpsc::Receiver<NodeEvent>,
    /// What recorders report.
    pub reports: mpsc::Receiver<RecorderReport>,
    /// Where the counters go.
    pub registry: Registry,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

/// Why the office did not open.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The grant key.
    #[error("grant.pem: {0}")]
    GrantKey(#[from] sfu_protocol::grant::KeyError),
    /// The counters.
    #[error("metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    /// The section `[setup]`.
    #[error("setup: {0}")]
    Setup(&'static str),
}

/// The office, open.
pub struct Api {
    app: SharedApp,
    router: Router,
    setup_url: Option<String>,
    stop: watch::Sender<bool>,
    jobs: Vec<JoinHandle<()>>,
    rest: watch::Sender<bool>,
    reconciling: Mutex<Option<JoinHandle<()>>>,
}

impl Api {
    /// Opens the office: brings the schema up to date, makes the first owner if `[setup]` names
    /// one, starts the jobs.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(wiring: Wiring) -> Result<Api, StartError> {
        let Assembled {
            app,
            router,
            events,
            reports,
        } = assemble(wiring).await?;
        let open = api_store::setup::is_open(&app.store).await?;
        // Before anybody is let in: what a node forgets when it starts again.
        jobs::removals::tell(&app).await?;
        let (stop, stopped) = watch::channel(false);
        let jobs = vec![
            tokio::spawn(jobs::presence::run(app.clone(), events, stopped.clone())),
            tokio::spawn(jobs::recordings::run(app.clone(), reports, stopped)),
        ];
        let (rest, rested) = watch::channel(false);
        let reconciling = tokio::spawn(jobs::reconcile::run(app.clone(), rested));
        let setup_url = open.then(|| app.setup_url());
        Ok(Api {
            app,
            router,
            setup_url,
            stop,
            jobs,
            rest,
            reconciling: Mutex::new(Some(reconciling)),
        })
    }

    /// Everything under `/api` and `/objects`, and the web app for the rest. Serve it with
    /// connection information (`into_make_service_with_connect_info::<SocketAddr>()`), by which
    /// tries are counted.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// The one-time link for the first owner; none when there is one.
    pub fn setup_url(&self) -> Option<&str> {
        self.setup_url.as_deref()
    }

    /// The number of the last event of the node that is in the books.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn last_event_number(&self) -> Result<u64, StoreError> {
        let cursor = api_store::event_cursor::find(&self.app.store, &self.app.node).await?;
        Ok(cursor.number)
    }

    /// Whether the database takes writes, for `/readyz`: without them nobody is let in.
    ///
    /// # Errors
    /// When it does not.
    pub async fn check_database(&self) -> Result<(), StoreError> {
        let app = &self.app;
        api_store::event_cursor::check(&app.store, &app.node, app.now_ms()).await
    }

    /// Lets nobody in any more, and asks nothing more of the nodes and recorders unasked. Call it
    /// before they stop, so that their silence is no news.
    pub async fn rest(&self) {
        self.app.stopping.store(true, Ordering::Relaxed);
        self.rest.send_replace(true);
        let reconciling = self
            .reconciling
            .lock()
            .expect("nobody panics while taking it")
            .take();
        if let Some(job) = reconciling {
            ended(job).await;
        }
    }

    /// Takes in what waits, ends the jobs and closes the books. Call it after the node and the
    /// recorder have stopped, so that their last words are heard.
    pub async fn stop(self) {
        self.rest().await;
        let _ = self.stop.send(true);
        for job in self.jobs {
            ended(job).await;
        }
        self.app.store.close().await;
    }
}

async fn ended(job: JoinHandle<()>) {
    if let Err(error) = job.await {
        tracing::error!(%error, "a job of the office did not end well");
    }
}

/// What is wrong with the database, in the database's own words; empty when it is whole, or is
/// still to be made. Makes none, and leaves every row as it is.
///
/// # Errors
/// When the database cannot be asked.
pub async fn examine(database_url: &str) -> Result<Vec<String>, StoreError> {
    if Store::would_make(database_url)? {
        return Ok(Vec::new());
    }
    let store = Store::connect(database_url).await?;
    let found = store.examine().await;
    store.close().await;
    found
}

/// Brings the schema up to date without opening the office.
///
/// # Errors
/// When the database cannot be reached or a migration fails.
pub async fn migrate(database_url: &str) -> Result<(), StoreError> {
    Store::open(database_url).await?.close().await;
    Ok(())
}

/// The office before its jobs begin.
pub(crate) struct Assembled {
    pub(crate) app: SharedApp,
    pub(crate) router: Router,
    pub(crate) events: mpsc::Receiver<NodeEvent>,
    pub(crate) reports: mpsc::Receiver<RecorderReport>,
}

/// Puts the office together.
pub(crate) async fn assemble(wiring: Wiring) -> Result<Assembled, StartError> {
    let objects = Arc::new(DirectoryObjects::new(
        &wiring.objects_dir,
        &wiring.secrets.derive("object links"),
        wiring.public_url.clone(),
        wiring.config.object_url_seconds,
        wiring.clock.clone(),
    ));
    let app = Arc::new(App {
        config: wiring.config,
        turn: Relay {
            urls: wiring.turn_urls,
            key: wiring.secrets.turn_key(),
        },
        public_url: wiring.public_url,
        node: wiring.node,
        store: Store::open(&wiring.database_url).await?,
        opened_at_ms: wiring.clock.now_ms(),
        clock: wiring.clock,
        keys: Keys::of(&wiring.secrets)?,
        passwords: Passwords::new(),
        nodes: wiring.nodes,
        recorders: wiring.recorders,
        demo: wiring.demo,
        objects: objects.clone(),
        limits: Arc::new(ProcessLimits::default()),
        metrics: Metrics::register(&wiring.registry)?,
        stopping: AtomicBool::new(false),
    });
    make_owner(&app, &wiring.setup).await?;
    let router = router::all(app.clone(), objects.router());
    Ok(Assembled {
        app,
        router,
        events: wiring.events,
        reports: wiring.reports,
    })
}

/// Makes the first owner unattended, if that is asked and still to be done.
async fn make_owner(app: &App, setup: &SetupConfig) -> Result<(), StartError> {
    let (email, password) = match (&setup.owner_email, &setup.owner_password) {
        (None, None) => return Ok(()),
        (Some(email), Some(password)) => (email, password),
        _ => {
            return Err(StartError::Setup(
                "owner_email and owner_password go together",
            ));
        }
    };
    if !api_store::setup::is_open(&app.store).await? {
        return Ok(());
    }
    let first_part = email.split('@').next().unwrap_or_default();
    let name = setup.owner_name.as_deref().unwrap_or(first_part);
    let account = NewAccount::check(name, email, password).map_err(|_| {
        StartError::Setup(
            "owner_email must be an address, owner_password 8 characters to 256 bytes, \
             owner_name 1 to 80 characters",
        )
    })?;
    let owner = account::owner(app, account)
        .await
        .map_err(|_| StartError::Setup("the password could not be hashed"))?;
    let organisation = account::organisation_name(&owner.name);
    match api_store::setup::complete(&app.store, &organisation, &owner).await {
        Ok(()) => tracing::info!(user = %owner.id, "the first owner is made, as [setup] asks"),
        Err(CompleteSetupError::AlreadyDone) => {}
        Err(CompleteSetupError::Store(error)) => return Err(error.into()),
    }
    Ok(())
}
