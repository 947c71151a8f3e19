//! Decides where a request comes from on the network, and bounds what one such place holds.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::HeaderMap;

/// An IPv4 address, or the /64 of an IPv6 address, which one person has to themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source(IpAddr);

impl Source {
    /// The source of one address.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(v6) if !v6.is_loopback() => {
                let [a, b, c, d, ..] = v6.segments();
                Source(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into())
            }
            other => Source(other),
        }
    }

    /// The source of a request: its peer, or whom a trusted proxy names, which is the last
    /// address in `X-Forwarded-For` that is not a trusted proxy itself.
    pub fn of_request(peer: IpAddr, headers: &HeaderMap, trusted: &[IpAddr]) -> Self {
        Self::of(believed(peer.to_canonical(), headers, trusted))
    }

    /// Whether it is this machine.
    pub fn is_loopback(self) -> bool {
        self.0.is_loopback()
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V6(v6) if !v6.is_loopback() => {
                let [a, b, c, d, ..] = v6.segments();
                write!(f, "{a:x}:{b:x}:{c:x}:{d:x}::/64")
            }
            address => address.fmt(f),
        }
    }
}

fn believed(peer: IpAddr, headers: &HeaderMap, trusted: &[IpAddr]) -> IpAddr {
    if !trusted.contains(&peer) {
        return peer;
    }
    let named = headers
        .get_all("x-forwarded-for")
        .iter()
        .rev()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.rsplit(','))
        .map_while(|part| part.trim().parse::<IpAddr>().ok())
        .map(|address| address.to_canonical())
        .find(|address| !trusted.contains(address));
    named.unwrap_or(peer)
}

/// So many places for each source. It remembers only sources that hold one.
///
/// This machine is not bounded: a proxy on it that nobody declared as trusted would be everybody
/// at once.
#[derive(Debug)]
pub struct Places {
    most: usize,
    held: Mutex<BTreeMap<Source, usize>>,
}

/// A place of one source, free again when it is dropped.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    source: Option<Source>,
}

impl Places {
    /// `most` places for each source.
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Places {
            most,
            held: Mutex::default(),
        })
    }

    /// A place for `source`; none when it holds all of its places.
    pub fn take(self: &Arc<Self>, source: Source) -> Option<Place> {
        let mut place = Place {
            places: Arc::clone(self),
            source: None,
        };
        if source.is_loopback() {
            return Some(place);
        }
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.entry(source).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        place.source = Some(source);
        Some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(source) = self.source else {
            return;
        };
        let held = &self.places.held;
        let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&source) {
            *count -= 1;
            if *count == 0 {
                held.remove(&source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(address: &str) -> Source {
        Source::of(address.parse().expect("an address"))
    }

    #[test]
    fn only_a_trusted_proxy_names_somebody_else() {
        let proxy: IpAddr = "10.0.0.1".parse().expect("an address");
        let cases = [
            ("203.0.113.5", "1.1.1.1", "203.0.113.5"),
            ("10.0.0.1", "1.1.1.1", "1.1.1.1"),
            ("::ffff:10.0.0.1", "9.9.9.9, 1.1.1.1", "1.1.1.1"),
            ("10.0.0.1", "1.1.1.1, 10.0.0.1", "1.1.1.1"),
            ("10.0.0.1", "1.1.1.1, forged", "10.0.0.1"),
            ("10.0.0.1", "2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ];
        for (peer, forwarded, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-for", forwarded.parse().expect("a header"));
            let peer = peer.parse().expect("an address");
            let found = Source::of_request(peer, &headers, &[proxy]);
            assert_eq!(found.to_string(), expected, "{forwarded}");
        }
    }

    #[test]
    fn each_source_has_its_own_places_and_nothing_is_kept_of_one_that_is_gone() {
        let places = Places::new(2);
        let held: Vec<_> = ["2001:db8::1", "2001:db8::2", "192.0.2.1", "192.0.2.1"]
            .map(|address| places.take(source(address)))
            .into();
        assert!(held.iter().all(Option::is_some));
        assert!(places.take(source("2001:db8::3")).is_none(), "the same /64");
        assert!(places.take(source("192.0.2.1")).is_none());
        assert!(places.take(source("192.0.2.2")).is_some());
        drop(held);
        assert!(places.take(source("192.0.2.1")).is_some());
        assert!(places.held.lock().expect("whole").is_empty());
    }

    #[test]
    fn this_machine_is_not_bounded() {
        let places = Places::new(0);
        for address in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert!(places.take(source(address)).is_some(), "{address}");
        }
        assert!(places.take(source("192.0.2.1")).is_none());
    }
}
