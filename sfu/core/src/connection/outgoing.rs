//! Writes packets of media: header, extensions, payload and seal, straight into what leaves. One
//! copy of the payload, no allocation.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sfu_rtp::dependency::Change;
use sfu_rtp::rtp;
use sfu_rtp::srtp::Sealer;

use super::extensions::{Extensions, Name};
use crate::bandwidth::estimate::ClusterId;
use crate::bandwidth::path::Path;
use crate::io::Departures;
use crate::media::packet::Packet;

/// Packets of a stream that say whose m-line it is of (RFC 9143): until its receiver must have
/// heard. Those after them have one length, as a burst needs.
const NAMED_PACKETS: u32 = 100;

/// Extensions of one packet.
const MAX_EXTENSIONS: usize = 6;

/// What a connection sends with.
#[derive(Debug)]
pub(super) struct Outgoing {
    sealer: Option<Sealer>,
    began: Instant,
    mid: Option<u8>,
    audio_level: Option<u8>,
    orientation: Option<u8>,
    send_time: Option<u8>,
    transport_wide: Option<u8>,
    dependency: Option<u8>,
    /// A dependency descriptor as it leaves.
    descriptor: Vec<u8>,
    /// Packets with a transport-wide number.
    numbered: u16,
    /// What the way to the client carries.
    pub(super) path: Path,
}

/// A packet that is to be written.
pub(super) struct Writing<'a> {
    pub(super) to: SocketAddr,
    pub(super) head: rtp::Outgoing,
    /// The sequence number with its rollovers.
    pub(super) index: u64,
    pub(super) mid: &'a str,
    /// Packets of the stream before this one.
    pub(super) before: u32,
    /// Whose extensions are passed on.
    pub(super) packet: &'a Packet,
    /// What becomes other in its dependency descriptor.
    pub(super) change: Option<Change>,
}

/// A packet of padding that is to be written.
pub(super) struct Padding<'a> {
    pub(super) to: SocketAddr,
    pub(super) head: rtp::Outgoing,
    pub(super) index: u64,
    pub(super) mid: &'a str,
    pub(super) before: u32,
    pub(super) bytes: u8,
    pub(super) probe: ClusterId,
}

impl Outgoing {
    pub(super) fn new(now: Instant) -> Self {
        Outgoing {
            sealer: None,
            began: now,
            mid: None,
            audio_level: None,
            orientation: None,
            send_time: None,
            transport_wide: None,
            dependency: None,
            descriptor: Vec::new(),
            numbered: 0,
            path: Path::new(now),
        }
    }

    /// The handshake is done.
    pub(super) fn secure(&mut self, sealer: Sealer) {
        self.sealer = Some(sealer);
    }

    /// An offer was answered.
    pub(super) fn agree(&mut self, extensions: &Extensions) {
        self.mid = extensions.number(Name::Mid);
        self.audio_level = extensions.number(Name::AudioLevel);
        self.orientation = extensions.number(Name::Orientation);
        self.transport_wide = extensions.number(Name::TransportWide);
        self.dependency = extensions.number(Name::Dependency);
        // Who hears by transport-wide numbers how fast a path is needs no times.
        let alone = self.transport_wide.is_none();
        self.send_time = extensions.number(Name::SendTime).filter(|_| alone);
    }

    /// How long the connection has lived.
    pub(super) fn since(&self, now: Instant) -> Duration {
        super::sent::since(self.began, now)
    }

    /// Seals RTCP.
    pub(super) fn sealer(&mut self) -> Option<&mut Sealer> {
        self.sealer.as_mut()
    }

    /// Writes a packet, of which `fill` adds the payload. Answers how long it became; zero when
    /// it could not be sealed, and does not leave.
    pub(super) fn write(
        &mut self,
        now: Instant,
        out: &mut Departures,
        writing: &Writing<'_>,
        fill: impl FnOnce(&mut Vec<u8>),
    ) -> usize {
        let Some(sealer) = &self.sealer else {
            return 0;
        };
        let numbered = self.numbered.to_be_bytes();
        let level = [writing.packet.audio_level.unwrap_or(0)];
        let orientation = [writing.packet.orientation.unwrap_or(0)];
        let time = send_time(super::sent::since(self.began, now));
        let named = (writing.before < NAMED_PACKETS).then_some(()).and(self.mid);
        let heard = writing.packet.audio_level.and(self.audio_level);
        let turned = writing.packet.orientation.and(self.orientation);
        let described = writing.packet.piece.dependency().zip(writing.change);
        let described = described.filter(|_| self.dependency.is_some());
        if let Some((dependency, change)) = described {
            let descriptor = &dependency.descriptor;
            descriptor.rewrite(&dependency.value, change, &mut self.descriptor);
        }
        let all: [(Option<u8>, &[u8]); MAX_EXTENSIONS] = [
            (self.transport_wide, &numbered),
            (self.send_time, &time),
            (heard, &level),
            (turned, &orientation),
            (described.and(self.dependency), &self.descriptor),
            (named, writing.mid.as_bytes()),
        ];
        let mut list: [(u8, &[u8]); MAX_EXTENSIONS] = [(0, &[]); MAX_EXTENSIONS];
        let mut count = 0;
        for (number, value) in all {
            if let Some(number) = number {
                list[count] = (number, value);
                count += 1;
            }
        }
        let bytes = out.compose(writing.to, |buffer| {
            let begin = buffer.len();
            let header_bytes = writing.head.write(buffer, &list[..count]);
            fill(buffer);
            buffer.resize(buffer.len() + sealer.tag_bytes(), 0);
            let packet = &mut buffer[begin..];
            let sealed = sealer.seal_in_place(header_bytes, packet, writing.index);
            sealed.is_ok()
        });
        self.note(now, bytes, None);
        bytes
    }

    /// Writes a packet of nothing but padding (RFC 3550, section 5.1), of a probe. Answers how long
    /// it became, as above.
    pub(super) fn pad(
        &mut self,
        now: Instant,
        out: &mut Departures,
        padding: &Padding<'_>,
    ) -> usize {
        let Some(sealer) = &self.sealer else {
            return 0;
        };
        let numbered = self.numbered.to_be_bytes();
        let mut list: [(u8, &[u8]); 2] = [(0, &[]); 2];
        let named = (padding.before < NAMED_PACKETS).then_some(()).and(self.mid);
        let all = [
            self.transport_wide.map(|number| (number, &numbered[..])),
            named.map(|number| (number, padding.mid.as_bytes())),
        ];
        let mut count = 0;
        for extension in all.into_iter().flatten() {
            list[count] = extension;
            count += 1;
        }
        let bytes = out.compose(padding.to, |buffer| {
            let begin = buffer.len();
            let header_bytes = padding.head.write(buffer, &list[..count]);
            buffer.resize(buffer.len() + usize::from(padding.bytes.max(1)) - 1, 0);
            buffer.push(padding.bytes.max(1));
            buffer.resize(buffer.len() + sealer.tag_bytes(), 0);
            let packet = &mut buffer[begin..];
            let sealed = sealer.seal_in_place(header_bytes, packet, padding.index);
            sealed.is_ok()
        });
        self.note(now, bytes, Some(padding.probe));
        bytes
    }

    /// A packet leaves.
    fn note(&mut self, now: Instant, bytes: usize, probe: Option<ClusterId>) {
        if bytes == 0 {
            return;
        }
        let path = &mut self.path.estimator;
        match self.transport_wide {
            Some(_) => path.sent(now, self.numbered, bytes, probe),
            None => path.left(now, bytes),
        }
        self.numbered = self.numbered.wrapping_add(1);
    }
}

/// A time of 24 bits: six of seconds, 18 of their fraction.
fn send_time(since: Duration) -> [u8; 3] {
    let ticks = (since.as_micros() << 18) / 1_000_000;
    let [_, a, b, c] = (ticks as u32).to_be_bytes();
    [a, b, c]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_sending_has_six_bits_of_seconds() {
        let ms = Duration::from_millis;
        assert_eq!(send_time(ms(1_000)), [0x04, 0, 0]);
        assert_eq!(send_time(ms(500)), [0x02, 0, 0]);
        assert_eq!(send_time(ms(64_500)), [0x02, 0, 0]);
    }
}
