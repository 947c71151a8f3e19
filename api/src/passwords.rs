//! Password hashes: argon2id (RFC 9106) with the OWASP minimum of memory and passes.

use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;

/// Hashes computed at the same time. Each takes 19 MiB and a core for tens of milliseconds; a
/// flood of sign-ins waits here and leaves the other cores to the media.
const MAX_CONCURRENT: usize = 2;

/// Sign-ins that may wait for their turn. One more is refused at once.
const MAX_WAITING: usize = 64;

/// Fewest characters of a password (OWASP ASVS 5.0.0, 6.2.1).
pub(crate) const MIN_PASSWORD_CHARS: usize = 8;

/// Longest password, so that hashing is bounded.
pub(crate) const MAX_PASSWORD_BYTES: usize = 256;

/// Too many sign-ins wait already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many sign-ins at once")]
pub(crate) struct Busy;

/// Computes hashes away from the async threads.
pub(crate) struct Passwords {
    running: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    nobody: String,
}

impl Passwords {
    pub(crate) fn new() -> Passwords {
        Passwords {
            running: Arc::new(Semaphore::new(MAX_CONCURRENT)),
            waiting: Arc::new(Semaphore::new(MAX_WAITING)),
            nobody: hash_now(&crate::random::secret()),
        }
    }

    /// The hash of a password, in PHC string form.
    pub(crate) async fn hash(&self, password: &str) -> Result<String, Busy> {
        let password = password.to_owned();
        self.run(move || hash_now(&password)).await
    }

    /// Whether the password is the one of `hash`. Without a hash the same work is done and the
    /// answer is no, so that time does not tell whether an account exists.
    pub(crate) async fn verify(&self, password: &str, hash: Option<&str>) -> Result<bool, Busy> {
        let known = hash.is_some();
        let hash = hash.unwrap_or(&self.nobody).to_owned();
        let password = password.to_owned();
        let fits = self.run(move || verify_now(&password, &hash)).await?;
        Ok(known && fits)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let _place = self.waiting.try_acquire().map_err(|_| Busy)?;
        let turn = self
            .running
            .clone()
            .acquire_owned()
            .await
            .map_err(|_| Busy)?;
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        Ok(done.await.expect("hashing does not panic"))
    }
}

fn hash_now(password: &str) -> String {
    Argon2::default()
        .hash_password(password.as_bytes())
        .expect("default parameters and a bounded password hash")
        .to_string()
}

fn verify_now(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| {
        Argon2::default()
            .verify_password(password.as_bytes(), &hash)
            .is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_fits_its_own_hash_only_and_nobody_has_one() {
        let passwords = Passwords::new();
        let hash = passwords.hash("correct horse").await.expect("a turn");
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        assert_eq!(
            passwords.verify("correct horse", Some(&hash)).await,
            Ok(true)
        );
        assert_eq!(
            passwords.verify("wrong horse", Some(&hash)).await,
            Ok(false)
        );
        assert_eq!(passwords.verify("correct horse", None).await, Ok(false));
    }

    #[tokio::test]
    async fn one_sign_in_too_many_is_refused_at_once() {
        let passwords = Passwords::new();
        let _full = passwords.waiting.try_acquire_many(64).expect("free places");
        assert_eq!(passwords.verify("x", None).await, Err(Busy));
    }
}
