//! What an H.264 payload begins (RFC 6184), and how high the picture is (ITU-T H.264, section
//! 7.3.2.1.1).

const SLICE_IDR: u8 = 5;
const PARAMETERS: u8 = 7;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;
const UNIT_TYPE: u8 = 0x1f;
const FIRST_FRAGMENT: u8 = 0x80;

/// Lines of a macroblock.
const MACROBLOCK: u32 = 16;
/// The largest value of an Exp-Golomb code in parameters that a picture can have.
const MAX_ZEROS: u32 = 16;
/// Profiles whose parameters say how colours are sampled.
const WITH_CHROMA_FORMAT: [u8; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];
/// Parameters that are searched for a height.
const MAX_PARAMETER_BYTES: usize = 128;
/// Offsets in a cycle of reference frames: 8 bits.
const MAX_OFFSETS: u32 = 255;

/// What a payload begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Beginning {
    /// A keyframe: parameters, or a picture that needs no other.
    pub(crate) keyframe: bool,
    /// The height that its parameters tell.
    pub(crate) height: Option<u16>,
}

/// Reads a payload. Anything may be in it.
pub(crate) fn read(payload: &[u8]) -> Beginning {
    let first = payload.first().map(|header| header & UNIT_TYPE);
    match first {
        Some(STAP_A) => aggregated(&payload[1..]),
        Some(FU_A) => {
            let header = payload.get(1).copied().unwrap_or(0);
            Beginning {
                keyframe: header & FIRST_FRAGMENT != 0 && is_key(header),
                height: None,
            }
        }
        _ => unit(payload),
    }
}

/// Units with their lengths before them (RFC 6184, section 5.7.1).
fn aggregated(mut rest: &[u8]) -> Beginning {
    let mut beginning = Beginning::default();
    while let [high, low, units @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low])).max(1);
        let this = unit(&units[..length.min(units.len())]);
        beginning.keyframe |= this.keyframe;
        beginning.height = beginning.height.or(this.height);
        rest = units.get(length..).unwrap_or_default();
    }
    beginning
}

fn unit(unit: &[u8]) -> Beginning {
    let Some((&header, rest)) = unit.split_first() else {
        return Beginning::default();
    };
    let parameters = header & UNIT_TYPE == PARAMETERS;
    Beginning {
        keyframe: is_key(header),
        height: parameters.then(|| height(rest)).flatten(),
    }
}

fn is_key(header: u8) -> bool {
    matches!(header & UNIT_TYPE, SLICE_IDR | PARAMETERS)
}

/// The height in a sequence parameter set.
fn height(parameters: &[u8]) -> Option<u16> {
    let parameters = &parameters[..parameters.len().min(MAX_PARAMETER_BYTES)];
    let profile = *parameters.first()?;
    let mut bits = Bits {
        bytes: unescaped(parameters.get(3..)?),
        at: 0,
    };
    bits.number()?;
    let mut chroma = 1;
    if WITH_CHROMA_FORMAT.contains(&profile) {
        chroma = bits.number()?;
        if chroma == 3 {
            bits.bit()?;
        }
        bits.number()?;
        bits.number()?;
        bits.bit()?;
        if bits.bit()? {
            // Scaling lists: no browser sends them.
            return None;
        }
    }
    bits.number()?;
    skip_order(&mut bits)?;
    bits.number()?;
    bits.bit()?;
    bits.number()?;
    let units = bits.number()? + 1;
    let frames_only = bits.bit()?;
    let fields = 2 - u32::from(frames_only);
    if !frames_only {
        bits.bit()?;
    }
    bits.bit()?;
    let mut cropped = 0;
    if bits.bit()? {
        bits.number()?;
        bits.number()?;
        let lines = bits.number()? + bits.number()?;
        let rows = if chroma == 1 { 2 } else { 1 };
        cropped = lines * rows * fields;
    }
    let height = (units * MACROBLOCK * fields).checked_sub(cropped)?;
    u16::try_from(height).ok().filter(|height| *height > 0)
}

/// How the order of pictures is said: nothing that is needed.
fn skip_order(bits: &mut Bits) -> Option<()> {
    match bits.number()? {
        0 => {
            bits.number()?;
        }
        1 => {
            bits.bit()?;
            bits.number()?;
            bits.number()?;
            let offsets = bits.number()?;
            for _ in 0..offsets.min(MAX_OFFSETS) {
                bits.number()?;
            }
        }
        _ => {}
    }
    Some(())
}

/// Takes out the bytes that keep start codes from appearing (section 7.4.1).
fn unescaped(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut zeros = 0;
    for &byte in bytes {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        plain.push(byte);
    }
    plain
}

struct Bits {
    bytes: Vec<u8>,
    at: usize,
}

impl Bits {
    fn bit(&mut self) -> Option<bool> {
        let byte = self.bytes.get(self.at / 8)?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Some(bit == 1)
    }

    /// An Exp-Golomb code, signed or not (section 9.1): only the unsigned are looked at.
    fn number(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.bit()? {
            zeros += 1;
            if zeros > MAX_ZEROS {
                return None;
            }
        }
        let mut value = 1;
        for _ in 0..zeros {
            value = value << 1 | u32::from(self.bit()?);
        }
        Some(value - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Baseline, level 3.1; 1280x720 in 80 by 45 macroblocks: written by hand bit by bit.
    const SPS_720: [u8; 9] = [0x67, 0x42, 0xe0, 0x1f, 0xf4, 0x02, 0x80, 0x2d, 0xc8];

    fn keyframe(keyframe: bool) -> Beginning {
        Beginning {
            keyframe,
            height: None,
        }
    }

    #[test]
    fn a_keyframe_begins_with_parameters_or_an_idr_picture() {
        let cases: [(&[u8], bool); 10] = [
            (&[0x67], true),
            (&[0x65], true),
            (&[0x41], false),
            (&[0x78, 0, 2, 0x67, 1, 0, 1, 0x68], true),
            (&[0x78, 0, 2, 0x41, 1, 0, 1, 0x65], true),
            (&[0x78, 0, 2, 0x41, 1, 0, 1, 0x68], false),
            (&[0x78, 0, 0, 0x41], false),
            (&[0x7c, 0x85], true),
            (&[0x7c, 0x05], false),
            (&[], false),
        ];
        for (payload, expected) in cases {
            assert_eq!(read(payload), keyframe(expected), "{payload:x?}");
        }
    }

    #[test]
    fn parameters_say_how_high_the_picture_is() {
        assert_eq!(read(&SPS_720).height, Some(720));
        let mut aggregated = vec![0x78, 0, SPS_720.len() as u8];
        aggregated.extend_from_slice(&SPS_720);
        aggregated.extend_from_slice(&[0, 1, 0x68]);
        assert_eq!(read(&aggregated).height, Some(720));
        // 1920x1080: 68 rows of macroblocks, of which 8 lines are cut off.
        let mut bits = String::new();
        let golomb = |bits: &mut String, value: u32| {
            let code = format!("{:b}", value + 1);
            bits.push_str(&"0".repeat(code.len() - 1));
            bits.push_str(&code);
        };
        for value in [0, 1, 0, 0] {
            golomb(&mut bits, value);
        }
        // High profile: no transform bypass, no scaling lists.
        bits.push_str("00");
        for value in [0, 2, 4] {
            golomb(&mut bits, value);
        }
        bits.push('0');
        golomb(&mut bits, 119);
        golomb(&mut bits, 67);
        bits.push_str("111");
        for value in [0, 0, 0, 4] {
            golomb(&mut bits, value);
        }
        bits.push('1');
        let mut unit = vec![0x67, 100, 0, 31];
        for byte in bits.as_bytes().chunks(8) {
            let byte = String::from_utf8_lossy(byte);
            unit.push(u8::from_str_radix(&format!("{byte:0<8}"), 2).expect("bits"));
        }
        assert_eq!(read(&unit).height, Some(1080));
        for short in 0..unit.len() {
            assert_eq!(read(&unit[..short]).height, None, "{short}");
        }
    }

    proptest! {
        #[test]
        fn any_payload_is_read_without_a_panic(
            payload in prop::collection::vec(any::<u8>(), 0..200),
            header in prop::sample::select(vec![0x67u8, 0x78, 0x7c, 0x41]),
            profile: u8,
        ) {
            read(&payload);
            read(&[&[header, profile, 0, 31][..], &payload].concat());
        }
    }
}
