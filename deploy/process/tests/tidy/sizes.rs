//! How long a file and a function may be.

use crate::tree::Tree;

/// Lines of product text above which a file must be split.
const FILE_WALL: usize = 600;
/// Lines above which clippy refuses a function; set in each of its files of settings.
const FUNCTION_WALL: &str = "too-many-lines-threshold = 70";
/// The lint that reads it.
const FUNCTION_LINT: &str = "too_many_lines = \"warn\"";
/// How many files the picture shows.
const SHOWN: usize = 10;

fn lengths(tree: &Tree) -> Vec<(usize, &str)> {
    let web = tree
        .ending(&[".ts", ".tsx"])
        .filter(|(path, _)| !path.contains(".test.") && !path.contains("/e2e/"))
        .filter(|(path, _)| !is_generated(path));
    tree.product()
        .chain(web)
        .map(|(path, text)| (text.lines().count(), path))
        .collect()
}

/// Files that a program writes have no reader to spare.
fn is_generated(path: &str) -> bool {
    path.contains("/generated/") || path.contains(".gen.") || path.ends_with("schema.ts")
}

pub(crate) fn files_can_be_read_in_one_sitting(tree: &Tree) -> Vec<String> {
    lengths(tree)
        .into_iter()
        .filter(|(lines, _)| *lines > FILE_WALL)
        .map(|(lines, path)| {
            format!("{path}: {lines} lines; above {FILE_WALL} a file holds more than one decision")
        })
        .collect()
}

pub(crate) fn functions_have_a_wall(tree: &Tree) -> Vec<String> {
    let mut violations = Vec::new();
    let root = tree.get("Cargo.toml").unwrap_or_default();
    if !root.contains(FUNCTION_LINT) {
        violations.push(format!(
            "Cargo.toml: without `{FUNCTION_LINT}` functions grow unseen"
        ));
    }
    for (path, text) in tree
        .all()
        .filter(|(path, _)| path.ends_with(".clippy.toml"))
    {
        if !text.lines().any(|line| line == FUNCTION_WALL) {
            violations.push(format!(
                "{path}: clippy reads only the nearest file, so each says `{FUNCTION_WALL}`"
            ));
        }
    }
    if tree.get(".clippy.toml").is_none() {
        violations.push(format!(
            ".clippy.toml: is missing and holds `{FUNCTION_WALL}`"
        ));
    }
    violations
}

/// The longest files, for whoever looks at the picture.
pub(crate) fn longest(tree: &Tree) -> String {
    let mut lengths = lengths(tree);
    lengths.sort_unstable_by(|a, b| b.cmp(a));
    let lines = lengths
        .iter()
        .take(SHOWN)
        .map(|(lines, path)| format!("  {lines:4} {path}"));
    format!("longest files:\n{}", lines.collect::<Vec<_>>().join("\n"))
}

#[test]
fn a_file_above_the_wall_is_caught_and_its_tests_do_not_count() {
    let long = "fn a() {}\n".repeat(FILE_WALL + 1);
    let tested = format!("fn a() {{}}\n#[cfg(test)]\nmod tests {{\n{long}}}\n");
    let tree = Tree::of(&[("sfu/src/long.rs", &long), ("sfu/src/tested.rs", &tested)]);
    assert_eq!(files_can_be_read_in_one_sitting(&tree).len(), 1);
}

#[test]
fn a_lowered_wall_for_functions_is_caught() {
    let root = ("Cargo.toml", "too_many_lines = \"warn\"");
    let good = (".clippy.toml", "too-many-lines-threshold = 70");
    let bad = ("sfu/core/.clippy.toml", "too-many-lines-threshold = 700");
    assert!(functions_have_a_wall(&Tree::of(&[root, good])).is_empty());
    // A threshold of 700 begins with the right text, so the line must end there.
    assert_eq!(
        functions_have_a_wall(&Tree::of(&[root, good, bad])).len(),
        1
    );
    assert_eq!(functions_have_a_wall(&Tree::of(&[good])).len(), 1);
    assert_eq!(functions_have_a_wall(&Tree::of(&[root])).len(), 1);
}
