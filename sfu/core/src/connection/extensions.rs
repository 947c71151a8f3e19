//! Header extensions of an offer (RFC 8285, section 5): which number its transport-wide sequence
//! numbers have. `str0m` moves its own table about as offers name extensions; where the offers of
//! a client agree with each other, as they must (RFC 8843, section 9.1.1), it ends where they say.

use std::collections::BTreeSet;

use str0m::rtp::{Extension, ExtensionMap};

use super::negotiate::OfferError;

/// What a packet carries in it: draft-holmer-rmcat-transport-wide-cc-extensions-01, section 2.
const TRANSPORT_WIDE: &str =
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

/// Numbers that every form of an extension header has room for.
const NUMBERS: std::ops::RangeInclusive<u8> = 1..=14;

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
    pub(super) fn read(&mut self, value: &str) -> Result<(), OfferError> {
        let (numbered, named) = value.split_once(' ').ok_or(OfferError::BadExtensions)?;
        let number = numbered.split('/').next().unwrap_or_default();
        let number = number.parse().map_err(|_| OfferError::BadExtensions)?;
        let uri = named.split(' ').next().unwrap_or_default();
        let numbers = match uri {
            TRANSPORT_WIDE => &mut self.transport_wide,
            _ => &mut self.others,
        };
        numbers.insert(number);
        Ok(())
    }

    /// The number of transport-wide sequence numbers, if they are offered at all.
    pub(crate) fn transport_wide(&self) -> Result<Option<u8>, OfferError> {
        let mut numbers = self.transport_wide.iter();
        let number = numbers.next();
        let other = numbers.next();
        let good = |number: &u8| NUMBERS.contains(number) && !self.others.contains(number);
        match number {
            Some(number) if other.is_some() || !good(number) => Err(OfferError::BadExtensions),
            number => Ok(number.copied()),
        }
    }

    /// Whether a later offer leaves the number as it was. Where there was none, none comes to be:
    /// the transport does not know the extension.
    pub(super) fn leave(&self, agreed: Option<u8>) -> Result<(), OfferError> {
        let offered = self.transport_wide()?;
        let Some(agreed) = agreed else {
            return Ok(());
        };
        match offered.is_none_or(|offered| offered == agreed) && !self.others.contains(&agreed) {
            true => Ok(()),
            false => Err(OfferError::BadExtensions),
        }
    }
}

/// The table that a transport begins with.
pub(super) fn table(transport_wide: Option<u8>) -> ExtensionMap {
    let mut table = ExtensionMap::empty();
    if let Some(number) = transport_wide {
        table.set(number, Extension::TransportSequenceNumber);
    }
    let free = NUMBERS.filter(|number| Some(*number) != transport_wide);
    for (number, extension) in free.zip(OTHERS) {
        table.set(number, extension);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(values: &[&str]) -> Extensions {
        let mut extensions = Extensions::default();
        for value in values {
            extensions.read(value).expect("well written");
        }
        extensions
    }

    #[test]
    fn the_number_of_transport_wide_numbers_has_to_be_one_and_its_own() {
        let wide = |number: &str| format!("{number} {TRANSPORT_WIDE}");
        let mid = "4 urn:ietf:params:rtp-hdrext:sdes:mid";
        let cases = [
            (vec![mid.to_owned()], Ok(None)),
            (vec![mid.to_owned(), wide("3")], Ok(Some(3))),
            (vec![wide("3/sendrecv"), wide("3") + " more"], Ok(Some(3))),
            (vec![wide("3"), wide("5")], Err(OfferError::BadExtensions)),
            (
                vec![mid.to_owned(), wide("4")],
                Err(OfferError::BadExtensions),
            ),
            (vec![wide("0")], Err(OfferError::BadExtensions)),
            (vec![wide("15")], Err(OfferError::BadExtensions)),
        ];
        for (values, expected) in cases {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            assert_eq!(offered(&values).transport_wide(), expected, "{values:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for value in ["", "3", "x urn:a", "256 urn:a", " urn:a", "/ urn:a"] {
            let read = Extensions::default().read(value);
            assert_eq!(read, Err(OfferError::BadExtensions), "{value}");
        }
    }

    #[test]
    fn a_later_offer_cannot_move_it() {
        let wide = |number: u8| format!("{number} {TRANSPORT_WIDE}");
        let bad = Err(OfferError::BadExtensions);
        assert_eq!(offered(&[&wide(3)]).leave(Some(3)), Ok(()));
        assert_eq!(offered(&["4 urn:mid"]).leave(Some(3)), Ok(()));
        assert_eq!(offered(&[&wide(5)]).leave(Some(3)), bad);
        assert_eq!(offered(&["3 urn:mid"]).leave(Some(3)), bad);
        assert_eq!(offered(&[&wide(5)]).leave(None), Ok(()));
    }

    #[test]
    fn a_transport_begins_with_every_extension_once() {
        for number in NUMBERS.map(Some).chain([None]) {
            let table = table(number);
            let wide = table.id_of(Extension::TransportSequenceNumber);
            assert_eq!(wide, number);
            for extension in OTHERS {
                assert!(table.id_of(extension.clone()).is_some(), "{extension:?}");
            }
        }
    }
}
