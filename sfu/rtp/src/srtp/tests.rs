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
const PROFILES: [Profile; 3] = [
    Profile::AeadAes128Gcm,
    Profile::AeadAes256Gcm,
    Profile::Aes128CmHmacSha1,
];

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

/// Both directions with the session keys of the vectors of RFC 7714, which derive no keys.
fn session(profile: Profile) -> (Sealer, Opener) {
    let cipher = || {
        let gcm = Gcm::new(&KEY[..profile.key_bytes()], SALT);
        Cipher::Gcm(gcm.expect("a key"))
    };
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
    let material: Vec<u8> = (0..2 * (profile.key_bytes() + profile.salt_bytes()) as u8).collect();
    Keying::new(profile, &material).expect("keying material")
}

fn open(opener: &Opener, window: &mut Window, packet: &[u8]) -> Result<Vec<u8>, Refused> {
    let header = Header::read(packet).ok_or(Refused::Malformed)?;
    let mut plain = vec![
        0;
        opener
            .plain_bytes(&header, packet)
            .ok_or(Refused::Malformed)?
    ];
    opener.open(window, &header, packet, &mut plain)?;
    Ok([&packet[..header.bytes], &plain].concat())
}

fn open_rtcp(opener: &Opener, window: &mut Window, packet: &[u8]) -> Result<Vec<u8>, Refused> {
    let mut plain = vec![7; 3];
    opener.open_rtcp(window, packet, &mut plain)?;
    Ok(plain)
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
        assert_eq!(open_rtcp(&opener, &mut window, &packet), Ok(bytes(RTCP)));
        let again = open_rtcp(&opener, &mut window, &packet);
        assert_eq!(again, Err(Refused::Replayed));
    }
    let (_, opener) = session(Profile::AeadAes128Gcm);
    let clear = open_rtcp(&opener, &mut Window::default(), &bytes(SRTCP_128_CLEAR));
    assert_eq!(clear, Ok(bytes(RTCP)));
}

/// RFC 3711, appendix B.3; the packets below have the same master key and salt.
const MASTER_KEY: &str = "e1f97a0d3e018be0d64fa32c06de4139";
const MASTER_SALT: &str = "0ec675ad498afeebb6960b3aabe6";

#[test]
fn the_vectors_of_rfc_3711_for_the_derivation_of_keys_are_met() {
    for (label, expected) in [
        (LABEL_RTP_KEY, "c61e7a93744f39ee10734afe3ff7a087"),
        (LABEL_RTP_SALT, "30cbbc08863d8c85d49db34a9ae1"),
        (LABEL_RTP_TAG, "cebe321f6ff7716b6fd4ab49af256a156d38baa4"),
    ] {
        let mut session_key = vec![0; expected.len() / 2];
        let (key, salt) = (bytes(MASTER_KEY), bytes(MASTER_SALT));
        derive(&key, &salt, label, &mut session_key).expect("derived");
        assert_eq!(hex::encode(session_key), expected);
    }
}

#[test]
fn the_vectors_of_rfc_3711_for_counter_mode_are_met() {
    let key = bytes("2b7e151628aed2a6abf7158809cf4f3c");
    let salt = bytes("f0f1f2f3f4f5f6f7f8f9fafbfcfd");
    let salt = salt.try_into().expect("14 bytes");
    let counter = Counter::new(&key, salt, &[0; counter::TAG_KEY_BYTES]).expect("a key");
    let mut text = [0; 48];
    counter
        .seal((0, 0), &[], &mut text, [0; 4])
        .expect("sealed");
    let expected = "e03ead0935c95e80e166b16dd92b4eb4d23513162b02d0f72a43a2fe4a5f97ab\
                    41e95b3bb0a2e8dd477901e4fca894c0";
    assert_eq!(hex::encode(text), expected);
}

/// What libsrtp, which browsers and most servers have, says of the master key of RFC 3711.
const COUNTER_RTP: &str = "800f1234decafbadcafebabeabababababababababababababababab";
const COUNTER_SRTP: &str = "800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402\
                            b78d6acc99ea179b8dbb";
const COUNTER_RTCP: &str = "81c8000bcafebabeabababababababababababababababab";
const COUNTER_SRTCP: &str = "81c8000bcafebabe7128035be487b9bdbef89041f977a5a8\
                             80000001993e08cd54d6c1230798";

fn counter_keying() -> Keying {
    let (key, salt) = (bytes(MASTER_KEY), bytes(MASTER_SALT));
    let material = [&key[..], &key, &salt, &salt].concat();
    Keying::new(Profile::Aes128CmHmacSha1, &material).expect("keying material")
}

#[test]
fn what_libsrtp_seals_with_counter_mode_is_sealed_alike_and_opened() {
    let keying = counter_keying();
    let mut sealer = keying.sealer(End::Client).expect("keys");
    let opener = keying.opener(End::Server).expect("keys");
    let mut packet = bytes(COUNTER_RTP);
    sealer.seal(0x1234, &mut packet).expect("sealed");
    assert_eq!(hex::encode(&packet), COUNTER_SRTP);
    let opened = open(&opener, &mut Window::default(), &packet);
    assert_eq!(opened, Ok(bytes(COUNTER_RTP)));
    sealer.rtcp_index = 1;
    let mut packet = bytes(COUNTER_RTCP);
    sealer.seal_rtcp(&mut packet).expect("sealed");
    assert_eq!(hex::encode(&packet), COUNTER_SRTCP);
    let opened = open_rtcp(&opener, &mut Window::default(), &packet);
    assert_eq!(opened, Ok(bytes(COUNTER_RTCP)));
}

#[test]
fn what_is_authenticated_with_hmac_and_not_encrypted_is_opened() {
    let (mut packet, word) = (bytes(COUNTER_RTCP), 9_u32.to_be_bytes());
    let Cipher::Counter(counter) = counter_keying().sealer(End::Client).expect("keys").rtcp else {
        panic!("of another profile");
    };
    let tag = counter.seal((0, 9), &packet, &mut [], word).expect("a tag");
    packet.extend_from_slice(&word);
    packet.extend_from_slice(&tag);
    let opener = counter_keying().opener(End::Client).expect("keys");
    let opened = open_rtcp(&opener, &mut Window::default(), &packet);
    assert_eq!(opened, Ok(bytes(COUNTER_RTCP)));
}

#[test]
fn what_hmac_authenticates_is_of_its_round_only() {
    let keying = counter_keying();
    let (sealer, opener) = (
        keying.sealer(End::Client).expect("keys"),
        keying.opener(End::Client).expect("keys"),
    );
    let mut packet = bytes(COUNTER_RTP);
    sealer.seal(0x1_1234, &mut packet).expect("sealed");
    let refused = open(&opener, &mut Window::default(), &packet);
    assert_eq!(refused, Err(Refused::Forged));
}

#[test]
fn each_end_opens_what_the_other_sealed_and_nothing_of_its_own() {
    for profile in PROFILES {
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
    let used_up = sealer.seal(MAX_INDEX + 1, &mut bytes(RTP));
    assert_eq!(used_up, Err(Refused::UsedUp));
}

#[test]
fn keying_material_of_another_length_is_refused() {
    for (profile, bytes) in [
        (Profile::AeadAes128Gcm, 60),
        (Profile::AeadAes256Gcm, 56),
        (Profile::Aes128CmHmacSha1, 56),
    ] {
        let refused = Keying::new(profile, &vec![0; bytes]);
        assert!(matches!(refused, Err(Refused::Keying)));
    }
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
    for profile in PROFILES {
        let keying = keying(profile);
        let sealer = keying.sealer(End::Server).expect("keys");
        let opener = keying.opener(End::Server).expect("keys");
        let mut window = Window::default();
        for (at, packet) in stream(65_500..65_600, &sealer).iter().enumerate() {
            let opened = open(&opener, &mut window, packet).expect("authentic");
            assert!(opened.ends_with(&(65_500 + at as u64).to_be_bytes()));
            assert_eq!(open(&opener, &mut window, packet), Err(Refused::Replayed));
        }
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
        prop_assert!(open_rtcp(&opener, &mut window, &packet).is_err());
        prop_assert_eq!(window, Window::default());
    }

    #[test]
    fn with_hmac_too_a_packet_that_was_touched_is_refused_and_teaches_nothing(
        at in 0usize..38,
        bit in 0u8..8,
    ) {
        let opener = counter_keying().opener(End::Client).expect("keys");
        let mut window = Window::default();
        for sealed in [COUNTER_SRTP, COUNTER_SRTCP] {
            let mut packet = bytes(sealed);
            packet[at] ^= 1 << bit;
            let refused = match sealed {
                COUNTER_SRTP => open(&opener, &mut window, &packet),
                _ => open_rtcp(&opener, &mut window, &packet),
            };
            prop_assert!(refused.is_err());
            prop_assert_eq!(window, Window::default());
        }
    }

    #[test]
    fn what_is_sealed_is_opened_whatever_it_is(
        profile in prop::sample::select(PROFILES.to_vec()),
        index in 0u64..1 << 16,
        payload in prop::collection::vec(any::<u8>(), 0..1_500),
    ) {
        let keying = keying(profile);
        let mut sealer = keying.sealer(End::Client).expect("keys");
        let opener = keying.opener(End::Client).expect("keys");
        let mut packet = bytes(RTP)[..12].to_vec();
        packet[2..4].copy_from_slice(&(index as u16).to_be_bytes());
        packet.extend_from_slice(&payload);
        let mut sealed = packet.clone();
        sealed.resize(packet.len() + profile.tag_bytes(), 0xff);
        prop_assert_eq!(sealer.tag_bytes(), profile.tag_bytes());
        prop_assert_eq!(sealer.seal_in_place(12, &mut sealed, index), Ok(()));
        let mut longer = packet.clone();
        prop_assert_eq!(sealer.seal(index, &mut longer), Ok(()));
        prop_assert_eq!(&longer, &sealed, "sealed alike either way");
        prop_assert_eq!(open(&opener, &mut Window::default(), &sealed), Ok(packet));

        let mut packet = bytes(RTCP)[..8].to_vec();
        packet.extend_from_slice(&payload);
        let mut sealed = packet.clone();
        prop_assert_eq!(sealer.seal_rtcp(&mut sealed), Ok(()));
        prop_assert!(sealed.len() <= packet.len() + MAX_SRTCP_ADDS_BYTES);
        prop_assert_eq!(open_rtcp(&opener, &mut Window::default(), &sealed), Ok(packet));
    }

    #[test]
    fn any_bytes_are_refused(
        profile in prop::sample::select(PROFILES.to_vec()),
        packet in prop::collection::vec(any::<u8>(), 0..90),
        header_bytes in 0usize..100,
    ) {
        let keying = keying(profile);
        let mut sealer = keying.sealer(End::Client).expect("keys");
        let opener = keying.opener(End::Client).expect("keys");
        let mut window = Window::default();
        prop_assert!(open(&opener, &mut window, &packet).is_err());
        prop_assert!(open_rtcp(&opener, &mut window, &packet).is_err());
        // Whatever is long enough can be sealed; it is the caller's.
        let mut own = packet.clone();
        let sealed = sealer.seal_rtcp(&mut own).is_ok();
        prop_assert_eq!(sealed, packet.len() >= RTCP_HEAD_BYTES);
        let mut own = packet.clone();
        prop_assert_eq!(sealer.seal(1, &mut own).is_ok(), Header::read(&packet).is_some());
        let mut own = packet.clone();
        let fits = header_bytes >= 12 && header_bytes + profile.tag_bytes() <= packet.len();
        prop_assert_eq!(sealer.seal_in_place(header_bytes, &mut own, 1).is_ok(), fits);
    }
}
