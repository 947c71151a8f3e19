//! Tokens of three kinds, by the first byte of the input: any text; a token of ours with bytes
//! changed; and header and claims of the attacker's choice under our own signature, so that the
//! checks behind the signature are reached. A token that passes is read again here, by other
//! means, and every claim must be right.

use std::sync::OnceLock;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::Value;
use sfu_protocol::grant::{
    GRANT_AUDIENCE, GRANT_LEEWAY_S, GRANT_TYPE, Grant, GrantError, GrantSigner, GrantVerifier,
    MAX_GRANT_BYTES, Rights,
};
use sfu_protocol::ids::{NodeId, OrganisationId, ParticipantId, RoomId};
use sfu_protocol::signal::Role;
use uuid::Uuid;

const NODE: &str = "node-1";
pub(crate) const NOW_S: u64 = 1_700_000_000;
const SEED: [u8; 32] = [7; 32];

const TEXT: u8 = 0;
const BENT: u8 = 1;

pub(crate) struct Office {
    pub(crate) pair: Ed25519KeyPair,
    pub(crate) verifier: GrantVerifier,
    /// A good token.
    token: String,
}

pub(crate) fn office() -> &'static Office {
    static OFFICE: OnceLock<Office> = OnceLock::new();
    OFFICE.get_or_init(|| {
        /// What stands before the key itself (RFC 8410, section 7 and section 4).
        const PRIVATE: [u8; 16] = [
            0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20,
        ];
        const PUBLIC: [u8; 12] = [0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0];
        let pair = Ed25519KeyPair::from_seed_unchecked(&SEED).expect("any seed is a key");
        let private = pem("PRIVATE KEY", &[&PRIVATE[..], &SEED].concat());
        let public = pem(
            "PUBLIC KEY",
            &[&PUBLIC[..], pair.public_key().as_ref()].concat(),
        );
        let signer = GrantSigner::from_pem(&private).expect("an Ed25519 key");
        let node = NodeId(NODE.to_owned());
        Office {
            verifier: GrantVerifier::from_pem(&public, node).expect("an Ed25519 key"),
            token: signer.sign(&grant()).expect("the key signs"),
            pair,
        }
    })
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

pub(crate) fn grant() -> Grant {
    Grant {
        aud: GRANT_AUDIENCE.to_owned(),
        iat: NOW_S,
        exp: NOW_S + 600,
        jti: "1".to_owned(),
        node: NodeId(NODE.to_owned()),
        organisation: OrganisationId(Uuid::from_u128(1)),
        room: RoomId(Uuid::from_u128(2)),
        participant: ParticipantId(Uuid::from_u128(3)),
        name: "Ada".to_owned(),
        role: Role::Guest,
        rights: Rights::of(Role::Guest),
    }
}

pub(crate) fn run(input: &[u8]) {
    let Some((&kind, rest)) = input.split_first() else {
        return;
    };
    let office = office();
    let token = match kind & 3 {
        TEXT => String::from_utf8_lossy(rest).into_owned(),
        BENT => bent(&office.token, rest),
        _ => signed(&office.pair, rest),
    };
    let verified = office.verifier.verify(&token, NOW_S);
    if kind & 3 == BENT && token != office.token {
        assert_eq!(verified, Err(GrantError::Invalid), "{token}");
    }
    if let Ok(grant) = verified {
        check(&token, &grant);
    }
}

/// Changes bytes of a good token: a place in two bytes, and what to add there. A change that
/// leaves ASCII is left out.
fn bent(token: &str, changes: &[u8]) -> String {
    let mut bytes = token.as_bytes().to_vec();
    for change in changes.chunks_exact(3) {
        let place = usize::from(u16::from_le_bytes([change[0], change[1]])) % bytes.len();
        bytes[place] = bytes[place].wrapping_add(change[2]) & 0x7f;
    }
    String::from_utf8(bytes).expect("ASCII")
}

/// Signs a header and claims that are separated by a newline.
pub(crate) fn signed(pair: &Ed25519KeyPair, input: &[u8]) -> String {
    let middle = input.iter().position(|byte| *byte == b'\n');
    let (header, claims) = input.split_at(middle.unwrap_or(input.len()));
    let claims = claims.get(1..).unwrap_or_default();
    let [header, claims] = [header, claims].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part));
    let said = format!("{header}.{claims}");
    let signature = BASE64_URL_SAFE_NO_PAD.encode(pair.sign(said.as_bytes()));
    format!("{said}.{signature}")
}

fn check(token: &str, grant: &Grant) {
    assert!(token.len() <= MAX_GRANT_BYTES);
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, signature] = parts[..] else {
        panic!("a token has three parts");
    };
    let said = format!("{header}.{claims}");
    let ours = BASE64_URL_SAFE_NO_PAD.encode(office().pair.sign(said.as_bytes()));
    assert_eq!(
        signature, ours,
        "only our signature passes, in one spelling"
    );
    let json = |part| {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(part).expect("base64");
        serde_json::from_slice::<Value>(&bytes).expect("JSON")
    };
    let (header, claims) = (json(header), json(claims));
    assert_eq!(header["alg"], "EdDSA");
    assert_eq!(header["typ"], GRANT_TYPE);
    assert_eq!(claims["aud"], GRANT_AUDIENCE);
    assert_eq!(claims["node"], NODE);
    let seconds = |claim: &str| claims[claim].as_u64().expect("seconds");
    assert!(seconds("exp").saturating_add(GRANT_LEEWAY_S) > NOW_S);
    assert!(seconds("iat") <= NOW_S + GRANT_LEEWAY_S);
    assert_eq!(claims["room"], grant.room.to_string());
}

#[cfg(test)]
pub(crate) fn seeds() -> Vec<crate::corpus::Seed> {
    const SIGNED: u8 = 2;
    let of = |kind: u8, text: &str| [&[kind][..], text.as_bytes()].concat();
    let good = serde_json::to_value(grant()).expect("a grant can be written");
    let header = format!(r#"{{"typ":"{GRANT_TYPE}","alg":"EdDSA"}}"#);
    let with = |claim: &str, value: Value| {
        let mut claims = good.clone();
        claims[claim] = value;
        of(SIGNED, &format!("{header}\n{claims}"))
    };
    let under = |header: &str| of(SIGNED, &format!("{header}\n{good}"));
    vec![
        ("good", of(TEXT, &office().token)),
        ("bent", vec![BENT, 0, 0, 1, 100, 0, 1]),
        ("signed", under(&header)),
        (
            "none",
            under(r#"{"typ":"colloquy-grant+jwt","alg":"none"}"#),
        ),
        (
            "hmac",
            under(r#"{"typ":"colloquy-grant+jwt","alg":"HS256"}"#),
        ),
        ("other-type", under(r#"{"typ":"JWT","alg":"EdDSA"}"#)),
        (
            "critical",
            under(r#"{"typ":"colloquy-grant+jwt","alg":"EdDSA","crit":["exp"]}"#),
        ),
        ("expired", with("exp", 1.into())),
        ("endless", with("exp", u64::MAX.into())),
        ("future", with("iat", u64::MAX.into())),
        ("other-node", with("node", "node-2".into())),
        (
            "audiences",
            with("aud", vec![GRANT_AUDIENCE, "other"].into()),
        ),
        ("dots", of(TEXT, "..")),
    ]
}
