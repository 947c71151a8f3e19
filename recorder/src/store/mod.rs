//! The object store: whole objects by key, proven by reading back.

mod directory;
mod key;

pub use directory::{Directory, StoreError, Stored};
pub use key::{KeyFault, ObjectKey};
