//! The files of the repository, or of a sample that a test makes up.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Folders that hold nothing of ours.
const PASSED_OVER: &[&str] = &[".git", "target", "node_modules", "dist", "test-results"];

/// This test's own folder: its samples break every rule on purpose.
const SAMPLES: &str = "deploy/process/tests";

/// Bytes above which a file is no source.
const MAX_SOURCE_BYTES: u64 = 1_000_000;

/// Path from the root, with `/`, to text. Binary files have no text.
pub(crate) struct Tree {
    files: BTreeMap<String, String>,
    /// Names in the root folder that git would keep.
    pub(crate) top: Vec<String>,
}

impl Tree {
    pub(crate) fn of_repository() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let root = root
            .canonicalize()
            .expect("the repository is where this package is");
        let mut files = BTreeMap::new();
        let mut left: Vec<PathBuf> = vec![root.clone()];
        let mut top = Vec::new();
        while let Some(folder) = left.pop() {
            for entry in std::fs::read_dir(&folder)
                .expect("a readable folder")
                .flatten()
            {
                let path = entry.path();
                let name = entry.file_name().to_string_lossy().into_owned();
                if PASSED_OVER.contains(&name.as_str()) {
                    continue;
                }
                if folder == root {
                    top.push(name);
                }
                let Ok(kind) = entry.file_type() else {
                    continue;
                };
                if kind.is_dir() {
                    left.push(path);
                } else if let Some((path, text)) = read(&root, &path) {
                    files.insert(path, text);
                }
            }
        }
        assert!(
            files.contains_key("Cargo.toml"),
            "this is not the repository's root"
        );
        Self { files, top }
    }

    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let own = |(path, text): &(&str, &str)| ((*path).to_owned(), (*text).to_owned());
        Self {
            files: files.iter().map(own).collect(),
            top: Vec::new(),
        }
    }

    pub(crate) fn get(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// Every file, without this test's samples.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files
            .iter()
            .filter(|(path, _)| !path.starts_with(SAMPLES))
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// The files whose names end in one of these.
    pub(crate) fn ending(
        &self,
        endings: &'static [&'static str],
    ) -> impl Iterator<Item = (&str, &str)> {
        self.all()
            .filter(move |(path, _)| endings.iter().any(|ending| path.ends_with(ending)))
    }

    pub(crate) fn rust(&self) -> impl Iterator<Item = (&str, &str)> {
        self.ending(&[".rs"])
    }

    /// Rust that is shipped: without tests beside or inside, examples and build scripts.
    pub(crate) fn product(&self) -> impl Iterator<Item = (&str, &str)> {
        self.rust()
            .filter(|(path, _)| !is_test(path) && !path.ends_with("build.rs"))
            .map(|(path, text)| (path, before_tests(text)))
    }
}

fn read(root: &Path, path: &Path) -> Option<(String, String)> {
    if path.metadata().ok()?.len() > MAX_SOURCE_BYTES {
        return None;
    }
    let text = std::fs::read_to_string(path).ok()?;
    let relative = path.strip_prefix(root).ok()?.to_str()?.to_owned();
    Some((relative, text))
}

/// Whether a file holds tests and nothing that is shipped.
pub(crate) fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs")
        || path.ends_with("_tests.rs")
        || path.contains("/tests/")
        || path.contains("/benches/")
        || path.contains("/examples/")
        || path.contains("/fuzz/")
}

/// The text before the module of tests, which by custom is the last thing in a file.
fn before_tests(text: &str) -> &str {
    text.find("#[cfg(test)]\nmod tests {")
        .map_or(text, |at| &text[..at])
}

#[test]
fn the_shipped_part_of_a_file_ends_where_its_tests_begin() {
    let tree = Tree::of(&[
        ("sfu/src/a.rs", "fn a() {}\n#[cfg(test)]\nmod tests {\n}\n"),
        ("sfu/src/a/tests.rs", "fn b() {}\n"),
        ("sfu/tests/it/main.rs", "fn c() {}\n"),
    ]);
    let product: Vec<_> = tree.product().collect();
    assert_eq!(product, [("sfu/src/a.rs", "fn a() {}\n")]);
}
