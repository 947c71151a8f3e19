//! What hostile clients say: every kind of message, as it should be, for others, and altered.
//! Pure: chance is an argument.

use serde_json::{Value, json};
use sfu_protocol::signal::ClientMessage;

/// What a hostile participant knows of its room.
#[derive(Debug, Clone, Default)]
pub(super) struct Knowledge {
    /// Participants, itself among them.
    pub(super) people: Vec<String>,
    /// Its own offer as JSON, when it has made one.
    pub(super) offer: Option<String>,
    /// Names of its slots.
    pub(super) slots: Vec<String>,
}

const SOURCES: [&str; 4] = ["camera", "microphone", "screen", "screen_audio"];
const STATES: [&str; 3] = ["live", "muted", "off"];

/// The next message of a hostile participant: of four, one is altered after it was made.
pub(super) fn next(knows: &Knowledge, chance: &mut fastrand::Rng) -> String {
    let text = message(knows, chance);
    match chance.u8(..4) {
        0 => altered(&text, chance),
        _ => text,
    }
}

/// The same of one who takes care to be understood: a node soon has enough of what it cannot read.
pub(super) fn next_readable(knows: &Knowledge, chance: &mut fastrand::Rng) -> String {
    loop {
        let text = message(knows, chance);
        match serde_json::from_str(&text) {
            Ok(ClientMessage::Join { .. }) | Err(_) => {}
            Ok(_) => return text,
        }
    }
}

fn message(knows: &Knowledge, chance: &mut fastrand::Rng) -> String {
    let source = SOURCES[chance.usize(..SOURCES.len())];
    let state = STATES[chance.usize(..STATES.len())];
    let whom = any(&knows.people, chance).unwrap_or_else(|| "nobody".to_owned());
    let message = match chance.u8(..12) {
        0 => json!({ "type": "ping", "sent_at_ms": chance.u64(..) }),
        1 => json!({ "type": "set_track", "source": source, "state": state }),
        // With whose it is: the node must not look.
        2 => json!({ "type": "set_track", "source": source, "state": state, "participant": whom }),
        3 => json!({ "type": "mute_other", "participant": whom, "source": source }),
        4 => json!({ "type": "remove", "participant": whom }),
        5 => json!({ "type": "want", "wants": wants(knows, chance) }),
        6 => json!({ "type": "join", "version": chance.u16(..3), "grant": "again" }),
        7 => {
            json!({ "type": (0..chance.usize(..64)).map(|_| chance.char(..)).collect::<String>() })
        }
        8 => return nested(chance),
        9 => return offer(knows, chance),
        _ => json!({ "type": "ping", "sent_at_ms": 1 }),
    };
    message.to_string()
}

fn any(of: &[String], chance: &mut fastrand::Rng) -> Option<String> {
    (!of.is_empty()).then(|| of[chance.usize(..of.len())].clone())
}

fn wants(knows: &Knowledge, chance: &mut fastrand::Rng) -> Vec<Value> {
    let many = if chance.u8(..8) == 0 { 500 } else { 3 };
    (0..chance.usize(..many))
        .map(|_| {
            let track = json!({ "track": {
                "participant": any(&knows.people, chance),
                "source": SOURCES[chance.usize(..SOURCES.len())],
            } });
            let shows = [json!("auto"), json!("speaker"), json!("nothing"), track];
            json!({
                "slot": any(&knows.slots, chance).unwrap_or_else(|| "99".to_owned()),
                "show": shows[chance.usize(..shows.len())],
                "max_height": chance.u16(..),
                "priority": chance.u8(..),
            })
        })
        .collect()
}

/// Brackets as deep as they fit: a parser that calls itself needs an end to it.
fn nested(chance: &mut fastrand::Rng) -> String {
    let depth = chance.usize(1..20_000);
    format!("{{\"type\":\"want\",\"wants\":{}", "[".repeat(depth))
}

/// Its own offer with lines left out, doubled, exchanged or altered.
fn offer(knows: &Knowledge, chance: &mut fastrand::Rng) -> String {
    let Some(Ok(mut offer)) = knows.offer.as_deref().map(serde_json::from_str::<Value>) else {
        return "{\"type\":\"offer\",\"revision\":1,\"sdp\":\"v=0\",\"publish\":[]}".to_owned();
    };
    let mut lines: Vec<String> = offer["sdp"]
        .as_str()
        .unwrap_or_default()
        .lines()
        .map(str::to_owned)
        .collect();
    for _ in 0..chance.usize(..6) {
        if lines.is_empty() {
            break;
        }
        let at = chance.usize(..lines.len());
        match chance.u8(..4) {
            0 => drop(lines.remove(at)),
            1 => lines.insert(at, lines[at].clone()),
            2 => {
                let other = chance.usize(..lines.len());
                lines.swap(at, other);
            }
            _ => lines[at] = altered(&lines[at], chance),
        }
    }
    offer["sdp"] = json!(lines.join("\r\n") + "\r\n");
    offer["revision"] = json!(chance.u32(..1_000));
    offer.to_string()
}

/// Characters exchanged, left out or put in; what was JSON may be none.
pub(super) fn altered(text: &str, chance: &mut fastrand::Rng) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    for _ in 0..chance.usize(1..=6) {
        if letters.is_empty() {
            break;
        }
        let at = chance.usize(..letters.len());
        match chance.u8(..4) {
            0 => drop(letters.remove(at)),
            1 => letters.insert(at, chance.char('\u{20}'..'\u{2ff}')),
            2 => letters.truncate(at),
            _ => letters[at] = chance.char('\0'..'\u{7f}'),
        }
    }
    letters.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_client_message_is_said_in_a_form_that_the_protocol_reads() {
        let knows = Knowledge {
            people: vec!["018f2f6e-3c1a-7000-8000-000000000001".to_owned()],
            offer: Some(
                json!({ "type": "offer", "revision": 1, "sdp": "v=0\r\n", "publish": [] })
                    .to_string(),
            ),
            slots: vec!["3".to_owned()],
        };
        let mut chance = fastrand::Rng::with_seed(11);
        let mut read = std::collections::BTreeSet::new();
        for _ in 0..2_000 {
            let said = next(&knows, &mut chance);
            if let Ok(message) = serde_json::from_str::<ClientMessage>(&said) {
                read.insert(message.name());
            }
        }
        let all = [
            "join",
            "mute_other",
            "offer",
            "ping",
            "remove",
            "set_track",
            "want",
        ];
        assert_eq!(read.into_iter().collect::<Vec<_>>(), all);
    }
}
