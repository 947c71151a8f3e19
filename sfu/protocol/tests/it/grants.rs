//! Grants that must not open a door: each claim of a good one taken away, changed, or signed by
//! somebody else. The claims come from a grant as it is written, so a new claim is tried too.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};
use sfu_protocol::grant::{GRANT_LEEWAY_S, GRANT_TYPE, GrantError};

use crate::fuzzing::grant::{NOW_S, grant, office, signed};

fn header() -> Value {
    json!({"typ": GRANT_TYPE, "alg": "EdDSA"})
}

fn claims() -> Map<String, Value> {
    let written = serde_json::to_value(grant()).expect("a grant can be written");
    written.as_object().expect("claims").clone()
}

fn by(pair: &Ed25519KeyPair, header: &Value, claims: &Map<String, Value>) -> String {
    let claims = Value::from(claims.clone());
    signed(pair, format!("{header}\n{claims}").as_bytes())
}

fn ours(header: &Value, claims: &Map<String, Value>) -> Result<(), GrantError> {
    let token = by(&office().pair, header, claims);
    office().verifier.verify(&token, NOW_S).map(drop)
}

/// Another value of the same kind.
fn changed(value: &Value) -> Value {
    match value {
        Value::String(text) if text.parse::<uuid::Uuid>().is_ok() => {
            json!(uuid::Uuid::from_u128(99).to_string())
        }
        Value::String(text) => json!(format!("{text}x")),
        Value::Number(number) => json!(number.as_u64().expect("seconds") + 1),
        Value::Object(fields) => {
            let flip = |value: &Value| value.as_bool().map_or(value.clone(), |flag| json!(!flag));
            let each = fields
                .iter()
                .map(|(name, value)| (name.clone(), flip(value)));
            each.collect::<Map<_, _>>().into()
        }
        other => panic!("say what else {other} could be"),
    }
}

#[test]
fn a_grant_without_any_one_of_its_claims_is_invalid() {
    assert_eq!(ours(&header(), &claims()), Ok(()));
    for name in claims().keys() {
        let mut fewer = claims();
        fewer.remove(name);
        assert_eq!(ours(&header(), &fewer), Err(GrantError::Invalid), "{name}");
    }
}

#[test]
fn a_claim_that_is_changed_after_signing_or_signed_by_another_is_invalid() {
    let stranger = Ed25519KeyPair::from_seed_unchecked(&[9; 32]).expect("any seed is a key");
    let good = by(&office().pair, &header(), &claims());
    let (_, signature) = good.rsplit_once('.').expect("three parts");
    for (name, value) in claims() {
        let mut other = claims();
        other.insert(name.clone(), changed(&value));
        assert_ne!(other, claims(), "{name}");
        let by_stranger = by(&stranger, &header(), &other);
        let (said, _) = by_stranger.rsplit_once('.').expect("three parts");
        for token in [format!("{said}.{signature}"), by_stranger.clone()] {
            let verified = office().verifier.verify(&token, NOW_S);
            assert_eq!(verified, Err(GrantError::Invalid), "{name}");
        }
    }
}

#[test]
fn what_the_signer_said_of_place_and_time_is_held_to_the_second() {
    let cases = [
        ("node", json!("node-2"), Err(GrantError::OtherNode)),
        ("aud", json!("colloquy-web"), Err(GrantError::Invalid)),
        (
            "exp",
            json!(NOW_S - GRANT_LEEWAY_S),
            Err(GrantError::Expired),
        ),
        ("exp", json!(NOW_S - GRANT_LEEWAY_S + 1), Ok(())),
        (
            "iat",
            json!(NOW_S + GRANT_LEEWAY_S + 1),
            Err(GrantError::Expired),
        ),
        ("iat", json!(NOW_S + GRANT_LEEWAY_S), Ok(())),
        ("role", json!("owner"), Err(GrantError::Invalid)),
        ("room", json!("everywhere"), Err(GrantError::Invalid)),
    ];
    for (name, value, expected) in cases {
        let mut other = claims();
        other.insert(name.to_owned(), value.clone());
        assert_eq!(ours(&header(), &other), expected, "{name}: {value}");
    }
}

#[test]
fn another_algorithm_or_type_in_the_header_is_invalid() {
    let algorithms = [
        "none", "None", "HS256", "HS512", "RS256", "ES256", "eddsa", "",
    ];
    for alg in algorithms {
        let header = json!({"typ": GRANT_TYPE, "alg": alg});
        assert_eq!(ours(&header, &claims()), Err(GrantError::Invalid), "{alg}");
    }
    for typ in [json!("JWT"), json!(null), json!("colloquy-access+jwt")] {
        let header = json!({"typ": typ, "alg": "EdDSA"});
        assert_eq!(ours(&header, &claims()), Err(GrantError::Invalid), "{typ}");
    }
}

#[test]
fn nobody_signs_with_nothing_or_with_our_public_key_as_a_secret() {
    let encode = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = Value::from(claims());
    let unsigned = json!({"typ": GRANT_TYPE, "alg": "none"});
    let hmac_header = json!({"typ": GRANT_TYPE, "alg": "HS256"});
    let public = office().pair.public_key().as_ref().to_vec();
    let mut tokens = vec![
        format!("{}.{}.", encode(&unsigned), encode(&claims)),
        format!("{}.{}", encode(&unsigned), encode(&claims)),
        format!("{}.{}.", encode(&header()), encode(&claims)),
    ];
    for secret in [public.clone(), BASE64_STANDARD.encode(&public).into_bytes()] {
        let said = format!("{}.{}", encode(&hmac_header), encode(&claims));
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        let tag = BASE64_URL_SAFE_NO_PAD.encode(hmac::sign(&key, said.as_bytes()));
        tokens.push(format!("{said}.{tag}"));
    }
    for token in tokens {
        let verified = office().verifier.verify(&token, NOW_S);
        assert_eq!(verified, Err(GrantError::Invalid), "{token}");
    }
}
