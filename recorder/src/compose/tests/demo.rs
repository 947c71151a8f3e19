//! The synthetic participant.

use recorder_core::frame::Frame;
use sfu_protocol::media::Codec;

use super::sources::person;
use crate::compose::synthetic::{LAYERS, PACKET_US, SyntheticFrame, SyntheticPerson, phase_us};
use crate::compose::{ComposeJob, codecs_missing, decode};

fn keyframes(frames: &[SyntheticFrame]) -> Vec<bool> {
    frames.iter().map(|frame| frame.keyframe).collect()
}

#[test]
fn nothing_is_missing_from_the_ffmpeg_that_the_set_up_installs() {
    assert_eq!(codecs_missing(), Vec::<&str>::new());
}

#[test]
fn a_participant_and_a_job_can_be_moved_to_a_thread_of_their_own() {
    fn goes<T: Send>() {}
    goes::<SyntheticPerson>();
    goes::<ComposeJob>();
}

#[test]
fn layers_have_their_sizes_and_keyframes_come_when_asked_for_in_the_layer_asked_for() {
    let mut person = person(0);
    let first = person.video_at(5_000_000, [false; 3]);
    assert_eq!(keyframes(&first), [true; 3]);
    for (frame, (width, height, _)) in first.iter().zip(LAYERS) {
        let whole = Frame {
            at_us: 0,
            keyframe: true,
            data: frame.data.clone(),
        };
        assert_eq!(
            decode::dimensions(Codec::Vp8, &whole),
            Some((width, height))
        );
    }
    assert_eq!(
        keyframes(&person.video_at(5_066_666, [false; 3])),
        [false; 3]
    );
    let asked = person.video_at(5_133_333, [false, true, false]);
    assert_eq!(keyframes(&asked), [false, true, false]);
    assert_eq!(
        asked.iter().map(|frame| frame.layer).collect::<Vec<_>>(),
        [0, 1, 2]
    );
}

#[test]
fn a_beep_is_louder_than_speech_and_a_pause_is_nearly_silent() {
    let mut person = person(2);
    let levels: Vec<u8> = (0..400)
        .map(|n| person.audio_at(n * PACKET_US).level_dbov)
        .collect();
    let beep = (phase_us(2) + 1_040_000) / PACKET_US;
    assert!(
        (8..=14).contains(&levels[beep as usize]),
        "{}",
        levels[beep as usize]
    );
    assert!(levels.iter().any(|level| *level > 60));
    assert!(
        levels
            .iter()
            .filter(|level| (15..45).contains(*level))
            .count()
            > 60
    );
}
