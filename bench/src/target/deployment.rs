//! A running deployment, by its public URL. Rooms and grants come from its API as anybody's do,
//! so a run measures what people get.

use anyhow::Context;
use async_trait::async_trait;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use sfu_client::driver::JoinTarget;

use super::http::Http;
use super::{Deployed, RoomKey};

/// Signed in to a deployment.
pub(crate) struct Deployment {
    http: Http,
}

#[derive(Deserialize)]
struct SignedIn {
    access_token: String,
}

#[derive(Deserialize)]
struct Opened {
    id: String,
    invite_url: String,
}

#[derive(Deserialize)]
struct Admitted {
    grant: String,
    url: String,
}

impl Deployment {
    /// Signs in with a password.
    pub(crate) async fn sign_in(url: &str, email: &str, password: &str) -> anyhow::Result<Self> {
        let mut http = Http::new(url)?;
        http.reach().await?;
        anyhow::ensure!(
            !email.is_empty() && !password.is_empty(),
            "who opens the rooms of {url}? Set COLLOQUY_BENCH_EMAIL and COLLOQUY_BENCH_PASSWORD"
        );
        let who = json!({ "email": email, "password": password });
        let SignedIn { access_token } = http.post("/api/auth/login", &who).await?;
        http.sign_with(access_token);
        Ok(Deployment { http })
    }
}

/// A server of `RTCConfiguration`.
#[derive(Deserialize)]
struct IceServer {
    urls: Vec<String>,
    username: Option<String>,
    credential: Option<String>,
}

#[derive(Deserialize)]
struct Reachable {
    ice_servers: Vec<IceServer>,
}

impl Deployment {
    /// Joins as a guest.
    async fn join<T: DeserializeOwned>(&self, room: &RoomKey, name: &str) -> anyhow::Result<T> {
        let path = format!("/api/rooms/{}/join", room.id);
        let guest = json!({ "name": name, "invite": room.invite });
        self.http.post_as_guest(&path, &guest).await
    }

    /// User name and password of the first relay that a guest of the room is told of.
    pub(crate) async fn relay_credential(
        &self,
        room: &RoomKey,
    ) -> anyhow::Result<(String, String)> {
        let Reachable { ice_servers } = self.join(room, "Bench").await?;
        let is_relay = |server: &IceServer| server.urls.iter().any(|url| url.starts_with("turn"));
        let relay = ice_servers.into_iter().find(is_relay);
        relay
            .and_then(|relay| Some((relay.username?, relay.credential?)))
            .context("no relay is told of")
    }
}

#[async_trait]
impl Deployed for Deployment {
    fn name(&self) -> String {
        self.http.base().to_owned()
    }

    fn url(&self) -> String {
        self.http.base().to_owned()
    }

    fn process_id(&self) -> Option<u32> {
        None
    }

    fn http(&self) -> &Http {
        &self.http
    }

    async fn open_room(&mut self) -> anyhow::Result<RoomKey> {
        let title = json!({ "title": "Bench" });
        let opened: Opened = self.http.post("/api/rooms", &title).await?;
        // The invite is the last part of its link.
        let invite = opened.invite_url.rsplit('/').next().unwrap_or_default();
        Ok(RoomKey {
            invite: invite.to_owned(),
            id: opened.id,
        })
    }

    async fn admit(&mut self, room: &RoomKey, name: &str) -> anyhow::Result<JoinTarget> {
        let Admitted { grant, url } = self.join(room, name).await?;
        Ok(JoinTarget { ws_url: url, grant })
    }

    async fn close(self: Box<Self>) {}
}
