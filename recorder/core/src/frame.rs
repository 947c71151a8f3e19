//! Whole encoded frames on the recording's one clock: what depacketising yields and what
//! files are made from.

use sfu_protocol::ids::TrackId;
use sfu_protocol::media::Codec;

/// One whole encoded frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// When it is shown or heard: microseconds from the recording's start, on the one clock
    /// that all tracks of a recording share. Rises strictly within a [`TrackFrames`].
    pub at_us: i64,
    /// Decodable without any earlier frame. Every Opus packet is.
    pub keyframe: bool,
    /// The frame as its codec's decoder wants it: VP8 and VP9 the bare frame (VP9: superframe
    /// of all spatial layers), AV1 a temporal unit of OBUs with sizes (low-overhead format),
    /// H.264 Annex B, Opus one packet.
    pub data: Vec<u8>,
}

/// The frames of one track in one codec, in order of time.
///
/// A stream, because an hour of video does not fit in memory. A track that changed its codec
/// midway comes as several of these with the same [`TrackId`], apart in time. The first video
/// frame is a keyframe; so is the first after every loss, so each frame can be decoded when
/// all before it were.
pub struct TrackFrames {
    /// Who and what.
    pub track: TrackId,
    /// The participant's name.
    pub name: String,
    /// The codec of every frame.
    pub codec: Codec,
    /// The frames.
    pub frames: Box<dyn Iterator<Item = Frame> + Send>,
}

impl TrackFrames {
    /// Frames that are in memory already.
    pub fn from_vec(track: TrackId, name: &str, codec: Codec, frames: Vec<Frame>) -> Self {
        TrackFrames {
            track,
            name: name.to_owned(),
            codec,
            frames: Box::new(frames.into_iter()),
        }
    }
}

impl std::fmt::Debug for TrackFrames {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrackFrames")
            .field("track", &self.track)
            .field("codec", &self.codec)
            .finish_non_exhaustive()
    }
}
