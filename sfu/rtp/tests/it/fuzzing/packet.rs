//! RTP packets between two ends with keys. The first byte of the input chooses the cipher; the low
//! bits of an operation say whether a packet is sealed, bent after sealing, sent again, or not
//! sealed at all.

use std::time::{Duration, Instant};

use sfu_rtp::arrivals::Arrivals;
use sfu_rtp::reception;
use sfu_rtp::rtp::{Header, Outgoing, unpadded_bytes};
use sfu_rtp::srtp::{End, Keying, Opener, Profile, Refused, Sealer};
use sfu_rtp::window::{WINDOW_PACKETS, Window};

use crate::corpus::Steps;

/// Most packets of one input.
const MAX_STEPS: usize = 64;

/// What a step does.
const SEALED: u8 = 0;
const BENT: u8 = 1;
const AGAIN: u8 = 2;
const WIRE: u8 = 3;

/// How many packets before the newest index a sealed one comes: bits 2 to 4.
const BACK_SHIFT: u8 = 2;
/// It leaves a gap of so many packets, bits 5 to 7, squared twice.
const AHEAD_SHIFT: u8 = 5;

pub(crate) fn run(input: &[u8]) {
    let Some((&chosen, steps)) = input.split_first() else {
        return;
    };
    let mut ends = Ends::new(profile(chosen));
    for (operation, content) in Steps(steps).take(MAX_STEPS) {
        headers(content);
        extensions(content);
        ends.step(operation, content);
        ends.look();
    }
}

pub(crate) fn profile(chosen: u8) -> Profile {
    match chosen % 3 {
        0 => Profile::AeadAes128Gcm,
        1 => Profile::AeadAes256Gcm,
        _ => Profile::Aes128CmHmacSha1,
    }
}

/// What both ends seal and open with, as if DTLS had agreed on it.
pub(crate) fn keying(profile: Profile) -> Keying {
    let bytes = match profile {
        Profile::AeadAes128Gcm => 2 * (16 + 12),
        Profile::AeadAes256Gcm => 2 * (32 + 12),
        Profile::Aes128CmHmacSha1 => 2 * (16 + 14),
    };
    let material: Vec<u8> = (0..bytes).map(|byte| byte as u8).collect();
    Keying::new(profile, &material).expect("as long as the profile says")
}

struct Ends {
    sealer: Sealer,
    opener: Opener,
    stream: reception::Stream,
    arrivals: Arrivals,
    now: Instant,
    next: u64,
    last: Vec<u8>,
}

impl Ends {
    fn new(profile: Profile) -> Ends {
        let now = Instant::now();
        let keying = keying(profile);
        Ends {
            sealer: keying.sealer(End::Client).expect("whole keys"),
            opener: keying.opener(End::Client).expect("whole keys"),
            stream: reception::Stream::new(7, Window::default(), 90_000, true),
            arrivals: Arrivals::new(now, Duration::from_millis(50)),
            now,
            next: 1,
            last: Vec::new(),
        }
    }

    fn step(&mut self, operation: u8, content: &[u8]) {
        self.now += Duration::from_millis(u64::from(operation));
        match operation & 3 {
            SEALED => {
                let Some((index, packet, payload)) = self.sealed(operation, content) else {
                    return;
                };
                let newest = self.stream.window.newest();
                let new = self.stream.window.is_new(index);
                let opened = self.open(&packet);
                match opened {
                    Ok((at, plain)) => {
                        assert!(new, "nothing is opened twice");
                        assert_eq!((at, plain), (index, payload), "as it was sealed");
                        self.stream.note(self.now, (newest, index), 3_000);
                        self.arrivals.note(self.now, index as u16);
                    }
                    Err(refused) => assert!(!new && refused == Refused::Replayed, "{refused}"),
                }
                self.last = packet;
            }
            BENT => self.bent(content),
            AGAIN if !self.last.is_empty() => {
                let again = self.last.clone();
                assert_eq!(self.open(&again), Err(Refused::Replayed));
            }
            // Who holds the keys of the target may find what would be sealed: nothing is claimed.
            WIRE => drop(self.open(content)),
            _ => {}
        }
    }

    /// A packet with the content as its payload, its index near the newest.
    fn sealed(&mut self, operation: u8, content: &[u8]) -> Option<(u64, Vec<u8>, Vec<u8>)> {
        let back = u64::from(operation >> BACK_SHIFT & 7).pow(4);
        let ahead = u64::from(operation >> AHEAD_SHIFT).pow(4);
        let index = match back {
            0 => self.next + ahead,
            _ => self.next.checked_sub(back)?,
        };
        self.next = self.next.max(index + 1);
        let head = Outgoing {
            payload_type: 96,
            marker: operation & 4 != 0,
            padding: false,
            seq: index as u16,
            timestamp: index as u32,
            ssrc: 7,
            csrc: (operation & 8 != 0).then_some(5),
        };
        let mut packet = Vec::new();
        head.write(&mut packet, &[]);
        packet.extend_from_slice(content);
        self.sealer
            .seal(index, &mut packet)
            .expect("a whole packet");
        Some((index, packet, content.to_vec()))
    }

    /// A packet that would be opened, changed on its way: nothing is learned of it.
    fn bent(&mut self, content: &[u8]) {
        let Some((&at, changes)) = content.split_first() else {
            return;
        };
        let Some((_, good, _)) = self.sealed(0, b"as it was") else {
            return;
        };
        let mut packet = good.clone();
        for (byte, change) in packet.iter_mut().skip(at.into()).zip(changes) {
            *byte ^= change;
        }
        if packet != good {
            let before = self.stream.window;
            assert!(self.open(&packet).is_err(), "it is not what was sealed");
            assert_eq!(self.stream.window, before, "nothing is learned");
        }
    }

    fn open(&mut self, packet: &[u8]) -> Result<(u64, Vec<u8>), Refused> {
        let header = Header::read(packet).ok_or(Refused::Malformed)?;
        let bytes = self.opener.plain_bytes(&header, packet);
        let mut plain = vec![0; bytes.ok_or(Refused::Malformed)?];
        let window = &mut self.stream.window;
        let index = self.opener.open(window, &header, packet, &mut plain)?;
        Ok((index, plain))
    }

    /// What the sender is asked for and told stays bounded.
    fn look(&mut self) {
        let newest = self.stream.window.newest().unwrap_or(0);
        for seq in self.stream.ask(self.now) {
            let index = self.stream.window.index_of(seq);
            assert!(index < newest && index + WINDOW_PACKETS > newest);
            assert!(self.stream.window.is_new(index), "it did not come");
        }
        let _ = self.stream.report(self.now);
        let due = |ends: &Ends| ends.arrivals.due().is_some_and(|at| at <= ends.now);
        for _ in 0..MAX_STEPS {
            if !due(self) {
                return;
            }
            let told = self.arrivals.take(self.now, 1, 2);
            assert!(told.is_none_or(|told| told.len() <= 1_000));
        }
        panic!("what is told comes to an end");
    }
}

/// A header is within its packet, and so are its extensions.
fn headers(packet: &[u8]) {
    unpadded_bytes(packet).inspect(|bytes| assert!(*bytes <= packet.len()));
    let Some(header) = Header::read(packet) else {
        return;
    };
    assert!((12..=packet.len()).contains(&header.bytes));
    let listed: Vec<_> = header.extensions(packet).collect();
    let bytes: usize = listed.iter().map(|(_, value)| value.len() + 1).sum();
    assert!(bytes <= header.bytes - 12, "they lie beside each other");
}

/// What is written of extensions is read.
fn extensions(content: &[u8]) {
    let mut rest = content;
    let mut list: Vec<(u8, &[u8])> = Vec::new();
    while let Some((&[id, bytes], more)) = rest.split_first_chunk::<2>() {
        let (value, more) = more.split_at(usize::from(bytes).min(more.len()));
        if id > 0 && !value.is_empty() && list.len() < 14 {
            list.push((id, value));
        }
        rest = more;
    }
    let mut packet = Vec::new();
    let head = Outgoing {
        payload_type: 111,
        marker: false,
        padding: false,
        seq: 1,
        timestamp: 2,
        ssrc: 3,
        csrc: None,
    };
    let bytes = head.write(&mut packet, &list);
    let header = Header::read(&packet).expect("what we write can be read");
    assert_eq!(header.bytes, bytes);
    assert!(header.extensions(&packet).eq(list));
}

#[cfg(test)]
pub(crate) fn seeds() -> Vec<crate::corpus::Seed> {
    use crate::corpus::steps;

    let wire = [
        0x90, 96, 0, 1, 0, 0, 0, 9, 0, 0, 0, 7, 0xbe, 0xde, 0, 1, 0x40, b'x', 0, 0, 1,
    ];
    let long = [
        0x91, 96, 0, 1, 0, 0, 0, 9, 0, 0, 0, 7, 0, 0, 0, 5, 0x10, 0, 0, 1, 4, 1, b'x', 0,
    ];
    let endless = [
        0x90, 96, 0, 1, 0, 0, 0, 9, 0, 0, 0, 7, 0xbe, 0xde, 0xff, 0xff, 1,
    ];
    let bent: &[u8] = &[11, 1];
    let of = |chosen: u8, all: &[(u8, &[u8])]| {
        let mut input = vec![chosen];
        input.extend(steps(all.iter().copied()));
        input
    };
    let listed: &[u8] = &[1, 1, b'a', 14, 2, 1, 2, 16, 3, 1, 2, 3];
    let usual = [
        (SEALED, &b"one"[..]),
        (SEALED | 3 << AHEAD_SHIFT, b"after a gap"),
        (SEALED | 1 << BACK_SHIFT, b"late"),
        (AGAIN, b""),
        (BENT, bent),
    ];
    let far = [
        (SEALED | 7 << AHEAD_SHIFT, &b"far"[..]),
        (SEALED | 7 << AHEAD_SHIFT, b"farther"),
        (SEALED | 7 << BACK_SHIFT, b"too late"),
        (SEALED, listed),
    ];
    vec![
        ("gcm", of(0, &usual)),
        ("gcm-256", of(1, &usual)),
        ("counter", of(2, &usual)),
        ("far", of(0, &far)),
        (
            "wire",
            of(0, &[(WIRE, &wire), (WIRE, &long), (WIRE, &endless)]),
        ),
    ]
}
