//! The four bytes ahead of channel data (RFC 8656, section 12.4).

/// Channel numbers that a client may bind (RFC 8656, section 12).
pub const CHANNELS: std::ops::RangeInclusive<u16> = 0x4000..=0x4FFF;

/// Length of the header.
pub const HEADER_BYTES: usize = 4;

/// Reads channel data: the channel and its payload. None when the bytes are none.
pub fn parse(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let (header, rest) = bytes.split_first_chunk::<HEADER_BYTES>()?;
    let channel = u16::from_be_bytes([header[0], header[1]]);
    let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
    if !CHANNELS.contains(&channel) {
        return None;
    }
    rest.get(..length).map(|payload| (channel, payload))
}

/// The header for a payload. None when the payload is longer than the format allows.
pub fn header(channel: u16, payload_bytes: usize) -> Option<[u8; HEADER_BYTES]> {
    let length = u16::try_from(payload_bytes).ok()?.to_be_bytes();
    let channel = channel.to_be_bytes();
    Some([channel[0], channel[1], length[0], length[1]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channel_data_is_read_with_and_without_padding_and_refused_when_short() {
        type Case<'a> = (&'a [u8], Option<(u16, &'a [u8])>);
        let cases: &[Case<'_>] = &[
            (&[0x40, 0, 0, 2, 7, 8], Some((0x4000, &[7, 8]))),
            (&[0x40, 0, 0, 2, 7, 8, 0, 0], Some((0x4000, &[7, 8]))),
            (&[0x4F, 0xFF, 0, 0], Some((0x4FFF, &[]))),
            (&[0x50, 0, 0, 0], None),
            (&[0x3F, 0xFF, 0, 0], None),
            (&[0x40, 0, 0, 3, 7, 8], None),
            (&[0x40, 0, 0], None),
            (&[], None),
        ];
        for (bytes, expected) in cases {
            assert_eq!(parse(bytes), *expected, "{bytes:?}");
        }
        assert_eq!(header(0x4001, 258), Some([0x40, 1, 1, 2]));
        assert_eq!(header(0x4001, 70_000), None);
    }
}
