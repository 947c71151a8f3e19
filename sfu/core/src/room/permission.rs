//! Who may do what: a table of rights and actions, read from the grant.

use sfu_protocol::grant::Rights;
use sfu_protocol::media::Source;

/// What a participant may want to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Publish a source.
    Publish(Source),
    /// Receive others.
    Subscribe,
    /// Mute somebody else.
    MuteOther,
    /// Send somebody else out.
    Remove,
}

/// Whether these rights allow this action.
pub(crate) fn may(rights: &Rights, action: Action) -> bool {
    match action {
        Action::Publish(source) => rights.publish.contains(&source),
        Action::Subscribe => rights.subscribe,
        Action::MuteOther | Action::Remove => rights.moderate,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sfu_protocol::signal::Role;

    #[test]
    fn the_table_of_roles_and_actions() {
        use Action::{MuteOther, Publish, Remove, Subscribe};
        let cases = [
            (Role::Host, Publish(Source::Screen), true),
            (Role::Host, Subscribe, true),
            (Role::Host, MuteOther, true),
            (Role::Host, Remove, true),
            (Role::Member, Publish(Source::Camera), true),
            (Role::Member, MuteOther, false),
            (Role::Member, Remove, false),
            (Role::Guest, Publish(Source::Microphone), true),
            (Role::Guest, Subscribe, true),
            (Role::Guest, Remove, false),
            (Role::Observer, Publish(Source::Camera), false),
            (Role::Observer, Publish(Source::ScreenAudio), false),
            (Role::Observer, Subscribe, true),
            (Role::Observer, MuteOther, false),
        ];
        for (role, action, expected) in cases {
            assert_eq!(
                may(&Rights::of(role), action),
                expected,
                "{role:?} {action:?}"
            );
        }
    }
}
