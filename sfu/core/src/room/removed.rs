//! Who was sent out: the grants that they had let nobody in any more. It outlives the room, which
//! may close and open again while such a grant is still in its time.

use std::collections::BTreeMap;
use std::time::Duration;

use sfu_protocol::grant::Grant;
use sfu_protocol::ids::{ParticipantId, RoomId};
use sfu_protocol::media::MediaTime;

/// How long a removal is remembered: longer than any grant is valid, which is minutes.
const REMEMBERED: Duration = Duration::from_secs(3_600);

/// Removals that are remembered. Beyond it the oldest is forgotten, and a grant from before it
/// lets its holder in again until its time is over.
const MAX_REMOVED: usize = 4_096;

/// A removal.
#[derive(Debug, Clone, Copy)]
struct Removal {
    at: MediaTime,
    /// Grants made until then are dead. Seconds since the Unix epoch.
    dead_through_s: u64,
}

/// The removals of a shard.
#[derive(Debug, Default)]
pub(crate) struct Removed(BTreeMap<(RoomId, ParticipantId), Removal>);

impl Removed {
    /// Somebody was sent out who came with a grant made at `granted_at_s`, where that is known:
    /// clocks may differ, and that grant is dead whatever they say.
    pub(crate) fn remember(
        &mut self,
        room: RoomId,
        participant: ParticipantId,
        granted_at_s: Option<u64>,
        now: MediaTime,
    ) {
        let at_s = now.as_ms() / 1_000;
        let removal = Removal {
            at: now,
            dead_through_s: granted_at_s.map_or(at_s, |granted| granted.max(at_s)),
        };
        self.0.retain(|_, removal| is_remembered(removal, now));
        if self.0.len() >= MAX_REMOVED
            && let Some(oldest) = self.0.iter().min_by_key(|(_, removal)| removal.at)
        {
            let oldest = *oldest.0;
            self.0.remove(&oldest);
        }
        self.0.insert((room, participant), removal);
    }

    /// Whether a grant is dead because its holder was sent out after it was made.
    pub(crate) fn forbids(&self, grant: &Grant, now: MediaTime) -> bool {
        let removal = self.0.get(&(grant.room, grant.participant));
        removal.is_some_and(|removal| {
            is_remembered(removal, now) && grant.iat <= removal.dead_through_s
        })
    }
}

fn is_remembered(removal: &Removal, now: MediaTime) -> bool {
    let passed_us = now.0.saturating_sub(removal.at.0);
    u128::from(passed_us) < REMEMBERED.as_micros()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sfu_protocol::grant::{GRANT_AUDIENCE, Rights};
    use sfu_protocol::ids::{NodeId, OrganisationId};
    use sfu_protocol::signal::Role;
    use uuid::Uuid;

    const ROOM: RoomId = RoomId(Uuid::nil());

    fn who(n: u128) -> ParticipantId {
        ParticipantId(Uuid::from_u128(n))
    }

    fn at_s(seconds: u64) -> MediaTime {
        MediaTime(seconds * 1_000_000)
    }

    fn grant(n: u128, iat: u64) -> Grant {
        Grant {
            aud: GRANT_AUDIENCE.to_owned(),
            iat,
            exp: iat + 600,
            jti: String::new(),
            node: NodeId(String::new()),
            organisation: OrganisationId(Uuid::nil()),
            room: ROOM,
            participant: who(n),
            name: String::new(),
            role: Role::Guest,
            rights: Rights::of(Role::Guest),
        }
    }

    #[test]
    fn only_grants_from_before_the_removal_are_dead() {
        let mut removed = Removed::default();
        removed.remember(ROOM, who(1), None, at_s(1_000));
        removed.remember(ROOM, who(2), Some(1_005), at_s(1_000));
        let hour_later = at_s(1_000).0 + REMEMBERED.as_micros() as u64;
        let cases = [
            ("the one it had", grant(1, 990), at_s(1_001), true),
            (
                "made in the same second",
                grant(1, 1_000),
                at_s(1_001),
                true,
            ),
            ("made since", grant(1, 1_001), at_s(1_001), false),
            (
                "by a clock ahead of ours",
                grant(2, 1_005),
                at_s(1_001),
                true,
            ),
            ("somebody else's", grant(3, 990), at_s(1_001), false),
            ("long over", grant(1, 990), MediaTime(hour_later), false),
        ];
        for (name, grant, now, dead) in cases {
            assert_eq!(removed.forbids(&grant, now), dead, "{name}");
        }
    }

    #[test]
    fn at_the_bound_the_oldest_removal_is_forgotten() {
        let mut removed = Removed::default();
        for n in 0..=MAX_REMOVED as u64 {
            removed.remember(ROOM, who(u128::from(n)), None, MediaTime(1_000_000_000 + n));
        }
        let now = at_s(1_001);
        assert_eq!(removed.0.len(), MAX_REMOVED);
        assert!(!removed.forbids(&grant(0, 990), now));
        assert!(removed.forbids(&grant(1, 990), now));
    }
}
