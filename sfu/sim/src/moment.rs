//! The moment at which every story begins. str0m reckons round trips from wall clock times in units
//! of 2^-16 s (RFC 3550, section 4), and takes the wall clock from the process: whether a round trip
//! is a hair more or less than so many milliseconds, and so the millisecond of a second request for
//! a lost packet, would follow from when the process was started. So every story begins at the same
//! wall clock time, to the nanosecond.

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use str0m::media::MediaKind;
use str0m::net::{DatagramSend, Protocol, Receive};
use str0m::rtp::RawPacket;
use str0m::rtp::rtcp::Rtcp;
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};

/// 2035-01-01, as str0m's wall clock has it: later than any run and before NTP's seconds begin
/// anew in 2036.
const BEGINS_AT_UNIX_S: u64 = 2_051_222_400;

/// How often the two ends that tell the time are woken, and at most how many times. A first sender
/// report comes within seconds.
const A_TURN: Duration = Duration::from_millis(50);
const MAX_TURNS: u32 = 1_000;

/// The first moment of every story.
pub(crate) fn first_moment() -> Instant {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    *FIRST.get_or_init(|| {
        let (at, wall) = a_moment_and_its_wall_clock();
        let begins_at = UNIX_EPOCH + Duration::from_secs(BEGINS_AT_UNIX_S);
        let ahead = begins_at.duration_since(wall);
        at + ahead.expect("no run is later than the stories")
    })
}

/// One end of a path that carries nothing.
struct End {
    rtc: Rtc,
    address: SocketAddr,
    /// What the other end sent.
    inbox: Vec<DatagramSend>,
}

impl End {
    fn new(now: Instant, port: u16) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let config = RtcConfig::new().enable_raw_packets(true);
        let mut rtc = config.build(now);
        rtc.add_local_candidate(host(address));
        let inbox = Vec::new();
        End {
            rtc,
            address,
            inbox,
        }
    }

    fn meet(&mut self, other: &mut End, begins: bool) {
        self.rtc.add_remote_candidate(host(other.address));
        let theirs = other.rtc.direct_api();
        let credentials = theirs.local_ice_credentials();
        let fingerprint = theirs.local_dtls_fingerprint().clone();
        let mut mine = self.rtc.direct_api();
        mine.set_ice_controlling(begins);
        mine.set_remote_ice_credentials(credentials);
        mine.set_remote_fingerprint(fingerprint);
        mine.start_dtls(begins).expect("it begins once");
    }

    /// Takes what the other end sent, lets what is due happen, and sends. The wall clock time of
    /// the sender report that it made now, if it made one.
    fn turn(&mut self, now: Instant, other: &mut End) -> Option<SystemTime> {
        for contents in std::mem::take(&mut self.inbox) {
            let (from, to) = (other.address, self.address);
            let datagram = Receive::new(Protocol::Udp, from, to, &contents);
            let datagram = datagram.expect("one that str0m made");
            self.step(Input::Receive(now, datagram), other);
        }
        self.step(Input::Timeout(now), other)
    }

    fn step(&mut self, input: Input<'_>, other: &mut End) -> Option<SystemTime> {
        let mut reported = None;
        self.rtc.handle_input(input).expect("nothing is wrong");
        loop {
            match self.rtc.poll_output().expect("nothing ends it") {
                Output::Timeout(_) => return reported,
                Output::Transmit(sent) => other.inbox.push(sent.contents),
                Output::Event(Event::RawPacket(packet)) => {
                    if let RawPacket::RtcpTx(Rtcp::SenderReport(report)) = *packet {
                        reported = Some(report.sender_info.ntp_time);
                    }
                }
                Output::Event(_) => {}
            }
        }
    }
}

fn host(address: SocketAddr) -> Candidate {
    Candidate::host(address, Protocol::Udp).expect("an address that can be reached")
}

/// What str0m's wall clock shows at some moment: a sender report says so.
fn a_moment_and_its_wall_clock() -> (Instant, SystemTime) {
    let mut now = Instant::now();
    let mut one = End::new(now, 1);
    let mut other = End::new(now, 2);
    one.meet(&mut other, true);
    other.meet(&mut one, false);
    let mut direct = one.rtc.direct_api();
    direct.declare_media("a".into(), MediaKind::Audio);
    direct.declare_stream_tx(1.into(), None, "a".into(), None);
    for _ in 0..MAX_TURNS {
        now += A_TURN;
        if let Some(wall) = one.turn(now, &mut other) {
            return (now, wall);
        }
        other.turn(now, &mut one);
    }
    panic!("no sender report in {MAX_TURNS} turns");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_story_begins_at_the_same_wall_clock_time_to_the_nanosecond() {
        let first = first_moment();
        for _ in 0..2 {
            let (at, wall) = a_moment_and_its_wall_clock();
            let begins_at = wall + (first - at);
            let since = begins_at.duration_since(UNIX_EPOCH);
            assert_eq!(since.ok(), Some(Duration::from_secs(BEGINS_AT_UNIX_S)));
        }
    }
}
