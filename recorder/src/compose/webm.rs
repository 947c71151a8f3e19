//! A WebM file from encoded frames, byte by byte.
//!
//! RFC 8794 (EBML), RFC 9559 (Matroska), the WebM container guidelines, and for Opus the codec
//! mapping in RFC 9559 with the header of RFC 7845, section 5.1. Written here because FFmpeg's
//! muxer wants parameters of an encoder that this module does not have.
//!
//! Clusters are complete before they are written, so all sizes in them are known; the sizes,
//! places and length that only the end knows are reserved at the front and filled in last.

use std::io::{self, Seek, SeekFrom, Write};

/// A cluster ends after this much time. Block times in it are 16-bit milliseconds.
const CLUSTER_MS: i64 = 5_000;

/// A cluster ends after this many bytes: it is held in memory until then.
const CLUSTER_BYTES: usize = 4 << 20;

/// The most entries in the index. Beyond, every second one is dropped and the rest stand further
/// apart: seeking becomes coarser, never wrong.
const MAX_CUES: usize = 4_096;

/// One millisecond, the unit of every time in the file.
const TIMESTAMP_SCALE_NS: u64 = 1_000_000;

const APPLICATION: &str = "colloquy";

const EBML: u32 = 0x1a45_dfa3;
const SEGMENT: u32 = 0x1853_8067;
const SEEK_HEAD: u32 = 0x114d_9b74;
const INFO: u32 = 0x1549_a966;
const DURATION: u32 = 0x4489;
const TRACKS: u32 = 0x1654_ae6b;
const CLUSTER: u32 = 0x1f43_b675;
const CUES: u32 = 0x1c53_bb6b;

/// What the one track of a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Track {
    /// Pictures.
    Video {
        /// `V_VP8`, `V_VP9` or `V_AV1`.
        codec_id: &'static str,
        width: u32,
        height: u32,
        /// AV1's configuration record; empty for the others.
        private: Vec<u8>,
    },
    /// Opus. `lookahead_samples` at 48 kHz are decoded before the sound begins.
    Opus { lookahead_samples: u16 },
}

/// A file being written.
pub(super) struct Writer<W> {
    out: W,
    video: bool,
    segment_from: u64,
    about_at: u64,
    tracks_at: u64,
    seek_head_at: u64,
    duration_at: u64,
    written: u64,
    cluster: Option<Cluster>,
    cues: Vec<(i64, u64)>,
    cue_every_ms: i64,
    ends_ms: i64,
}

struct Cluster {
    from_ms: i64,
    blocks: Vec<u8>,
}

impl<W: Write + Seek> Writer<W> {
    /// Writes everything before the first frame.
    pub(super) fn begin(mut out: W, track: &Track, title: &str) -> io::Result<Self> {
        let mut head = element(EBML, &ebml_head());
        // The segment's size is eight bytes wide, filled in at the end.
        head.extend(id_bytes(SEGMENT));
        head.extend(UNKNOWN_SIZE);
        let segment_from = head.len() as u64;
        let seek_head_at = head.len() as u64;
        head.extend(seek_head(0, 0, 0));
        let about_at = head.len() as u64;
        let (about, duration_before_end) = about(title);
        let about = element(INFO, &about);
        // The length of an id and size in front of the content.
        let duration_at = about_at + (about.len() - duration_before_end) as u64;
        head.extend(about);
        let tracks_at = head.len() as u64;
        head.extend(element(TRACKS, &element(0xae, &track_entry(track))));
        out.write_all(&head)?;
        Ok(Writer {
            out,
            video: matches!(track, Track::Video { .. }),
            segment_from,
            about_at,
            tracks_at,
            seek_head_at,
            duration_at,
            written: head.len() as u64,
            cluster: None,
            cues: Vec::new(),
            cue_every_ms: 0,
            ends_ms: 0,
        })
    }

    /// Adds a frame. Times rise; `lasts_ms` counts only for the last one.
    pub(super) fn frame(
        &mut self,
        at_ms: i64,
        lasts_ms: i64,
        keyframe: bool,
        data: &[u8],
    ) -> io::Result<()> {
        let full = self.cluster.as_ref().is_some_and(|cluster| {
            at_ms - cluster.from_ms >= CLUSTER_MS
                || cluster.blocks.len() + data.len() > CLUSTER_BYTES
                || (self.video && keyframe)
        });
        if full {
            self.end_cluster()?;
        }
        if self.cluster.is_none() && keyframe {
            self.cue(at_ms);
        }
        let cluster = self.cluster.get_or_insert(Cluster {
            from_ms: at_ms,
            blocks: Vec::new(),
        });
        let within = (at_ms - cluster.from_ms) as i16;
        let mut block = vec![0x81];
        block.extend(within.to_be_bytes());
        block.push(if keyframe { 0x80 } else { 0 });
        cluster.blocks.extend(id_bytes(0xa3));
        cluster
            .blocks
            .extend(size((block.len() + data.len()) as u64));
        cluster.blocks.extend(block);
        cluster.blocks.extend_from_slice(data);
        self.ends_ms = self.ends_ms.max(at_ms + lasts_ms);
        Ok(())
    }

    /// Writes the index and fills in what the front left open.
    pub(super) fn finish(mut self) -> io::Result<W> {
        self.end_cluster()?;
        let cues_at = self.written;
        let cues: Vec<u8> = self
            .cues
            .iter()
            .flat_map(|(at_ms, place)| cue_point(*at_ms, place - self.segment_from))
            .collect();
        self.write(&element(CUES, &cues))?;
        let (all, from) = (self.written, self.segment_from);
        self.patch(from - 8, &wide_size(all - from))?;
        self.patch(self.duration_at, &(self.ends_ms as f64).to_be_bytes())?;
        let places = seek_head(self.about_at - from, self.tracks_at - from, cues_at - from);
        self.patch(self.seek_head_at, &places)?;
        self.out.seek(SeekFrom::Start(all))?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn cue(&mut self, at_ms: i64) {
        let far_enough = self
            .cues
            .last()
            .is_none_or(|(last_ms, _)| at_ms - last_ms >= self.cue_every_ms);
        if !far_enough {
            return;
        }
        if self.cues.len() == MAX_CUES {
            let mut keep = false;
            self.cues.retain(|_| {
                keep = !keep;
                keep
            });
            let first_ms = self.cues.first().map_or(0, |(first_ms, _)| *first_ms);
            self.cue_every_ms = (at_ms - first_ms) / (MAX_CUES as i64 / 2);
        }
        self.cues.push((at_ms, self.written));
    }

    fn end_cluster(&mut self) -> io::Result<()> {
        let Some(cluster) = self.cluster.take() else {
            return Ok(());
        };
        let mut content = number(0xe7, cluster.from_ms as u64);
        content.extend(cluster.blocks);
        self.write(&element(CLUSTER, &content))
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    fn patch(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.out.seek(SeekFrom::Start(at))?;
        self.out.write_all(bytes)
    }
}

fn ebml_head() -> Vec<u8> {
    [
        number(0x4286, 1),
        number(0x42f7, 1),
        number(0x42f2, 4),
        number(0x42f3, 8),
        element(0x4282, b"webm"),
        number(0x4287, 4),
        number(0x4285, 2),
    ]
    .concat()
}

/// The content of Info, and how many bytes before its end the duration's eight bytes begin.
fn about(title: &str) -> (Vec<u8>, usize) {
    let content = [
        number(0x2a_d7b1, TIMESTAMP_SCALE_NS),
        element(0x7ba9, title.as_bytes()),
        element(0x4d80, APPLICATION.as_bytes()),
        element(0x5741, APPLICATION.as_bytes()),
        element(DURATION, &0.0_f64.to_be_bytes()),
    ]
    .concat();
    (content, 8)
}

fn track_entry(track: &Track) -> Vec<u8> {
    let mut entry = [number(0xd7, 1), number(0x73c5, 1), number(0x9c, 0)].concat();
    match track {
        Track::Video {
            codec_id,
            width,
            height,
            private,
        } => {
            entry.extend(number(0x83, 1));
            entry.extend(element(0x86, codec_id.as_bytes()));
            if !private.is_empty() {
                entry.extend(element(0x63a2, private));
            }
            let size = [
                number(0xb0, u64::from(*width)),
                number(0xba, u64::from(*height)),
            ];
            entry.extend(element(0xe0, &size.concat()));
        }
        Track::Opus { lookahead_samples } => {
            let lookahead_ns = u64::from(*lookahead_samples) * 1_000_000_000 / 48_000;
            entry.extend(number(0x83, 2));
            entry.extend(element(0x86, b"A_OPUS"));
            entry.extend(number(0x56aa, lookahead_ns));
            // RFC 7845, section 4.6: what a decoder needs before a seek is right.
            entry.extend(number(0x56bb, 80_000_000));
            entry.extend(element(0x63a2, &opus_head(*lookahead_samples)));
            let rate = element(0xb5, &48_000.0_f64.to_be_bytes());
            entry.extend(element(0xe1, &[rate, number(0x9f, 2)].concat()));
        }
    }
    entry
}

/// RFC 7845, section 5.1. Two channels as SDP always says (RFC 7587, section 7), whatever each
/// packet holds.
fn opus_head(lookahead_samples: u16) -> Vec<u8> {
    let mut head = b"OpusHead".to_vec();
    head.extend([1, 2]);
    head.extend(lookahead_samples.to_le_bytes());
    head.extend(48_000_u32.to_le_bytes());
    head.extend([0, 0, 0]);
    head
}

/// Where Info, Tracks and Cues are. Always as long, so that it can be written before they are.
fn seek_head(about: u64, tracks: u64, cues: u64) -> Vec<u8> {
    let entry = |id: u32, place: u64| {
        let place = element(0x53ac, &place.to_be_bytes());
        element(
            0x4dbb,
            &[element(0x53ab, &id.to_be_bytes()), place].concat(),
        )
    };
    let entries = [entry(INFO, about), entry(TRACKS, tracks), entry(CUES, cues)];
    element(SEEK_HEAD, &entries.concat())
}

fn cue_point(at_ms: i64, place: u64) -> Vec<u8> {
    let positions = [number(0xf7, 1), number(0xf1, place)].concat();
    let point = [number(0xb3, at_ms as u64), element(0xb7, &positions)].concat();
    element(0xbb, &point)
}

fn element(id: u32, content: &[u8]) -> Vec<u8> {
    let mut bytes = id_bytes(id);
    bytes.extend(size(content.len() as u64));
    bytes.extend_from_slice(content);
    bytes
}

fn number(id: u32, value: u64) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let skip = (value.leading_zeros() as usize / 8).min(7);
    element(id, &bytes[skip..])
}

fn id_bytes(id: u32) -> Vec<u8> {
    let skip = id.leading_zeros() as usize / 8;
    id.to_be_bytes()[skip..].to_vec()
}

/// RFC 8794, section 6.3: every bit of the value set.
const UNKNOWN_SIZE: [u8; 8] = [0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];

/// RFC 8794, section 4: the fewest bytes that hold the size, all bits set being reserved.
fn size(value: u64) -> Vec<u8> {
    let length = (1..8)
        .find(|length| value < (1 << (7 * length)) - 1)
        .unwrap_or(8);
    let marked = value | 1 << (7 * length);
    marked.to_be_bytes()[8 - length as usize..].to_vec()
}

fn wide_size(value: u64) -> [u8; 8] {
    (value | 1 << 56).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn sizes_take_the_fewest_bytes_that_hold_them() {
        for (value, bytes) in [
            (0, vec![0x80]),
            (126, vec![0xfe]),
            (127, vec![0x40, 0x7f]),
            (16_382, vec![0x7f, 0xfe]),
            (16_383, vec![0x20, 0x3f, 0xff]),
        ] {
            assert_eq!(size(value), bytes, "{value}");
        }
        assert_eq!(wide_size(5), [1, 0, 0, 0, 0, 0, 0, 5]);
    }

    #[test]
    fn the_index_stays_bounded_however_many_keyframes_come() {
        let track = Track::Video {
            codec_id: "V_VP8",
            width: 2,
            height: 2,
            private: Vec::new(),
        };
        let mut writer = Writer::begin(Cursor::new(Vec::new()), &track, "").expect("memory");
        for n in 0..20_000 {
            writer.frame(n * 40, 40, true, &[0]).expect("memory");
        }
        assert!(writer.cues.len() <= MAX_CUES && writer.cues.len() > MAX_CUES / 4);
        assert!(writer.cues.is_sorted());
        writer.finish().expect("memory");
    }

    #[test]
    fn a_cluster_ends_by_time_and_by_bytes() {
        let track = Track::Opus {
            lookahead_samples: 312,
        };
        let mut writer = Writer::begin(Cursor::new(Vec::new()), &track, "").expect("memory");
        writer.frame(0, 20, true, &[0; 100]).expect("memory");
        writer.frame(4_999, 20, true, &[0; 100]).expect("memory");
        assert_eq!(writer.cues.len(), 1);
        writer.frame(5_000, 20, true, &[0; 100]).expect("memory");
        assert_eq!(writer.cues.len(), 2);
        writer
            .frame(5_020, 20, true, &vec![0; CLUSTER_BYTES])
            .expect("memory");
        assert_eq!(writer.cues.len(), 3);
        writer.frame(3_600_000, 20, true, &[0]).expect("memory");
        assert_eq!(writer.cues.len(), 4);
    }
}
