//! What endpoints read of a request, with refusals that say what is wrong.

mod body;
mod caller;
mod idempotency_key;
mod origin;
mod page;
mod path;
mod source;

pub(crate) use body::{JsonBody, MAX_BODY_BYTES};
pub(crate) use caller::{Caller, KEY_PREFIX, MaybeCaller, SignedIn};
pub(crate) use idempotency_key::IdempotencyKey;
pub(crate) use origin::SameOrigin;
pub(crate) use page::{Page, PageRequest};
pub(crate) use path::Id;
pub(crate) use source::Source;
