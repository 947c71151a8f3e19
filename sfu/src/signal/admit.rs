//! What a text message is: whether a first one lets its sender in, and whether a later one can
//! be read. Pure: the clock is an argument.

use sfu_protocol::grant::{Grant, GrantError, GrantVerifier, MAX_GRANT_BYTES};
use sfu_protocol::signal::{ByeReason, ClientMessage, NodeMessage, RefusedCode, SIGNAL_VERSION};

/// Most of a wrong message's `type` that is repeated, in characters.
const REPEATED_CHARS: usize = 64;

/// Most of an explanation, in characters.
const EXPLAINED_CHARS: usize = 200;

/// Longest first message: the longest grant with its wrapping and a resume key. Longer ones are
/// not read.
pub(super) const MAX_JOIN_BYTES: usize = MAX_GRANT_BYTES + 1024;

/// Somebody who may come in.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) grant: Box<Grant>,
    pub(crate) resume: Option<(String, u64)>,
}

/// A message that is not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) about: String,
    pub(crate) code: RefusedCode,
    pub(crate) message: String,
    /// The goodbye, when it ends the WebSocket.
    pub(crate) bye: ByeReason,
    /// The last `seq` that its sender says it has; what it is told must come after.
    pub(crate) last_seq: u64,
}

impl Refusal {
    pub(crate) fn new(about: &str, code: RefusedCode, message: impl Into<String>) -> Self {
        Refusal {
            about: about.chars().take(REPEATED_CHARS).collect(),
            code,
            message: message.into().chars().take(EXPLAINED_CHARS).collect(),
            bye: ByeReason::Refused,
            last_seq: 0,
        }
    }

    /// As it is said.
    pub(crate) fn into_message(self) -> NodeMessage {
        NodeMessage::Refused {
            about: self.about,
            code: self.code,
            message: self.message,
        }
    }
}

/// Reads the first message of a WebSocket at `now_s`, seconds since the Unix epoch.
pub(crate) fn read_first(
    text: &str,
    verifier: &GrantVerifier,
    now_s: u64,
) -> Result<Entry, Refusal> {
    if text.len() > MAX_JOIN_BYTES {
        let message = "the first message is too long";
        return Err(Refusal::new("", RefusedCode::Malformed, message));
    }
    let message = read(text)?;
    let ClientMessage::Join {
        version,
        grant,
        resume,
    } = message
    else {
        return Err(Refusal::new(
            message.name(),
            RefusedCode::Malformed,
            "the first message must be join",
        ));
    };
    let last_seq = resume.as_ref().map_or(0, |resume| resume.last_seq);
    if version != SIGNAL_VERSION {
        let message = format!("this node speaks version {SIGNAL_VERSION}");
        return Err(Refusal {
            last_seq,
            ..Refusal::new("join", RefusedCode::UnsupportedVersion, message)
        });
    }
    let grant = verifier.verify(&grant, now_s).map_err(|error| Refusal {
        bye: match error {
            GrantError::Expired => ByeReason::GrantExpired,
            GrantError::Invalid | GrantError::OtherNode => ByeReason::Refused,
        },
        last_seq,
        ..Refusal::new("join", RefusedCode::GrantInvalid, error.to_string())
    })?;
    Ok(Entry {
        grant: Box::new(grant),
        resume: resume.map(|resume| (resume.resume_key, resume.last_seq)),
    })
}

/// Reads a later message.
pub(crate) fn read_next(text: &str) -> Result<ClientMessage, Refusal> {
    match read(text)? {
        ClientMessage::Join { .. } => Err(Refusal::new(
            "join",
            RefusedCode::Malformed,
            "join is said once, first",
        )),
        message => Ok(message),
    }
}

fn read(text: &str) -> Result<ClientMessage, Refusal> {
    serde_json::from_str(text)
        .map_err(|error| Refusal::new(&named_type(text), RefusedCode::Malformed, error.to_string()))
}

/// The `type` of a message that cannot be read otherwise; empty when there is none.
fn named_type(text: &str) -> String {
    #[derive(serde::Deserialize)]
    struct Typed {
        r#type: String,
    }
    serde_json::from_str::<Typed>(text).map_or_else(|_| String::new(), |typed| typed.r#type)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Office;

    /// Seconds since the Unix epoch.
    const NOW_S: u64 = 1_800_000_000;

    fn first(text: &str) -> Result<Entry, Refusal> {
        read_first(text, &Office::new().verifier(), NOW_S)
    }

    #[test]
    fn a_first_message_that_is_too_long_is_not_read() {
        let padded = |bytes: usize| format!("{{\"type\":\"leave\"}}{}", " ".repeat(bytes - 16));
        let about = |bytes| first(&padded(bytes)).expect_err("not a join").about;
        assert_eq!(about(MAX_JOIN_BYTES), "leave");
        assert_eq!(about(MAX_JOIN_BYTES + 1), "");
    }

    #[test]
    fn what_is_not_a_join_is_refused_and_named() {
        let cases = [
            ("", ""),
            ("[]", ""),
            ("{\"type\":7}", ""),
            ("{\"type\":\"dance\"}", "dance"),
            ("{\"type\":\"join\"}", "join"),
            ("{\"type\":\"leave\"}", "leave"),
            (
                "{\"type\":\"join\",\"version\":70000,\"grant\":\"\"}",
                "join",
            ),
        ];
        for (text, about) in cases {
            let refusal = first(text).expect_err(text);
            assert_eq!(refusal.code, RefusedCode::Malformed, "{text}");
            assert_eq!(refusal.about, about, "{text}");
            assert_eq!(refusal.bye, ByeReason::Refused);
        }
    }

    #[test]
    fn a_refusal_repeats_only_a_little_of_what_was_sent() {
        let text = format!("{{\"type\":\"{}\"}}", "x".repeat(4_000));
        let refusal = first(&text).expect_err("no such type");
        assert_eq!(refusal.about.len(), REPEATED_CHARS);
        assert!(refusal.message.len() <= EXPLAINED_CHARS);
    }

    #[test]
    fn each_grant_that_is_not_good_here_and_now_is_refused_with_its_code() {
        let office = Office::new();
        let join = |version: u16, grant: &str| {
            let text = format!("{{\"type\":\"join\",\"version\":{version},\"grant\":\"{grant}\"}}");
            read_first(&text, &office.verifier(), NOW_S)
        };
        let good = office.sign(&office.grant(NOW_S, 1));
        assert!(join(SIGNAL_VERSION, &good).is_ok());

        let mut expired = office.grant(NOW_S, 1);
        expired.exp = NOW_S - 3600;
        let mut elsewhere = office.grant(NOW_S, 1);
        elsewhere.node = sfu_protocol::ids::NodeId("another".into());
        let mut forged = good.clone();
        forged.replace_range(good.len() - 8.., "AAAAAAAA");
        let stranger = Office::new();
        let cases = [
            (
                2,
                good.clone(),
                RefusedCode::UnsupportedVersion,
                ByeReason::Refused,
            ),
            (
                1,
                String::new(),
                RefusedCode::GrantInvalid,
                ByeReason::Refused,
            ),
            (1, forged, RefusedCode::GrantInvalid, ByeReason::Refused),
            (
                1,
                stranger.sign(&stranger.grant(NOW_S, 1)),
                RefusedCode::GrantInvalid,
                ByeReason::Refused,
            ),
            (
                1,
                office.sign(&expired),
                RefusedCode::GrantInvalid,
                ByeReason::GrantExpired,
            ),
            (
                1,
                office.sign(&elsewhere),
                RefusedCode::GrantInvalid,
                ByeReason::Refused,
            ),
        ];
        for (version, grant, code, bye) in cases {
            let refusal = join(version, &grant).expect_err("not good here");
            assert_eq!((refusal.code, refusal.bye), (code, bye));
        }
    }

    #[test]
    fn a_refused_resumption_is_told_after_what_its_sender_has() {
        let text = "{\"type\":\"join\",\"version\":1,\"grant\":\"\",\
                    \"resume\":{\"resume_key\":\"k\",\"last_seq\":57}}";
        assert_eq!(first(text).expect_err("no grant").last_seq, 57);
    }

    #[test]
    fn a_second_join_is_refused_and_other_messages_are_read() {
        let again = "{\"type\":\"join\",\"version\":1,\"grant\":\"\"}";
        assert_eq!(read_next(again).expect_err("said once").about, "join");
        assert_eq!(
            read_next("{\"type\":\"leave\"}"),
            Ok(ClientMessage::Leave {})
        );
    }
}
