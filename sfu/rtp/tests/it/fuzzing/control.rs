//! RTCP: compounds in plain, and sealed between two ends with keys. The first byte of the input
//! chooses the cipher; the low bits of an operation say what becomes of a step's content.

use sfu_rtp::feedback::{Feedback, MAX_TOLD};
use sfu_rtp::rtcp::{self, Said};
use sfu_rtp::srtp::{End, Opener, Refused, Sealer, rtcp_sender};
use sfu_rtp::window::Window;

use super::packet::{keying, profile};
use crate::corpus::Steps;

/// Most steps of one input.
const MAX_STEPS: usize = 64;

/// What a step does.
const PLAIN: u8 = 0;
const SEALED: u8 = 1;
const BENT: u8 = 2;
const WIRE: u8 = 3;
const ASKED: u8 = 4;
const ARRIVALS: u8 = 5;

/// A header and a sender: less is no RTCP.
const LEAST_BYTES: usize = 8;

pub(crate) fn run(input: &[u8]) {
    let Some((&chosen, steps)) = input.split_first() else {
        return;
    };
    let keying = keying(profile(chosen));
    let mut ends = Ends {
        sealer: keying.sealer(End::Server).expect("whole keys"),
        opener: keying.opener(End::Server).expect("whole keys"),
        window: Window::default(),
    };
    for (operation, content) in Steps(steps).take(MAX_STEPS) {
        match operation & 7 {
            PLAIN => said(content),
            SEALED => ends.sealed(content),
            BENT => ends.bent(content),
            // Who holds the keys of the target may find what would be sealed: nothing is claimed.
            WIRE => drop(ends.open(content)),
            ASKED => asked(content),
            ARRIVALS => arrivals(content),
            _ => {}
        }
    }
}

struct Ends {
    sealer: Sealer,
    opener: Opener,
    /// Of every sender: the index counts over all of them.
    window: Window,
}

impl Ends {
    fn sealed(&mut self, content: &[u8]) {
        let mut packet = content.to_vec();
        if packet.len() < LEAST_BYTES {
            assert!(self.sealer.seal_rtcp(&mut packet).is_err());
            return;
        }
        self.sealer.seal_rtcp(&mut packet).expect("a whole packet");
        assert_eq!(rtcp_sender(&packet), rtcp_sender(content));
        let opened = self.open(&packet).expect("ours");
        assert_eq!(opened, content, "as it was sealed");
        assert_eq!(self.open(&packet), Err(Refused::Replayed));
        said(&opened);
    }

    fn bent(&mut self, content: &[u8]) {
        let Some((&at, changes)) = content.split_first() else {
            return;
        };
        let mut good = vec![0x80, 201, 0, 1, 0, 0, 0, 7];
        self.sealer.seal_rtcp(&mut good).expect("a whole packet");
        let mut packet = good.clone();
        for (byte, change) in packet.iter_mut().skip(at.into()).zip(changes) {
            *byte ^= change;
        }
        if packet != good {
            let before = self.window;
            assert!(self.open(&packet).is_err(), "it is not what was sealed");
            assert_eq!(self.window, before, "nothing is learned");
        }
    }

    fn open(&mut self, packet: &[u8]) -> Result<Vec<u8>, Refused> {
        let mut plain = vec![9; 3];
        self.opener
            .open_rtcp(&mut self.window, packet, &mut plain)?;
        Ok(plain)
    }
}

/// No compound says more than it holds.
fn said(packet: &[u8]) {
    let mut words = 0;
    rtcp::read(packet, |said| {
        words += 1;
        match said {
            Said::Missing { packets, .. } => {
                // Each entry of four bytes asks for seventeen at most.
                assert!(packets.count() <= 17 * packet.len() / 4);
            }
            Said::Arrivals(control) => arrivals(control),
            Said::AtMost { bps } => {
                let _ = bps;
            }
            _ => {}
        }
    });
    assert!(words <= packet.len() / 4, "a word for each thing said");
}

/// Feedback speaks of one packet after the other, and of no more than is allowed.
fn arrivals(control: &[u8]) {
    let Some(feedback) = Feedback::read(control) else {
        return;
    };
    assert!((1..=MAX_TOLD).contains(&feedback.count));
    let told: Vec<_> = feedback.told().collect();
    assert!(told.len() <= usize::from(feedback.count));
    for (place, one) in told.iter().enumerate() {
        assert_eq!(one.seq, feedback.base.wrapping_add(place as u16));
    }
}

/// What we ask for again is what is read.
fn asked(content: &[u8]) {
    let numbers = content
        .chunks_exact(2)
        .map(|two| u16::from_be_bytes([two[0], two[1]]));
    let mut wanted: Vec<u16> = numbers.collect();
    wanted.sort_unstable();
    wanted.dedup();
    if wanted.is_empty() {
        return;
    }
    let packet = rtcp::nack(1, 2, wanted.iter().copied());
    let mut read = Vec::new();
    rtcp::read(&packet, |said| match said {
        Said::Missing { ssrc, packets } => {
            assert_eq!(ssrc, 2);
            read.extend(packets);
        }
        other => panic!("nothing else was said: {other:?}"),
    });
    read.sort_unstable();
    assert_eq!(read, wanted);
}

#[cfg(test)]
pub(crate) fn seeds() -> Vec<crate::corpus::Seed> {
    use crate::corpus::steps;

    let report = [&[0x81, 200, 0, 12][..], &[1; 48]].concat();
    let nack: &[u8] = &[0x81, 205, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 1, 0xff, 0xff];
    let twcc: &[u8] = &[
        0x8f, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 2, 0, 1, 0, 4, 0, 0, 1, 0, 0x20, 4, 4, 4,
    ];
    let fir: &[u8] = &[
        0x84, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2, 3, 4, 1, 0, 0, 0,
    ];
    let pli: &[u8] = &[0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2];
    let remb: &[u8] = b"\x8f\xce\0\x05\0\0\0\x01\0\0\0\0REMB\x01\x03\xff\xff\0\0\0\x02";
    let bye: &[u8] = &[0x81, 203, 0, 1, 0, 0, 0, 1];
    let padded: &[u8] = &[0xa1, 203, 0, 2, 0, 0, 0, 1, 0, 0, 0, 4];
    let compound = [report.as_slice(), nack, twcc, fir, pli, remb, bye, padded].concat();
    let large: &[u8] = &[
        0, 1, 0, 3, 0, 0, 9, 3, 0x40, 3, 0, 4, 0xff, 0xfc, 0x7f, 0xff,
    ];
    let bits: &[u8] = &[
        0xff, 0xfe, 0, 9, 0, 0, 9, 3, 0xa8, 0, 0xd8, 0xc0, 1, 2, 3, 4, 5,
    ];
    let asked: &[u8] = &[0, 1, 0, 2, 0, 17, 0, 18, 0, 19, 0xff, 0xff];
    let of = |chosen: u8, all: &[(u8, &[u8])]| {
        let mut input = vec![chosen];
        input.extend(steps(all.iter().copied()));
        input
    };
    let sealed = [
        (SEALED, &compound[..]),
        (SEALED, pli),
        (BENT, &[9, 1]),
        (WIRE, nack),
    ];
    vec![
        ("compound", of(0, &[(PLAIN, &compound[..])])),
        (
            "feedback",
            of(0, &[(PLAIN, twcc), (ARRIVALS, large), (ARRIVALS, bits)]),
        ),
        ("gcm", of(0, &sealed)),
        ("counter", of(2, &sealed)),
        ("asked", of(1, &[(ASKED, asked), (ASKED, nack)])),
    ]
}
