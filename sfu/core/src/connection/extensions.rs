//! Header extensions of an offer (RFC 8285, section 5): which number each that is read or written
//! has. All offers of a client must agree with each other (RFC 8843, section 9.1.1).

use std::collections::BTreeSet;

use sfu_rtp::{dependency, rtp};
use str0m::rtp::{Extension, ExtensionMap, ExtensionSerializer, ExtensionValues};

use super::negotiate::OfferError;

/// Numbers that an answer can name; an extension with another is none.
const NUMBERS: std::ops::RangeInclusive<u8> = 1..=16;

/// An extension that is read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name {
    /// The m-line of a packet (RFC 9143).
    Mid,
    /// The layer of a packet (RFC 8852).
    Rid,
    /// The layer that a retransmission is of.
    RepairedRid,
    /// How loud it is (RFC 6464).
    AudioLevel,
    /// How the picture is to be turned (3GPP TS 26.114, section 7.4.5).
    Orientation,
    /// When the packet left (abs-send-time).
    SendTime,
    /// draft-holmer-rmcat-transport-wide-cc-extensions-01, section 2.
    TransportWide,
    /// Which frames a frame needs (`sfu_rtp::dependency`).
    Dependency,
}

/// In the order of their places.
const KNOWN: [Name; 8] = [
    Name::Mid,
    Name::Rid,
    Name::RepairedRid,
    Name::AudioLevel,
    Name::Orientation,
    Name::SendTime,
    Name::TransportWide,
    Name::Dependency,
];

impl Name {
    /// What the transport calls it.
    fn extension(self) -> Extension {
        match self {
            Name::Mid => Extension::RtpMid,
            Name::Rid => Extension::RtpStreamId,
            Name::RepairedRid => Extension::RepairedRtpStreamId,
            Name::AudioLevel => Extension::AudioLevel,
            Name::Orientation => Extension::VideoOrientation,
            Name::SendTime => Extension::AbsoluteSendTime,
            Name::TransportWide => Extension::TransportSequenceNumber,
            Name::Dependency => Extension::with_serializer(dependency::URI, OfPictures),
        }
    }
}

/// An extension that the transport does not know: it answers an offer with it, and no more. Media
/// does not go through it.
#[derive(Debug)]
struct OfPictures;

impl ExtensionSerializer for OfPictures {
    fn write_to(&self, _: &mut [u8], _: &ExtensionValues) -> usize {
        0
    }

    fn parse_value(&self, _: &[u8], _: &mut ExtensionValues) -> bool {
        true
    }

    fn is_video(&self) -> bool {
        true
    }

    fn is_audio(&self) -> bool {
        false
    }
}

/// The numbers that an offer gives, over all its m-lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Extensions {
    numbers: [Option<u8>; KNOWN.len()],
    others: BTreeSet<u8>,
    /// One has two numbers, or a number two.
    confused: bool,
}

impl Extensions {
    /// Takes the value of `a=extmap:`, such as `3/recvonly urn:ietf:params:rtp-hdrext:x more`.
    /// What cannot be read the transport does not read either.
    pub(super) fn read(&mut self, value: &str) {
        let Some((numbered, named)) = value.split_once(' ') else {
            return;
        };
        let number = numbered.split('/').next().unwrap_or_default();
        let Some(number) = number
            .parse()
            .ok()
            .filter(|number| NUMBERS.contains(number))
        else {
            return;
        };
        let uri = named.split(' ').next().unwrap_or_default();
        let named = |known: &Name| known.extension().as_uri() == uri;
        let known = KNOWN.iter().position(named);
        match known {
            Some(at) => {
                let before = self.numbers[at].replace(number);
                self.confused |= before.is_some_and(|before| before != number);
            }
            None => {
                self.others.insert(number);
            }
        }
    }

    /// Whether each has one number, and its own.
    pub(super) fn check(&self) -> Result<(), OfferError> {
        let named = self.numbers.iter().flatten();
        let distinct: BTreeSet<&u8> = named.clone().collect();
        let own = named.clone().count() == distinct.len();
        let free = named.clone().all(|number| !self.others.contains(number));
        match own && free && !self.confused {
            true => Ok(()),
            false => Err(OfferError::BadExtensions),
        }
    }

    /// What is agreed on after another offer: it may name more, and none by another number.
    pub(super) fn agree(&self, offered: &Extensions) -> Result<Extensions, OfferError> {
        let mut agreed = self.clone();
        for (at, number) in offered.numbers.iter().enumerate() {
            let before = agreed.numbers[at];
            agreed.numbers[at] = number.or(before);
            agreed.confused |= before.is_some() && agreed.numbers[at] != before;
        }
        agreed.others.extend(&offered.others);
        agreed.check()?;
        Ok(agreed)
    }

    /// The number of an extension, if it was offered.
    pub(super) fn number(&self, name: Name) -> Option<u8> {
        self.numbers[name as usize]
    }

    /// The table that a transport begins with, for its answers. What is not offered has a number
    /// that the offer does not use, as long as there are such.
    pub(crate) fn table(&self) -> ExtensionMap {
        let mut table = ExtensionMap::empty();
        let used = |number: &u8| self.numbers.contains(&Some(*number));
        let (taken, free): (Vec<u8>, Vec<u8>) = NUMBERS
            .rev()
            .filter(|number| !used(number))
            .partition(|number| self.others.contains(number));
        let mut spare = free.into_iter().chain(taken);
        for (name, number) in KNOWN.into_iter().zip(self.numbers) {
            if let Some(number) = number.or_else(|| spare.next()) {
                table.set(number, name.extension());
            }
        }
        table
    }

    /// What the extensions of a packet say.
    pub(super) fn marks<'a>(&self, extensions: rtp::Extensions<'a>) -> Marks<'a> {
        let mut marks = Marks::default();
        for (number, value) in extensions {
            let place = self.numbers.iter().position(|known| *known == Some(number));
            let Some(name) = place.map(|at| KNOWN[at]) else {
                continue;
            };
            match name {
                Name::Mid => marks.mid = Some(value),
                Name::Rid => marks.rid = Some(value),
                Name::RepairedRid => marks.repaired_rid = Some(value),
                Name::AudioLevel => marks.audio_level = value.first().copied(),
                Name::Orientation => marks.orientation = value.first().copied(),
                Name::SendTime => {}
                Name::TransportWide => {
                    let number = value.first_chunk();
                    marks.transport_wide = number.map(|number| u16::from_be_bytes(*number));
                }
                Name::Dependency => marks.dependency = Some(value),
            }
        }
        marks
    }
}

/// What the extensions of one packet say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Marks<'a> {
    pub(super) mid: Option<&'a [u8]>,
    pub(super) rid: Option<&'a [u8]>,
    pub(super) repaired_rid: Option<&'a [u8]>,
    /// As it came: a voice bit, and how far below the loudest.
    pub(super) audio_level: Option<u8>,
    /// As it came.
    pub(super) orientation: Option<u8>,
    pub(super) transport_wide: Option<u16>,
    pub(super) dependency: Option<&'a [u8]>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";

    fn offered(values: &[&str]) -> Extensions {
        let mut extensions = Extensions::default();
        for value in values {
            extensions.read(value);
        }
        extensions
    }

    fn wide(number: u16) -> String {
        let uri = Extension::TransportSequenceNumber;
        format!("{number} {}", uri.as_uri())
    }

    #[test]
    fn every_known_one_stands_at_its_place() {
        for (at, name) in KNOWN.iter().enumerate() {
            assert_eq!(*name as usize, at);
        }
    }

    #[test]
    fn each_has_one_number_and_its_own() {
        let mid = || format!("4 {MID}");
        let text = str::to_owned;
        let sendrecv = wide(3).replace(' ', "/sendrecv ");
        let bad = Err(OfferError::BadExtensions);
        let cases = [
            (vec![mid()], Ok(None)),
            (vec![mid(), wide(3)], Ok(Some(3))),
            (vec![sendrecv, wide(3) + " more"], Ok(Some(3))),
            (vec![wide(16)], Ok(Some(16))),
            (vec![wide(3), wide(5)], bad),
            (vec![mid(), wide(4)], bad),
            (vec![text("4 urn:x"), wide(4)], bad),
            (vec![text("4 urn:x"), text("4 urn:y")], Ok(None)),
            (vec![wide(0), wide(17), wide(4_096)], Ok(None)),
        ];
        for (values, expected) in cases {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            let offer = offered(&values);
            let number = offer.check().map(|()| offer.number(Name::TransportWide));
            assert_eq!(number, expected, "{values:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_left_to_the_transport() {
        for value in ["", "3", "x urn:a", "256 urn:a", " urn:a", "/ urn:a"] {
            assert_eq!(offered(&[value]), Extensions::default(), "{value}");
        }
    }

    #[test]
    fn a_later_offer_may_name_more_and_moves_nothing() {
        let first = offered(&[&wide(3)]);
        let mid = format!("4 {MID}");
        let both = first.agree(&offered(&[&mid])).expect("more");
        assert_eq!(both.number(Name::Mid), Some(4));
        assert_eq!(both.number(Name::TransportWide), Some(3));
        assert_eq!(both.agree(&offered(&[&wide(3)])), Ok(both.clone()));
        for moved in [wide(5), format!("3 {MID}"), "3 urn:x".to_owned()] {
            let refused = first.agree(&offered(&[&moved]));
            assert_eq!(refused, Err(OfferError::BadExtensions), "{moved}");
        }
    }

    #[test]
    fn a_transport_begins_with_every_extension_once() {
        let all: Vec<String> = (1..=16).map(|number| format!("{number} urn:x")).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        for offer in [offered(&[]), offered(&[&wide(7), "3 urn:x"]), offered(&all)] {
            let table = offer.table();
            for name in KNOWN {
                let number = table.id_of(name.extension());
                let number = number.unwrap_or_else(|| panic!("{name:?}"));
                assert!(offer.number(name).is_none_or(|offered| offered == number));
                assert!(offer == offered(&all) || !offer.others.contains(&number));
            }
        }
    }

    #[test]
    fn marks_are_read_by_their_numbers() {
        let offer = offered(&[&wide(3), &format!("4 {MID}")]);
        let outgoing = rtp::Outgoing {
            payload_type: 96,
            marker: false,
            padding: false,
            seq: 1,
            timestamp: 2,
            ssrc: 3,
            csrc: None,
        };
        let mut packet = Vec::new();
        outgoing.write(&mut packet, &[(3, &[1, 2]), (4, b"a"), (5, b"b")]);
        let header = rtp::Header::read(&packet).expect("a header");
        let marks = offer.marks(header.extensions(&packet));
        let expected = Marks {
            mid: Some(b"a"),
            transport_wide: Some(0x0102),
            ..Marks::default()
        };
        assert_eq!(marks, expected);
    }
}
