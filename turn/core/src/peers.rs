//! Which peers a client may reach through the relay. One function decides.
//!
//! An open relay is the field's classic hole: a relay that reaches internal addresses is a
//! tunnel into the operator's network. So the default is an allow-list: this deployment's own
//! media addresses and nothing else. An address is compared in one canonical form, so that no
//! other spelling of it (IPv4 mapped into IPv6) slips past.

use std::net::{IpAddr, SocketAddr};

use crate::PeerAddress;

/// Most entries of an allow-list: a deployment has a handful of nodes with a few shards each.
pub const MAX_ALLOWED: usize = 1024;

/// One place that may be reached: an address and an inclusive range of ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowed {
    /// The address.
    pub ip: IpAddr,
    /// The first port.
    pub first_port: u16,
    /// The last port.
    pub last_port: u16,
}

/// Which peers may be reached.
#[derive(Debug, Clone, Default)]
pub struct PeerPolicy {
    allowed: Vec<Allowed>,
}

impl PeerPolicy {
    /// Only these places. Entries beyond [`MAX_ALLOWED`] are left out.
    pub fn only(places: impl IntoIterator<Item = Allowed>) -> PeerPolicy {
        let allowed = places
            .into_iter()
            .take(MAX_ALLOWED)
            .map(|place| Allowed {
                ip: place.ip.to_canonical(),
                ..place
            })
            .collect();
        PeerPolicy { allowed }
    }

    /// Whether media may go to this peer and come from it.
    pub fn allows(&self, peer: PeerAddress) -> bool {
        let PeerAddress(address) = peer;
        self.places_of(address.ip())
            .any(|place| (place.first_port..=place.last_port).contains(&address.port()))
    }

    /// Whether a permission for this address makes sense at all. A permission names an address
    /// without a port (RFC 8656, section 9); the port is checked for each packet.
    pub fn allows_ip(&self, ip: IpAddr) -> bool {
        self.places_of(ip).next().is_some()
    }

    fn places_of(&self, ip: IpAddr) -> impl Iterator<Item = &Allowed> {
        let ip = ip.to_canonical();
        self.allowed.iter().filter(move |place| place.ip == ip)
    }
}

impl Allowed {
    /// One address and port.
    pub fn exactly(address: SocketAddr) -> Allowed {
        Allowed {
            ip: address.ip(),
            first_port: address.port(),
            last_port: address.port(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn policy() -> PeerPolicy {
        PeerPolicy::only([
            Allowed {
                ip: "203.0.113.5".parse().expect("an address"),
                first_port: 7882,
                last_port: 7885,
            },
            Allowed::exactly("[2001:db8::5]:7882".parse().expect("an address")),
        ])
    }

    #[test]
    fn only_the_listed_places_are_reached_in_whatever_spelling() {
        let cases = [
            ("203.0.113.5:7882", true),
            ("203.0.113.5:7885", true),
            ("203.0.113.5:7886", false),
            ("203.0.113.5:80", false),
            ("203.0.113.6:7882", false),
            ("[::ffff:203.0.113.5]:7882", true),
            ("[2001:db8::5]:7882", true),
            ("[2001:db8::5]:7883", false),
            ("127.0.0.1:7882", false),
            ("[::1]:7882", false),
            ("[::ffff:127.0.0.1]:7882", false),
            ("0.0.0.0:7882", false),
            ("169.254.169.254:80", false),
            ("10.0.0.1:7882", false),
            // IPv4-compatible, 6to4 and NAT64 spellings of the listed address are other places.
            ("[::203.0.113.5]:7882", false),
            ("[2002:cb00:7105::]:7882", false),
            ("[64:ff9b::203.0.113.5]:7882", false),
        ];
        for (address, expected) in cases {
            let peer = PeerAddress(address.parse().expect("an address"));
            assert_eq!(policy().allows(peer), expected, "{address}");
        }
    }

    #[test]
    fn an_empty_policy_reaches_nobody() {
        let peer = PeerAddress(([127, 0, 0, 1], 1).into());
        assert!(!PeerPolicy::default().allows(peer));
    }

    #[test]
    fn the_list_ends_at_its_bound() {
        let places = (0..=u16::try_from(MAX_ALLOWED).expect("small"))
            .map(|port| Allowed::exactly(([127, 0, 0, 1], port).into()));
        let policy = PeerPolicy::only(places);
        let at = |port| PeerAddress(([127, 0, 0, 1], port).into());
        assert!(policy.allows(at(1023)));
        assert!(!policy.allows(at(1024)));
    }

    proptest! {
        #[test]
        fn whatever_is_allowed_is_a_listed_address_and_port(bits: u128, port: u16) {
            let ip = IpAddr::V6(bits.into());
            if policy().allows(PeerAddress(SocketAddr::new(ip, port))) {
                let listed = ["203.0.113.5", "2001:db8::5"]
                    .map(|text| text.parse::<IpAddr>().expect("an address"));
                prop_assert!(listed.contains(&ip.to_canonical()));
                prop_assert!((7882..=7885).contains(&port));
            }
        }
    }
}
