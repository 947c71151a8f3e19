//! What the m-lines of an offer over HTTP are for. Nobody names them there, as a client does over
//! the WebSocket: the door that the offer came through says which way media flows, and the order
//! says what it is. Pure.

use sfu_protocol::media::{Kind, Source};
use sfu_protocol::signal::{PublishLine, TrackState};

/// Through which door an offer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// Media comes in (RFC 9725).
    Whip,
    /// Media goes out (draft-ietf-wish-whep).
    Whep,
}

impl Door {
    /// As in its path.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Door::Whip => "whip",
            Door::Whep => "whep",
        }
    }
}

/// An offer that the node can be told, with what its m-lines send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Directed {
    pub(crate) sdp: String,
    pub(crate) publish: Vec<PublishLine>,
}

/// Why an offer is not for this door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LinesError {
    /// No m-line sends, at the door where media comes in.
    #[error("no m-line of the offer sends audio or video")]
    NothingSent,
    /// No m-line receives, at the door where media goes out.
    #[error("no m-line of the offer receives audio or video")]
    NothingReceived,
    /// RFC 9725, section 4.4.2: such an offer is refused as a whole.
    #[error(
        "the offer sends more than two tracks of one kind: a microphone and a camera, and a screen with its sound"
    )]
    TooManySent,
}

const SENDRECV: &str = "a=sendrecv";
const SENDONLY: &str = "a=sendonly";
const RECVONLY: &str = "a=recvonly";
const INACTIVE: &str = "a=inactive";

/// What is before the first m-line, and an m-line with its attributes.
type Section<'a> = Vec<&'a str>;

/// Makes every m-line one way, the door's, and says what those send that do: the first audio is
/// the microphone and the second the sound of a screen; the first video is the camera and the
/// second the screen, or whichever says that it shows slides (RFC 4796, section 5).
pub(crate) fn direct(door: Door, sdp: &str) -> Result<Directed, LinesError> {
    let mut sections: Vec<Section<'_>> = vec![Vec::new()];
    for line in sdp.lines() {
        if line.starts_with("m=") {
            sections.push(Vec::new());
        }
        sections.last_mut().expect("never empty").push(line);
    }
    let session = sections.remove(0);
    let by_default = direction(&session).unwrap_or(SENDRECV);
    let mut directed = String::with_capacity(sdp.len() + 64);
    write(&mut directed, &session, None);
    let mut media = Vec::new();
    for section in &sections {
        let Some(kind) = kind_of(section) else {
            write(&mut directed, section, None);
            continue;
        };
        let offered = direction(section).unwrap_or(by_default);
        let turned = match (door, offered) {
            _ if is_rejected(section) => INACTIVE,
            (Door::Whip, SENDRECV | SENDONLY) => SENDONLY,
            (Door::Whep, SENDRECV | RECVONLY) => RECVONLY,
            _ => INACTIVE,
        };
        if turned != INACTIVE {
            media.push((kind, section));
        }
        write(&mut directed, section, Some(turned));
    }
    let publish = match (door, media.is_empty()) {
        (Door::Whip, true) => return Err(LinesError::NothingSent),
        (Door::Whep, true) => return Err(LinesError::NothingReceived),
        (Door::Whip, false) => sources(&media)?,
        (Door::Whep, false) => Vec::new(),
    };
    Ok(Directed {
        sdp: directed,
        publish,
    })
}

fn sources(media: &[(Kind, &Section<'_>)]) -> Result<Vec<PublishLine>, LinesError> {
    let mut lines = Vec::new();
    let mut taken: Vec<Source> = Vec::new();
    let slides = |section: &Section<'_>| content(section).any(|word| word == "slides");
    for (kind, section) in media {
        let wishes = match kind {
            Kind::Audio => [Source::Microphone, Source::ScreenAudio],
            Kind::Video if slides(section) => [Source::Screen, Source::Camera],
            Kind::Video => [Source::Camera, Source::Screen],
        };
        // What says that it shows slides has the screen, even when it comes first or last.
        let reserved = *kind == Kind::Video
            && !slides(section)
            && media
                .iter()
                .any(|(kind, other)| *kind == Kind::Video && slides(other));
        let is_free = |source: &Source| {
            let is_reserved = reserved && *source == Source::Screen;
            !is_reserved && !taken.contains(source)
        };
        let source = wishes.into_iter().find(is_free);
        let source = source.ok_or(LinesError::TooManySent)?;
        taken.push(source);
        lines.push(PublishLine {
            // One without a mid is refused with the offer (RFC 9725, section 4.4.1: bundled).
            mid: attribute(section, "mid").unwrap_or_default().to_owned(),
            source,
            state: TrackState::Live,
        });
    }
    Ok(lines)
}

fn kind_of(section: &Section<'_>) -> Option<Kind> {
    let media = section.first()?.strip_prefix("m=")?;
    match media.split(' ').next() {
        Some("audio") => Some(Kind::Audio),
        Some("video") => Some(Kind::Video),
        _ => None,
    }
}

/// RFC 3264, section 6: port 0, unless the port is that of the bundle (RFC 9143, section 6).
fn is_rejected(section: &Section<'_>) -> bool {
    let port = section.first().and_then(|line| line.split(' ').nth(1));
    port == Some("0") && !section.contains(&"a=bundle-only")
}

fn direction(section: &Section<'_>) -> Option<&'static str> {
    let all = [SENDRECV, SENDONLY, RECVONLY, INACTIVE];
    section
        .iter()
        .find_map(|line| all.into_iter().find(|one| *one == line.trim_end()))
}

fn attribute<'a>(section: &Section<'a>, name: &str) -> Option<&'a str> {
    let value = |line: &&'a str| {
        line.strip_prefix("a=")?
            .strip_prefix(name)?
            .strip_prefix(':')
    };
    section.iter().find_map(value).map(str::trim_end)
}

fn content<'a>(section: &Section<'a>) -> impl Iterator<Item = &'a str> {
    attribute(section, "content").unwrap_or_default().split(',')
}

/// A section as it was, with this direction and no other.
fn write(directed: &mut String, section: &Section<'_>, turned: Option<&str>) {
    let others = section
        .iter()
        .filter(|line| ![SENDRECV, SENDONLY, RECVONLY, INACTIVE].contains(&line.trim_end()));
    for line in others.copied().chain(turned) {
        directed.push_str(line);
        directed.push_str("\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn offer(lines: &[&str]) -> String {
        let media = lines.iter().enumerate().map(|(mid, line)| {
            let (kind, attributes) = line.split_once(' ').unwrap_or((line, ""));
            let attributes = attributes.split(' ').filter(|word| !word.is_empty());
            let attributes: String = attributes.map(|word| format!("a={word}\r\n")).collect();
            format!("m={kind} 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:{mid}\r\n{attributes}")
        });
        format!("v=0\r\ns=-\r\n{}", media.collect::<String>())
    }

    fn sent(lines: &[&str]) -> Result<Vec<Source>, LinesError> {
        let directed = direct(Door::Whip, &offer(lines))?;
        Ok(directed.publish.iter().map(|line| line.source).collect())
    }

    #[test]
    fn what_is_sent_is_told_by_its_kind_its_order_and_its_content() {
        use Source::{Camera, Microphone, Screen, ScreenAudio};
        let cases: [(&[&str], &[Source]); 8] = [
            (&["audio sendonly", "video sendonly"], &[Microphone, Camera]),
            (&["video sendonly"], &[Camera]),
            (&["video", "audio"], &[Camera, Microphone]),
            (&["video sendrecv", "video sendonly"], &[Camera, Screen]),
            (
                &["audio", "video", "audio", "video"],
                &[Microphone, Camera, ScreenAudio, Screen],
            ),
            (&["video content:slides"], &[Screen]),
            (
                &["video content:slides", "video content:main"],
                &[Screen, Camera],
            ),
            (
                &["video", "video content:speaker,slides"],
                &[Camera, Screen],
            ),
        ];
        for (lines, expected) in cases {
            assert_eq!(sent(lines).as_deref(), Ok(expected), "{lines:?}");
        }
        let refused: [(&[&str], LinesError); 5] = [
            (&[], LinesError::NothingSent),
            (&["application"], LinesError::NothingSent),
            (
                &["audio recvonly", "video inactive"],
                LinesError::NothingSent,
            ),
            (&["audio", "audio", "audio"], LinesError::TooManySent),
            (
                &["video", "video", "video content:slides"],
                LinesError::TooManySent,
            ),
        ];
        for (lines, expected) in refused {
            assert_eq!(sent(lines), Err(expected), "{lines:?}");
        }
    }

    #[test]
    fn media_flows_one_way_at_each_door() {
        let lines = [
            "audio sendrecv",
            "video sendonly",
            "video recvonly",
            "audio inactive",
            "video",
            "application",
        ];
        for (door, expected) in [
            (Door::Whip, [Some(SENDONLY), Some(SENDONLY), Some(INACTIVE)]),
            (Door::Whep, [Some(RECVONLY), Some(INACTIVE), Some(RECVONLY)]),
        ] {
            let directed = direct(door, &offer(&lines)).expect("for both doors").sdp;
            let sections: Vec<Section<'_>> = directed
                .split("m=")
                .skip(1)
                .map(|section| section.lines().collect())
                .collect();
            let directions: Vec<_> = sections.iter().map(direction).collect();
            assert_eq!(directions[..3], expected, "{directed}");
            let undirected = Some([SENDONLY, RECVONLY][door as usize]);
            assert_eq!(directions[3..], [Some(INACTIVE), undirected, None]);
        }
    }

    #[test]
    fn a_direction_for_the_whole_session_counts_where_an_m_line_has_none() {
        let offer = "v=0\r\na=recvonly\r\nm=video 9 X 96\r\na=mid:0\r\nm=audio 9 X 97\r\na=sendonly\r\na=mid:1\r\n";
        let directed = direct(Door::Whip, offer).expect("one sends");
        assert_eq!(directed.publish.len(), 1);
        assert_eq!(directed.publish[0].mid, "1");
        assert!(!directed.sdp.contains(RECVONLY), "{}", directed.sdp);
    }

    #[test]
    fn a_line_that_the_client_has_given_up_is_not_media() {
        let offer = |more: &str| format!("v=0\r\nm=video 0 X 96\r\na=mid:0\r\n{more}");
        let given_up = direct(Door::Whip, &offer(""));
        assert_eq!(given_up, Err(LinesError::NothingSent));
        assert!(direct(Door::Whip, &offer("a=bundle-only\r\n")).is_ok());
    }

    proptest! {
        #[test]
        fn any_text_is_directed_or_refused(
            sdp in "(m=audio 9|m=video 0|a=mid:1|a=sendonly|a=content:slides|[a-z=: ]{0,9}|\r\n|\n){0,40}",
        ) {
            for door in [Door::Whip, Door::Whep] {
                if let Ok(directed) = direct(door, &sdp) {
                    prop_assert!(directed.publish.len() <= 4);
                    let again = direct(door, &directed.sdp).expect("as before");
                    prop_assert_eq!(again, directed);
                }
            }
        }
    }
}
