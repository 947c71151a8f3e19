//! What every fuzz target needs: its input read as a row of steps, and the test that replays its
//! committed corpus. Included by path where a crate has fuzz targets, because a crate of tests
//! must not reach what is shipped.
//!
//! A target is one function from bytes to nothing that panics when it is wrong. `cargo fuzz`
//! looks for bytes that make it panic; `replay` runs the same function over
//! `fuzz/corpus/<target>` in every test run.

#[cfg(test)]
use std::path::Path;

/// Largest content of a step: longer than any datagram that a network carries.
const MAX_CONTENT_BYTES: usize = 0x7ff;

/// Reads an input as steps: an operation, a length in two bytes, the content. A length beyond the
/// end takes what is left, so that every input means something.
pub(crate) struct Steps<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Steps<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (&[operation, low, high], rest) = self.0.split_first_chunk::<3>()?;
        let length = usize::from(u16::from_le_bytes([low, high])) & MAX_CONTENT_BYTES;
        let (content, rest) = rest.split_at(length.min(rest.len()));
        self.0 = rest;
        Some((operation, content))
    }
}

/// The input that is read as these steps.
#[cfg(test)]
pub(crate) fn steps<'a>(steps: impl IntoIterator<Item = (u8, &'a [u8])>) -> Vec<u8> {
    let mut input = Vec::new();
    for (operation, content) in steps {
        assert!(content.len() <= MAX_CONTENT_BYTES, "one step is enough");
        let length = u16::try_from(content.len()).expect("just checked");
        input.push(operation);
        input.extend_from_slice(&length.to_le_bytes());
        input.extend_from_slice(content);
    }
    input
}

/// An input that a target begins from, and its name.
#[cfg(test)]
pub(crate) type Seed = (&'static str, Vec<u8>);

/// Runs a target over its seeds and over every file of its committed corpus. With
/// `COLLOQUY_WRITE_GENERATED=1` the seeds are written there first.
///
/// # Panics
/// When the target does, naming the file, and when the corpus is empty.
#[cfg(test)]
pub(crate) fn replay(target: &str, seeds: Vec<Seed>, run: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    if std::env::var_os("COLLOQUY_WRITE_GENERATED").is_some() {
        std::fs::create_dir_all(&folder).expect("a folder for the corpus");
        for (name, input) in &seeds {
            std::fs::write(folder.join(format!("seed-{name}")), input).expect("a seed is written");
        }
    }
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("a readable folder").path())
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    for (name, input) in seeds {
        announced(&format!("seed {name}"), || run(&input));
    }
    for file in files {
        let input = std::fs::read(&file).expect("a readable file");
        announced(&file.display().to_string(), || run(&input));
    }
}

/// Says which input it was when one panics.
#[cfg(test)]
fn announced(name: &str, run: impl FnOnce()) {
    if let Err(panic) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)) {
        println!("fails on {name}");
        std::panic::resume_unwind(panic);
    }
}
