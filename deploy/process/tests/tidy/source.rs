//! Tells Rust code from its comments and its string literals.

/// A source, split.
pub(crate) struct Source {
    /// The code, with the contents of comments and literals blanked. Lines stay where they are.
    pub(crate) code: String,
    /// The contents of string literals.
    pub(crate) literals: Vec<String>,
}

/// Splits a source. Good enough for code that compiles, which is all that this is given.
pub(crate) fn split(text: &str) -> Source {
    let mut split = Splitter {
        left: text,
        code: String::with_capacity(text.len()),
        literals: Vec::new(),
    };
    while !split.left.is_empty() {
        split.step();
    }
    Source {
        code: split.code,
        literals: split.literals,
    }
}

struct Splitter<'a> {
    left: &'a str,
    code: String,
    literals: Vec<String>,
}

impl Splitter<'_> {
    fn step(&mut self) {
        let left = self.left;
        if left.starts_with("//") {
            self.blank(left.find('\n').unwrap_or(left.len()));
        } else if left.starts_with("/*") {
            self.blank(block_comment(left));
        } else if let Some(hashes) = raw_string(left, &self.code) {
            let close = format!("\"{}", "#".repeat(hashes));
            let open = 2 + hashes;
            let length = left[open..].find(&close).unwrap_or(left.len() - open);
            self.literal(open, length, close.len());
        } else if let Some(content) = left.strip_prefix('"') {
            self.literal(1, string(content), 1);
        } else if left.starts_with('\'') {
            self.quote();
        } else {
            self.keep(left.chars().next().map_or(1, char::len_utf8));
        }
    }

    /// A character, or else a lifetime, which is code.
    fn quote(&mut self) {
        let rest = &self.left[1..];
        let first = rest.chars().next().map_or(0, char::len_utf8);
        if rest.starts_with('\\') {
            let end = rest[2..].find('\'').map_or(rest.len(), |at| at + 3);
            self.blank(1 + end);
        } else if rest[first..].starts_with('\'') {
            self.blank(first + 2);
        } else {
            self.keep(1);
        }
    }

    fn keep(&mut self, bytes: usize) {
        let (kept, left) = self.left.split_at(bytes);
        self.code.push_str(kept);
        self.left = left;
    }

    fn blank(&mut self, bytes: usize) {
        let (gone, left) = self.left.split_at(bytes);
        self.code.push(' ');
        self.code.extend(gone.chars().filter(|c| *c == '\n'));
        self.left = left;
    }

    fn literal(&mut self, open: usize, length: usize, close: usize) {
        self.literals
            .push(self.left[open..open + length].to_owned());
        self.code.push_str("\"\"");
        self.blank((open + length + close).min(self.left.len()));
    }
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0usize, 0usize);
    loop {
        let rest = &text.as_bytes()[at..];
        match rest {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            [_, ..] => at += 1,
            [] => return at,
        }
        if depth == 0 {
            return at;
        }
    }
}

/// The number of hashes when a raw string begins here.
fn raw_string(text: &str, before: &str) -> Option<usize> {
    let in_a_word = before
        .chars()
        .next_back()
        .is_some_and(|c| c != 'b' && (c.is_alphanumeric() || c == '_'));
    let rest = text.strip_prefix('r')?;
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    (!in_a_word && rest[hashes..].starts_with('"')).then_some(hashes)
}

/// The length of a string's content.
fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at,
            _ => {}
        }
    }
    text.len()
}

/// Whether a word stands in a text as a word of its own.
pub(crate) fn has_word(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        !text[..at].chars().next_back().is_some_and(is_part)
            && !text[at + word.len()..].chars().next().is_some_and(is_part)
    })
}

/// The modules at the root of the crate that a code names, by `crate::a` or `use crate::{a, b::c}`.
pub(crate) fn crate_modules(code: &str) -> Vec<String> {
    let mut modules = Vec::new();
    for (at, path) in code.match_indices("crate::") {
        let rest = &code[at + path.len()..];
        if let Some(list) = rest.strip_prefix('{') {
            modules.extend(first_names(list));
        } else {
            modules.extend(first_name(rest));
        }
    }
    modules.sort();
    modules.dedup();
    modules
}

fn first_name(text: &str) -> Option<String> {
    let end = text
        .find(|c: char| !(c.is_alphanumeric() || c == '_'))
        .unwrap_or(text.len());
    (end > 0).then(|| text[..end].to_owned())
}

/// The first name of each item of a list up to its closing brace.
fn first_names(list: &str) -> Vec<String> {
    let (mut depth, mut names, mut at_start) = (0usize, Vec::new(), true);
    for (at, character) in list.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => at_start = true,
            c if at_start && !c.is_whitespace() => {
                names.extend(first_name(&list[at..]));
                at_start = false;
            }
            _ => {}
        }
    }
    names
}

#[test]
fn comments_and_literals_are_not_code() {
    let source = split(
        "let a = \"select \\\" x\"; // insert\n/* update /* nested */ */ let b = r#\"raw \"q\"\"#;\nlet c: &'static str = 'x'; let d = '\\'';",
    );
    assert_eq!(source.literals, ["select \\\" x", "raw \"q\""]);
    assert!(!source.code.contains("insert"));
    assert!(!source.code.contains("nested"));
    assert!(source.code.contains("&'static str"));
    assert_eq!(source.code.matches('\n').count(), 2);
}

#[test]
fn modules_are_found_in_paths_and_in_lists() {
    let code = "use crate::{room::Roster, io, media::{Frame, codec::Vp8}}; crate::shard::x();";
    assert_eq!(crate_modules(code), ["io", "media", "room", "shard"]);
}

#[test]
fn a_word_inside_of_another_word_is_not_that_word() {
    assert!(has_word("let rtc: Rtc;", "Rtc"));
    assert!(!has_word("RtcEvent", "Rtc"));
}
