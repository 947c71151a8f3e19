//! `colloquy migrate` and `colloquy admin`: what is done to the books without serving.

use std::io::Read;
use std::sync::Arc;

use anyhow::Context;
use api::ports::{Demo, DemoMeeting, Nodes, Recorders, Unavailable};
use api::{Api, PublicUrl, SetupConfig, SystemClock, Wiring};
use async_trait::async_trait;
use deploy_process::metrics::Registry;
use sfu_protocol::control::{ControlReply, ControlRequest};
use sfu_protocol::ids::NodeId;
use sfu_protocol::recording::RecorderCommand;
use tokio::sync::mpsc;

use crate::folder::HeldFolder;
use crate::refusal::Refusal;
use crate::settings::Settings;

/// Longest password that is read; what is longer is refused by the rules of accounts.
const MAX_PASSWORD_BYTES: u64 = 1_024;

/// Brings the schema up to date.
pub(crate) async fn migrate(settings: &Settings) -> anyhow::Result<()> {
    let _folder = HeldFolder::open(settings.folder())?;
    api::migrate(&settings.database_url()).await?;
    println!("the database is up to date");
    Ok(())
}

/// Makes the first owner, with a password from standard input.
pub(crate) async fn create_owner(
    settings: &Settings,
    email: &str,
    name: &str,
) -> anyhow::Result<()> {
    let _folder = HeldFolder::open(settings.folder())?;
    let office = open_office(settings, SetupConfig::default()).await?;
    let is_open = office.setup_url().is_some();
    office.stop().await;
    if !is_open {
        return Err(Refusal::new("there is an owner already: sign in instead").into());
    }
    let owner = SetupConfig {
        owner_email: Some(email.to_owned()),
        owner_password: Some(read_password()?),
        owner_name: Some(name.to_owned()),
    };
    open_office(settings, owner).await?.stop().await;
    println!("{email} can sign in");
    Ok(())
}

fn read_password() -> anyhow::Result<String> {
    let mut password = String::new();
    std::io::stdin()
        .take(MAX_PASSWORD_BYTES)
        .read_to_string(&mut password)
        .context("no password on standard input")?;
    Ok(password.trim_end_matches(['\r', '\n']).to_owned())
}

/// The office without neighbours: its books can be written, nothing else happens.
async fn open_office(settings: &Settings, setup: SetupConfig) -> anyhow::Result<Api> {
    let secrets = api::secrets::load_or_create(&settings.secrets())?;
    let office = Api::start(Wiring {
        config: settings.api.clone(),
        setup,
        public_url: PublicUrl::parse(&settings.public_url(settings.http.listen))?,
        node: NodeId(settings.sfu.node_id.clone()),
        database_url: settings.database_url(),
        objects_dir: settings.recorder().objects_dir,
        turn_urls: Vec::new(),
        secrets,
        nodes: Arc::new(Nobody),
        recorders: Arc::new(Nobody),
        demo: Arc::new(Nobody),
        events: mpsc::channel(1).1,
        reports: mpsc::channel(1).1,
        registry: Registry::new(),
        clock: Arc::new(SystemClock),
    });
    office
        .await
        .map_err(|fault| Refusal::new(fault.to_string()).into())
}

/// In place of every neighbour.
struct Nobody;

fn nobody() -> Unavailable {
    Unavailable("nothing is served by this command".to_owned())
}

#[async_trait]
impl Nodes for Nobody {
    async fn control(&self, _: ControlRequest) -> Result<ControlReply, Unavailable> {
        Err(nobody())
    }
}

#[async_trait]
impl Recorders for Nobody {
    async fn send(&self, _: RecorderCommand) -> Result<(), Unavailable> {
        Err(nobody())
    }
}

#[async_trait]
impl Demo for Nobody {
    async fn start(&self, _: DemoMeeting) -> Result<(), Unavailable> {
        Err(nobody())
    }
}
