//! The rules of the house, kept by reading its manifests and sources.
//!
//! Each rule is a function from a [`tree::Tree`] to its violations, and each has a test that a
//! small bad sample is caught, so that a rule cannot rot into one that never fails. The message
//! of a violation says why the rule exists.

mod arrows;
mod manifests;
mod places;
mod sizes;
mod source;
mod tree;
mod words;

use tree::Tree;

/// Reads a tree and answers one line for each violation.
type Rule = fn(&Tree) -> Vec<String>;

/// Every rule, by the name that a failing test shows.
const RULES: &[(&str, Rule)] = &[
    ("top level is fixed", manifests::top_level_is_fixed),
    (
        "packages are named by folder",
        manifests::packages_are_named_by_folder,
    ),
    (
        "packages import downward",
        manifests::packages_import_downward,
    ),
    (
        "packages keep the lints",
        manifests::packages_keep_the_lints,
    ),
    (
        "minds list what they may not touch",
        manifests::minds_list_what_they_may_not_touch,
    ),
    (
        "parts of the media mind keep apart",
        arrows::parts_of_the_media_mind_keep_apart,
    ),
    (
        "only the connection holds an Rtc",
        arrows::only_the_connection_holds_an_rtc,
    ),
    (
        "two files see both sides",
        arrows::only_forward_and_shard_see_both_sides,
    ),
    (
        "minds do nothing but decide",
        arrows::minds_do_nothing_but_decide,
    ),
    ("SQL is in the store", places::sql_is_in_the_store),
    ("ffmpeg is in composition", places::ffmpeg_is_in_composition),
    ("sockets are in shells", places::sockets_are_in_shells),
    ("React is in web/src", places::react_is_in_web_src),
    (
        "names say what a thing is",
        words::names_say_what_a_thing_is,
    ),
    (
        "nothing is left for later",
        words::nothing_is_left_for_later,
    ),
    (
        "files can be read in one sitting",
        sizes::files_can_be_read_in_one_sitting,
    ),
    ("functions have a wall", sizes::functions_have_a_wall),
];

#[test]
fn the_house_keeps_its_rules() {
    let tree = Tree::of_repository();
    println!("{}", sizes::longest(&tree));
    println!("{}", arrows::drawn(&tree));
    let broken: Vec<String> = RULES
        .iter()
        .flat_map(|(name, rule)| {
            rule(&tree)
                .into_iter()
                .map(move |violation| format!("[{name}] {violation}"))
        })
        .collect();
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}
