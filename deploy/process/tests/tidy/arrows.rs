//! Who may know whom inside of a mind, read from its sources.

use std::collections::BTreeMap;

use crate::source::{crate_modules, has_word, split};
use crate::tree::Tree;

/// The mind that these arrows are drawn in.
const MEDIA_MIND: &str = "sfu/core/src/";

/// A part, the words that it may not know, and why.
struct Apart {
    part: &'static str,
    modules: &'static [&'static str],
    words: &'static [&'static str],
    reason: &'static str,
}

const APART: &[Apart] = &[
    Apart {
        part: "media",
        modules: &["room", "connection", "shard", "forward"],
        words: &["Rtc"],
        reason: "reading a packet needs no room and no connection, so it is a function of bytes",
    },
    Apart {
        part: "bandwidth",
        modules: &["room", "connection", "shard", "forward"],
        words: &["Rtc"],
        reason: "sharing out bits needs numbers only, so every case of it fits in a table",
    },
    Apart {
        part: "room",
        modules: &["connection", "shard", "forward"],
        words: &["Rtc", "str0m", "RtpPacket"],
        reason: "who may see whom is policy and must not depend on a transport or a packet",
    },
    Apart {
        part: "connection",
        modules: &["room", "shard", "forward"],
        words: &[],
        reason: "one participant's transport must not depend on who else is there",
    },
];

/// What a mind's product code never says, and why.
const MINDS_NEVER: &[(&str, &str)] = &[
    ("async", "a mind answers at once; waiting is the shell's"),
    ("await", "a mind answers at once; waiting is the shell's"),
    ("tokio", "a mind has no runtime"),
    ("Mutex", "one owner, messages across, values out"),
    ("RwLock", "one owner, messages across, values out"),
    ("UdpSocket", "sockets are the shell's"),
    ("TcpStream", "sockets are the shell's"),
    ("TcpListener", "sockets are the shell's"),
    ("thread", "a mind runs on its caller's thread"),
    ("SystemTime", "time is an argument"),
];

/// `media/vp8.rs` and `media.rs` are both of the part `media`.
fn part_of(path: &str) -> Option<&str> {
    let inside = path.strip_prefix(MEDIA_MIND)?;
    Some(inside.split(['/', '.']).next().unwrap_or(inside))
}

fn media_mind(tree: &Tree) -> impl Iterator<Item = (&str, &str, String)> {
    tree.product()
        .filter_map(|(path, text)| Some((path, part_of(path)?, split(text).code)))
}

pub(crate) fn parts_of_the_media_mind_keep_apart(tree: &Tree) -> Vec<String> {
    let mut violations = Vec::new();
    for (path, part, code) in media_mind(tree) {
        for apart in APART.iter().filter(|apart| apart.part == part) {
            let known = crate_modules(&code);
            let modules = apart
                .modules
                .iter()
                .filter(|module| known.iter().any(|k| k == *module));
            let words = apart.words.iter().filter(|word| has_word(&code, word));
            for forbidden in modules.chain(words) {
                violations.push(format!(
                    "{path}: {part} knows {forbidden}; {}",
                    apart.reason
                ));
            }
        }
    }
    violations
}

pub(crate) fn only_the_connection_holds_an_rtc(tree: &Tree) -> Vec<String> {
    media_mind(tree)
        .filter(|(_, part, code)| *part != "connection" && has_word(code, "Rtc"))
        .map(|(path, ..)| {
            format!(
                "{path}: names Rtc; it must be drained after every mutation, which one place can \
                 promise and two cannot"
            )
        })
        .collect()
}

pub(crate) fn only_forward_and_shard_see_both_sides(tree: &Tree) -> Vec<String> {
    media_mind(tree)
        .filter(|(_, part, _)| !["forward", "shard", "lib"].contains(part))
        .filter(|(_, _, code)| {
            let known = crate_modules(code);
            ["room", "connection"]
                .iter()
                .all(|side| known.iter().any(|module| module == side))
        })
        .map(|(path, ..)| {
            format!(
                "{path}: sees rooms and connections; only forward and shard may, so that there \
                 is one place where policy meets transport"
            )
        })
        .collect()
}

pub(crate) fn minds_do_nothing_but_decide(tree: &Tree) -> Vec<String> {
    let mut violations = Vec::new();
    for (path, text) in tree
        .product()
        .filter(|(path, _)| path.contains("/core/src/"))
    {
        let code = split(text).code;
        for (word, reason) in MINDS_NEVER.iter().filter(|(word, _)| has_word(&code, word)) {
            violations.push(format!("{path}: says `{word}`; {reason}"));
        }
        if code.contains("std::fs") {
            violations.push(format!("{path}: touches files; files are the shell's"));
        }
    }
    violations
}

/// The arrows of the media mind as they are, for whoever looks at the picture.
pub(crate) fn drawn(tree: &Tree) -> String {
    let mut arrows: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (_, part, code) in media_mind(tree) {
        arrows
            .entry(part.to_owned())
            .or_default()
            .extend(crate_modules(&code));
    }
    let lines = arrows.iter_mut().map(|(part, to)| {
        to.sort();
        to.dedup();
        to.retain(|module| module != part);
        format!("  {part} -> {}", to.join(", "))
    });
    format!(
        "arrows of the media mind:\n{}",
        lines.collect::<Vec<_>>().join("\n")
    )
}

#[cfg(test)]
fn sample(path: &str, text: &str) -> Tree {
    Tree::of(&[(path, text)])
}

#[test]
fn every_forbidden_arrow_is_caught() {
    for apart in APART {
        for module in apart.modules {
            let tree = sample(
                &format!("sfu/core/src/{}/inner.rs", apart.part),
                &format!("use crate::{{io, {module}::Thing}};"),
            );
            assert_eq!(
                parts_of_the_media_mind_keep_apart(&tree).len(),
                1,
                "{module}"
            );
        }
        for word in apart.words {
            let tree = sample(
                &format!("sfu/core/src/{}.rs", apart.part),
                &format!("fn f(x: &mut {word}) {{}}"),
            );
            assert_eq!(parts_of_the_media_mind_keep_apart(&tree).len(), 1, "{word}");
        }
    }
    let good = sample(
        "sfu/core/src/room/roster.rs",
        "// knows no Rtc\nuse crate::io;",
    );
    assert!(parts_of_the_media_mind_keep_apart(&good).is_empty());
}

#[test]
fn an_rtc_outside_of_the_connection_is_caught() {
    let bad = sample("sfu/core/src/shard.rs", "struct S { rtc: Rtc }");
    assert_eq!(only_the_connection_holds_an_rtc(&bad).len(), 1);
    let good = sample("sfu/core/src/connection/mod.rs", "struct S { rtc: Rtc }");
    assert!(only_the_connection_holds_an_rtc(&good).is_empty());
}

#[test]
fn a_third_file_that_sees_both_sides_is_caught() {
    let both = "use crate::room::Room; use crate::connection::Connection;";
    for (path, found) in [("report.rs", 1), ("forward.rs", 0), ("shard/join.rs", 0)] {
        let tree = sample(&format!("sfu/core/src/{path}"), both);
        assert_eq!(
            only_forward_and_shard_see_both_sides(&tree).len(),
            found,
            "{path}"
        );
    }
}

#[test]
fn a_mind_that_waits_locks_or_opens_is_caught() {
    for code in [
        "async fn f() {}",
        "use std::sync::Mutex;",
        "fn f() { std::fs::read(x); }",
    ] {
        assert_eq!(
            minds_do_nothing_but_decide(&sample("turn/core/src/a.rs", code)).len(),
            1
        );
    }
    let shell = sample("turn/src/a.rs", "async fn f() {}");
    assert!(minds_do_nothing_but_decide(&shell).is_empty());
}
