//! Settings of the relay: `[turn]`.

use std::net::IpAddr;

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
}

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
        Ok(())
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
    }
}
