//! What a hostile participant knows of its own session: from its offer, and from what it is sent.
//! Pure.

use sfu_protocol::media::Source;
use sfu_protocol::signal::ClientMessage;

/// Streams that it was sent and remembers.
const MAX_HEARD: usize = 64;

/// See the module's head.
#[derive(Debug, Clone, Default)]
pub(super) struct Knows {
    pub(super) camera_mid: String,
    pub(super) microphone_mid: String,
    /// The number of the header extension that names a line.
    pub(super) mid_extension: u8,
    pub(super) vp8: u8,
    pub(super) opus: u8,
    /// SSRCs of what it is sent.
    pub(super) heard: Vec<u32>,
}

impl Knows {
    /// Learns from its own offer.
    pub(super) fn offered(&mut self, message: &ClientMessage) {
        let ClientMessage::Offer { sdp, publish, .. } = message else {
            return;
        };
        let mid = |source| {
            let mut lines = publish.iter();
            let line = lines.find(|line| line.source == source);
            line.map_or_else(String::new, |line| line.mid.clone())
        };
        self.camera_mid = mid(Source::Camera);
        self.microphone_mid = mid(Source::Microphone);
        let number = |prefix: &str, end: &str| {
            let mut lines = sdp.lines().filter_map(|line| line.strip_prefix(prefix));
            let line = lines.find(|line| line.to_ascii_lowercase().contains(end))?;
            let digits = line.find(|c: char| !c.is_ascii_digit())?;
            line[..digits].parse().ok()
        };
        self.mid_extension = number("a=extmap:", "sdes:mid").unwrap_or(0);
        self.vp8 = number("a=rtpmap:", "vp8/").unwrap_or(0);
        self.opus = number("a=rtpmap:", "opus/").unwrap_or(0);
    }

    /// Something came.
    pub(super) fn came(&mut self, datagram: &[u8]) {
        let is_media = sfu_rtp::is_media(datagram) && !sfu_rtp::is_rtcp(datagram);
        let Some(ssrc) = datagram.get(8..12).filter(|_| is_media) else {
            return;
        };
        let ssrc = u32::from_be_bytes([ssrc[0], ssrc[1], ssrc[2], ssrc[3]]);
        if self.heard.len() < MAX_HEARD && !self.heard.contains(&ssrc) {
            self.heard.push(ssrc);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sfu_protocol::signal::{PublishLine, TrackState};

    #[test]
    fn an_offer_tells_how_its_packets_are_named() {
        let line = |mid: &str, source| PublishLine {
            mid: mid.to_owned(),
            source,
            state: TrackState::Live,
        };
        let offer = ClientMessage::Offer {
            revision: 1,
            sdp: "v=0\r\na=rtpmap:111 opus/48000/2\r\na=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n\
                  a=rtpmap:96 VP8/90000\r\n"
                .to_owned(),
            publish: vec![line("3", Source::Microphone), line("x", Source::Camera)],
        };
        let mut knows = Knows::default();
        knows.offered(&offer);
        assert_eq!(
            (knows.camera_mid.as_str(), knows.microphone_mid.as_str()),
            ("x", "3")
        );
        assert_eq!((knows.mid_extension, knows.vp8, knows.opus), (4, 96, 111));
    }

    #[test]
    fn what_it_hears_is_bounded_and_only_media() {
        let mut knows = Knows::default();
        for ssrc in 0..1_000_u32 {
            let of = |kind: u8| [&[0x80, kind, 0, 1, 0, 0, 0, 0], &ssrc.to_be_bytes()[..]].concat();
            knows.came(&of(96));
            knows.came(&of(200));
            knows.came(&of(96)[..9]);
        }
        assert_eq!(knows.heard.len(), MAX_HEARD);
    }
}
