//! How much one source may bring: a token bucket, and the named rates of everything that a client
//! can send more of than anybody needs. What is over is dropped and counted; it costs the sender's
//! own track and nobody else's.

use std::time::{Duration, Instant};

use sfu_protocol::media::Kind;

/// Longest payload that is passed on: what fits an Ethernet frame. Every packet gets our own
/// header and tag on the way out, and `str0m` writes packets of at most 2,000 bytes.
pub(crate) const MAX_PAYLOAD_BYTES: usize = 1_472;

/// A second of the best sound, with every packet sent twice for redundancy: Opus ends at 510
/// kbit/s (RFC 6716, section 2.1.1).
const AUDIO_BYTES_PER_SECOND: u64 = 160_000;

/// Its shortest frames are 2.5 ms.
const AUDIO_PACKETS_PER_SECOND: u64 = 400;

/// A video track, all its layers together: 20 Mbit/s. A shared 4K screen takes half of it.
const VIDEO_BYTES_PER_SECOND: u64 = 2_500_000;

/// The same in packets, should they be small.
const VIDEO_PACKETS_PER_SECOND: u64 = 4_000;

/// How long a picture's packets may be saved up for: a keyframe of a shared screen comes faster than
/// its mean. Longer, and each silence would earn a flood for everybody who watches.
const VIDEO_BURST: Duration = Duration::from_millis(200);

/// All media of one client, before it is opened: its four sources at their rates, and a quarter
/// more for what is sent again and for probes. What its tracks may bring is decided after.
const CLIENT_BYTES_PER_SECOND: u64 = 6_600_000;

/// The same in packets.
const CLIENT_PACKETS_PER_SECOND: u64 = 11_000;

/// RTCP datagrams of one client. A browser that watches fifty pictures over a bad network sends a
/// third of it. Reading one costs up to a third of a millisecond (transport feedback may name
/// 65,535 packets), so this is also what a client's feedback may cost the media thread.
const RTCP_PER_SECOND: u64 = 300;

/// The same in bytes: a request for retransmissions names up to four packets in a byte.
const RTCP_BYTES_PER_SECOND: u64 = 65_536;

/// SSRCs that a client may bring in a burst: every layer of every source with its repair stream,
/// twice over.
const SSRC_BURST: u32 = 64;

/// How often it may bring another for longer.
const AN_SSRC_EVERY: Duration = Duration::from_secs(5);

/// A token bucket that counts in time: a full one holds what its burst takes to earn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket {
    a_token: Duration,
    full: Duration,
    saved: Duration,
    filled_at: Option<Instant>,
}

impl Bucket {
    /// So many a second, and at most those of one second at once.
    fn per_second(tokens: u64) -> Self {
        let second = Duration::from_secs(1);
        Bucket {
            a_token: second / tokens as u32,
            full: second,
            saved: second,
            filled_at: None,
        }
    }

    /// A burst, then one in each period.
    pub(crate) fn slow(burst: u32, period: Duration) -> Self {
        Bucket {
            a_token: period,
            full: period * burst,
            saved: period * burst,
            filled_at: None,
        }
    }

    /// Takes so many tokens, or none when there are not enough.
    pub(crate) fn take(&mut self, tokens: u32, now: Instant) -> bool {
        self.fill(now);
        let cost = self.a_token.saturating_mul(tokens);
        let enough = cost <= self.saved;
        if enough {
            self.saved -= cost;
        }
        enough
    }

    /// Whether so many tokens could be taken.
    fn has(&mut self, tokens: u32, now: Instant) -> bool {
        self.fill(now);
        self.a_token.saturating_mul(tokens) <= self.saved
    }

    /// At most those of so long at once.
    fn within(mut self, burst: Duration) -> Self {
        self.full = burst;
        self.saved = burst;
        self
    }

    /// Whether it is empty: not one token can be taken.
    pub(crate) fn is_empty(&mut self, now: Instant) -> bool {
        self.fill(now);
        self.saved < self.a_token
    }

    /// Whether nothing was taken for so long that it is as new.
    pub(crate) fn is_full(&mut self, now: Instant) -> bool {
        self.fill(now);
        self.saved == self.full
    }

    /// When one token can be taken.
    pub(crate) fn ready_at(&mut self, now: Instant) -> Instant {
        self.fill(now);
        now + self.a_token.saturating_sub(self.saved)
    }

    fn fill(&mut self, now: Instant) {
        let before = self.filled_at.replace(now).unwrap_or(now);
        let passed = now.saturating_duration_since(before);
        self.saved = (self.saved + passed).min(self.full);
    }
}

/// What one source may bring, in bytes and in pieces.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policer {
    bytes: Bucket,
    pieces: Bucket,
}

impl Policer {
    /// For the packets of a track, all layers together.
    pub(crate) fn for_track(kind: Kind) -> Self {
        let (bytes, packets) = match kind {
            Kind::Audio => (AUDIO_BYTES_PER_SECOND, AUDIO_PACKETS_PER_SECOND),
            Kind::Video => (VIDEO_BYTES_PER_SECOND, VIDEO_PACKETS_PER_SECOND),
        };
        let mut policer = Self::new(bytes, packets);
        if kind == Kind::Video {
            policer.bytes = policer.bytes.within(VIDEO_BURST);
        }
        policer
    }

    /// For all media of a client.
    pub(crate) fn for_client() -> Self {
        Self::new(CLIENT_BYTES_PER_SECOND, CLIENT_PACKETS_PER_SECOND)
    }

    /// For a client's RTCP datagrams.
    pub(crate) fn for_rtcp() -> Self {
        Self::new(RTCP_BYTES_PER_SECOND, RTCP_PER_SECOND)
    }

    fn new(bytes: u64, pieces: u64) -> Self {
        Policer {
            bytes: Bucket::per_second(bytes),
            pieces: Bucket::per_second(pieces),
        }
    }

    /// Whether a piece of so many bytes would be within the rate. Asked before it has proved to be
    /// its client's: only what has counts, or whoever forges a client's address would silence it.
    pub(crate) fn has_room(&mut self, bytes: usize, now: Instant) -> bool {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.pieces.has(1, now) && self.bytes.has(bytes, now)
    }

    /// Whether a piece of so many bytes is within the rate.
    pub(crate) fn admits(&mut self, bytes: usize, now: Instant) -> bool {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.pieces.take(1, now) && self.bytes.take(bytes, now)
    }
}

/// For SSRCs that proved authentic.
pub(crate) fn new_ssrcs() -> Bucket {
    Bucket::slow(SSRC_BURST, AN_SSRC_EVERY)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of so many pieces a second pass in so many seconds.
    fn passed(mut policer: Policer, bytes: usize, per_second: u32, seconds: u32) -> u32 {
        let t0 = crate::testing::start();
        let at = |n: u32| t0 + Duration::from_secs(1) * n / per_second;
        let passed = (0..per_second * seconds).filter(|n| policer.admits(bytes, at(*n)));
        passed.count() as u32
    }

    #[test]
    fn what_a_browser_sends_passes_whole() {
        let cases = [
            ("speech", Kind::Audio, 100, 50),
            ("music in the shortest frames", Kind::Audio, 180, 400),
            ("the best music, redundant", Kind::Audio, 1_472, 100),
            ("a camera in three layers", Kind::Video, 1_200, 450),
            ("a shared 4K screen", Kind::Video, 1_200, 1_500),
        ];
        for (name, kind, bytes, per_second) in cases {
            let policer = Policer::for_track(kind);
            assert_eq!(
                passed(policer, bytes, per_second, 5),
                per_second * 5,
                "{name}"
            );
        }
        assert_eq!(passed(Policer::for_rtcp(), 150, 200, 5), 1_000, "feedback");
    }

    #[test]
    fn a_flood_passes_at_the_rate_and_one_burst_more() {
        let flood = |bytes| passed(Policer::for_track(Kind::Video), bytes, 20_000, 4);
        let most = (VIDEO_BYTES_PER_SECOND * 21 / 5 / 1_250) as u32;
        assert!((most - 10..=most).contains(&flood(1_250)), "200 Mbit/s");
        let most = VIDEO_PACKETS_PER_SECOND as u32 * 5;
        assert!((most - 10..=most).contains(&flood(20)), "tiny ones");
        let audio = passed(Policer::for_track(Kind::Audio), 1_000, 2_000, 4);
        assert!(audio <= 800, "{audio}");
    }

    #[test]
    fn a_client_is_held_to_the_sum_of_its_tracks_and_by_nothing_that_is_not_its_own() {
        let sources = 2 * (AUDIO_BYTES_PER_SECOND + VIDEO_BYTES_PER_SECOND);
        assert!(CLIENT_BYTES_PER_SECOND >= sources * 5 / 4 - sources / 100);
        let packets = 2 * (AUDIO_PACKETS_PER_SECOND + VIDEO_PACKETS_PER_SECOND);
        assert!(CLIENT_PACKETS_PER_SECOND >= packets * 5 / 4);
        let t0 = crate::testing::start();
        let mut policer = Policer::for_client();
        assert!((0..100_000).all(|_| policer.has_room(1_200, t0)));
        assert!((0..5_000).all(|_| policer.admits(1_200, t0)));
        let taken = (0..10_000).filter(|_| policer.admits(1_200, t0)).count();
        // A token is a whole number of nanoseconds.
        assert!((500..520).contains(&taken), "{taken}");
        assert!(!policer.has_room(1_200, t0));
        assert!(policer.has_room(1_200, t0 + Duration::from_millis(1)));
    }

    #[test]
    fn a_slow_bucket_has_its_burst_and_then_one_each_period() {
        let t0 = crate::testing::start();
        let period = Duration::from_secs(5);
        let mut bucket = Bucket::slow(3, period);
        let mut taken = |at| (0..10).filter(|_| bucket.take(1, at)).count();
        assert_eq!(taken(t0), 3);
        assert_eq!(taken(t0 + period * 2), 2);
        assert_eq!(taken(t0 + period * 100), 3);
        assert!(bucket.is_empty(t0 + period * 100));
    }
}
