//! The words of a Janus, as far as they matter here.

use serde::Deserialize;
use serde_json::Value;
use sfu_protocol::media::Kind;

/// Streams of one publisher: what each is, and its mid.
pub(super) type Streams = Vec<(Kind, String)>;

/// What Janus says.
#[derive(Debug, Deserialize)]
pub(super) struct Heard {
    pub(super) janus: String,
    pub(super) transaction: Option<String>,
    pub(super) sender: Option<u64>,
    pub(super) data: Option<Made>,
    pub(super) plugindata: Option<OfPlugin>,
    pub(super) jsep: Option<Jsep>,
    pub(super) error: Option<Refused>,
    pub(super) reason: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Made {
    pub(super) id: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Refused {
    pub(super) code: i64,
    pub(super) reason: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Jsep {
    pub(super) sdp: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct OfPlugin {
    pub(super) data: OfRoom,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct OfRoom {
    pub(super) videoroom: String,
    pub(super) publishers: Vec<Publisher>,
    /// Of another its number, of oneself a word.
    pub(super) leaving: Value,
    pub(super) unpublished: Value,
    pub(super) started: Option<String>,
    pub(super) error: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Publisher {
    pub(super) id: u64,
    #[serde(default)]
    streams: Vec<Stream>,
}

#[derive(Debug, Deserialize)]
struct Stream {
    #[serde(rename = "type")]
    kind: String,
    mid: String,
    #[serde(default)]
    disabled: bool,
}

impl Publisher {
    /// What can be watched of it.
    pub(super) fn watchable(self) -> Streams {
        let usable = self.streams.into_iter().filter(|stream| !stream.disabled);
        let known = usable.filter_map(|stream| match stream.kind.as_str() {
            "audio" => Some((Kind::Audio, stream.mid)),
            "video" => Some((Kind::Video, stream.mid)),
            _ => None,
        });
        known.collect()
    }
}
