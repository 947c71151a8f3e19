//! Which part of a file is asked for (RFC 9110, section 14).

/// First and last byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ByteRange {
    pub(super) first: u64,
    pub(super) last: u64,
}

/// What a `Range` header asks of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// All of it: no header, one that cannot be read, or several ranges, which we may ignore
    /// (section 14.2).
    Whole,
    /// A part.
    Part(ByteRange),
    /// A part that lies outside.
    Outside,
}

/// Reads a `Range` header for a file of `length` bytes.
pub(super) fn read(header: Option<&str>, length: u64) -> Asked {
    let Some(spec) = header.and_then(|text| text.trim().strip_prefix("bytes=")) else {
        return Asked::Whole;
    };
    let Some((first, last)) = spec.trim().split_once('-') else {
        return Asked::Whole;
    };
    match (number(first), number(last)) {
        (Number::Absent, Number::Is(suffix)) => suffix_of(suffix, length),
        (Number::Is(first), Number::Absent) => bounded(first, u64::MAX, length),
        (Number::Is(first), Number::Is(last)) if first <= last => bounded(first, last, length),
        _ => Asked::Whole,
    }
}

enum Number {
    Absent,
    Is(u64),
    Unreadable,
}

fn number(text: &str) -> Number {
    match text {
        "" => Number::Absent,
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().map_or(Number::Unreadable, Number::Is)
        }
        _ => Number::Unreadable,
    }
}

fn suffix_of(suffix: u64, length: u64) -> Asked {
    if suffix == 0 || length == 0 {
        return Asked::Outside;
    }
    Asked::Part(ByteRange {
        first: length.saturating_sub(suffix),
        last: length - 1,
    })
}

fn bounded(first: u64, last: u64, length: u64) -> Asked {
    if first >= length {
        return Asked::Outside;
    }
    Asked::Part(ByteRange {
        first,
        last: last.min(length - 1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_rfc_says() {
        let part = |first, last| Asked::Part(ByteRange { first, last });
        let cases = [
            (None, 10, Asked::Whole),
            (Some("bytes=0-"), 10, part(0, 9)),
            (Some("bytes=2-4"), 10, part(2, 4)),
            (Some("bytes=2-99"), 10, part(2, 9)),
            (Some("bytes=-3"), 10, part(7, 9)),
            (Some("bytes=-30"), 10, part(0, 9)),
            (Some("bytes=9-9"), 10, part(9, 9)),
            (Some("bytes=10-"), 10, Asked::Outside),
            (Some("bytes=-0"), 10, Asked::Outside),
            (Some("bytes=0-"), 0, Asked::Outside),
            (Some("bytes=4-2"), 10, Asked::Whole),
            (Some("bytes=0-1,4-5"), 10, Asked::Whole),
            (Some("bytes=+1-2"), 10, Asked::Whole),
            (Some("bytes=99999999999999999999-"), 10, Asked::Whole),
            (Some("lines=0-1"), 10, Asked::Whole),
            (Some("bytes=-"), 10, Asked::Whole),
        ];
        for (header, length, asked) in cases {
            assert_eq!(read(header, length), asked, "{header:?} of {length}");
        }
    }
}
