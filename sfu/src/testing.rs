//! Grants for tests of this crate, inside it and beside it.

use sfu_protocol::grant::{GRANT_AUDIENCE, Grant, GrantSigner, GrantVerifier, Rights};
use sfu_protocol::ids::{NodeId, OrganisationId, ParticipantId, RoomId};
use sfu_protocol::signal::Role;
use uuid::Uuid;

/// Signs grants as `api` does.
pub(crate) struct Office {
    signer: GrantSigner,
    public_pem: String,
}

impl Office {
    pub(crate) fn new() -> Self {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a fresh key");
        Office {
            signer: GrantSigner::from_pem(&key.serialize_pem()).expect("an Ed25519 key"),
            public_pem: key.public_key_pem(),
        }
    }

    pub(crate) fn verifier(&self) -> GrantVerifier {
        GrantVerifier::from_pem(&self.public_pem, NodeId("node-1".into())).expect("an Ed25519 key")
    }

    /// A grant to a member, good for an hour from `now_s`.
    pub(crate) fn grant(&self, now_s: u64, participant: u128) -> Grant {
        Grant {
            aud: GRANT_AUDIENCE.to_owned(),
            iat: now_s,
            exp: now_s + 3600,
            jti: Uuid::from_u128(participant).to_string(),
            node: NodeId("node-1".into()),
            organisation: OrganisationId(Uuid::from_u128(1)),
            room: RoomId(Uuid::from_u128(2)),
            participant: ParticipantId(Uuid::from_u128(participant)),
            name: format!("Participant {participant}"),
            role: Role::Member,
            rights: Rights::of(Role::Member),
        }
    }

    pub(crate) fn sign(&self, grant: &Grant) -> String {
        self.signer.sign(grant).expect("a key that was read signs")
    }
}
