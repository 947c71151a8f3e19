//! What an object may be called: a path of plain names, nothing that a file system or a URL
//! reads otherwise.

use std::fmt;
use std::str::FromStr;

/// Longest key in bytes; S3 takes 1024.
const MAX_KEY_BYTES: usize = 512;

/// An object's key: names of `a-z 0-9 . _ -` joined by `/`, none beginning with a dot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectKey(String);

/// The text is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an object key: {0:?}")]
pub struct KeyFault(String);

impl ObjectKey {
    /// The key's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ObjectKey {
    type Err = KeyFault;

    fn from_str(text: &str) -> Result<Self, KeyFault> {
        let plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
        let name =
            |name: &str| !name.is_empty() && !name.starts_with('.') && name.bytes().all(plain);
        if text.len() <= MAX_KEY_BYTES && text.split('/').all(name) {
            Ok(ObjectKey(text.to_owned()))
        } else {
            Err(KeyFault(text.chars().take(64).collect()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_paths_are_keys() {
        let long = "a".repeat(MAX_KEY_BYTES + 1);
        for wrong in [
            "", "/", "a/", "/a", "a//b", "../a", "a/..", "a/.b", "A", "a b", "a\\b", "a\0", "é",
            &long,
        ] {
            assert!(wrong.parse::<ObjectKey>().is_err(), "{wrong:?}");
        }
        for right in ["a", "recordings/01-2/tapes/00ff/000001.tape", &long[1..]] {
            assert_eq!(right.parse::<ObjectKey>().expect("plain").as_str(), right);
        }
    }
}
