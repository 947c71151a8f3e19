//! Rounds of sequence numbers (RFC 3711, section 3.3.1), where a sender counts them unlike `str0m`.
//!
//! A server that begins a stream with number 1, whichever packet is the first, numbers what that
//! one had overtaken 0, 65535 and so on. To libsrtp, in servers and in browsers, these are ahead of
//! number 1 and in the same round, and what follows is in the next. To `str0m` they are behind it,
//! and it can read nothing of what follows. So a stream of which nothing can be read is tried in
//! the next round.

use std::collections::BTreeMap;

use sfu_rtp::rtp::Header;
use str0m::rtp::Ssrc;

/// The round that is tried.
pub(super) const NEXT_ROUND: u64 = 1;

/// How many packets of a stream must be unreadable in a row: a frame that was sent twice is none.
const PATIENCE_PACKETS: u32 = 8;

/// Most streams that are followed; slots are 64.
const MAX_STREAMS: usize = 64;

/// How many packets of each stream were not readable, since the last that was.
#[derive(Debug, Default)]
pub(super) struct Rounds(BTreeMap<u32, u32>);

impl Rounds {
    /// The stream of a datagram, when it is to be tried in the next round. Every other one is
    /// tried as it is: something else may have been wrong.
    pub(super) fn to_try(&self, datagram: &[u8]) -> Option<Ssrc> {
        let ssrc = ssrc_of(datagram)?;
        let unread = *self.0.get(&ssrc)?;
        (unread >= PATIENCE_PACKETS && unread % 2 == 0).then(|| ssrc.into())
    }

    /// A datagram was given to the transport, which could read it or not.
    pub(super) fn heard(&mut self, datagram: &[u8], readable: bool) {
        let Some(ssrc) = ssrc_of(datagram) else {
            return;
        };
        if readable {
            self.0.remove(&ssrc);
        } else if let Some(unread) = self.0.get_mut(&ssrc) {
            *unread += 1;
        } else if self.0.len() < MAX_STREAMS {
            self.0.insert(ssrc, 1);
        }
    }
}

/// The SSRC of a datagram that is RTP.
fn ssrc_of(datagram: &[u8]) -> Option<u32> {
    let is_rtp = sfu_rtp::is_media(datagram) && !sfu_rtp::is_rtcp(datagram);
    let header = is_rtp.then(|| Header::read(datagram))?;
    header.map(|header| header.ssrc)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::{Duration, Instant};

    use sfu_protocol::media::Source;
    use str0m::format::Codec;
    use str0m::media::Mid;
    use str0m::rtp::RtpWrite;

    use super::super::{Output, Peer, PeerConfig, Publication};

    const HANDSHAKE: Duration = Duration::from_secs(2);

    fn address(port: u16) -> SocketAddr {
        ([127, 0, 0, 1], port).into()
    }

    /// Gives one what the other sends.
    fn carry(now: Instant, (from, port): (&mut Peer, u16), to: &mut Peer) {
        from.tick(now);
        while let Some(output) = from.poll() {
            if let Output::Datagram { bytes, .. } = output {
                to.receive(now, address(port), &bytes);
            }
        }
    }

    fn exchange(now: Instant, one: &mut Peer, other: &mut Peer) {
        carry(now, (one, 1), other);
        carry(now, (other, 2), one);
    }

    /// How many of the packets arrive that a sender numbers so, on top of whole rounds.
    fn received(numbers: impl Iterator<Item = u64>, like_browsers: bool) -> u64 {
        let mut now = Instant::now();
        let config = PeerConfig {
            publish: vec![Publication::live(Source::Camera, 1)],
            audio_slots: 0,
            video_slots: 0,
            ..PeerConfig::new(address(1))
        };
        let mut sender = Peer::new(&config, now).expect("a sender");
        let offer = sender.offer().expect("it offers").to_owned();
        let config = PeerConfig {
            like_browsers,
            ..PeerConfig::new(address(2))
        };
        let (mut viewer, answer) = Peer::answering(&config, now, &offer).expect("a viewer");
        sender.accept(now, &answer);
        let until = now + HANDSHAKE;
        while !(sender.is_connected() && viewer.is_connected()) {
            assert!(now < until, "they connect");
            now += Duration::from_millis(5);
            exchange(now, &mut sender, &mut viewer);
        }
        let rtc = sender.transport.rtc();
        let slot = viewer.slots().remove(0);
        let mid = Mid::from(slot.0.as_str());
        let vp8 = rtc
            .codec_config()
            .iter()
            .find(|it| it.spec().codec == Codec::Vp8);
        let pt = vp8.expect("VP8").pt();
        for number in numbers {
            now += Duration::from_millis(5);
            sender.transport.change(|rtc| {
                let mut api = rtc.direct_api();
                let stream = api.stream_tx_by_mid(mid, None).expect("its stream");
                stream.write_rtp(RtpWrite::new(pt, number.into(), 0, now, vec![0x10, 1]));
            });
            exchange(now, &mut sender, &mut viewer);
        }
        viewer.counters().packets_received
    }

    #[test]
    fn a_sender_that_began_below_its_first_number_is_followed_into_the_next_round() {
        let next_round = 65_536;
        let numbers = || {
            [1, 2, 65_535]
                .into_iter()
                .chain(next_round + 3..next_round + 103)
        };
        assert_eq!(received(numbers(), false), 2, "what must be made good for");
        let read = received(numbers(), true);
        assert!((90..100).contains(&read), "{read} of 103");
    }

    #[test]
    fn a_sender_that_only_repeats_itself_stays_in_its_round() {
        let numbers = || (1..=20).chain([20; 13]).chain(21..=40);
        let read = received(numbers(), true);
        assert!((39..=40).contains(&read), "{read} of 40");
    }
}
