//! The header of an RTP packet (RFC 3550, section 5.1). It is not encrypted in SRTP, so it can be
//! read before the packet is authentic; what it says must not be believed before.

/// The fixed part of a header.
const FIXED_BYTES: usize = 12;

/// The profiles of header extensions (RFC 8285, sections 4.2 and 4.3).
const ONE_BYTE_PROFILE: u16 = 0xbede;
const TWO_BYTE_PROFILE: u16 = 0x1000;
/// The last four bits of the two-byte profile are the application's.
const TWO_BYTE_MASK: u16 = 0xfff0;

/// A header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Of the payload.
    pub payload_type: u8,
    /// The marker bit.
    pub marker: bool,
    /// Whether the payload ends with padding.
    pub padding: bool,
    /// The sequence number.
    pub seq: u16,
    /// The RTP timestamp.
    pub timestamp: u32,
    /// Whose stream it is.
    pub ssrc: u32,
    /// The first contributing source.
    pub csrc: Option<u32>,
    /// How long the header is, extensions included.
    pub bytes: usize,
    extensions: Option<(u16, usize)>,
}

impl Header {
    /// Reads the header of a packet. `None` when it is none of RTP version 2.
    pub fn read(packet: &[u8]) -> Option<Header> {
        let fixed: &[u8; FIXED_BYTES] = packet.first_chunk()?;
        if fixed[0] >> 6 != 2 {
            return None;
        }
        let csrcs = usize::from(fixed[0] & 0x0f);
        let mut bytes = FIXED_BYTES + 4 * csrcs;
        let listed = packet.get(FIXED_BYTES..bytes)?;
        let csrc = listed.first_chunk().map(|csrc| u32::from_be_bytes(*csrc));
        let mut extensions = None;
        if fixed[0] & 0x10 != 0 {
            let [high, low, words_high, words_low] = *packet.get(bytes..)?.first_chunk()?;
            let words = u16::from_be_bytes([words_high, words_low]);
            extensions = Some((u16::from_be_bytes([high, low]), bytes + 4));
            bytes += 4 + 4 * usize::from(words);
        }
        (bytes <= packet.len()).then_some(Header {
            payload_type: fixed[1] & 0x7f,
            marker: fixed[1] & 0x80 != 0,
            padding: fixed[0] & 0x20 != 0,
            seq: u16::from_be_bytes([fixed[2], fixed[3]]),
            timestamp: u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
            ssrc: u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]),
            csrc,
            bytes,
            extensions,
        })
    }

    /// The extensions of the packet that this is the header of (RFC 8285).
    pub fn extensions<'a>(&self, packet: &'a [u8]) -> Extensions<'a> {
        let (profile, begin) = self.extensions.unwrap_or((0, self.bytes));
        let two_bytes = profile & TWO_BYTE_MASK == TWO_BYTE_PROFILE;
        let known = two_bytes || profile == ONE_BYTE_PROFILE;
        let rest = packet.get(begin..self.bytes).filter(|_| known);
        Extensions {
            two_bytes,
            rest: rest.unwrap_or_default(),
        }
    }
}

/// The extensions of a packet: identifier and value.
#[derive(Debug, Clone)]
pub struct Extensions<'a> {
    two_bytes: bool,
    rest: &'a [u8],
}

impl<'a> Iterator for Extensions<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        // A byte of zero is padding between them.
        let begin = self.rest.iter().position(|&byte| byte != 0)?;
        let (head, rest) = self.rest[begin..].split_first()?;
        let (id, bytes, rest) = if self.two_bytes {
            let (bytes, rest) = rest.split_first()?;
            (*head, usize::from(*bytes), rest)
        } else {
            (head >> 4, usize::from(head & 0x0f) + 1, rest)
        };
        // Identifier 15 of the short form ends the list.
        let ends = !self.two_bytes && id == 15;
        let Some((value, rest)) = rest.split_at_checked(bytes).filter(|_| !ends) else {
            self.rest = &[];
            return None;
        };
        self.rest = rest;
        Some((id, value))
    }
}

/// What is written into a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outgoing {
    /// Of the payload.
    pub payload_type: u8,
    /// The marker bit.
    pub marker: bool,
    /// Whether the payload ends with padding.
    pub padding: bool,
    /// The sequence number.
    pub seq: u16,
    /// The RTP timestamp.
    pub timestamp: u32,
    /// Whose stream it is.
    pub ssrc: u32,
    /// A contributing source.
    pub csrc: Option<u32>,
}

/// Longest value of an extension in the short form (RFC 8285, section 4.2).
const MAX_SHORT_VALUE: usize = 16;

impl Outgoing {
    /// Adds the header of a packet to `out`, and answers how long it is. Values of extensions have
    /// 1 to 255 bytes; others are left out. One that is longer than 16 bytes, or has an identifier
    /// above 14, makes all of them take the long form.
    pub fn write(&self, out: &mut Vec<u8>, extensions: &[(u8, &[u8])]) -> usize {
        let begin = out.len();
        let has_csrc = u8::from(self.csrc.is_some());
        let fits = |(id, value): &&(u8, &[u8])| *id > 0 && (1..256).contains(&value.len());
        let listed = || extensions.iter().filter(fits);
        let any = listed().next().is_some();
        let mut first = 0x80 | has_csrc;
        first |= u8::from(any) << 4 | u8::from(self.padding) << 5;
        out.push(first);
        out.push(u8::from(self.marker) << 7 | self.payload_type & 0x7f);
        out.extend_from_slice(&self.seq.to_be_bytes());
        out.extend_from_slice(&self.timestamp.to_be_bytes());
        out.extend_from_slice(&self.ssrc.to_be_bytes());
        if let Some(csrc) = self.csrc {
            out.extend_from_slice(&csrc.to_be_bytes());
        }
        if any {
            let long = listed().any(|(id, value)| *id > 14 || value.len() > MAX_SHORT_VALUE);
            let profile = if long {
                TWO_BYTE_PROFILE
            } else {
                ONE_BYTE_PROFILE
            };
            out.extend_from_slice(&profile.to_be_bytes());
            let words = out.len();
            out.extend_from_slice(&[0, 0]);
            let list = out.len();
            for (id, value) in listed() {
                match long {
                    true => out.extend_from_slice(&[*id, value.len() as u8]),
                    false => out.push(id << 4 | (value.len() - 1) as u8),
                }
                out.extend_from_slice(value);
            }
            let bytes = (out.len() - list).next_multiple_of(4);
            out.resize(list + bytes, 0);
            out[words..list].copy_from_slice(&((bytes / 4) as u16).to_be_bytes());
        }
        out.len() - begin
    }
}

/// How long a payload is without its padding, of which the last byte says how long it is
/// (RFC 3550, section 5.1). `None` when it says more than there is.
pub fn unpadded_bytes(payload: &[u8]) -> Option<usize> {
    let padding = usize::from(*payload.last()?);
    (padding > 0).then(|| payload.len().checked_sub(padding))?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PLAIN: [u8; 12] = [0x80, 0xe0, 1, 2, 0, 0, 0, 9, 0, 0, 0, 7];

    fn with_extensions(profile: u16, elements: &[u8]) -> Vec<u8> {
        let mut packet = PLAIN.to_vec();
        packet[0] |= 0x10;
        packet.extend_from_slice(&profile.to_be_bytes());
        packet.extend_from_slice(&(elements.len() as u16 / 4).to_be_bytes());
        packet.extend_from_slice(elements);
        packet
    }

    #[test]
    fn a_header_is_read_with_its_contributing_source() {
        let mut packet = PLAIN.to_vec();
        packet[0] |= 0x02;
        packet.extend_from_slice(&[0, 0, 0, 5, 0, 0, 0, 6, 0xaa]);
        let header = Header::read(&packet).expect("a header");
        assert_eq!((header.payload_type, header.marker), (96, true));
        assert_eq!((header.seq, header.timestamp, header.ssrc), (0x0102, 9, 7));
        assert_eq!((header.csrc, header.bytes), (Some(5), 20));
        assert_eq!(Header::read(&packet[..19]), None);
        assert_eq!(header.extensions(&packet).count(), 0);
    }

    #[test]
    fn extensions_of_both_forms_are_read() {
        let short = with_extensions(0xbede, &[0x10, b'a', 0, 0x31, 1, 2, 0, 0]);
        let long = with_extensions(0x1003, &[1, 1, b'a', 0, 3, 2, 1, 2]);
        for packet in [short, long] {
            let header = Header::read(&packet).expect("a header");
            let all: Vec<_> = header.extensions(&packet).collect();
            assert_eq!(all, [(1, &b"a"[..]), (3, &[1, 2][..])]);
        }
        let other = with_extensions(0x7777, &[0x10, b'a', 0, 0]);
        let header = Header::read(&other).expect("a header");
        assert_eq!(header.extensions(&other).count(), 0);
    }

    #[test]
    fn the_short_form_ends_at_identifier_fifteen() {
        let packet = with_extensions(0xbede, &[0xf0, 1, 0x10, b'a']);
        let header = Header::read(&packet).expect("a header");
        assert_eq!(header.extensions(&packet).count(), 0);
    }

    #[test]
    fn a_header_is_read_as_it_was_written() {
        let outgoing = Outgoing {
            payload_type: 96,
            marker: true,
            padding: false,
            seq: 65_535,
            timestamp: 9,
            ssrc: 7,
            csrc: Some(5),
        };
        let long = [9; 20];
        let cases: [&[(u8, &[u8])]; 5] = [
            &[],
            &[(1, b"a"), (14, &[1, 2, 3])],
            &[(3, &[1; 16])],
            &[(1, b"a"), (2, &long)],
            &[(1, b"a"), (16, b"b")],
        ];
        for extensions in cases {
            let mut packet = vec![0xff];
            let bytes = outgoing.write(&mut packet, extensions);
            let packet = &packet[1..];
            let header = Header::read(packet).expect("a header");
            assert_eq!((header.bytes, bytes % 4), (bytes, 0));
            assert_eq!((header.payload_type, header.marker), (96, true));
            assert_eq!((header.seq, header.timestamp), (65_535, 9));
            assert_eq!((header.ssrc, header.csrc), (7, Some(5)));
            let read: Vec<_> = header.extensions(packet).collect();
            assert_eq!(read, extensions);
        }
        let mut packet = Vec::new();
        outgoing.write(&mut packet, &[(0, b"a"), (4, b"")]);
        let header = Header::read(&packet).expect("a header");
        assert_eq!(
            header.extensions(&packet).count(),
            0,
            "what cannot be written"
        );
    }

    #[test]
    fn padding_is_taken_off_and_never_more_than_there_is() {
        assert_eq!(unpadded_bytes(&[7, 7, 0, 2]), Some(2));
        assert_eq!(unpadded_bytes(&[0, 0, 3]), Some(0));
        for wrong in [&[][..], &[0][..], &[1, 4][..]] {
            assert_eq!(unpadded_bytes(wrong), None);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let mut bytes = bytes;
            if let Some(first) = bytes.first_mut() {
                *first = 0x80 | (*first & 0x3f);
            }
            if let Some(header) = Header::read(&bytes) {
                prop_assert!(header.bytes <= bytes.len());
                prop_assert!(header.extensions(&bytes).count() <= bytes.len());
            }
            unpadded_bytes(&bytes);
        }
    }
}
