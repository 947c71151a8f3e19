//! Who may import whom, read from the manifests.

use std::collections::BTreeMap;

use crate::tree::Tree;

/// What the root folder may hold, as the plan of the house fixes it. Dotfiles are free.
const TOP_LEVEL: &[&str] = &[
    "Cargo.toml",
    "Cargo.lock",
    "Makefile",
    "README.md",
    "ARCHITECTURE.md",
    "LICENSE",
    "sfu",
    "api",
    "recorder",
    "turn",
    "web",
    "migrations",
    "bench",
    "deploy",
    "data",
    "colloquy.toml",
];

/// Each of our packages and which of ours it may import. The program at the end sees them all.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("sfu-protocol", &[]),
    ("deploy-process", &[]),
    // Bytes of standards: whoever sends or receives media may read them, and they know nobody.
    ("sfu-rtp", &[]),
    ("sfu-core", &["sfu-protocol", "sfu-rtp"]),
    ("turn-core", &["sfu-protocol"]),
    ("recorder-core", &["sfu-protocol"]),
    ("api-store", &["sfu-protocol"]),
    ("sfu-client", &["sfu-protocol", "sfu-rtp"]),
    (
        "sfu-sim",
        &["sfu-protocol", "sfu-rtp", "sfu-core", "sfu-client"],
    ),
    ("sfu", &["sfu-protocol", "sfu-core", "deploy-process"]),
    ("turn", &["sfu-protocol", "turn-core", "deploy-process"]),
    (
        "recorder",
        &["sfu-protocol", "recorder-core", "deploy-process"],
    ),
    ("api", &["sfu-protocol", "api-store", "deploy-process"]),
    (
        "bench",
        &["sfu-protocol", "sfu-rtp", "sfu-client", "deploy-process"],
    ),
    ("sfu-protocol-fuzz", &["sfu-protocol"]),
    ("sfu-core-fuzz", &["sfu-protocol", "sfu-core"]),
    ("sfu-rtp-fuzz", &["sfu-rtp"]),
    ("turn-core-fuzz", &["sfu-protocol", "turn-core"]),
    ("recorder-core-fuzz", &["sfu-protocol", "recorder-core"]),
    (
        "colloquy",
        &[
            "sfu-protocol",
            "deploy-process",
            "sfu",
            "turn",
            "recorder",
            "recorder-core",
            "api",
            "api-store",
            "bench",
            "sfu-client",
        ],
    ),
];

/// A participant without a browser may stand in for one in any shell's tests.
const TEST_STAND_IN: &str = "sfu-client";

/// What the list of a mind must name, whatever else it names.
const MIND_MAY_NOT: &[&str] = &[
    "std::time::Instant::now",
    "std::time::SystemTime::now",
    "std::thread::sleep",
    "std::net::UdpSocket",
    "std::sync::Mutex",
];

struct Manifest<'a> {
    path: &'a str,
    table: toml::Table,
}

fn manifests(tree: &Tree) -> Vec<Manifest<'_>> {
    tree.all()
        .filter(|(path, _)| path.ends_with("/Cargo.toml"))
        .map(|(path, text)| Manifest {
            path,
            table: toml::from_str(text).expect("cargo reads this manifest too"),
        })
        .collect()
}

impl Manifest<'_> {
    fn name(&self) -> &str {
        let package = self.table.get("package");
        package
            .and_then(|package| package.get("name"))
            .and_then(toml::Value::as_str)
            .unwrap_or_default()
    }

    fn folder(&self) -> &str {
        self.path.trim_end_matches("/Cargo.toml")
    }

    fn imports(&self, section: &str) -> Vec<&str> {
        let section = self.table.get(section).and_then(toml::Value::as_table);
        section.map_or_else(Vec::new, |section| {
            section.keys().map(String::as_str).collect()
        })
    }
}

pub(crate) fn top_level_is_fixed(tree: &Tree) -> Vec<String> {
    tree.top
        .iter()
        .filter(|name| !name.starts_with('.') && !TOP_LEVEL.contains(&name.as_str()))
        .map(|name| {
            format!("{name}: the root folder is the house's plan; find the part it belongs to")
        })
        .collect()
}

pub(crate) fn packages_are_named_by_folder(tree: &Tree) -> Vec<String> {
    manifests(tree)
        .iter()
        .filter(|manifest| manifest.name() != "colloquy")
        .filter(|manifest| manifest.name() != manifest.folder().replace('/', "-"))
        .map(|manifest| {
            format!(
                "{}: the package {} is named otherwise than its folder, so nobody finds it",
                manifest.path,
                manifest.name()
            )
        })
        .collect()
}

pub(crate) fn packages_import_downward(tree: &Tree) -> Vec<String> {
    let table: BTreeMap<&str, &[&str]> = MAY_IMPORT.iter().copied().collect();
    let mut violations = Vec::new();
    for manifest in manifests(tree) {
        let name = manifest.name();
        let Some(allowed) = table.get(name) else {
            violations.push(format!(
                "{}: a new package; say in the tidy test's table which of ours it may import",
                manifest.path
            ));
            continue;
        };
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for import in manifest.imports(section) {
                let stands_in = section == "dev-dependencies"
                    && import == TEST_STAND_IN
                    && !name.ends_with("-core")
                    && !allowed.is_empty();
                if table.contains_key(import) && !allowed.contains(&import) && !stands_in {
                    violations.push(format!(
                        "{}: {name} imports {import}; parts meet only in sfu-protocol, and only \
                         deploy/colloquy sees them all, so that each can run alone",
                        manifest.path
                    ));
                }
            }
        }
    }
    violations
}

pub(crate) fn packages_keep_the_lints(tree: &Tree) -> Vec<String> {
    manifests(tree)
        .iter()
        .filter(|manifest| {
            let lints = manifest.table.get("lints");
            let inherited = lints.and_then(|lints| lints.get("workspace"));
            inherited.and_then(toml::Value::as_bool) != Some(true)
        })
        .map(|manifest| {
            format!(
                "{}: without `[lints] workspace = true` unsafe code and missing docs pass unseen",
                manifest.path
            )
        })
        .collect()
}

pub(crate) fn minds_list_what_they_may_not_touch(tree: &Tree) -> Vec<String> {
    let mut violations = Vec::new();
    for manifest in manifests(tree) {
        if !manifest.name().ends_with("-core") {
            continue;
        }
        let path = format!("{}/.clippy.toml", manifest.folder());
        let list = tree.get(&path).unwrap_or_default();
        for forbidden in MIND_MAY_NOT {
            if !list.contains(&format!("\"{forbidden}\"")) {
                violations.push(format!(
                    "{path}: does not disallow {forbidden}; a mind that reaches the world cannot \
                     be replayed from a seed"
                ));
            }
        }
    }
    violations
}

#[test]
fn a_stranger_in_the_root_folder_is_caught() {
    let mut tree = Tree::of(&[]);
    tree.top = vec!["sfu".to_owned(), ".ci".to_owned(), "scripts".to_owned()];
    assert_eq!(top_level_is_fixed(&tree).len(), 1);
}

#[test]
fn a_package_named_otherwise_than_its_folder_is_caught() {
    let tree = Tree::of(&[
        ("sfu/core/Cargo.toml", "[package]\nname = \"sfu-core\"\n"),
        ("sfu/sim/Cargo.toml", "[package]\nname = \"simulator\"\n"),
    ]);
    assert_eq!(packages_are_named_by_folder(&tree).len(), 1);
}

#[test]
fn imports_across_upward_and_of_unknown_packages_are_caught() {
    let bad = [
        (
            "api/Cargo.toml",
            "[package]\nname = \"api\"\n[dependencies]\nsfu.workspace = true\n",
        ),
        (
            "sfu/protocol/Cargo.toml",
            "[package]\nname = \"sfu-protocol\"\n[dev-dependencies]\nsfu-client.workspace = true\n",
        ),
        (
            "turn/core/Cargo.toml",
            "[package]\nname = \"turn-core\"\n[dependencies]\ndeploy-process.workspace = true\n",
        ),
        ("chat/Cargo.toml", "[package]\nname = \"chat\"\n"),
    ];
    for sample in bad {
        assert_eq!(
            packages_import_downward(&Tree::of(&[sample])).len(),
            1,
            "{sample:?}"
        );
    }
    let good = "[package]\nname = \"sfu\"\n[dependencies]\nsfu-core.workspace = true\ntokio.workspace = true\n[dev-dependencies]\nsfu-client.workspace = true\n";
    assert!(packages_import_downward(&Tree::of(&[("sfu/Cargo.toml", good)])).is_empty());
}

#[test]
fn a_package_without_the_lints_is_caught() {
    let tree = Tree::of(&[
        (
            "sfu/Cargo.toml",
            "[package]\nname = \"sfu\"\n[lints]\nworkspace = true\n",
        ),
        ("api/Cargo.toml", "[package]\nname = \"api\"\n"),
    ]);
    assert_eq!(packages_keep_the_lints(&tree).len(), 1);
}

#[test]
fn a_mind_without_its_list_is_caught() {
    let tree = Tree::of(&[("turn/core/Cargo.toml", "[package]\nname = \"turn-core\"\n")]);
    assert_eq!(
        minds_list_what_they_may_not_touch(&tree).len(),
        MIND_MAY_NOT.len()
    );
}
