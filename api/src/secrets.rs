//! The deployment's secrets: made at the first start, kept in files that only we can read.
//!
//! `master.key`: 32 random bytes in hexadecimal, from which every symmetric key is derived by
//! purpose. `grant.pem`: the Ed25519 private key that signs grants (RFC 8410, PKCS#8).

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::random;

/// Length of every symmetric key.
pub(crate) const KEY_BYTES: usize = 32;

/// Everything that must not leave this deployment.
#[derive(Clone)]
pub struct Secrets {
    master: [u8; KEY_BYTES],
    grant_private_pem: String,
    grant_public_pem: String,
}

/// Why the secrets could not be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file holds something else.
    #[error("{path}: {problem}")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
}

impl Secrets {
    /// Fresh secrets, kept nowhere.
    pub fn generate() -> Secrets {
        let pair = Ed25519KeyPair::generate().expect("the system has randomness");
        let pkcs8 = pair.to_pkcs8v1().expect("a fresh key has a PKCS#8 form");
        let mut master = [0; KEY_BYTES];
        random::fill(&mut master);
        Secrets {
            master,
            grant_private_pem: pem("PRIVATE KEY", pkcs8.as_ref()),
            grant_public_pem: public_pem(&pair),
        }
    }

    /// The private half that signs grants.
    pub fn grant_private_pem(&self) -> &str {
        &self.grant_private_pem
    }

    /// The public half, for every node.
    pub fn grant_public_pem(&self) -> &str {
        &self.grant_public_pem
    }

    /// The key that the TURN relay shares: credentials are made here and checked there.
    pub fn turn_key(&self) -> [u8; KEY_BYTES] {
        self.derive("turn credentials")
    }

    /// The key for one purpose.
    pub(crate) fn derive(&self, purpose: &str) -> [u8; KEY_BYTES] {
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &self.master);
        let tag = aws_lc_rs::hmac::sign(&key, purpose.as_bytes());
        tag.as_ref().try_into().expect("SHA-256 has 32 bytes")
    }
}

/// Reads the secrets of a folder, making those that are missing.
///
/// # Errors
/// See [`SecretsError`].
pub fn load_or_create(folder: &Path) -> Result<Secrets, SecretsError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|source| SecretsError::File {
            path: folder.to_owned(),
            source,
        })?;
    let fresh = Secrets::generate();
    let master_path = folder.join("master.key");
    let master_text = read_or_write(&master_path, &hex::encode(fresh.master))?;
    let mut master = [0; KEY_BYTES];
    hex::decode_to_slice(master_text.trim(), &mut master).map_err(|_| {
        SecretsError::Unreadable {
            path: master_path,
            problem: "not 64 hexadecimal digits",
        }
    })?;
    let grant_path = folder.join("grant.pem");
    let grant_private_pem = read_or_write(&grant_path, &fresh.grant_private_pem)?;
    let grant_public_pem = read_pem(&grant_private_pem)
        .and_then(|der| Ed25519KeyPair::from_pkcs8(&der).ok())
        .map(|pair| public_pem(&pair))
        .ok_or(SecretsError::Unreadable {
            path: grant_path,
            problem: "not an Ed25519 private key in PKCS#8 PEM form",
        })?;
    Ok(Secrets {
        master,
        grant_private_pem,
        grant_public_pem,
    })
}

/// Reads a file, or writes `fresh` into it when there is none. Of two processes that start at
/// once, both end with the same content.
fn read_or_write(path: &Path, fresh: &str) -> Result<String, SecretsError> {
    let failed = |source| SecretsError::File {
        path: path.to_owned(),
        source,
    };
    if !path.exists() {
        let mut random_name = [0; 8];
        random::fill(&mut random_name);
        let temporary = path.with_extension(hex::encode(random_name));
        write_durably(&temporary, fresh).map_err(failed)?;
        // A hard link refuses to replace what another process has made in the meantime.
        let linked = fs::hard_link(&temporary, path);
        fs::remove_file(&temporary).map_err(failed)?;
        match linked {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(failed(error));
            }
            _ => {}
        }
    }
    let mode = fs::metadata(path).map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        tracing::warn!(
            path = %path.display(),
            "a secret is readable by other accounts of this computer: chmod 600 it"
        );
    }
    fs::read_to_string(path).map_err(failed)
}

fn write_durably(path: &Path, text: &str) -> io::Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn public_pem(pair: &Ed25519KeyPair) -> String {
    let der: aws_lc_rs::encoding::PublicKeyX509Der<'_> = pair
        .public_key()
        .as_der()
        .expect("a public key has an SPKI form");
    pem("PUBLIC KEY", der.as_ref())
}

/// RFC 7468.
fn pem(label: &str, der: &[u8]) -> String {
    let base64 = BASE64_STANDARD.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in base64.as_bytes().chunks(64) {
        text.extend(line.iter().map(|&byte| char::from(byte)));
        text.push('\n');
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

fn read_pem(text: &str) -> Option<Vec<u8>> {
    let body = text
        .trim()
        .strip_prefix("-----BEGIN PRIVATE KEY-----")?
        .strip_suffix("-----END PRIVATE KEY-----")?;
    let base64: String = body.split_whitespace().collect();
    BASE64_STANDARD.decode(base64).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sfu_protocol::grant::{GrantSigner, GrantVerifier};
    use sfu_protocol::ids::NodeId;

    #[test]
    fn a_second_start_finds_the_same_secrets_in_files_of_our_own() {
        let parent = tempfile::tempdir().expect("a temporary folder");
        let folder = parent.path().join("secrets");
        let first = load_or_create(&folder).expect("makes them");
        let second = load_or_create(&folder).expect("finds them");
        assert_eq!(first.master, second.master);
        assert_eq!(first.grant_private_pem, second.grant_private_pem);
        assert_eq!(first.grant_public_pem, second.grant_public_pem);
        assert_ne!(first.derive("a"), first.derive("b"));
        let names: Vec<_> = fs::read_dir(&folder).expect("a folder").collect();
        assert_eq!(names.len(), 2);
        for entry in names {
            let mode = entry
                .expect("an entry")
                .metadata()
                .expect("a file")
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn the_pair_is_one_that_grants_can_use() {
        let secrets = Secrets::generate();
        GrantSigner::from_pem(secrets.grant_private_pem()).expect("a private key");
        GrantVerifier::from_pem(secrets.grant_public_pem(), NodeId("n".to_owned()))
            .expect("a public key");
    }

    #[test]
    fn a_damaged_file_is_named() {
        for (name, content) in [("master.key", "short"), ("grant.pem", "nothing")] {
            let folder = tempfile::tempdir().expect("a temporary folder");
            fs::write(folder.path().join(name), content).expect("writes");
            let error = load_or_create(folder.path()).err().expect("refused");
            assert!(error.to_string().contains(name), "{error}");
        }
    }
}
