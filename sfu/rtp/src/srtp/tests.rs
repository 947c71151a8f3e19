//! The vectors of the standards, what is sealed is opened, and what was touched is not.

use proptest::prelude::*;

use super::*;

const KEY: [u8; 32] = {
    let mut key = [0; 32];
    let mut at = 0;
    while at < 32 {
        key[at] = at as u8;
        at += 1;
    }
    key
};
const SALT: [u8; 12] = *b"Quid pro quo";

/// RFC 7714, section 16: "Gallia est omnis divisa in partes tres".
const RTP: &str = "8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e6973206469766973\
                   6120696e207061727465732074726573";
const SRTP_128: &str = "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d29\
                        4e6f42a5f47a51c7d19b36de3adf8833899d7f27beb16a9152cf765ee4390cce";
const SRTP_256: &str = "8040f17b8041f8d35501a0b232b1de78a822fe12ef9f78fa332e33aab18012389a58\
                        e2f3b50b2a0276ffae0f1ba63799b87b7aa3db36dfffd6b0f9bb7878d7a76c13";

/// RFC 7714, section 17: a sender report with the index 0x5d4.
const RTCP: &str = "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeef\
                    deadbeefdeadbeefdeadbeefdeadbeef";
const SRTCP_INDEX: u32 = 0x5d4;
const SRTCP_128: &str = "81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676\
                         a5f1730d6fda4ce09b4686303ded0bb9275bc84aa45896cf4d2fc5abf87245d9eade\
                         800005d4";
const SRTCP_256: &str = "81c8000d4d617273d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2ea\
                         a5c1110555be8415f658c61de0476f1b6fad1d1eb30c4446839f57ff6f6cb26ac3be\
                         800005d4";
/// Section 17.3: authenticated and not encrypted.
const SRTCP_128_CLEAR: &str = "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61\
                               deadbeefdeadbeefdeadbeefdeadbeefdeadbeef841dd9683dd78ec92ae58790\
                               125f62b3000005d4";

fn bytes(hexadecimal: &str) -> Vec<u8> {
    hex::decode(hexadecimal).expect("hexadecimal")
}

/// Both directions with the session keys of the vectors, which derive no keys.
fn session(profile: Profile) -> (Sealer, Opener) {
    let cipher = || Cipher::new(profile, &KEY[..profile.key_bytes()], SALT).expect("a key");
    let sealer = Sealer {
        rtp: cipher(),
        rtcp: cipher(),
        rtcp_index: SRTCP_INDEX,
    };
    let opener = Opener {
        rtp: cipher(),
        rtcp: cipher(),
    };
    (sealer, opener)
}

fn keying(profile: Profile) -> Keying {
    let material: Vec<u8> = (0..2 * (profile.key_bytes() + SALT_BYTES) as u8).collect();
    Keying::new(profile, &material).expect("keying material")
}

fn open(opener: &Opener, window: &mut Window, packet: &[u8]) -> Result<Vec<u8>, Refused> {
    let header = Header::read(packet).ok_or(Refused::Malformed)?;
    let mut plain = vec![0; plain_bytes(&header, packet).ok_or(Refused::Malformed)?];
    opener.open(window, &header, packet, &mut plain)?;
    Ok([&packet[..header.bytes], &plain].concat())
}

#[test]
fn the_vectors_of_rfc_7714_for_rtp_are_sealed_and_opened() {
    for (profile, sealed) in [
        (Profile::AeadAes128Gcm, SRTP_128),
        (Profile::AeadAes256Gcm, SRTP_256),
    ] {
        let (sealer, opener) = session(profile);
        let mut packet = bytes(RTP);
        sealer.seal(0xf17b, &mut packet).expect("sealed");
        assert_eq!(hex::encode(&packet), sealed);
        let opened = open(&opener, &mut Window::default(), &packet);
        assert_eq!(opened, Ok(bytes(RTP)));
    }
}

#[test]
fn the_vectors_of_rfc_7714_for_rtcp_are_sealed_and_opened() {
    for (profile, sealed) in [
        (Profile::AeadAes128Gcm, SRTCP_128),
        (Profile::AeadAes256Gcm, SRTCP_256),
    ] {
        let (mut sealer, opener) = session(profile);
        let mut packet = bytes(RTCP);
        sealer.seal_rtcp(&mut packet).expect("sealed");
        assert_eq!(hex::encode(&packet), sealed);
        let mut window = Window::default();
        assert_eq!(opener.open_rtcp(&mut window, &packet), Ok(bytes(RTCP)));
        let again = opener.open_rtcp(&mut window, &packet);
        assert_eq!(again, Err(Refused::Replayed));
    }
    let (_, opener) = session(Profile::AeadAes128Gcm);
    let clear = opener.open_rtcp(&mut Window::default(), &bytes(SRTCP_128_CLEAR));
    assert_eq!(clear, Ok(bytes(RTCP)));
}

#[test]
fn the_vectors_of_rfc_3711_for_the_derivation_of_keys_are_met() {
    let key = bytes("e1f97a0d3e018be0d64fa32c06de4139");
    let salt = bytes("0ec675ad498afeebb6960b3aabe6");
    let mut session_key = [0; 16];
    derive(&key, &salt, LABEL_RTP_KEY, &mut session_key).expect("derived");
    let expected = "c61e7a93744f39ee10734afe3ff7a087";
    assert_eq!(hex::encode(session_key), expected);
    let mut session_salt = [0; 14];
    derive(&key, &salt, LABEL_RTP_SALT, &mut session_salt).expect("derived");
    assert_eq!(hex::encode(session_salt), "30cbbc08863d8c85d49db34a9ae1");
}

#[test]
fn each_end_opens_what_the_other_sealed_and_nothing_of_its_own() {
    for profile in [Profile::AeadAes128Gcm, Profile::AeadAes256Gcm] {
        let keying = keying(profile);
        for (own, other) in [(End::Client, End::Server), (End::Server, End::Client)] {
            let mut packet = bytes(RTP);
            let sealer = keying.sealer(own).expect("keys");
            sealer.seal(0xf17b, &mut packet).expect("sealed");
            let theirs = keying.opener(own).expect("keys");
            let opened = open(&theirs, &mut Window::default(), &packet);
            assert_eq!(opened, Ok(bytes(RTP)));
            let wrong = keying.opener(other).expect("keys");
            let refused = open(&wrong, &mut Window::default(), &packet);
            assert_eq!(refused, Err(Refused::Forged));
        }
    }
}

#[test]
fn no_number_is_used_twice_and_a_key_that_is_used_up_seals_nothing() {
    let mut sealer = keying(Profile::AeadAes128Gcm)
        .sealer(End::Client)
        .expect("keys");
    let (mut first, mut second) = (bytes(RTCP), bytes(RTCP));
    sealer.seal_rtcp(&mut first).expect("sealed");
    sealer.seal_rtcp(&mut second).expect("sealed");
    assert_ne!(first, second);
    sealer.rtcp_index = SRTCP_ENCRYPTED;
    assert_eq!(sealer.seal_rtcp(&mut bytes(RTCP)), Err(Refused::UsedUp));
}

#[test]
fn keying_material_of_another_length_is_refused() {
    let refused = Keying::new(Profile::AeadAes128Gcm, &[0; 60]);
    assert!(matches!(refused, Err(Refused::Keying)));
}

#[test]
fn keys_are_not_shown() {
    let keying = keying(Profile::AeadAes128Gcm);
    assert_eq!(format!("{keying:?}"), "Keying { .. }");
    let opener = keying.opener(End::Client).expect("keys");
    assert_eq!(format!("{opener:?}"), "Opener { .. }");
}

/// A stream over a rollover, each packet with a payload of its own.
fn stream(seqs: impl Iterator<Item = u64>, sealer: &Sealer) -> Vec<Vec<u8>> {
    let sealed = seqs.map(|index| {
        let mut packet = bytes(RTP);
        packet[2..4].copy_from_slice(&(index as u16).to_be_bytes());
        packet.extend_from_slice(&index.to_be_bytes());
        sealer.seal(index, &mut packet).expect("sealed");
        packet
    });
    sealed.collect()
}

#[test]
fn a_stream_that_rolls_over_is_opened_and_each_packet_once() {
    let keying = keying(Profile::AeadAes256Gcm);
    let sealer = keying.sealer(End::Server).expect("keys");
    let opener = keying.opener(End::Server).expect("keys");
    let mut window = Window::default();
    for (at, packet) in stream(65_500..65_600, &sealer).iter().enumerate() {
        let opened = open(&opener, &mut window, packet).expect("authentic");
        assert!(opened.ends_with(&(65_500 + at as u64).to_be_bytes()));
        assert_eq!(open(&opener, &mut window, packet), Err(Refused::Replayed));
    }
}

proptest! {
    #[test]
    fn a_packet_that_was_touched_anywhere_is_refused_and_teaches_nothing(
        at in 0usize..66,
        bit in 0u8..8,
    ) {
        let (_, opener) = session(Profile::AeadAes128Gcm);
        let mut packet = bytes(SRTP_128);
        packet[at] ^= 1 << bit;
        let mut window = Window::default();
        prop_assert!(open(&opener, &mut window, &packet).is_err());
        prop_assert_eq!(window, Window::default());
        let mut packet = bytes(SRTCP_128);
        packet[at] ^= 1 << bit;
        prop_assert!(opener.open_rtcp(&mut window, &packet).is_err());
        prop_assert_eq!(window, Window::default());
    }

    #[test]
    fn any_bytes_are_refused(packet in prop::collection::vec(any::<u8>(), 0..90)) {
        let (mut sealer, opener) = session(Profile::AeadAes256Gcm);
        let mut window = Window::default();
        prop_assert!(open(&opener, &mut window, &packet).is_err());
        prop_assert!(opener.open_rtcp(&mut window, &packet).is_err());
        // Whatever is long enough can be sealed; it is the caller's.
        let mut own = packet.clone();
        let sealed = sealer.seal_rtcp(&mut own).is_ok();
        prop_assert_eq!(sealed, packet.len() >= RTCP_HEAD_BYTES);
        let mut own = packet.clone();
        prop_assert_eq!(sealer.seal(1, &mut own).is_ok(), Header::read(&packet).is_some());
    }
}
