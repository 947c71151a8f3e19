//! What of an answer is put otherwise than str0m does.
//!
//! The order of codecs: a sender takes the first that both ends have, so an answer keeps the
//! offerer's order (RFC 9429, section 5.3.1; RFC 3264, section 6.1). And silence: whoever sends
//! Opus may leave it out (RFC 7587, section 3.1.3); its numbers go on, so that a pause is told from a
//! loss.

/// The answer with the payload types of each m-line in the order in which the offer has them.
pub(super) fn as_offered(answer: &str, offer: &str) -> String {
    let mut offered = offer.lines().filter(|line| line.starts_with("m="));
    let lines = answer.split_inclusive('\n').map(|line| {
        if !line.starts_with("m=") {
            return line.to_owned();
        }
        let offered = offered.next().unwrap_or_default();
        reordered(line, offered).unwrap_or_else(|| line.to_owned())
    });
    lines.collect()
}

/// The answer with the wish that silence in Opus is not sent.
pub(super) fn without_silence(answer: &str) -> String {
    const WISH: &str = "usedtx=1";
    let is_opus = |line: &&str| line.to_ascii_lowercase().contains(" opus/48000");
    let types: Vec<&str> = answer
        .lines()
        .filter(is_opus)
        .filter_map(|line| line.strip_prefix("a=rtpmap:")?.split(' ').next())
        .collect();
    let lines = answer.split_inclusive('\n').map(|line| {
        let format = line.strip_prefix("a=fmtp:");
        let payload_type = format.and_then(|format| format.split(' ').next());
        if !payload_type.is_some_and(|payload_type| types.contains(&payload_type))
            || line.contains("usedtx=")
        {
            return line.to_owned();
        }
        let end = line.trim_end_matches(['\r', '\n']).len();
        let (line, ending) = line.split_at(end);
        format!("{line};{WISH}{ending}")
    });
    lines.collect()
}

/// None when there is nothing to order.
fn reordered(line: &str, offered: &str) -> Option<String> {
    /// `m=video`, port, protocol (RFC 8866, section 5.14).
    const BEFORE_FORMATS: usize = 3;
    let end = line.trim_end_matches(['\r', '\n']).len();
    let (line, ending) = line.split_at(end);
    let words: Vec<&str> = line.split(' ').collect();
    let (head, formats) = words.split_at_checked(BEFORE_FORMATS)?;
    let wanted: Vec<&str> = offered.split_whitespace().skip(BEFORE_FORMATS).collect();
    let place = |format: &&str| wanted.iter().position(|other| other == format);
    let mut formats = formats.to_vec();
    formats.sort_by_key(|format| place(format).unwrap_or(wanted.len()));
    Some([head, &formats].concat().join(" ") + ending)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_keeps_the_order_of_the_offer_and_everything_else() {
        let offer = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 63 111\r\na=mid:0\r\n\
            m=video 9 UDP/TLS/RTP/SAVPF 102 103 96 97\r\na=mid:1\r\n";
        let answer = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n\
            m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 7\r\na=mid:1\r\na=rtpmap:96 VP8/90000\r\n";
        let expected = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n\
            m=video 9 UDP/TLS/RTP/SAVPF 102 96 97 7\r\na=mid:1\r\na=rtpmap:96 VP8/90000\r\n";
        assert_eq!(as_offered(answer, offer), expected);
    }

    #[test]
    fn silence_is_wished_away_in_every_line_of_opus_and_no_other() {
        let answer = "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n\
            a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\na=rtpmap:96 VP8/90000\r\n\
            a=rtpmap:109 Opus/48000/2\r\na=fmtp:109 usedtx=0\r\na=fmtp:111 x=1\n";
        let expected = "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1;usedtx=1\r\n\
            a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\na=rtpmap:96 VP8/90000\r\n\
            a=rtpmap:109 Opus/48000/2\r\na=fmtp:109 usedtx=0\r\na=fmtp:111 x=1;usedtx=1\n";
        assert_eq!(without_silence(answer), expected);
        for odd in [
            "",
            "a=rtpmap:",
            "a=fmtp:",
            "a=rtpmap: opus/48000\na=fmtp: x",
        ] {
            without_silence(odd);
        }
    }

    #[test]
    fn what_is_no_whole_m_line_stays_as_it_is() {
        for answer in [
            "",
            "m=",
            "m=video",
            "m=video 9",
            "m=video 9 X",
            "a=b",
            "m=a b c d e\n",
        ] {
            for offer in ["", "m=", "m=video 9 X 1 2"] {
                assert_eq!(as_offered(answer, offer), answer, "{offer}");
            }
        }
    }
}
