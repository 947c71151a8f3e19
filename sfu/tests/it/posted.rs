//! Who comes in by one request: `/whip` to publish, `/whep` to watch.

use sfu_protocol::grant::Rights;
use sfu_protocol::media::Source;
use sfu_protocol::signal::{LeaveReason, MAX_SIGNAL_BYTES, NodeMessage, Role, TrackState};
use tokio::time::timeout;

use crate::house::{House, PATIENCE, now_s, room};
use crate::poster::{Poster, ask, post};

/// How many pictures and sounds must come.
const ENOUGH: u32 = 20;

fn path(door: &str) -> String {
    format!("/{door}/{}", room(1))
}

fn good(house: &House, participant: u128) -> String {
    house.office.sign(&house.grant(room(1), participant))
}

/// An offer of a client that sends or receives one picture.
async fn offer(door: &str) -> String {
    let poster = match door {
        "whip" => Poster::publishing(&[Source::Camera]).await,
        _ => Poster::watching(0, 1).await,
    };
    poster.peer.offer().expect("it offers").to_owned()
}

#[tokio::test]
async fn what_is_published_by_one_request_is_watched_by_another_and_by_those_with_a_websocket() {
    claim_watched(House::open(|_| {}).await).await;
}

#[tokio::test]
async fn what_is_published_by_a_request_to_one_shard_is_watched_on_another() {
    let house = House::open(|config| config.participants_per_shard = 1).await;
    claim_watched(house).await;
}

async fn claim_watched(house: House) {
    let mut ben = house.joined(room(1), 2).await;
    let mut ann = Poster::publishing(&[Source::Camera, Source::Microphone]).await;
    let session = ann.enter(&house, &path("whip"), &good(&house, 1)).await;
    let mut cyd = Poster::watching(1, 1).await;
    cyd.enter(&house, &path("whep"), &good(&house, 3)).await;
    let watched = cyd.until(|cyd| cyd.pictures >= ENOUGH && cyd.sounds >= ENOUGH);
    tokio::select! {
        () = watched => {}
        () = ann.until(|_| false) => {}
    }
    assert_eq!(cyd.faults, Vec::<String>::new());
    // With the names that others see.
    let mut published = Vec::new();
    while published.len() < 2 {
        let track = ben.until(|message| match message {
            NodeMessage::TrackChanged { track } if track.state == TrackState::Live => {
                Some(track.id)
            }
            _ => None,
        });
        let track = track.await;
        assert_eq!(track.participant, house.grant(room(1), 1).participant);
        if !published.contains(&track.source) {
            published.push(track.source);
        }
    }
    published.sort();
    assert_eq!(published, [Source::Camera, Source::Microphone]);
    assert_eq!(house.metric("colloquy_sfu_posted"), 2.0);

    let ended = ask(house.address, &format!("DELETE {session}"), &[], "").await;
    assert_eq!((ended.status, ended.body.as_str()), (200, ""));
    let left = ben.until(|message| match message {
        NodeMessage::ParticipantLeft { reason, .. } => Some(reason),
        _ => None,
    });
    assert_eq!(left.await, LeaveReason::Left);
    let again = ask(house.address, &format!("DELETE {session}"), &[], "").await;
    assert_eq!((again.status, again.code().as_str()), (404, "not_found"));
    house.node.stop().await;
    assert_eq!(house.metric("colloquy_sfu_posted"), 0.0);
    assert_eq!(house.metric_with("colloquy_sfu_posts_total", "joined"), 2.0);
    assert_eq!(house.metric("colloquy_sfu_caught_panics_total"), 0.0);
}

#[tokio::test]
async fn who_may_not_come_in_is_told_why_before_the_offer_is_read() {
    let house = House::open(|config| {
        config.allowed_origins = vec!["https://meet.example.org".to_owned()];
    })
    .await;
    let sdp = ("content-type", "application/sdp");
    let bearer = |grant: String| format!("Bearer {grant}");
    let good_bearer = bearer(good(&house, 1));
    let mut expired = house.grant(room(1), 1);
    expired.exp = now_s() - 3_600;
    let expired = bearer(house.office.sign(&expired));
    let elsewhere = bearer(house.office.sign(&house.grant(room(2), 1)));
    let mut deaf = house.grant(room(1), 1);
    deaf.rights.subscribe = false;
    let deaf = bearer(house.office.sign(&deaf));
    let mut watcher = house.grant(room(1), 1);
    (watcher.role, watcher.rights) = (Role::Observer, Rights::of(Role::Observer));
    let watcher = bearer(house.office.sign(&watcher));
    let basic = format!("Basic {}", good(&house, 1));
    let long = bearer("x".repeat(5_000));
    let cases = [
        ("whip", "", 401, "grant_missing"),
        ("whip", basic.as_str(), 401, "grant_missing"),
        ("whip", "Bearer nothing", 401, "grant_invalid"),
        ("whep", &long, 401, "grant_invalid"),
        ("whep", &expired, 401, "grant_expired"),
        ("whep", &elsewhere, 403, "not_allowed"),
        ("whep", &deaf, 403, "not_allowed"),
        ("whip", &watcher, 403, "not_allowed"),
    ];
    for (door, authorization, status, code) in cases {
        let headers = [sdp, ("authorization", authorization)];
        let request = format!("POST {}", path(door));
        let answer = ask(house.address, &request, &headers, &offer(door).await).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code));
        let challenge = answer.header("www-authenticate");
        assert_eq!(challenge.is_some(), status == 401, "{answer:?}");
        let names_error = challenge.is_some_and(|challenge| challenge.contains("error"));
        assert_eq!(names_error, status == 401 && code != "grant_missing");
    }
    let mine = [
        ("authorization", good_bearer.as_str()),
        ("content-type", "application/json"),
    ];
    let request = format!("POST {}", path("whip"));
    let answer = ask(house.address, &request, &mine, "{}").await;
    assert_eq!((answer.status, answer.code().as_str()), (415, "not_sdp"));
    let page = [mine[0], sdp, ("origin", "https://evil.example")];
    let answer = ask(house.address, &request, &page, &offer("whip").await).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (403, "origin_refused")
    );
    assert_eq!(answer.header("access-control-allow-origin"), None);
    house.node.stop().await;
    assert_eq!(house.metric_with("colloquy_sfu_posts_total", "joined"), 0.0);
}

#[tokio::test]
async fn an_offer_that_cannot_be_used_leaves_nobody_behind() {
    let house = House::open(|_| {}).await;
    let mut ben = house.joined(room(1), 2).await;
    let sends = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n\
                 m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=sendonly\r\n";
    let long = "x".repeat(MAX_SIGNAL_BYTES + 1);
    for (offer, status, code) in [
        ("", 422, "offer_unusable"),
        ("hello", 422, "offer_unusable"),
        // Without a mid.
        (sends, 422, "offer_unusable"),
        (&format!("{sends}a=mid:0\r\n"), 422, "offer_unusable"),
        (long.as_str(), 413, "too_large"),
    ] {
        let answer = post(&house, &path("whip"), &good(&house, 1), offer).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (status, code),
            "{offer:.80}"
        );
    }
    // Only the microphone is allowed.
    let mut grant = house.grant(room(1), 1);
    grant.rights.publish = vec![Source::Microphone];
    let answer = post(
        &house,
        &path("whip"),
        &house.office.sign(&grant),
        &offer("whip").await,
    )
    .await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (403, "not_allowed")
    );
    // Whoever was refused has come and gone, for others.
    for _ in 0..3 {
        let left = ben.until(|message| match message {
            NodeMessage::ParticipantLeft { participant, .. } => Some(participant),
            _ => None,
        });
        assert_eq!(left.await, grant.participant);
    }
    house.node.stop().await;
    assert_eq!(house.metric("colloquy_sfu_posted"), 0.0);
    assert_eq!(house.metric("colloquy_sfu_participants"), 0.0);
}

#[tokio::test]
async fn there_is_room_for_so_many_and_a_place_is_free_again_when_its_session_has_ended() {
    let house = House::open(|config| config.max_sockets = 1).await;
    let mut ann = Poster::publishing(&[Source::Camera]).await;
    let session = ann.enter(&house, &path("whip"), &good(&house, 1)).await;
    let full = post(
        &house,
        &path("whep"),
        &good(&house, 2),
        &offer("whep").await,
    )
    .await;
    assert_eq!((full.status, full.code().as_str()), (503, "limit_reached"));
    assert!(full.header("retry-after").is_some());
    let ended = ask(house.address, &format!("DELETE {session}"), &[], "").await;
    assert_eq!(ended.status, 200);
    let freed = async {
        loop {
            let again = post(
                &house,
                &path("whep"),
                &good(&house, 2),
                &offer("whep").await,
            )
            .await;
            if again.status == 201 {
                return;
            }
        }
    };
    timeout(PATIENCE, freed).await.expect("its place is free");
    house.node.stop().await;
}

#[tokio::test]
async fn a_room_that_is_full_says_when_to_come_again() {
    let house = House::open(|config| config.participants_per_room = 1).await;
    let _ben = house.joined(room(1), 2).await;
    let full = post(
        &house,
        &path("whep"),
        &good(&house, 1),
        &offer("whep").await,
    )
    .await;
    assert_eq!((full.status, full.code().as_str()), (503, "limit_reached"));
    assert_eq!(full.header("retry-after"), Some("5"));
    house.node.stop().await;
}

#[tokio::test]
async fn a_page_of_another_site_may_ask_and_read_and_what_is_not_done_here_is_named() {
    let house = House::open(|_| {}).await;
    let of_page = [("origin", "https://stage.example.org")];
    let asked = ask(
        house.address,
        &format!("OPTIONS {}", path("whip")),
        &of_page,
        "",
    )
    .await;
    assert_eq!(asked.status, 200);
    for (name, value) in [
        ("accept-post", "application/sdp"),
        ("access-control-allow-origin", "https://stage.example.org"),
        ("access-control-allow-methods", "POST, OPTIONS"),
        (
            "access-control-allow-headers",
            "authorization, content-type",
        ),
        ("access-control-expose-headers", "location, retry-after"),
    ] {
        assert_eq!(asked.header(name), Some(value));
    }
    let session = format!("{}/0123", path("whep"));
    for (request, allowed) in [
        (format!("GET {}", path("whip")), "POST, OPTIONS"),
        (format!("DELETE {}", path("whep")), "POST, OPTIONS"),
        (format!("PATCH {session}"), "DELETE, OPTIONS"),
        (format!("POST {session}"), "DELETE, OPTIONS"),
    ] {
        let refused = ask(house.address, &request, &of_page, "").await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (405, "method_not_allowed")
        );
        assert_eq!(refused.header("allow"), Some(allowed), "{request}");
        let reads = refused.header("access-control-allow-origin");
        assert_eq!(reads, Some("https://stage.example.org"));
    }
    for request in [
        format!("DELETE {session}"),
        "DELETE /whip/nowhere/0123".to_owned(),
    ] {
        let nobody = ask(house.address, &request, &[], "").await;
        assert_eq!((nobody.status, nobody.code().as_str()), (404, "not_found"));
    }
    house.node.stop().await;
}

#[tokio::test]
async fn a_node_that_stops_ends_every_session_and_begins_none() {
    let house = House::open(|_| {}).await;
    let mut ann = Poster::publishing(&[Source::Camera]).await;
    ann.enter(&house, &path("whip"), &good(&house, 1)).await;
    let began = std::time::Instant::now();
    house.node.stop().await;
    assert!(
        began.elapsed() < sfu::STOP_DEADLINE / 2,
        "{:?}",
        began.elapsed()
    );
    assert_eq!(house.metric("colloquy_sfu_posted"), 0.0);
    let late = post(
        &house,
        &path("whip"),
        &good(&house, 1),
        &offer("whip").await,
    )
    .await;
    assert_eq!((late.status, late.code().as_str()), (503, "draining"));
}
