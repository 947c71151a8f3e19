//! The manifest: every part of a recording with its length and SHA-256, its timeline and its
//! health. The last object that is written; a recording is whole when every part matches it.

use serde::{Deserialize, Serialize};
use sfu_protocol::ids::{RecordingId, TapeId, TrackId};
use sfu_protocol::media::Codec;
use sfu_protocol::recording::{RecordedFile, RecordingHealth};

use crate::journal::Assignment;
use crate::timeline::Timeline;

/// The version that this code writes.
pub const MANIFEST_VERSION: u32 = 1;

/// One tape, as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TapeLine {
    /// Which.
    pub tape: TapeId,
    /// What is on it.
    pub track: TrackId,
    /// Its codec.
    pub codec: Codec,
    /// Entries on it.
    pub entries: u64,
    /// Entries that the node received and the tape does not have.
    pub entries_missing: u64,
    /// Whether its end is on it. A tape without was cut off.
    pub closed: bool,
    /// What cannot be read, in words.
    pub faults: Vec<String>,
}

/// The whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`MANIFEST_VERSION`].
    pub version: u32,
    /// What it was asked for.
    #[serde(flatten)]
    pub assignment: Assignment,
    /// Milliseconds since the Unix epoch.
    pub started_at_ms: u64,
    /// Milliseconds since the Unix epoch.
    pub ended_at_ms: u64,
    /// Every object but the manifest itself.
    pub parts: Vec<RecordedFile>,
    /// Every tape.
    pub tapes: Vec<TapeLine>,
    /// Who, what, when.
    pub timeline: Timeline,
    /// How whole it is.
    pub health: RecordingHealth,
    /// Set when something is not there that should be: what a person reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// What could not be read or made, one by one. The recorder then keeps the tapes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
}

/// The bytes are no manifest that this program can read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestFault {
    /// Not JSON, or a field is wrong.
    #[error("the manifest cannot be read: {0}")]
    Malformed(String),
    /// It was written by a later program.
    #[error("the manifest's version {0} is newer than this program")]
    Newer(u32),
}

impl Manifest {
    /// The bytes of the object.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).expect("a manifest is plain data")
    }

    /// Reads the bytes of the object.
    pub fn decode(bytes: &[u8]) -> Result<Manifest, ManifestFault> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let malformed = |error: serde_json::Error| ManifestFault::Malformed(error.to_string());
        let Versioned { version } = serde_json::from_slice(bytes).map_err(malformed)?;
        if version > MANIFEST_VERSION {
            return Err(ManifestFault::Newer(version));
        }
        serde_json::from_slice(bytes).map_err(malformed)
    }
}

/// The folder of a recording in the object store; every key of it begins so.
pub fn prefix(recording: RecordingId) -> String {
    format!("recordings/{recording}")
}

/// The key of the manifest.
pub fn manifest_key(recording: RecordingId) -> String {
    format!("{}/manifest.json", prefix(recording))
}

/// The key of the composed file.
pub fn composed_key(recording: RecordingId) -> String {
    format!("{}/composed.mp4", prefix(recording))
}

/// The key of a track's file. A track that changed its codec has several, `part` counts them.
pub fn track_key(recording: RecordingId, track: TrackId, codec: Codec, part: usize) -> String {
    let TrackId {
        participant,
        source,
    } = track;
    let number = if part == 0 {
        String::new()
    } else {
        format!("-{}", part + 1)
    };
    let ending = track_ending(codec);
    format!(
        "{}/tracks/{participant}-{source}{number}.{ending}",
        prefix(recording)
    )
}

/// The file name ending of a track's file.
pub fn track_ending(codec: Codec) -> &'static str {
    match codec {
        Codec::H264 => "mp4",
        Codec::Opus | Codec::Vp8 | Codec::Vp9 | Codec::Av1 => "webm",
    }
}

/// The MIME type of a track's file.
pub fn track_content_type(codec: Codec) -> &'static str {
    match codec {
        Codec::Opus => "audio/webm",
        Codec::Vp8 | Codec::Vp9 | Codec::Av1 => "video/webm",
        Codec::H264 => "video/mp4",
    }
}

/// The key of a tape's segment.
pub fn segment_key(recording: RecordingId, tape: TapeId, segment: u32) -> String {
    format!("{}/tapes/{tape}/{segment:06}.tape", prefix(recording))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sfu_protocol::ids::{ParticipantId, RoomId, SessionId};
    use sfu_protocol::media::Source;
    use uuid::Uuid;

    fn manifest() -> Manifest {
        Manifest {
            version: MANIFEST_VERSION,
            assignment: Assignment {
                recording: RecordingId(Uuid::from_u128(1)),
                room: RoomId(Uuid::from_u128(2)),
                session: SessionId(Uuid::from_u128(3)),
                title: "Title".to_owned(),
                started_by: "Zoë".to_owned(),
            },
            started_at_ms: 1,
            ended_at_ms: 2,
            parts: vec![],
            tapes: vec![],
            timeline: Timeline {
                duration_us: 1_000,
                participants: vec![],
                tracks: vec![],
                events: vec![],
            },
            health: RecordingHealth::default(),
            problem: None,
            faults: vec!["a fault".to_owned()],
        }
    }

    #[test]
    fn a_manifest_survives_its_bytes_and_a_newer_one_is_named() {
        let written = manifest();
        assert_eq!(Manifest::decode(&written.encode()), Ok(written.clone()));
        let newer = Manifest {
            version: 2,
            ..written
        };
        assert_eq!(
            Manifest::decode(&newer.encode()),
            Err(ManifestFault::Newer(2))
        );
        assert!(matches!(
            Manifest::decode(b"{}"),
            Err(ManifestFault::Malformed(_))
        ));
    }

    #[test]
    fn keys_name_what_they_hold() {
        let recording = RecordingId(Uuid::from_u128(1));
        let track = TrackId {
            participant: ParticipantId(Uuid::from_u128(2)),
            source: Source::Camera,
        };
        let folder = "recordings/00000000-0000-0000-0000-000000000001";
        let camera = format!("{folder}/tracks/00000000-0000-0000-0000-000000000002-camera");
        assert_eq!(
            track_key(recording, track, Codec::Vp8, 0),
            format!("{camera}.webm")
        );
        assert_eq!(
            track_key(recording, track, Codec::H264, 1),
            format!("{camera}-2.mp4")
        );
        assert_eq!(
            segment_key(recording, TapeId(255), 3),
            format!("{folder}/tapes/00000000000000ff/000003.tape")
        );
    }
}
