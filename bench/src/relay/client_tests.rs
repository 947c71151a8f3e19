//! A client against answers that are written down.

use super::*;

const NONCE: &str = "nonce";

fn peer() -> SocketAddr {
    ([127, 0, 0, 1], 9).into()
}

fn key() -> Key {
    Key::derive("user", "realm", "pass")
}

fn client(now: Instant, stream: bool) -> Client {
    let who = Credential {
        username: "user".to_owned(),
        password: "pass".to_owned(),
    };
    Client::new(now, who, peer(), stream, 1)
}

/// What the relay says to a request.
enum Answer {
    Yes,
    /// An error, with a nonce.
    Error(u16, &'static str),
    /// A success that somebody else signed.
    Forged,
}

/// Answers the one request that waits; says for what it was.
fn answer(client: &mut Client, now: Instant, answer: &Answer) -> u16 {
    let asked = client.poll().expect("a request");
    assert_eq!(client.poll(), None, "one request at a time");
    let request = Message::parse(&asked).expect("a message");
    let (method, transaction) = (request.method, request.transaction);
    let success = || {
        Writer::new(Class::Success, method, transaction)
            .attribute(attribute::LIFETIME, &600u32.to_be_bytes())
            .address(attribute::XOR_RELAYED_ADDRESS, peer())
    };
    let said = match answer {
        Answer::Yes => {
            assert!(request.is_signed(&key()));
            success().signed(&key())
        }
        Answer::Forged => success().signed(&Key::derive("user", "realm", "other")),
        Answer::Error(code, nonce) => {
            let class = u8::try_from(code / 100).expect("small");
            let number = u8::try_from(code % 100).expect("small");
            Writer::new(Class::Error, method, transaction)
                .attribute(attribute::ERROR_CODE, &[0, 0, class, number])
                .attribute(attribute::REALM, b"realm")
                .attribute(attribute::NONCE, nonce.as_bytes())
                .plain()
        }
    };
    assert_eq!(client.handle(now, &said), None);
    method
}

fn bound(now: Instant, stream: bool) -> Client {
    let mut client = client(now, stream);
    answer(&mut client, now, &Answer::Error(401, NONCE));
    for method in [
        method::ALLOCATE,
        method::CREATE_PERMISSION,
        method::CHANNEL_BIND,
    ] {
        assert_eq!(answer(&mut client, now, &Answer::Yes), method);
    }
    assert_eq!(client.stage(), Stage::Bound);
    assert_eq!(client.poll(), None);
    client
}

#[test]
fn a_client_allocates_permits_binds_and_hears_its_peer_only_on_its_channel() {
    let now = Instant::now();
    let mut client = bound(now, false);
    assert_eq!(client.allocated_at(), Some(now));
    let heard = client.handle(now, &[0x40, 0, 0, 2, 7, 8]);
    assert_eq!(heard, Some(&[7, 8][..]));
    for other in [&[0x40, 1, 0, 1, 7][..], &[0x40, 0, 0, 9], b"", b"GET /"] {
        assert_eq!(client.handle(now, other), None);
    }
    client.release(now);
    let released = answer(&mut client, now, &Answer::Yes);
    assert_eq!(
        (released, client.stage()),
        (method::REFRESH, Stage::Released)
    );
    assert_eq!(client.deadline(), None);
}

#[test]
fn each_refusal_ends_the_client_and_says_why_in_a_line() {
    let now = Instant::now();
    // How many requests are answered with success after the challenge; the code; the words.
    let cases = [
        (0, 401, "wrong credentials"),
        (0, 486, "no further allocation"),
        (0, 508, "no room for an allocation"),
        (0, 442, "relays no UDP"),
        (0, 300, "another one"),
        (1, 403, "refuses the peer 127.0.0.1:9 (403)"),
        (2, 403, "turn.further_peers"),
        (2, 400, "refuses a channel: error 400"),
    ];
    for (good, code, words) in cases {
        let mut client = client(now, false);
        answer(&mut client, now, &Answer::Error(401, NONCE));
        for _ in 0..good {
            answer(&mut client, now, &Answer::Yes);
        }
        answer(&mut client, now, &Answer::Error(code, NONCE));
        let Stage::Failed(failure) = client.stage() else {
            panic!("{code}: {:?}", client.stage());
        };
        let said = failure.to_string();
        assert!(said.contains(words) && !said.contains('\n'), "{said}");
        assert_eq!((client.poll(), client.deadline()), (None, None));
    }
}

#[test]
fn a_stale_nonce_is_replaced_but_not_for_ever() {
    let now = Instant::now();
    let mut patient = client(now, false);
    answer(&mut patient, now, &Answer::Error(401, NONCE));
    for nonce in ["one", "two", "three"] {
        answer(&mut patient, now, &Answer::Error(438, nonce));
    }
    let asked = patient.outgoing.front().expect("asked again").clone();
    let request = Message::parse(&asked).expect("a message");
    assert_eq!(request.text(attribute::NONCE), Some("three"));
    answer(&mut patient, now, &Answer::Error(438, "four"));
    assert_eq!(patient.stage(), Stage::Failed(Failure::Stale));
}

#[test]
fn what_is_not_answered_is_sent_again_to_its_bound_and_over_a_stream_never() {
    for (stream, sends, after_ms) in [(false, MOST_SENDS, 15_500), (true, 1, 8_000)] {
        let begun = Instant::now();
        let mut client = client(begun, stream);
        let first = client.poll().expect("a request");
        let (mut sent, mut now) = (1, begun);
        while let Some(due) = client.deadline() {
            client.handle_timeout(due - Duration::from_millis(1));
            assert_eq!(client.poll(), None, "not before it is due");
            now = due;
            client.handle_timeout(now);
            if let Some(again) = client.poll() {
                assert_eq!(again, first, "the same transaction");
                sent += 1;
            }
        }
        assert_eq!(sent, sends);
        assert_eq!(now - begun, Duration::from_millis(after_ms));
        let silent = Failure::Silence(Step::Allocate);
        assert_eq!(client.stage(), Stage::Failed(silent));
    }
}

#[test]
fn an_answer_that_another_signed_or_to_another_request_changes_nothing() {
    let now = Instant::now();
    let mut client = client(now, false);
    answer(&mut client, now, &Answer::Error(401, NONCE));
    answer(&mut client, now, &Answer::Forged);
    let strange = Writer::new(Class::Error, method::ALLOCATE, [9; 12])
        .attribute(attribute::ERROR_CODE, &[0, 0, 4, 86])
        .plain();
    assert_eq!(client.handle(now, &strange), None);
    assert_eq!(
        (client.stage(), client.allocated_at()),
        (Stage::Asking, None)
    );
    assert!(client.deadline().is_some(), "it still waits");
}

#[test]
fn an_allocation_and_its_peer_are_renewed_before_they_end() {
    let now = Instant::now();
    let mut client = bound(now, false);
    let mut renewed = Vec::new();
    let end = now + Duration::from_secs(600);
    while let Some(due) = client.deadline().filter(|due| *due < end) {
        client.handle_timeout(due);
        while !client.outgoing.is_empty() {
            let method = answer(&mut client, due, &Answer::Yes);
            renewed.push(((due - now).as_secs(), method));
        }
    }
    let expected = [
        (240, method::CREATE_PERMISSION),
        (240, method::CHANNEL_BIND),
        (480, method::CREATE_PERMISSION),
        (480, method::CHANNEL_BIND),
        (540, method::REFRESH),
    ];
    assert_eq!(renewed, expected);
    assert_eq!(client.stage(), Stage::Bound);
}

#[test]
fn a_client_without_an_allocation_has_nothing_to_give_back() {
    let now = Instant::now();
    let mut client = client(now, false);
    client.poll();
    client.release(now);
    assert_eq!((client.stage(), client.poll()), (Stage::Released, None));
}
