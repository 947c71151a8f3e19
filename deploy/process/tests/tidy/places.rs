//! What may be only in one place, read from the sources.

use crate::source::{has_word, split};
use crate::tree::{Tree, is_test};

const SQL_PLACE: &str = "api/store/";
const FFMPEG_PLACE: &str = "recorder/src/compose";

/// Programs that talk to the world; of the headless participant only its driver does, and the
/// relays that stand between it and a node.
const SHELLS: &[&str] = &[
    "sfu/src/",
    "turn/src/",
    "recorder/src/",
    "api/src/",
    "bench/src/",
    "deploy/colloquy/src/",
    "sfu/client/src/driver",
    "sfu/client/src/impair/relay",
];

const SOCKET_WORDS: &[&str] = &[
    "UdpSocket",
    "TcpListener",
    "TcpStream",
    "UnixStream",
    "socket2",
    "tokio_tungstenite",
    "quinn",
];

/// Two words that make a statement when they stand in this order.
const SQL_STATEMENTS: &[(&str, &str)] = &[
    ("select ", " from "),
    ("insert ", "into "),
    ("update ", " set "),
    ("delete ", "from "),
    ("create ", "table "),
    ("alter ", "table "),
    ("pragma ", ""),
];

pub(crate) fn sql_is_in_the_store(tree: &Tree) -> Vec<String> {
    let mut violations = Vec::new();
    for (path, text) in tree.rust().filter(|(path, _)| !path.starts_with(SQL_PLACE)) {
        let source = split(text);
        let named = has_word(&source.code, "sqlx");
        if named || source.literals.iter().any(|literal| is_sql(literal)) {
            violations.push(format!(
                "{path}: speaks SQL; only api/store does, so that a schema change is one crate's \
                 and both databases are tested in one place"
            ));
        }
    }
    violations
}

fn is_sql(literal: &str) -> bool {
    let text = literal.trim_start().to_ascii_lowercase();
    SQL_STATEMENTS.iter().any(|(verb, then)| {
        text.strip_prefix(verb)
            .is_some_and(|rest| rest.contains(then))
    })
}

pub(crate) fn ffmpeg_is_in_composition(tree: &Tree) -> Vec<String> {
    tree.rust()
        .filter(|(path, _)| !path.starts_with(FFMPEG_PLACE))
        .filter(|(path, text)| {
            let source = split(text);
            let links = ["ffmpeg_next", "ffmpeg_sys_next"]
                .iter()
                .any(|word| has_word(&source.code, word));
            let spawns = source
                .literals
                .iter()
                .any(|literal| literal == "ffmpeg" || literal == "ffprobe");
            links || (spawns && !is_test(path) && source.code.contains("Command"))
        })
        .map(|(path, _)| {
            format!(
                "{path}: uses ffmpeg; only recorder/src/compose does, so that a codec's crash or \
                 appetite never reaches the capture path"
            )
        })
        .collect()
}

pub(crate) fn sockets_are_in_shells(tree: &Tree) -> Vec<String> {
    let mut violations = Vec::new();
    for (path, text) in tree.product() {
        if SHELLS.iter().any(|shell| path.starts_with(shell)) {
            continue;
        }
        let code = split(text).code;
        for word in SOCKET_WORDS.iter().filter(|word| has_word(&code, word)) {
            violations.push(format!(
                "{path}: names {word}; sockets are in shells, so that everything else can be \
                 tested without a network"
            ));
        }
    }
    violations
}

pub(crate) fn react_is_in_web_src(tree: &Tree) -> Vec<String> {
    tree.ending(&[".ts", ".tsx", ".mjs", ".js"])
        .filter(|(path, _)| path.starts_with("web/") && !path.starts_with("web/src/"))
        .filter(|(path, text)| path.ends_with(".tsx") || imports_react(text))
        .filter(|(path, _)| path.starts_with("web/client/"))
        .map(|(path, _)| {
            format!(
                "{path}: knows React; web/client is the SDK that others embed in whatever they \
                 have"
            )
        })
        .collect()
}

fn imports_react(text: &str) -> bool {
    ["'react", "\"react", "'@mantine", "\"@mantine"]
        .iter()
        .any(|name| {
            text.contains(&format!("from {name}")) || text.contains(&format!("import {name}"))
        })
}

#[cfg(test)]
fn found(rule: fn(&Tree) -> Vec<String>, path: &str, text: &str) -> usize {
    rule(&Tree::of(&[(path, text)])).len()
}

#[test]
fn sql_outside_of_the_store_is_caught() {
    let rule = sql_is_in_the_store;
    let statement = "let q = \"SELECT id FROM rooms\";";
    assert_eq!(found(rule, "api/src/routes/rooms.rs", statement), 1);
    assert_eq!(found(rule, "api/src/lib.rs", "use sqlx::AnyPool;"), 1);
    assert_eq!(found(rule, "api/store/src/rooms.rs", statement), 0);
    assert_eq!(
        found(
            rule,
            "api/src/a.rs",
            "let q = \"select a room\"; // select x from y"
        ),
        0
    );
}

#[test]
fn ffmpeg_outside_of_composition_is_caught() {
    let rule = ffmpeg_is_in_composition;
    assert_eq!(
        found(rule, "recorder/src/finish.rs", "use ffmpeg_next as ffmpeg;"),
        1
    );
    assert_eq!(
        found(rule, "recorder/src/finish.rs", "Command::new(\"ffmpeg\")"),
        1
    );
    assert_eq!(
        found(
            rule,
            "recorder/src/compose/mod.rs",
            "use ffmpeg_next as ffmpeg;"
        ),
        0
    );
}

#[test]
fn a_socket_outside_of_a_shell_is_caught() {
    let rule = sockets_are_in_shells;
    let code = "use tokio::net::TcpListener;";
    assert_eq!(found(rule, "sfu/client/src/participant.rs", code), 1);
    assert_eq!(found(rule, "deploy/process/src/health.rs", code), 1);
    assert_eq!(found(rule, "sfu/client/src/driver.rs", code), 0);
}

#[test]
fn react_in_the_sdk_is_caught() {
    let rule = react_is_in_web_src;
    assert_eq!(
        found(
            rule,
            "web/client/room.ts",
            "import { useState } from 'react';"
        ),
        1
    );
    assert_eq!(found(rule, "web/client/Tile.tsx", ""), 1);
    assert_eq!(found(rule, "web/src/ui/Tile.tsx", "import 'react';"), 0);
}
