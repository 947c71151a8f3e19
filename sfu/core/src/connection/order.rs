//! The order of an answer's codecs: a sender takes the first that both ends have, so an answer
//! keeps the offerer's order (RFC 9429, section 5.3.1; RFC 3264, section 6.1).

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
