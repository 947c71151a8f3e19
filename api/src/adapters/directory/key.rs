//! Which object keys there can be. A key becomes a path, so it is a short list of plain names.

/// Longest key.
const MAX_KEY_BYTES: usize = 512;

/// Most folders deep.
const MAX_SEGMENTS: usize = 12;

/// Whether a key is one: names of `A-Z a-z 0-9 . _ -` that do not begin with a dot, between
/// slashes.
pub(super) fn is_valid(key: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let is_name =
        |name: &str| !name.is_empty() && !name.starts_with('.') && name.bytes().all(plain);
    key.len() <= MAX_KEY_BYTES
        && key.split('/').count() <= MAX_SEGMENTS
        && key.split('/').all(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_make_a_key() {
        for key in ["a", "recordings/0190-ab/composed.mp4", "a/b.c/d_e-f"] {
            assert!(is_valid(key), "{key}");
        }
        let long = "a/".repeat(MAX_SEGMENTS) + "a";
        for key in [
            "", "/a", "a/", "a//b", "..", "a/../b", ".hidden", "a/.b", "a b", "a\\b", "a%2e", "ä",
            "a\0", &long,
        ] {
            assert!(!is_valid(key), "{key:?}");
        }
    }
}
