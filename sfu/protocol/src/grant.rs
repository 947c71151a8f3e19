//! The signed, short-lived right to enter a room on a node. `api` signs, a node verifies with
//! the deployment's public key and asks nobody.
//!
//! An EdDSA (Ed25519) JSON Web Token (RFC 7519, RFC 8037). The algorithm is fixed by the key,
//! never read from the token; `aud` and `typ` are fixed; a missing claim is a refusal.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::ids::{NodeId, OrganisationId, ParticipantId, RoomId};
use crate::media::Source;
use crate::signal::Role;

/// The audience of every grant.
pub const GRANT_AUDIENCE: &str = "colloquy-node";

/// The `typ` of every grant, so that no other token of ours can be mistaken for one.
pub const GRANT_TYPE: &str = "colloquy-grant+jwt";

/// How far two clocks may be apart.
pub const GRANT_LEEWAY_S: u64 = 60;

/// Longest grant that is read.
pub const MAX_GRANT_BYTES: usize = 4096;

/// What the bearer may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rights {
    /// Which sources may be published.
    pub publish: Vec<Source>,
    /// Whether others may be received.
    pub subscribe: bool,
    /// Whether others may be muted and removed.
    pub moderate: bool,
    /// Not listed to others.
    pub hidden: bool,
}

impl Rights {
    /// What a role may do unless somebody said otherwise.
    pub fn of(role: Role) -> Rights {
        match role {
            Role::Host => Rights {
                publish: Source::ALL.to_vec(),
                subscribe: true,
                moderate: true,
                hidden: false,
            },
            Role::Member | Role::Guest => Rights {
                publish: Source::ALL.to_vec(),
                subscribe: true,
                moderate: false,
                hidden: false,
            },
            Role::Observer => Rights {
                publish: Vec::new(),
                subscribe: true,
                moderate: false,
                hidden: true,
            },
        }
    }
}

/// The claims of a grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// [`GRANT_AUDIENCE`].
    pub aud: String,
    /// Seconds since the Unix epoch.
    pub iat: u64,
    /// Seconds since the Unix epoch.
    pub exp: u64,
    /// Unique.
    pub jti: String,
    /// On which node.
    pub node: NodeId,
    /// Whose room.
    pub organisation: OrganisationId,
    /// Into which room.
    pub room: RoomId,
    /// As whom. Stable when the same person joins again.
    pub participant: ParticipantId,
    /// The name shown.
    pub name: String,
    /// As what.
    pub role: Role,
    /// What may be done.
    pub rights: Rights,
}

/// Why a grant is refused. Deliberately coarse: a stranger learns nothing from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// Not a token, a wrong signature, algorithm, type or audience, or a claim is missing.
    #[error("the grant is not valid")]
    Invalid,
    /// Its time is over, or has not come.
    #[error("the grant has expired")]
    Expired,
    /// It is for another node.
    #[error("the grant is for another node")]
    OtherNode,
}

/// The private half, held by `api`.
pub struct GrantSigner(EncodingKey);

/// A key could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an Ed25519 key in PEM form")]
pub struct KeyError;

impl GrantSigner {
    /// Reads an Ed25519 private key in PKCS#8 PEM form.
    ///
    /// # Errors
    /// When the text is not such a key.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        EncodingKey::from_ed_pem(pem.as_bytes())
            .map(GrantSigner)
            .map_err(|_| KeyError)
    }

    /// Signs a grant.
    ///
    /// # Errors
    /// When the key cannot sign; a key that was read can.
    pub fn sign(&self, grant: &Grant) -> Result<String, KeyError> {
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(GRANT_TYPE.to_owned());
        jsonwebtoken::encode(&header, grant, &self.0).map_err(|_| KeyError)
    }
}

/// The public half, held by every node.
#[derive(Clone)]
pub struct GrantVerifier {
    key: DecodingKey,
    node: NodeId,
}

impl GrantVerifier {
    /// Reads an Ed25519 public key in SPKI PEM form, for grants to `node`.
    ///
    /// # Errors
    /// When the text is not such a key.
    pub fn from_pem(pem: &str, node: NodeId) -> Result<Self, KeyError> {
        let key = DecodingKey::from_ed_pem(pem.as_bytes()).map_err(|_| KeyError)?;
        Ok(GrantVerifier { key, node })
    }

    /// Verifies a grant at `now_s`, seconds since the Unix epoch.
    ///
    /// # Errors
    /// See [`GrantError`].
    pub fn verify(&self, token: &str, now_s: u64) -> Result<Grant, GrantError> {
        if token.len() > MAX_GRANT_BYTES {
            return Err(GrantError::Invalid);
        }
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&[GRANT_AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "aud"]);
        // The clock is an argument here; expiry is checked below.
        validation.validate_exp = false;
        let verified = jsonwebtoken::decode::<Grant>(token, &self.key, &validation)
            .map_err(|_| GrantError::Invalid)?;
        if verified.header.typ.as_deref() != Some(GRANT_TYPE) {
            return Err(GrantError::Invalid);
        }
        let grant = verified.claims;
        if grant.exp.saturating_add(GRANT_LEEWAY_S) <= now_s
            || grant.iat > now_s.saturating_add(GRANT_LEEWAY_S)
        {
            return Err(GrantError::Expired);
        }
        if grant.node != self.node {
            return Err(GrantError::OtherNode);
        }
        Ok(grant)
    }
}
