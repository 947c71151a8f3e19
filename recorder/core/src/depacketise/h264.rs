//! H.264 (RFC 6184): single NAL units, STAP-A and FU-A, joined to Annex B.

use std::sync::Arc;

use super::WholeFrame;

const START_CODE: [u8; 4] = [0, 0, 0, 1];
const NAL_IDR: u8 = 5;
const NAL_SPS: u8 = 7;
const NAL_PPS: u8 = 8;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;

/// Parameter sets that came without a picture and go before the next one.
#[derive(Debug, Default)]
pub(super) struct ParameterSets(Vec<u8>);

/// Most bytes of parameter sets that wait for a picture; beyond, the oldest are forgotten.
const MAX_PARAMETER_BYTES: usize = 16 * 1024;

pub(super) fn begins(payload: &[u8]) -> bool {
    match payload.first().map(|first| first & 0x1f) {
        Some(FU_A) => payload.get(1).is_some_and(|header| header & 0x80 != 0),
        Some(kind) => (1..=STAP_A).contains(&kind),
        None => false,
    }
}

#[derive(Default)]
struct Joined {
    data: Vec<u8>,
    idr: bool,
    picture: bool,
}

impl Joined {
    fn nal(&mut self, nal: &[u8]) -> Option<()> {
        let kind = nal.first()? & 0x1f;
        self.note(kind);
        self.data.extend_from_slice(&START_CODE);
        self.data.extend_from_slice(nal);
        Some(())
    }

    fn note(&mut self, kind: u8) {
        self.idr |= kind == NAL_IDR;
        self.picture |= (1..=NAL_IDR).contains(&kind);
    }
}

pub(super) fn join(parts: &[Arc<[u8]>], waiting: &mut ParameterSets) -> Option<WholeFrame> {
    let mut joined = Joined::default();
    let mut in_fragment = false;
    for part in parts {
        match part.first()? & 0x1f {
            STAP_A => aggregate(part.get(1..)?, &mut joined)?,
            FU_A => in_fragment = fragment(part, in_fragment, &mut joined)?,
            1..STAP_A => joined.nal(part)?,
            _ => return None,
        }
    }
    if in_fragment {
        return None;
    }
    if !joined.picture {
        keep(&joined.data, waiting);
        return Some(WholeFrame {
            keyframe: false,
            data: Vec::new(),
        });
    }
    let mut data = std::mem::take(&mut waiting.0);
    data.extend_from_slice(&joined.data);
    Some(WholeFrame {
        keyframe: joined.idr,
        data,
    })
}

/// Section 5.7.1: each NAL unit with its length before it.
fn aggregate(mut rest: &[u8], joined: &mut Joined) -> Option<()> {
    while !rest.is_empty() {
        let length = usize::from(u16::from_be_bytes([*rest.first()?, *rest.get(1)?]));
        joined.nal(rest.get(2..2 + length)?)?;
        rest = &rest[2 + length..];
    }
    Some(())
}

/// Section 5.8. Returns whether the NAL unit goes on.
fn fragment(part: &[u8], in_fragment: bool, joined: &mut Joined) -> Option<bool> {
    let (indicator, header) = (part[0], *part.get(1)?);
    let (starts, ends) = (header & 0x80 != 0, header & 0x40 != 0);
    if starts == in_fragment {
        return None;
    }
    if starts {
        let kind = header & 0x1f;
        joined.note(kind);
        joined.data.extend_from_slice(&START_CODE);
        joined.data.push(indicator & 0xe0 | kind);
    }
    joined.data.extend_from_slice(&part[2..]);
    Some(!ends)
}

fn keep(data: &[u8], waiting: &mut ParameterSets) {
    let parameters = data
        .get(START_CODE.len())
        .is_some_and(|first| matches!(first & 0x1f, NAL_SPS | NAL_PPS));
    if !parameters {
        return;
    }
    if waiting.0.len() + data.len() > MAX_PARAMETER_BYTES {
        waiting.0.clear();
    }
    if data.len() <= MAX_PARAMETER_BYTES {
        waiting.0.extend_from_slice(data);
    }
}
