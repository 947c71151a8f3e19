//! Randomness and fresh ids. The one place of this crate that makes either.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use uuid::Uuid;

/// Random bytes of every secret that is given out: 256 bits.
const SECRET_BYTES: usize = 32;

/// Fills `bytes` from the system's randomness.
pub(crate) fn fill(bytes: &mut [u8]) {
    aws_lc_rs::rand::fill(bytes).expect("the system has randomness");
}

/// An unguessable text of 43 characters.
pub(crate) fn secret() -> String {
    let mut bytes = [0; SECRET_BYTES];
    fill(&mut bytes);
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// A UUIDv7 (RFC 9562, section 5.7) of the time `now_ms`.
pub(crate) fn id(now_ms: i64) -> Uuid {
    let mut bytes = [0; 10];
    fill(&mut bytes);
    let millis = u64::try_from(now_ms).unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid()
}
