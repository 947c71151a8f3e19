//! The media of a synthetic person, as a participant without a browser sends it.
//!
//! Picture n belongs to exactly n fifteenths of a second and packet n to n times 20 ms, both
//! from the same start, so that flash and beep are one moment and the way can be measured.

use bytes::Bytes;
use recorder::compose::synthetic::{LAYERS, PACKET_US, SyntheticPerson, VIDEO_FPS};
use sfu_client::media::{AudioFrame, EncodedFrame, MediaSource, OPUS_CLOCK_HZ, VIDEO_CLOCK_HZ};
use sfu_protocol::media::Source;

/// Clock units from one picture to the next.
const PICTURE_TICKS: u64 = VIDEO_CLOCK_HZ / VIDEO_FPS;
/// Clock units from one packet of sound to the next.
const PACKET_TICKS: u64 = OPUS_CLOCK_HZ * PACKET_US / 1_000_000;
/// The loudness above which a packet counts as voice: the babble is far louder, its pauses far
/// quieter.
const VOICE_DBOV: i8 = -60;

/// Draws and speaks when asked.
pub(super) struct PersonSource {
    person: SyntheticPerson,
    next_picture: u64,
    next_packet: u64,
    keyframes_wanted: [bool; LAYERS.len()],
}

impl PersonSource {
    /// From its first picture on. The first frame of every layer is a keyframe.
    pub(super) fn new(person: SyntheticPerson) -> Self {
        Self {
            person,
            next_picture: 0,
            next_packet: 0,
            keyframes_wanted: [true; LAYERS.len()],
        }
    }
}

impl MediaSource for PersonSource {
    fn video(&mut self, source: Source, at_us: u64) -> Vec<EncodedFrame> {
        if source != Source::Camera || picture_us(self.next_picture) > at_us {
            return Vec::new();
        }
        // A box that cannot draw fifteen pictures a second shows fewer; it never shows old ones.
        let picture = last_due_picture(at_us);
        self.next_picture = picture + 1;
        let forced = std::mem::take(&mut self.keyframes_wanted);
        let frames = self.person.video_at(picture_us(picture), forced);
        frames
            .into_iter()
            .map(|frame| EncodedFrame {
                layer: frame.layer,
                timestamp: picture * PICTURE_TICKS,
                keyframe: frame.keyframe,
                data: Bytes::from(frame.data),
                place: None,
            })
            .collect()
    }

    fn audio(&mut self, source: Source, at_us: u64) -> Vec<AudioFrame> {
        let mut packets = Vec::new();
        while source == Source::Microphone && self.next_packet * PACKET_US <= at_us {
            let packet = self.person.audio_at(self.next_packet * PACKET_US);
            let level_dbov = -i8::try_from(packet.level_dbov).unwrap_or(i8::MAX);
            packets.push(AudioFrame {
                timestamp: self.next_packet * PACKET_TICKS,
                data: Bytes::from(packet.data),
                level_dbov,
                voice: level_dbov > VOICE_DBOV,
            });
            self.next_packet += 1;
        }
        packets
    }

    fn request_keyframe(&mut self, source: Source, layer: u8) {
        if let (Source::Camera, Some(wanted)) =
            (source, self.keyframes_wanted.get_mut(usize::from(layer)))
        {
            *wanted = true;
        }
    }

    fn next_at_us(&self) -> u64 {
        picture_us(self.next_picture).min(self.next_packet * PACKET_US)
    }
}

/// When a picture is due.
fn picture_us(picture: u64) -> u64 {
    picture * 1_000_000 / VIDEO_FPS
}

/// The last picture that is due by a time.
fn last_due_picture(at_us: u64) -> u64 {
    // Of the numbers that `picture_us` rounds down to this time or before, the greatest.
    ((at_us + 1) * VIDEO_FPS).div_ceil(1_000_000) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_due_picture_is_due_and_the_next_is_not() {
        for at_us in [0, 1, 66_665, 66_666, 66_667, 133_333, 999_999, 1_000_000] {
            let picture = last_due_picture(at_us);
            assert!(picture_us(picture) <= at_us, "{at_us}");
            assert!(picture_us(picture + 1) > at_us, "{at_us}");
        }
    }

    #[test]
    fn a_second_of_a_person_is_fifteen_pictures_and_fifty_packets_from_one_start() {
        let person = SyntheticPerson::new("Ada", 0).expect("codecs are there");
        let mut source = PersonSource::new(person);
        let (mut pictures, mut packets) = (Vec::new(), Vec::new());
        while source.next_at_us() < 1_000_000 {
            let at_us = source.next_at_us();
            pictures.extend(source.video(Source::Camera, at_us));
            packets.extend(source.audio(Source::Microphone, at_us));
        }
        let largest: Vec<_> = pictures.iter().filter(|frame| frame.layer == 2).collect();
        assert_eq!(largest.len(), 15);
        assert!(largest[0].keyframe && !largest[1].keyframe);
        assert_eq!(largest[14].timestamp, 14 * PICTURE_TICKS);
        assert_eq!(packets.len(), 50);
        assert_eq!(packets[49].timestamp, 49 * PACKET_TICKS);
        assert!(source.video(Source::Screen, 2_000_000).is_empty());
    }

    #[test]
    fn a_late_caller_gets_the_newest_picture_and_every_packet() {
        let person = SyntheticPerson::new("Ada", 0).expect("codecs are there");
        let mut source = PersonSource::new(person);
        let pictures = source.video(Source::Camera, 500_000);
        assert!(
            pictures
                .iter()
                .all(|frame| frame.timestamp == 7 * PICTURE_TICKS)
        );
        assert_eq!(source.audio(Source::Microphone, 500_000).len(), 26);
    }
}
