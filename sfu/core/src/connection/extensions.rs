//! Header extensions of an offer (RFC 8285, section 5): which number its transport-wide sequence
//! numbers have. `str0m` moves its own table about as offers name extensions; where the offers of
//! a client agree with each other, as they must (RFC 8843, section 9.1.1), it ends where they say.

use std::collections::BTreeSet;

use str0m::rtp::{Extension, ExtensionMap};

use super::negotiate::OfferError;

/// What a packet carries in it: draft-holmer-rmcat-transport-wide-cc-extensions-01, section 2.
const TRANSPORT_WIDE: &str =
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

/// Numbers that `str0m` has a place for; an extension with another is none.
const NUMBERS: std::ops::RangeInclusive<u8> = 1..=16;

/// Where the extension waits for an offer that names it: a number that browsers do not use.
const PARKED: u8 = 16;

/// The other extensions that are read.
const OTHERS: [Extension; 6] = [
    Extension::AudioLevel,
    Extension::AbsoluteSendTime,
    Extension::RtpMid,
    Extension::RtpStreamId,
    Extension::RepairedRtpStreamId,
    Extension::VideoOrientation,
];

/// The numbers that an offer gives, over all its m-lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Extensions {
    transport_wide: BTreeSet<u8>,
    others: BTreeSet<u8>,
}

impl Extensions {
    /// Takes the value of `a=extmap:`, such as `3/recvonly urn:ietf:params:rtp-hdrext:x more`.
    /// What cannot be read the transport does not read either.
    pub(super) fn read(&mut self, value: &str) {
        let Some((numbered, named)) = value.split_once(' ') else {
            return;
        };
        let number = numbered.split('/').next().unwrap_or_default();
        let Ok(number) = number.parse() else {
            return;
        };
        let numbers = match named.split(' ').next() {
            Some(TRANSPORT_WIDE) => &mut self.transport_wide,
            _ => &mut self.others,
        };
        if NUMBERS.contains(&number) {
            numbers.insert(number);
        }
    }

    /// The number of transport-wide sequence numbers, if they are offered.
    pub(super) fn transport_wide(&self) -> Result<Option<u8>, OfferError> {
        let one = self.transport_wide.len() <= 1;
        match one && self.transport_wide.is_disjoint(&self.others) {
            true => Ok(self.transport_wide.first().copied()),
            false => Err(OfferError::BadExtensions),
        }
    }

    /// The number that the transport begins with: as offered, else one that nobody uses; none
    /// when there is none.
    pub(crate) fn first_transport_wide(&self) -> Option<u8> {
        let parked = Some(PARKED).filter(|parked| !self.others.contains(parked));
        self.transport_wide.first().copied().or(parked)
    }

    /// The number that an offer names, once it leaves everything as it was agreed. What was
    /// parked may be named; what was named keeps its name.
    pub(super) fn agree(&self, agreed: &[u8]) -> Result<Option<u8>, OfferError> {
        let Some(last) = agreed.last() else {
            // The transport does not know the extension and never will.
            return Ok(None);
        };
        let offered = self.transport_wide()?;
        let same = offered.is_none_or(|offered| offered == *last || *last == PARKED);
        let free = agreed.iter().all(|number| !self.others.contains(number));
        match same && free {
            true => Ok(offered),
            false => Err(OfferError::BadExtensions),
        }
    }

    /// The table that a transport begins with. What is not offered has a number that the offer
    /// does not use, as long as there are such.
    pub(crate) fn table(&self) -> ExtensionMap {
        let transport_wide = self.first_transport_wide();
        let mut table = ExtensionMap::empty();
        if let Some(number) = transport_wide {
            table.set(number, Extension::TransportSequenceNumber);
        }
        let (used, free): (Vec<u8>, Vec<u8>) = NUMBERS
            .rev()
            .filter(|number| Some(*number) != transport_wide)
            .partition(|number| self.others.contains(number));
        for (number, extension) in free.into_iter().chain(used).zip(OTHERS) {
            table.set(number, extension);
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BAD: Result<Option<u8>, OfferError> = Err(OfferError::BadExtensions);

    fn offered(values: &[&str]) -> Extensions {
        let mut extensions = Extensions::default();
        for value in values {
            extensions.read(value);
        }
        extensions
    }

    fn wide(number: u16) -> String {
        format!("{number} {TRANSPORT_WIDE}")
    }

    #[test]
    fn the_number_of_transport_wide_numbers_has_to_be_one_and_its_own() {
        let mid = "4 urn:ietf:params:rtp-hdrext:sdes:mid";
        let cases = [
            (vec![mid.to_owned()], Ok(None)),
            (vec![mid.to_owned(), wide(3)], Ok(Some(3))),
            (
                vec![format!("3/sendrecv {TRANSPORT_WIDE}"), wide(3) + " more"],
                Ok(Some(3)),
            ),
            (vec![wide(16)], Ok(Some(16))),
            (vec![wide(3), wide(5)], BAD),
            (vec![mid.to_owned(), wide(4)], BAD),
            (vec![wide(0), wide(17), wide(4_096)], Ok(None)),
        ];
        for (values, expected) in cases {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            assert_eq!(offered(&values).transport_wide(), expected, "{values:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_left_to_the_transport() {
        for value in ["", "3", "x urn:a", "256 urn:a", " urn:a", "/ urn:a"] {
            assert_eq!(offered(&[value]), Extensions::default(), "{value}");
        }
    }

    #[test]
    fn a_later_offer_cannot_move_it_but_from_where_it_was_parked() {
        assert_eq!(offered(&[&wide(3)]).agree(&[3]), Ok(Some(3)));
        assert_eq!(offered(&["4 urn:mid"]).agree(&[3]), Ok(None));
        assert_eq!(offered(&[&wide(5)]).agree(&[3]), BAD);
        assert_eq!(offered(&["3 urn:mid"]).agree(&[3]), BAD);
        assert_eq!(offered(&[&wide(5)]).agree(&[PARKED]), Ok(Some(5)));
        assert_eq!(offered(&[&wide(6)]).agree(&[PARKED, 5]), BAD);
        assert_eq!(offered(&["16 urn:mid"]).agree(&[PARKED, 5]), BAD);
        assert_eq!(offered(&[&wide(5)]).agree(&[]), Ok(None));
    }

    #[test]
    fn a_transport_begins_with_every_extension_once() {
        let all: Vec<String> = (1..=16).map(|number| format!("{number} urn:x")).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        for (offer, number) in [
            (offered(&[]), Some(PARKED)),
            (offered(&[&wide(7), "3 urn:x"]), Some(7)),
            (offered(&all), None),
        ] {
            let table = offer.table();
            let wide = table.id_of(Extension::TransportSequenceNumber);
            assert_eq!(wide, number);
            for extension in OTHERS {
                let number = table.id_of(extension.clone());
                let number = number.unwrap_or_else(|| panic!("{extension:?}"));
                assert!(offer == offered(&all) || !offer.others.contains(&number));
            }
        }
    }
}
