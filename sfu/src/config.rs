//! Every setting of a node: its unit, its default, and what makes it unusable.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::thread;

use serde::{Deserialize, Serialize};
use sfu_core::shard::Limits;

/// Most shards of one node: the user fragment that steers a datagram has room for more, but no
/// box that one process fills has more cores.
pub const MAX_SHARDS: u16 = 256;

/// The settings of a node, section `sfu` of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The name of this node, unique in the deployment. Grants are made out to it.
    pub node_id: String,
    /// The UDP port of the first shard; shard N listens on `udp_port + N`. 0 lets the system
    /// choose a free port for each, which only tests want.
    pub udp_port: u16,
    /// Whether clients may come over TCP where their network lets no UDP through.
    pub tcp: bool,
    /// The TCP port of the first shard; shard N listens on `tcp_port + N`. None: the numbers of the
    /// UDP ports, where they are free.
    pub tcp_port: Option<u16>,
    /// The address that the UDP and TCP sockets are bound to. Loopback until somebody opens it.
    pub bind_ip: IpAddr,
    /// The address that clients are told, when it is not `bind_ip`: a public address in front
    /// of NAT, or one of many when `bind_ip` is `0.0.0.0`.
    pub advertise_ip: Option<IpAddr>,
    /// How many shards, each one thread and one UDP port. 0: one for each core.
    pub shards: u16,
    /// Values of the `Origin` header that may open the signalling WebSocket, such as
    /// `https://meet.example.org`. Empty: any, because entering takes a grant, never a cookie.
    /// A client without the header is no browser and is let through.
    pub allowed_origins: Vec<String>,
    /// Most signalling WebSockets at a time, those that have not shown a grant included. One
    /// more is answered with 503.
    pub max_sockets: u32,
    /// Of them, most from one address, or one /64 of IPv6: an office or a school behind one
    /// address. One more is answered with 429. This machine is not bounded.
    pub sockets_per_address: u32,
    /// Reverse proxies whose `X-Forwarded-For` is believed. Not a setting of its own: the
    /// program has one list for all its parts.
    #[serde(skip)]
    pub trusted_proxies: Vec<IpAddr>,
    /// Most participants of one room. One more is refused with `limit_reached`.
    pub participants_per_room: usize,
    /// Participants of one room whose media one shard takes on. That of further ones goes over other
    /// shards of the node, filled in order and then evenly. The default leaves a shard that sends
    /// 25 pictures to each of them room for other rooms on most machines.
    pub participants_per_shard: usize,
    /// Most pictures that a client of a room gets without naming whose: what is shared, then of
    /// those who spoke last. 0: none.
    pub last_n: usize,
    /// Most rooms of one shard. One more is refused with `limit_reached`.
    pub rooms_per_shard: usize,
    /// Bytes that are kept of each recording until its recorder has them on disk. Beyond it the
    /// oldest are dropped and named as a gap. At 3 Mbit/s, 64 MiB last about three minutes.
    pub ring_bytes_per_recording: usize,
    /// The kernel's receive buffer of each UDP socket, in bytes. The kernel may grant less.
    pub receive_buffer_bytes: usize,
    /// The kernel's send buffer of each UDP socket, in bytes. The kernel may grant less.
    pub send_buffer_bytes: usize,
    /// Whether datagrams to one receiver go to the kernel together, which cuts them as late as it can
    /// (UDP_SEGMENT). To be switched off where a network driver does that badly.
    pub send_bursts: bool,
}

impl Default for Config {
    fn default() -> Self {
        let limits = Limits::default();
        Config {
            node_id: "node-1".to_owned(),
            udp_port: 7882,
            tcp: true,
            tcp_port: None,
            bind_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            advertise_ip: None,
            shards: 0,
            allowed_origins: Vec::new(),
            max_sockets: 4096,
            sockets_per_address: 512,
            trusted_proxies: Vec::new(),
            participants_per_room: limits.participants_per_room,
            participants_per_shard: limits.participants_per_shard,
            last_n: limits.last_n,
            rooms_per_shard: limits.rooms,
            ring_bytes_per_recording: limits.ring_bytes_per_recording,
            receive_buffer_bytes: 8 * 1024 * 1024,
            send_buffer_bytes: 8 * 1024 * 1024,
            send_bursts: true,
        }
    }
}

/// What makes a configuration unusable. The text names the setting and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A grant could not name this node.
    #[error("sfu.node_id is empty: give this node a name")]
    NoNodeId,
    /// More shards than a node can have.
    #[error("sfu.shards is {0}: at most {MAX_SHARDS}, or 0 for one on each core")]
    TooManyShards(u16),
    /// The last shard's port is past the end.
    #[error("sfu.{setting} {first} leaves no room for {shards} shards below port 65536")]
    PortsRunOut {
        /// Of which ports.
        setting: &'static str,
        /// The first port.
        first: u16,
        /// How many are needed.
        shards: u16,
    },
    /// Clients cannot be told "any address".
    #[error("sfu.bind_ip is {0}: set sfu.advertise_ip to the address that clients reach")]
    NothingToAdvertise(IpAddr),
    /// One socket cannot speak both.
    #[error("sfu.bind_ip {bind} and sfu.advertise_ip {advertise} are of different IP versions")]
    MixedVersions {
        /// The bound address.
        bind: IpAddr,
        /// The advertised address.
        advertise: IpAddr,
    },
    /// Nobody could come in.
    #[error("sfu.max_sockets is 0: nobody could join")]
    NoSockets,
    /// Nobody could meet, or nothing be recorded.
    #[error("sfu.{0} is 0")]
    NoRoom(&'static str),
    /// An origin that no browser sends.
    #[error("sfu.allowed_origins has {0:?}: an origin is scheme://host[:port] without a path")]
    OriginMalformed(String),
}

impl Config {
    /// Whether a node can be started with this.
    ///
    /// # Errors
    /// The first setting that cannot be used.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.node_id.trim().is_empty() {
            return Err(ConfigError::NoNodeId);
        }
        if self.shards > MAX_SHARDS {
            return Err(ConfigError::TooManyShards(self.shards));
        }
        let shards = self.shard_count();
        let ports = [
            ("udp_port", self.udp_port),
            ("tcp_port", self.tcp_port.unwrap_or(0)),
        ];
        let runs_out = |&(_, first): &(_, u16)| first.checked_add(shards - 1).is_none();
        if let Some((setting, first)) = ports.into_iter().find(runs_out) {
            return Err(ConfigError::PortsRunOut {
                setting,
                first,
                shards,
            });
        }
        if self.max_sockets == 0 {
            return Err(ConfigError::NoSockets);
        }
        let limits = [
            ("sockets_per_address", self.sockets_per_address as usize),
            ("participants_per_room", self.participants_per_room),
            ("participants_per_shard", self.participants_per_shard),
            ("rooms_per_shard", self.rooms_per_shard),
            ("ring_bytes_per_recording", self.ring_bytes_per_recording),
        ];
        if let Some((name, _)) = limits.into_iter().find(|&(_, limit)| limit == 0) {
            return Err(ConfigError::NoRoom(name));
        }
        self.validate_addresses()?;
        match self
            .allowed_origins
            .iter()
            .find(|origin| !is_origin(origin))
        {
            Some(wrong) => Err(ConfigError::OriginMalformed(wrong.clone())),
            None => Ok(()),
        }
    }

    fn validate_addresses(&self) -> Result<(), ConfigError> {
        match self.advertise_ip {
            None if self.bind_ip.is_unspecified() => {
                Err(ConfigError::NothingToAdvertise(self.bind_ip))
            }
            Some(advertise) if advertise.is_unspecified() => {
                Err(ConfigError::NothingToAdvertise(advertise))
            }
            Some(advertise) if advertise.is_ipv4() != self.bind_ip.is_ipv4() => {
                Err(ConfigError::MixedVersions {
                    bind: self.bind_ip,
                    advertise,
                })
            }
            _ => Ok(()),
        }
    }

    /// How many shards this node has: as configured, or one for each core.
    pub fn shard_count(&self) -> u16 {
        match self.shards {
            0 => thread::available_parallelism()
                .map_or(1, |cores| cores.get().min(usize::from(MAX_SHARDS)) as u16),
            some => some,
        }
    }

    /// What each shard takes on.
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            participants_per_room: self.participants_per_room,
            participants_per_shard: self.participants_per_shard,
            last_n: self.last_n,
            rooms: self.rooms_per_shard,
            ring_bytes_per_recording: self.ring_bytes_per_recording,
        }
    }

    /// Where shard `index` binds.
    pub(crate) fn bind_address(&self, index: u16) -> SocketAddr {
        let port = match self.udp_port {
            0 => 0,
            first => first + index,
        };
        SocketAddr::new(self.bind_ip, port)
    }

    /// Where shard `index` listens for streams, when its UDP socket is bound to `bound`; none
    /// when it does not.
    pub(crate) fn stream_address(&self, index: u16, bound: SocketAddr) -> Option<SocketAddr> {
        let port = match self.tcp_port {
            // Tests run many nodes: another has this number, perhaps.
            None if self.udp_port == 0 => 0,
            None => bound.port(),
            Some(0) => 0,
            Some(first) => first + index,
        };
        self.tcp.then(|| SocketAddr::new(self.bind_ip, port))
    }

    /// The host candidates of a socket that is bound to `bound`. The first is the address that
    /// its datagrams count as arriving on.
    pub(crate) fn advertised(&self, bound: SocketAddr) -> Vec<SocketAddr> {
        let public = self
            .advertise_ip
            .map(|address| SocketAddr::new(address, bound.port()));
        // What listens on loopback and is told another address is reached through a relay: its
        // own address would lead around it, or to the client itself.
        let own = bound.ip();
        let relayed = own.is_loopback() && public.is_some();
        let local = (!own.is_unspecified() && !relayed).then_some(bound);
        let mut addresses: Vec<SocketAddr> = local.into_iter().chain(public).collect();
        addresses.dedup();
        addresses
    }
}

fn is_origin(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, host)| {
        matches!(scheme, "http" | "https") && !host.is_empty() && !host.contains(['/', '*', ' '])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(change: impl FnOnce(&mut Config)) -> Result<(), ConfigError> {
        let mut config = Config::default();
        change(&mut config);
        config.validate()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("a literal address")
    }

    #[test]
    fn the_default_stays_on_loopback_and_is_usable() {
        let config = Config::default();
        assert!(config.bind_ip.is_loopback());
        assert_eq!(config.validate(), Ok(()));
        assert!(config.shard_count() >= 1);
    }

    #[test]
    fn each_unusable_setting_is_named() {
        let wrong: [(&str, Result<(), ConfigError>); 11] = [
            ("sfu.node_id", with(|c| c.node_id = " ".into())),
            ("sfu.shards", with(|c| c.shards = 257)),
            (
                "sfu.udp_port",
                with(|c| {
                    c.udp_port = 65535;
                    c.shards = 2;
                }),
            ),
            (
                "sfu.tcp_port",
                with(|c| {
                    c.tcp_port = Some(65535);
                    c.shards = 2;
                }),
            ),
            ("sfu.advertise_ip", with(|c| c.bind_ip = ip("0.0.0.0"))),
            (
                "sfu.advertise_ip",
                with(|c| c.advertise_ip = Some(ip("::1"))),
            ),
            (
                "sfu.advertise_ip",
                with(|c| c.advertise_ip = Some(ip("0.0.0.0"))),
            ),
            ("sfu.rooms_per_shard", with(|c| c.rooms_per_shard = 0)),
            (
                "sfu.sockets_per_address",
                with(|c| c.sockets_per_address = 0),
            ),
            ("sfu.max_sockets", with(|c| c.max_sockets = 0)),
            (
                "sfu.allowed_origins",
                with(|c| c.allowed_origins = vec!["meet.example.org".into()]),
            ),
        ];
        for (setting, outcome) in wrong {
            let problem = outcome.expect_err(setting).to_string();
            assert!(problem.contains(setting), "{problem}");
        }
    }

    #[test]
    fn the_last_port_may_be_used() {
        let outcome = with(|c| {
            c.udp_port = 65534;
            c.shards = 2;
        });
        assert_eq!(outcome, Ok(()));
    }

    #[test]
    fn streams_come_in_beside_datagrams_unless_said_otherwise() {
        let bound = SocketAddr::new(ip("127.0.0.1"), 7885);
        let of = |udp_port, tcp, tcp_port| {
            let config = Config {
                udp_port,
                tcp,
                tcp_port,
                ..Config::default()
            };
            config.stream_address(3, bound).map(|at| at.port())
        };
        assert_eq!(of(7882, true, None), Some(7885));
        assert_eq!(of(7882, true, Some(443)), Some(446));
        assert_eq!(of(7882, true, Some(0)), Some(0));
        assert_eq!(of(0, true, None), Some(0));
        assert_eq!(of(7882, false, Some(443)), None);
    }

    #[test]
    fn clients_are_told_addresses_that_they_can_reach() {
        let bound = |address: &str| SocketAddr::new(ip(address), 7882);
        let advertise = |address: Option<&str>| Config {
            advertise_ip: address.map(ip),
            ..Config::default()
        };
        let cases = [
            (None, "127.0.0.1", vec!["127.0.0.1"]),
            (Some("127.0.0.1"), "127.0.0.1", vec!["127.0.0.1"]),
            (Some("127.0.0.2"), "127.0.0.1", vec!["127.0.0.2"]),
            (Some("192.0.2.7"), "0.0.0.0", vec!["192.0.2.7"]),
            (Some("192.0.2.7"), "10.0.0.5", vec!["10.0.0.5", "192.0.2.7"]),
        ];
        for (public, local, expected) in cases {
            let expected: Vec<SocketAddr> = expected.into_iter().map(bound).collect();
            assert_eq!(advertise(public).advertised(bound(local)), expected);
        }
    }

    #[test]
    fn an_unknown_setting_is_refused() {
        let wrong = toml::from_str::<Config>("udp_prot = 7000");
        assert!(wrong.is_err());
        let right = toml::from_str::<Config>("udp_port = 7000").expect("known setting");
        assert_eq!(right.udp_port, 7000);
    }
}
