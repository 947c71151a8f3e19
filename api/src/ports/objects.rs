//! The object store, of which this crate only signs links.

use async_trait::async_trait;

/// Why no link could be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ObjectError {
    /// The key is not one that the store can hold.
    #[error("the object key is not valid")]
    KeyInvalid,
    /// The store cannot be reached.
    #[error("{0}")]
    Unavailable(String),
}

/// The object store.
#[async_trait]
pub trait Objects: Send + Sync {
    /// A link by which anyone reads this object, and only this, until its time is over.
    ///
    /// # Errors
    /// See [`ObjectError`].
    async fn signed_url(&self, key: &str, now_ms: i64) -> Result<String, ObjectError>;
}
