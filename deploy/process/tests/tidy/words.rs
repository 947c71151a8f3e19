//! Which words names may not contain, and which remarks no file may.

use crate::source::split;
use crate::tree::Tree;

/// Words that say nothing about what a thing is.
const BANNED: &[&str] = &[
    "manager", "helper", "helpers", "util", "utils", "common", "misc", "impl", "data", "info",
    "handler2",
];

/// Pairs of words that a standard uses as one name.
const STANDARD: &[(&str, &str, &str)] = &[
    ("channel", "data", "ChannelData is a message of RFC 8656"),
    ("data", "channel", "RTCDataChannel is a part of WebRTC"),
    (
        "application",
        "data",
        "application_data is a record of DTLS (RFC 9147)",
    ),
    ("form", "data", "FormData is a part of the Fetch standard"),
];

/// A name of more words is a test's, and tests are named by sentences.
const MAX_WORDS_IN_A_NAME: usize = 6;

/// What stands before the name of a new thing. Fields and locals follow their neighbours.
const RUST_DEFINES: &[&str] = &[
    "struct ", "enum ", "trait ", "type ", "mod ", "fn ", "union ",
];
const TYPESCRIPT_DEFINES: &[&str] = &["class ", "interface ", "type ", "function "];

/// Remarks that belong into an issue.
const LATER: &[&str] = &["TODO", "FIXME", "XXX"];

pub(crate) fn names_say_what_a_thing_is(tree: &Tree) -> Vec<String> {
    let mut violations = Vec::new();
    for (path, text) in tree.ending(&[".rs", ".ts", ".tsx"]) {
        for part in path.split(['/', '.']) {
            violations.extend(banned_in(part).map(|word| {
                format!("{path}: \"{word}\" in a path says nothing about what is in it")
            }));
        }
        if path.ends_with("/core.rs") {
            violations.push(format!(
                "{path}: a crate may be a core, it has a contract; a file may not"
            ));
        }
        let defines = if path.ends_with(".rs") {
            RUST_DEFINES
        } else {
            TYPESCRIPT_DEFINES
        };
        let code = split_code(path, text);
        for name in defined(&code, defines) {
            violations.extend(
                banned_in(&name).map(|word| {
                    format!("{path}: \"{word}\" in {name} says nothing about what it is")
                }),
            );
        }
    }
    violations
}

/// TypeScript's regular expressions and templates are beyond the splitter, so it is read by line.
fn split_code(path: &str, text: &str) -> String {
    if path.ends_with(".rs") {
        return split(text).code;
    }
    text.lines()
        .filter(|line| !line.trim_start().starts_with(['*', '/']))
        .collect::<Vec<_>>()
        .join("\n")
}

fn defined(code: &str, defines: &[&str]) -> Vec<String> {
    let mut names = Vec::new();
    for line in code.lines() {
        let line = line
            .trim_start()
            .trim_start_matches("export ")
            .trim_start_matches("default ")
            .trim_start_matches("pub(crate) ")
            .trim_start_matches("pub(super) ")
            .trim_start_matches("pub ")
            .trim_start_matches("const ")
            .trim_start_matches("async ");
        if let Some(rest) = defines.iter().find_map(|define| line.strip_prefix(define)) {
            let end = rest
                .find(|c: char| !(c.is_alphanumeric() || c == '_'))
                .unwrap_or(rest.len());
            names.push(rest[..end].to_owned());
        }
    }
    names
}

fn banned_in(name: &str) -> impl Iterator<Item = &'static str> {
    let words = words_of(name);
    BANNED.iter().copied().filter(move |banned| {
        words.len() <= MAX_WORDS_IN_A_NAME
            && words.contains(&(*banned).to_owned())
            && !STANDARD
                .iter()
                .any(|(first, second, _)| words.windows(2).any(|pair| pair == [*first, *second]))
    })
}

/// `RoomInfo` and `room-info` are both `room` and `info`.
fn words_of(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for character in name.chars() {
        let starts = character.is_uppercase() || !character.is_alphanumeric();
        if starts && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        if let (true, Some(word)) = (character.is_alphanumeric(), words.last_mut()) {
            word.extend(character.to_lowercase());
        }
    }
    words
}

pub(crate) fn nothing_is_left_for_later(tree: &Tree) -> Vec<String> {
    let mut violations = Vec::new();
    let endings = &[
        ".rs", ".ts", ".tsx", ".css", ".sql", ".md", ".sh", ".toml", "Makefile", ".mjs",
    ];
    for (path, text) in tree.ending(endings) {
        for (number, line) in text.lines().enumerate() {
            if LATER
                .iter()
                .any(|remark| crate::source::has_word(line, remark))
            {
                violations.push(format!(
                    "{path}:{}: a remark for later; do it, or write it where work is planned",
                    number + 1
                ));
            }
        }
    }
    violations
}

#[cfg(test)]
fn names(path: &str, text: &str) -> usize {
    names_say_what_a_thing_is(&Tree::of(&[(path, text)])).len()
}

#[test]
fn empty_names_are_caught_in_paths_and_definitions() {
    assert_eq!(names("sfu/src/room_manager.rs", ""), 1);
    assert_eq!(names("web/src/lib/utils/time.ts", ""), 1);
    assert_eq!(names("sfu/src/core.rs", ""), 1);
    assert_eq!(names("sfu/src/a.rs", "pub struct RoomInfo;"), 1);
    assert_eq!(names("sfu/src/a.rs", "pub(crate) fn parse_helper() {}"), 1);
    assert_eq!(names("web/src/a.ts", "export interface UserData {}"), 1);
}

#[test]
fn names_that_only_contain_such_letters_pass() {
    let code = "impl Database { fn information() {} } // struct RoomInfo\ntracing::info!(\"\");";
    assert_eq!(names("sfu/core/src/database.rs", code), 0);
}

#[test]
fn a_remark_for_later_is_caught() {
    let tree = Tree::of(&[("sfu/src/a.rs", "fn a() {}\n// TODO later\n")]);
    assert_eq!(nothing_is_left_for_later(&tree).len(), 1);
}
