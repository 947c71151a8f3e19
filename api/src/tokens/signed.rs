//! JSON Web Tokens that only this crate reads (RFC 7519, HS256).
//!
//! The algorithm belongs to the key and is never read from the token; `typ` and `aud` are fixed for
//! each kind; a missing claim is a refusal; the clock is an argument.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use super::MAX_TOKEN_BYTES;
use crate::secrets::KEY_BYTES;

/// One kind of token with its key.
pub(crate) struct SignedTokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    kind: &'static str,
    audience: &'static str,
}

/// The claims of every kind, around its own.
#[derive(Debug, Serialize, Deserialize)]
struct Envelope<T> {
    aud: String,
    iat: i64,
    exp: i64,
    #[serde(flatten)]
    claims: T,
}

impl SignedTokens {
    pub(crate) fn new(
        key: &[u8; KEY_BYTES],
        kind: &'static str,
        audience: &'static str,
    ) -> SignedTokens {
        SignedTokens {
            encoding: EncodingKey::from_secret(key),
            decoding: DecodingKey::from_secret(key),
            kind,
            audience,
        }
    }

    /// Signs claims that are good from `now_ms` for `lifetime_ms`.
    pub(crate) fn sign<T: Serialize>(&self, claims: &T, now_ms: i64, lifetime_ms: i64) -> String {
        let mut header = Header::new(Algorithm::HS256);
        header.typ = Some(self.kind.to_owned());
        let envelope = Envelope {
            aud: self.audience.to_owned(),
            iat: now_ms.div_euclid(1_000),
            exp: (now_ms + lifetime_ms).div_euclid(1_000),
            claims,
        };
        jsonwebtoken::encode(&header, &envelope, &self.encoding)
            .expect("plain claims and a symmetric key always sign")
    }

    /// The claims of a token of this kind, unless anything about it is wrong.
    pub(crate) fn read<T: serde::de::DeserializeOwned>(
        &self,
        token: &str,
        now_ms: i64,
    ) -> Option<T> {
        if token.len() > MAX_TOKEN_BYTES {
            return None;
        }
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[self.audience]);
        validation.set_required_spec_claims(&["exp", "aud"]);
        // The clock is an argument here; expiry is checked below.
        validation.validate_exp = false;
        let read = jsonwebtoken::decode::<Envelope<T>>(token, &self.decoding, &validation).ok()?;
        let kind_fits = read.header.typ.as_deref() == Some(self.kind);
        let in_time = now_ms.div_euclid(1_000) < read.claims.exp;
        (kind_fits && in_time).then_some(read.claims.claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
    use serde_json::json;

    const KEY: [u8; KEY_BYTES] = [7; KEY_BYTES];

    fn tokens() -> SignedTokens {
        SignedTokens::new(&KEY, "a+jwt", "us")
    }

    fn forge(header: serde_json::Value, claims: serde_json::Value) -> String {
        let part = |value: serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(header), part(claims));
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &KEY);
        let tag = aws_lc_rs::hmac::sign(&key, text.as_bytes());
        format!("{text}.{}", BASE64_URL_SAFE_NO_PAD.encode(tag))
    }

    fn claims() -> serde_json::Value {
        json!({"aud": "us", "iat": 0, "exp": 100, "who": "ada"})
    }

    #[test]
    fn a_token_is_read_until_it_expires() {
        let token = tokens().sign(&json!({"who": "ada"}), 0, 100_000);
        let read: Option<serde_json::Value> = tokens().read(&token, 99_999);
        assert_eq!(read.expect("good")["who"], "ada");
        assert!(
            tokens()
                .read::<serde_json::Value>(&token, 100_000)
                .is_none()
        );
    }

    #[test]
    fn everything_forged_is_refused() {
        let good = forge(json!({"alg": "HS256", "typ": "a+jwt"}), claims());
        assert!(
            tokens().read::<serde_json::Value>(&good, 0).is_some(),
            "the forge works"
        );
        let with = |name: &str, value: serde_json::Value| {
            let mut changed = claims();
            changed[name] = value;
            changed
        };
        let without = |name: &str| {
            let mut changed = claims();
            changed.as_object_mut().expect("an object").remove(name);
            changed
        };
        let header = || json!({"alg": "HS256", "typ": "a+jwt"});
        let unsigned = good.rsplit_once('.').expect("three parts").0.to_owned();
        let corpus = [
            forge(json!({"alg": "none", "typ": "a+jwt"}), claims()),
            forge(json!({"alg": "EdDSA", "typ": "a+jwt"}), claims()),
            forge(json!({"alg": "HS512", "typ": "a+jwt"}), claims()),
            forge(json!({"alg": "HS256"}), claims()),
            forge(json!({"alg": "HS256", "typ": "JWT"}), claims()),
            forge(header(), with("aud", json!("them"))),
            forge(header(), without("aud")),
            forge(header(), without("exp")),
            forge(header(), with("exp", json!("100"))),
            format!("{unsigned}."),
            unsigned,
            String::new(),
            "a".repeat(MAX_TOKEN_BYTES + 1),
        ];
        for token in corpus {
            assert!(
                tokens().read::<serde_json::Value>(&token, 0).is_none(),
                "{token}"
            );
        }
        let other = SignedTokens::new(&[8; KEY_BYTES], "a+jwt", "us");
        assert!(other.read::<serde_json::Value>(&good, 0).is_none());
    }
}
