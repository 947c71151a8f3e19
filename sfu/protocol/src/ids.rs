//! Identities: one newtype each, so that swapping two is a compile error.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

use crate::media::Source;

/// An identity could not be read from its text form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a {kind}")]
pub struct ParseIdError {
    /// Which identity was expected.
    pub kind: &'static str,
    /// The text that was given, cut to 64 characters.
    pub text: String,
}

impl ParseIdError {
    fn new(kind: &'static str, text: &str) -> Self {
        ParseIdError {
            kind,
            text: text.chars().take(64).collect(),
        }
    }
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
        #[cfg_attr(feature = "typescript", ts(type = "string"))]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text)
                    .map($name)
                    .map_err(|_| ParseIdError::new(stringify!($name), text))
            }
        }
    };
}

uuid_id!(/// A tenant. Every row belongs to one.
    OrganisationId);
uuid_id!(/// A person with an account.
    UserId);
uuid_id!(/// Where participants meet.
    RoomId);
uuid_id!(/// One meeting or interview as a record.
    SessionId);
uuid_id!(/// A person or guest in a room. Stable over reconnects.
    ParticipantId);
uuid_id!(/// The tapes, the timeline and the files made from them.
    RecordingId);

/// One published source of one participant, written `{participant}:{source}`.
///
/// A participant publishes each source at most once, so the pair is the identity and nothing
/// needs to hand out numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[cfg_attr(feature = "typescript", ts(type = "string"))]
pub struct TrackId {
    /// Who publishes.
    pub participant: ParticipantId,
    /// What is published.
    pub source: Source,
}

impl fmt::Display for TrackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.participant, self.source)
    }
}

impl FromStr for TrackId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ParseIdError::new("TrackId", text);
        let (participant, source) = text.split_once(':').ok_or_else(wrong)?;
        Ok(TrackId {
            participant: participant.parse().map_err(|_| wrong())?,
            source: source.parse().map_err(|_| wrong())?,
        })
    }
}

impl Serialize for TrackId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TrackId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A `sfu` process, by the name the operator gave it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub String);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One tape of a recording: the media time in microseconds at which the shard opened it, made
/// strictly increasing by the shard. So a restarted shard cannot reuse one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TapeId(pub u64);

impl fmt::Display for TapeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_track_id_survives_its_text_form() {
        let id = TrackId {
            participant: ParticipantId(Uuid::from_u128(7)),
            source: Source::ScreenAudio,
        };
        assert_eq!(id.to_string().parse(), Ok(id));
        let json = serde_json::to_string(&id).expect("a string serialises");
        assert_eq!(
            json,
            "\"00000000-0000-0000-0000-000000000007:screen_audio\""
        );
        assert_eq!(
            serde_json::from_str::<TrackId>(&json).expect("reads back"),
            id
        );
    }

    #[test]
    fn malformed_identities_are_refused_with_the_kind_and_a_bounded_text() {
        for text in [
            "",
            "x",
            "00000000-0000-0000-0000-000000000007",
            "x:camera",
            "a:b:c",
        ] {
            let error = text.parse::<TrackId>().expect_err("not a track id");
            assert_eq!(error.kind, "TrackId");
        }
        let long = "y".repeat(1000);
        let error = long.parse::<RoomId>().expect_err("not a room id");
        assert_eq!(error.text.len(), 64);
    }
}
