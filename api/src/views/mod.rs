//! What callers are shown, made from rows. Endpoints of several nouns share these.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

mod invite;
mod recording;
mod room;
mod session;
mod user;

pub(crate) use invite::InviteView;
pub(crate) use recording::{RecordingNotice, RecordingView};
pub(crate) use room::{RoomStatus, RoomView};
pub(crate) use session::{SessionSummary, SessionView};
pub(crate) use user::{AuthAnswer, UserView};

/// A time on the wire: RFC 3339 in UTC, with milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, utoipa::ToSchema)]
#[schema(value_type = String, format = DateTime, example = "2026-01-31T09:30:00.250Z")]
pub(crate) struct Timestamp(pub(crate) i64);

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let nanos = i128::from(self.0) * 1_000_000;
        let text = OffsetDateTime::from_unix_timestamp_nanos(nanos)
            .ok()
            .and_then(|time| time.format(&Rfc3339).ok())
            .ok_or_else(|| serde::ser::Error::custom("a time outside the calendar"))?;
        serializer.serialize_str(&text)
    }
}

/// What somebody is in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ParticipantRole {
    /// Leads the meeting: records, mutes, removes, ends.
    Host,
    /// Has an account in the organisation.
    Member,
    /// Came by invite link.
    Guest,
    /// Hidden, receives only.
    Observer,
}

impl From<sfu_protocol::signal::Role> for ParticipantRole {
    fn from(role: sfu_protocol::signal::Role) -> Self {
        use sfu_protocol::signal::Role;
        match role {
            Role::Host => ParticipantRole::Host,
            Role::Member => ParticipantRole::Member,
            Role::Guest => ParticipantRole::Guest,
            Role::Observer => ParticipantRole::Observer,
        }
    }
}

impl From<ParticipantRole> for sfu_protocol::signal::Role {
    fn from(role: ParticipantRole) -> Self {
        use sfu_protocol::signal::Role;
        match role {
            ParticipantRole::Host => Role::Host,
            ParticipantRole::Member => Role::Member,
            ParticipantRole::Guest => Role::Guest,
            ParticipantRole::Observer => Role::Observer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339_in_utc() {
        for (at_ms, text) in [
            (0, "\"1970-01-01T00:00:00Z\""),
            (1_769_851_800_250, "\"2026-01-31T09:30:00.25Z\""),
        ] {
            assert_eq!(
                serde_json::to_string(&Timestamp(at_ms)).expect("a time"),
                text
            );
        }
    }
}
