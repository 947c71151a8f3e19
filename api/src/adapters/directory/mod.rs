//! Objects in a directory: links signed by us, served by us.
//!
//! A link names one key, one method and one time; its tag covers all three. Without a good tag
//! nothing is looked up.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::routing::get;

use crate::clock::Clock;
use crate::ports::{ObjectError, Objects};
use crate::public_url::PublicUrl;
use crate::secrets::KEY_BYTES;
use crate::tokens::MacKey;

mod key;
mod range;
mod serve;

/// Links end at whole steps, so that a page asked for twice has the same links and a player keeps
/// what it has loaded.
const EXPIRY_STEP_S: i64 = 300;

/// Objects in a directory.
pub(crate) struct DirectoryObjects {
    root: PathBuf,
    mac: MacKey,
    public_url: PublicUrl,
    lifetime_s: i64,
    clock: Arc<dyn Clock>,
}

impl DirectoryObjects {
    pub(crate) fn new(
        root: &Path,
        key: &[u8; KEY_BYTES],
        public_url: PublicUrl,
        lifetime_s: u32,
        clock: Arc<dyn Clock>,
    ) -> DirectoryObjects {
        DirectoryObjects {
            root: root.to_owned(),
            mac: MacKey::new(key),
            public_url,
            lifetime_s: i64::from(lifetime_s),
            clock,
        }
    }

    /// `GET /objects/{key}`.
    pub(crate) fn router(self: Arc<Self>) -> Router {
        Router::new()
            .route("/objects/{*key}", get(serve::serve))
            .with_state(self)
    }

    fn verify(&self, key: &str, expires_s: i64, signature: &str) -> bool {
        let in_time = self.clock.now_ms().div_euclid(1_000) < expires_s;
        self.mac.verify(&signed_text(key, expires_s), signature) && in_time
    }
}

#[async_trait]
impl Objects for DirectoryObjects {
    async fn signed_url(&self, key: &str, now_ms: i64) -> Result<String, ObjectError> {
        if !key::is_valid(key) {
            return Err(ObjectError::KeyInvalid);
        }
        let wanted_s = now_ms.div_euclid(1_000) + self.lifetime_s;
        let expires_s = (wanted_s.div_euclid(EXPIRY_STEP_S) + 1) * EXPIRY_STEP_S;
        let signature = self.mac.tag(&signed_text(key, expires_s));
        let path = format!("/objects/{key}?expires={expires_s}&signature={signature}");
        Ok(self.public_url.join(&path))
    }
}

fn signed_text(key: &str, expires_s: i64) -> String {
    format!("GET\n{expires_s}\n{key}")
}
