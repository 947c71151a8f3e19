//! What happened, line by line, and the hash of all of it.

use std::fmt;

/// Most lines that are kept for reading; the hash goes on without them.
pub const MAX_LINES: usize = 60_000;

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// The record of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chronicle {
    hash: u64,
    lines: Vec<String>,
}

impl Default for Chronicle {
    fn default() -> Self {
        Chronicle {
            hash: FNV_OFFSET,
            lines: Vec::new(),
        }
    }
}

impl Chronicle {
    /// Writes one line.
    pub fn note(&mut self, at_ms: u64, who: &str, what: fmt::Arguments<'_>) {
        let line = format!("{at_ms:>6} {who}: {what}");
        for byte in line.bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME);
        }
        if self.lines.len() < MAX_LINES {
            self.lines.push(line);
        }
    }

    /// The hash of every line.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// The lines.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// The last lines that are not about single frames.
    pub fn last_decisions(&self, count: usize) -> Vec<&str> {
        let decisions = self.lines.iter().map(String::as_str);
        let mut last: Vec<&str> = decisions
            .rev()
            .filter(|line| !line.contains(": sees ") && !line.contains(": hears "))
            .take(count)
            .collect();
        last.reverse();
        last
    }

    /// Where two records part: the first line that differs, of each.
    pub fn parts_from<'a>(&'a self, other: &'a Chronicle) -> Option<(&'a str, &'a str)> {
        let longer = self.lines.len().max(other.lines.len());
        (0..longer)
            .map(|index| (line(self, index), line(other, index)))
            .find(|(mine, theirs)| mine != theirs)
    }
}

fn line(chronicle: &Chronicle, index: usize) -> &str {
    chronicle
        .lines
        .get(index)
        .map_or("(nothing)", String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_sees_order_and_the_first_difference_is_found() {
        let mut one = Chronicle::default();
        let mut other = Chronicle::default();
        one.note(1, "ada", format_args!("a"));
        one.note(1, "ben", format_args!("b"));
        other.note(1, "ada", format_args!("a"));
        assert_ne!(one.hash(), other.hash());
        assert_eq!(one.parts_from(&other), Some(("     1 ben: b", "(nothing)")));
        other.note(1, "ben", format_args!("b"));
        assert_eq!(one, other);
        assert_eq!(one.parts_from(&other), None);
    }
}
