//! Settings of the relay: `[turn]`.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

/// Settings of the relay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Whether the relay runs. Default: true.
    pub enabled: bool,
    /// The address that clients reach it on. Default: 127.0.0.1.
    pub listen_ip: IpAddr,
    /// The UDP port that clients reach it on. Default: 3478.
    pub port: u16,
    /// The address of the relay sockets. Default: `listen_ip`.
    pub relay_ip: Option<IpAddr>,
    /// The address of the relay sockets as clients are told. Needed when `relay_ip` is every
    /// address (0.0.0.0). Default: `relay_ip`.
    pub advertise_ip: Option<IpAddr>,
    /// The first port of the relay sockets. Default: 49152.
    pub first_relay_port: u16,
    /// The last port of the relay sockets. Default: 65535.
    pub last_relay_port: u16,
    /// Most allocations at once. Default: 4096.
    pub allocations: usize,
    /// Most allocations of one participant: a browser makes a few while it connects. Default: 12.
    pub allocations_per_participant: usize,
    /// Places that clients may reach through it besides this deployment's own media, each
    /// address:port: nodes elsewhere, the peer of a measurement. Whoever may join a room can send to
    /// them. Default: none.
    pub further_peers: Vec<SocketAddr>,
}

/// Most entries of `further_peers`: with a node's own ports they stay below what a policy holds.
const MAX_FURTHER_PEERS: usize = 256;

impl Default for Config {
    fn default() -> Self {
        Config {
            enabled: true,
            listen_ip: IpAddr::from([127, 0, 0, 1]),
            port: 3478,
            relay_ip: None,
            advertise_ip: None,
            first_relay_port: 49_152,
            last_relay_port: 65_535,
            allocations: 4_096,
            allocations_per_participant: 12,
            further_peers: Vec::new(),
        }
    }
}

impl Config {
    /// What a person must mend, or nothing.
    ///
    /// # Errors
    /// The setting and what is wrong with it.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        if self.first_relay_port > self.last_relay_port {
            return Err((
                "turn.first_relay_port",
                format!(
                    "{} is above turn.last_relay_port, {}",
                    self.first_relay_port, self.last_relay_port
                ),
            ));
        }
        let relay_ip = self.relay_ip.unwrap_or(self.listen_ip);
        let advertised = self.advertise_ip.unwrap_or(relay_ip);
        if advertised.is_unspecified() {
            return Err((
                "turn.advertise_ip",
                format!("must name the address that clients reach; {advertised} is no place"),
            ));
        }
        if self.allocations == 0 || self.allocations_per_participant == 0 {
            return Err(("turn.allocations", "must be at least 1".to_owned()));
        }
        self.check_further_peers()
    }

    fn check_further_peers(&self) -> Result<(), (&'static str, String)> {
        let setting = "turn.further_peers";
        if self.further_peers.len() > MAX_FURTHER_PEERS {
            return Err((setting, format!("has at most {MAX_FURTHER_PEERS} places")));
        }
        let nowhere = |peer: &&SocketAddr| peer.ip().is_unspecified() || peer.port() == 0;
        match self.further_peers.iter().find(nowhere) {
            Some(peer) => Err((setting, format!("{peer} is no place"))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_sound_and_contradictions_are_named() {
        assert_eq!(Config::default().check(), Ok(()));
        let upside_down = Config {
            first_relay_port: 2,
            last_relay_port: 1,
            ..Config::default()
        };
        let (setting, _) = upside_down.check().expect_err("a contradiction");
        assert_eq!(setting, "turn.first_relay_port");
        let anywhere = Config {
            listen_ip: IpAddr::from([0, 0, 0, 0]),
            ..Config::default()
        };
        let (setting, _) = anywhere.check().expect_err("no place to tell");
        assert_eq!(setting, "turn.advertise_ip");
        let told = Config {
            advertise_ip: Some(IpAddr::from([192, 0, 2, 1])),
            ..anywhere
        };
        assert_eq!(told.check(), Ok(()));
        let none = Config {
            allocations: 0,
            ..Config::default()
        };
        assert!(none.check().is_err());
        for peer in ["0.0.0.0:7", "127.0.0.1:0"] {
            let nowhere = Config {
                further_peers: vec![peer.parse().expect("an address")],
                ..Config::default()
            };
            let (setting, _) = nowhere.check().expect_err("no place");
            assert_eq!(setting, "turn.further_peers");
        }
    }
}
