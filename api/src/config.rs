//! What an operator may set about the office, with units and defaults.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// The section `[api]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Who may make an account.
    pub registration: Registration,
    /// STUN and TURN servers told to every browser.
    pub ice_servers: Vec<IceServer>,
    /// Reverse proxies whose `X-Forwarded-For` is believed. Empty: nobody's is.
    pub trusted_proxies: Vec<IpAddr>,
    /// How long a link to a recorded file is good, in seconds.
    pub object_url_seconds: u32,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            registration: Registration::Closed,
            ice_servers: Vec::new(),
            trusted_proxies: Vec::new(),
            // A player asks for further ranges of a long recording with the link it began with.
            object_url_seconds: 3_600,
        }
    }
}

/// Who may make an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Registration {
    /// Nobody but the first owner.
    Closed,
    /// Everybody; each gets an organisation of their own.
    Open,
}

/// A STUN or TURN server, in the words of `RTCIceServer` (W3C WebRTC, section 4.2.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IceServer {
    /// `stun:` and `turn:` addresses.
    pub urls: Vec<String>,
    /// For TURN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// For TURN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// The section `[setup]`: makes the first owner unattended. Used once; later changes do nothing.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SetupConfig {
    /// The first owner's address.
    pub owner_email: Option<String>,
    /// The first owner's password.
    pub owner_password: Option<String>,
    /// The first owner's name; the address's first part when absent.
    pub owner_name: Option<String>,
}

impl std::fmt::Debug for SetupConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SetupConfig")
            .field("owner_email", &self.owner_email.as_ref().map(|_| "set"))
            .field(
                "owner_password",
                &self.owner_password.as_ref().map(|_| "set"),
            )
            .finish_non_exhaustive()
    }
}
