//! `colloquy serve`: every part in one process, started in order, stopped in the other.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use api::secrets::Secrets;
use api::{Api, PublicUrl, SystemClock};
use axum::Router;
use deploy_process::health::Health;
use deploy_process::metrics::{self, Registry};
use deploy_process::shutdown::Shutdown;
use deploy_process::telemetry;
use recorder::Recorder;
use sfu_protocol::grant::GrantVerifier;
use sfu_protocol::ids::NodeId;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::demo::DemoHost;
use crate::folder::HeldFolder;
use crate::ports::{OneNode, OneRecorder, follow_events, recorder_link};
use crate::refusal::Refusal;
use crate::settings::Settings;
use crate::{capacity, checks, http};

/// How long requests are answered after the wish to stop: while the node says its goodbyes they
/// are still taken, then those that run come to their end.
const HTTP_STOP_WITHIN: Duration = Duration::from_secs(4);
/// How long the recorder may take to sync its tapes. What it was making it makes again.
const RECORDER_STOP_WITHIN: Duration = Duration::from_secs(3);
/// How long a question that `api` has just asked the node may take.
const API_REST_WITHIN: Duration = Duration::from_millis(500);
/// How long the last rows may take. With those above less than the 10 s that are promised.
const API_STOP_WITHIN: Duration = Duration::from_secs(2);

/// How often the database is asked whether it takes anything.
const DATABASE_ASKED_EVERY: Duration = Duration::from_secs(5);

/// Runs until asked to stop.
pub(crate) async fn serve(settings: Settings) -> anyhow::Result<()> {
    let lines_left_out = telemetry::init(&settings.log).context("logging")?;
    let ground = Ground::take(&settings)?;
    let shutdown = Shutdown::new();
    shutdown.request_on_signals().context("signals")?;
    let health = Health::new();
    let mut parts = Parts::start(&settings, &ground, &shutdown).await?;
    parts.registry.register(Box::new(lines_left_out.clone()))?;
    capacity::tell(settings.folder(), &parts.registry)?;
    parts.questions.spawn(telemetry::admit(lines_left_out));
    parts.report_to(&health);
    let router = parts.router(&health);
    let closing = Shutdown::new();
    let trusted_proxies = settings.api.trusted_proxies.clone();
    let door = http::Door::new(ground.listener, trusted_proxies, &parts.registry)?;
    let website = tokio::spawn(door.serve(router, closing.clone()));
    announce(&ground.public_url, parts.api.setup_url());

    shutdown.requested().await;
    health.set("serving", Err("stopping".to_owned()));
    // A node that does not answer keeps it longer; its complaint is then a true one.
    let _ = timeout(API_REST_WITHIN, parts.api.rest()).await;
    // Until the last goodbye is said, who comes is told why not, and not met by a closed door.
    let goodbyes = async {
        parts.node.stop().await;
        closing.request();
    };
    let (drained, ()) = tokio::join!(timeout(HTTP_STOP_WITHIN, website), goodbyes);
    if drained.is_err() {
        tracing::warn!("requests that were still running are cut off");
    }
    parts.stop().await;
    drop(ground.folder);
    tracing::info!("stopped");
    Ok(())
}

/// Whether the ports for media and the relay are free.
pub(crate) fn media_ports_free(settings: &Settings) -> Result<(), String> {
    let sfu = &settings.sfu;
    let one_each = |first: u16| -> Vec<u16> {
        let last = first.saturating_add(sfu.shard_count().saturating_sub(1));
        (first..=last).collect()
    };
    if sfu.udp_port != 0 {
        checks::udp_ports_free(sfu.bind_ip, &one_each(sfu.udp_port), "sfu.udp_port")?;
    }
    if let (true, Some(first @ 1..)) = (sfu.tcp, sfu.tcp_port) {
        checks::tcp_ports_free(sfu.bind_ip, &one_each(first), "sfu.tcp_port")?;
    }
    if settings.turn.enabled {
        checks::udp_ports_free(settings.turn.listen_ip, &[settings.turn.port], "turn.port")?;
    }
    Ok(())
}

/// The one line that a person waits for. Standard output, so that it is not among log lines.
fn announce(public_url: &str, setup_url: Option<&str>) {
    match setup_url {
        Some(link) => println!("Colloquy is ready. Make the owner's account here: {link}"),
        None => println!("Colloquy is ready: {public_url}"),
    }
}

/// What must be ours before anything starts.
struct Ground {
    folder: HeldFolder,
    listener: TcpListener,
    secrets: Secrets,
    public_url: String,
}

impl Ground {
    /// Asks every question whose answer stops a start, in the words of `doctor`.
    fn take(settings: &Settings) -> anyhow::Result<Self> {
        let folder = HeldFolder::open(settings.folder())?;
        let listener = checks::bind_http(settings.http.listen).map_err(Refusal::new)?;
        media_ports_free(settings).map_err(Refusal::new)?;
        checks::codecs().map_err(Refusal::new)?;
        if let Err(problem) = checks::open_files() {
            tracing::warn!("{problem}");
        }
        let secrets = api::secrets::load_or_create(&settings.secrets())
            .map_err(|fault| Refusal::new(fault.to_string()))?;
        let public_url = settings.public_url(listener.local_addr()?);
        Ok(Self {
            folder,
            listener: TcpListener::from_std(listener)?,
            secrets,
            public_url,
        })
    }
}

/// Everything that runs.
struct Parts {
    registry: Registry,
    node: Arc<sfu::Node>,
    relay: Option<turn::Relay>,
    recorder: Recorder,
    api: Arc<Api>,
    questions: JoinSet<()>,
}

impl Parts {
    /// Starts each part and gives it what it wants of the others.
    async fn start(
        settings: &Settings,
        ground: &Ground,
        shutdown: &Shutdown,
    ) -> anyhow::Result<Self> {
        let registry = metrics::registry();
        let node_id = NodeId(settings.sfu.node_id.clone());
        let verifier = GrantVerifier::from_pem(ground.secrets.grant_public_pem(), node_id.clone())?;
        let sfu = sfu::Config {
            trusted_proxies: settings.api.trusted_proxies.clone(),
            ..settings.sfu.clone()
        };
        let node = sfu::Node::start(sfu, verifier, &registry, shutdown.clone())?;
        let node = Arc::new(node);
        let relay = start_relay(settings, &ground.secrets, &node, &registry, shutdown).await?;
        let dial = node.dialler();
        // It stops after the node has said its last word, and is told by its own wish.
        let recorder = Recorder::start(
            settings.recorder(),
            Arc::new(move || recorder_link(dial())),
            &registry,
            Shutdown::new(),
        )?;
        let api = Api::start(api::Wiring {
            config: settings.api.clone(),
            setup: settings.setup.clone(),
            public_url: PublicUrl::parse(&ground.public_url)?,
            node: node_id,
            database_url: settings.database_url(),
            objects_dir: settings.recorder().objects_dir,
            turn_urls: relay
                .iter()
                .map(|relay| relay_url(settings, relay))
                .collect(),
            secrets: ground.secrets.clone(),
            nodes: Arc::new(OneNode(node.clone())),
            recorders: Arc::new(OneRecorder(recorder.commands())),
            demo: Arc::new(DemoHost::new(
                ground.listener.local_addr()?,
                shutdown.clone(),
            )),
            events: follow_events(node.dialler()),
            reports: recorder.reports(),
            registry: registry.clone(),
            clock: Arc::new(SystemClock),
        })
        .await?;
        Ok(Self {
            registry,
            node,
            relay,
            recorder,
            api: Arc::new(api),
            questions: JoinSet::new(),
        })
    }

    /// One listener answers for all.
    fn router(&self, health: &Health) -> Router {
        health
            .router()
            .merge(metrics::router(&self.registry))
            .merge(self.node.router())
            .merge(self.api.router())
    }

    /// Keeps `/readyz` true while the parts run.
    fn report_to(&mut self, health: &Health) {
        for part in ["serving", "media", "database"] {
            health.set(part, Ok(()));
        }
        let (media, told) = (self.node.condition(), health.clone());
        self.questions
            .spawn(follow(media, move |state| told.set("media", state)));
        // Recordings wait for their disk, and meetings for no recording.
        let (recorder, told) = (self.recorder.condition(), health.clone());
        self.questions.spawn(follow(recorder, move |state| {
            told.set_dispensable("recorder", state);
        }));
        self.questions
            .spawn(ask_database(self.api.clone(), health.clone()));
    }

    /// Takes down what is left when the node has stopped, so that its last words are kept.
    async fn stop(mut self) {
        self.questions.shutdown().await;
        if timeout(RECORDER_STOP_WITHIN, self.recorder.stop())
            .await
            .is_err()
        {
            tracing::warn!("the recorder did not stop in time; it goes on at the next start");
        }
        let api = Arc::into_inner(self.api).expect("whoever asked it questions has ended");
        if timeout(API_STOP_WITHIN, api.stop()).await.is_err() {
            tracing::warn!("the books did not close in time");
        }
        if let Some(relay) = self.relay {
            relay.stop().await;
        }
    }
}

async fn follow(
    mut condition: watch::Receiver<Result<(), String>>,
    tell: impl Fn(Result<(), String>),
) {
    loop {
        let state = condition.borrow_and_update().clone();
        tell(state);
        if condition.changed().await.is_err() {
            return;
        }
    }
}

async fn ask_database(api: Arc<Api>, health: Health) {
    loop {
        let state = api.check_database().await;
        health.set("database", state.map_err(|fault| fault.to_string()));
        tokio::time::sleep(DATABASE_ASKED_EVERY).await;
    }
}

/// How browsers reach the relay: where it listens, or as the media is reached when it listens on
/// every address.
fn relay_url(settings: &Settings, relay: &turn::Relay) -> String {
    let mut address = relay.address();
    if let (true, Some(ip)) = (address.ip().is_unspecified(), settings.sfu.advertise_ip) {
        address.set_ip(ip);
    }
    format!("turn:{address}?transport=udp")
}

/// The relay lets clients reach the media addresses of this node and nothing else.
async fn start_relay(
    settings: &Settings,
    secrets: &Secrets,
    node: &sfu::Node,
    registry: &Registry,
    shutdown: &Shutdown,
) -> anyhow::Result<Option<turn::Relay>> {
    if !settings.turn.enabled {
        return Ok(None);
    }
    let ports = node.udp_ports();
    let (first_port, last_port) = (ports.iter().min(), ports.iter().max());
    let reachable = |ip: IpAddr| turn::Allowed {
        ip,
        first_port: first_port.copied().unwrap_or_default(),
        last_port: last_port.copied().unwrap_or_default(),
    };
    let bound = Some(settings.sfu.bind_ip).filter(|ip| !ip.is_unspecified());
    let media = bound
        .into_iter()
        .chain(settings.sfu.advertise_ip)
        .map(reachable);
    let shared = turn::Secrets {
        shared: secrets.turn_key().to_vec(),
    };
    let relay = turn::Relay::start(
        &settings.turn,
        &shared,
        media.collect(),
        registry,
        shutdown.clone(),
    );
    Ok(Some(relay.await?))
}
