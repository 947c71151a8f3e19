use axum::http::StatusCode;
use serde_json::json;
use sfu_protocol::control::RoomEvent;
use sfu_protocol::ids::SessionId;
use sfu_protocol::signal::{LeaveReason, Role};

use crate::jobs::reconcile;
use crate::ports::Budget;
use crate::testing::{TestApp, text};

#[tokio::test]
async fn the_owner_is_host_and_the_grant_says_so() {
    let test = TestApp::open().await;
    let host = test.register("ada@example.org").await;
    let (room, _) = test.room(&host).await;
    let answer = test.join(room, Some(&host), json!({})).await;
    assert_eq!(
        (&answer["role"], &answer["title"]),
        (&json!("host"), &json!("Monday"))
    );
    assert_eq!(answer["url"], "ws://127.0.0.1:8080/rtc");
    assert_eq!(answer["recording"], json!(null));
    let grant = test.grant(&answer);
    assert_eq!(
        (grant.room, grant.role, grant.name.as_str()),
        (room, Role::Host, "Ada")
    );
    assert_eq!(
        grant.participant.to_string(),
        text(&answer["participant_id"])
    );
    assert_eq!(grant.exp - grant.iat, 600);
    assert!(grant.rights.moderate);
}

#[tokio::test]
async fn the_relay_is_told_with_a_credential_that_it_will_accept() {
    let test = TestApp::open().await;
    let host = test.register("ada@example.org").await;
    let (room, _) = test.room(&host).await;
    let answer = test.join(room, Some(&host), json!({})).await;
    let relay = &answer["ice_servers"][0];
    assert_eq!(relay["urls"], json!(["turn:127.0.0.1:3478?transport=udp"]));
    let name = text(&relay["username"]);
    assert!(name.ends_with(&text(&answer["participant_id"])), "{name}");
    let password = sfu_protocol::turn::password_of(&test.app.turn.key, name);
    assert_eq!(relay["credential"], password);
}

#[tokio::test]
async fn a_guest_needs_the_invite_of_this_room_and_a_name() {
    let test = TestApp::open().await;
    let host = test.register("ada@example.org").await;
    let (room, invite) = test.room(&host).await;
    let (_, other) = test.room(&host).await;
    let guest = test
        .join(room, None, json!({"name": " Robin ", "invite": invite}))
        .await;
    assert_eq!(
        (&guest["role"], &guest["name"]),
        (&json!("guest"), &json!("Robin"))
    );
    assert!(!test.grant(&guest).rights.moderate);
    let long = "x".repeat(5_000);
    let refusals = [
        (json!({"name": "Robin"}), "unauthenticated"),
        (json!({"name": "Robin", "invite": other}), "invite_invalid"),
        (
            json!({"name": "Robin", "invite": "guess"}),
            "invite_invalid",
        ),
        (json!({"name": "Robin", "invite": long}), "invite_invalid"),
        (
            json!({"name": "Robin", "rejoin": "guess"}),
            "rejoin_invalid",
        ),
        (json!({"invite": invite}), "invalid"),
        (json!({"name": "  ", "invite": invite}), "invalid"),
    ];
    for (body, code) in refusals {
        assert_eq!(
            test.ask_join(room, None, body.clone()).await.code(),
            code,
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_guest_who_comes_back_with_the_rejoin_token_is_the_same_participant() {
    let test = TestApp::open().await;
    let (_, room, invite, host) = test.meeting().await;
    let first = test
        .join(room, None, json!({"name": "Robin", "invite": invite}))
        .await;
    assert_eq!(first["session_id"], host["session_id"]);
    let rejoin = text(&first["rejoin"]);
    let again = test.join(room, None, json!({"rejoin": rejoin})).await;
    assert_eq!(again["participant_id"], first["participant_id"]);
    assert_eq!(again["name"], "Robin");
    let without = test
        .join(room, None, json!({"name": "Robin", "invite": invite}))
        .await;
    assert_ne!(without["participant_id"], first["participant_id"]);
    test.clock.advance(24 * 60 * 60 * 1_000);
    let late = test.ask_join(room, None, json!({"rejoin": rejoin})).await;
    assert_eq!(late.code(), "rejoin_invalid");
}

#[tokio::test]
async fn a_rejoin_token_makes_nobody_somebody_else() {
    let test = TestApp::open().await;
    let (host, room, invite, host_answer) = test.meeting().await;
    let (other_room, other_invite) = test.room(&host).await;
    let guest = test
        .join(room, None, json!({"name": "Robin", "invite": invite}))
        .await;
    let hosts = text(&host_answer["rejoin"]);
    // A guest with the host's token stays a guest, and a new one.
    let thief = json!({"name": "Eve", "invite": invite, "rejoin": hosts});
    let thief = test.join(room, None, thief).await;
    assert_eq!(thief["role"], "guest");
    assert_ne!(thief["participant_id"], host_answer["participant_id"]);
    assert_eq!(
        test.ask_join(room, None, json!({"rejoin": hosts}))
            .await
            .code(),
        "rejoin_invalid"
    );
    // A token of another room counts for nothing.
    let elsewhere = json!({"name": "Robin", "invite": other_invite, "rejoin": guest["rejoin"]});
    let elsewhere = test.join(other_room, None, elsewhere).await;
    assert_ne!(elsewhere["participant_id"], guest["participant_id"]);
    // The host who shows a guest's token is not that guest.
    let body = json!({"rejoin": guest["rejoin"]});
    let host_again = test.join(room, Some(&host), body).await;
    assert_ne!(host_again["participant_id"], guest["participant_id"]);
    let host_back = test.join(room, Some(&host), json!({"rejoin": hosts})).await;
    assert_eq!(host_back["participant_id"], host_answer["participant_id"]);
}

#[tokio::test]
async fn a_withdrawn_invite_opens_nothing_and_neither_does_the_place_it_gave() {
    let test = TestApp::open().await;
    let (host, room, invite, _) = test.meeting().await;
    let guest = test
        .join(room, None, json!({"name": "Robin", "invite": invite}))
        .await;
    let renew = format!("/api/rooms/{room}/invite/renew");
    let renewed = test.post(&renew).by(&host).send().await;
    renewed.expect(StatusCode::OK);
    for body in [
        json!({"name": "Robin", "invite": invite}),
        json!({"rejoin": guest["rejoin"]}),
    ] {
        assert_eq!(
            test.ask_join(room, None, body).await.code(),
            "invite_invalid"
        );
    }
}

#[tokio::test]
async fn who_was_sent_out_does_not_come_back_as_the_same() {
    let test = TestApp::open().await;
    let (_, room, invite, _) = test.meeting().await;
    let guest = test
        .join(room, None, json!({"name": "Robin", "invite": invite}))
        .await;
    test.arrives(room, &guest).await;
    let participant = test.grant(&guest).participant;
    let reason = LeaveReason::Removed;
    test.event(
        room,
        RoomEvent::ParticipantLeft {
            participant,
            reason,
        },
    )
    .await;
    let back = test
        .ask_join(room, None, json!({"rejoin": guest["rejoin"]}))
        .await;
    assert_eq!(back.code(), "removed");
}

#[tokio::test]
async fn nobody_enters_a_room_that_was_ended() {
    let test = TestApp::open().await;
    let (host, room, invite, answer) = test.meeting().await;
    let end = test
        .post(&format!("/api/rooms/{room}/end"))
        .by(&host)
        .send()
        .await;
    end.expect(StatusCode::ACCEPTED);
    let guest = json!({"name": "Robin", "invite": invite});
    assert_eq!(test.ask_join(room, None, guest).await.code(), "room_ended");
    let body = json!({"rejoin": answer["rejoin"]});
    assert_eq!(
        test.ask_join(room, Some(&host), body).await.code(),
        "room_ended"
    );
}

#[tokio::test]
async fn the_next_meeting_in_a_room_is_another_session() {
    let test = TestApp::open().await;
    let (host, room, _, first) = test.meeting().await;
    test.clock.advance(1_000);
    test.event(room, RoomEvent::RoomClosed {}).await;
    test.clock.advance(1_000);
    let second = test
        .join(room, Some(&host), json!({"rejoin": first["rejoin"]}))
        .await;
    assert_ne!(first["session_id"], second["session_id"]);
    assert_eq!(first["participant_id"], second["participant_id"]);
    let id: SessionId = text(&first["session_id"]).parse().expect("an id");
    let organisation = test.grant(&first).organisation;
    let closed = api_store::session::find(&test.app.store, organisation, id).await;
    assert!(
        closed
            .expect("a query")
            .expect("there")
            .ended_at_ms
            .is_some()
    );
}

#[tokio::test]
async fn a_server_gives_grants_in_any_role_and_must_name_whom() {
    let test = TestApp::open().await;
    let host = test.register("ada@example.org").await;
    let (room, _) = test.room(&host).await;
    let key = test
        .post("/api/keys")
        .by(&host)
        .json(&json!({"name": "site"}))
        .send()
        .await;
    let key = key.expect(StatusCode::CREATED);
    let join = |body| {
        let ask = test
            .post(&format!("/api/rooms/{room}/join"))
            .bearer(text(&key["secret"]));
        ask.json(&body).send()
    };
    let observer = join(json!({"name": "Watcher", "role": "observer"})).await;
    let grant = test.grant(&observer.expect(StatusCode::OK));
    assert!(grant.rights.hidden && grant.rights.publish.is_empty());
    assert_eq!(
        join(json!({"name": "Robin"})).await.expect(StatusCode::OK)["role"],
        "guest"
    );
    assert_eq!(join(json!({})).await.code(), "invalid");
    // A person does not choose a role.
    let body = json!({"role": "observer"});
    assert_eq!(test.join(room, Some(&host), body).await["role"], "host");
}

#[tokio::test]
async fn an_invite_gives_so_many_places_and_those_who_have_one_come_back_all_the_same() {
    let test = TestApp::open().await;
    let (host, room, invite, _) = test.meeting().await;
    let guest = json!({"name": "Robin", "invite": invite});
    let robin = test.join(room, None, guest.clone()).await;
    let hash = crate::tokens::hash(&invite);
    let living = api_store::invite::find_by_token(&test.app.store, &hash).await;
    let living = living.expect("a query").expect("an invite");
    let (limits, now_ms) = (&test.app.limits, test.app.now_ms());
    let who = living.id.to_string();
    for _ in 1..1_000 {
        let taken = limits.attempt(Budget::InvitePlaces, &who, now_ms).await;
        taken.expect("a place is left");
    }
    let refused = test.ask_join(room, None, guest.clone()).await;
    assert_eq!(refused.code(), "too_many_requests");
    assert_eq!(refused.header("retry-after"), "1");
    let body = json!({"rejoin": robin["rejoin"]});
    let back = test.join(room, None, body).await;
    assert_eq!(back["participant_id"], robin["participant_id"]);
    test.join(room, Some(&host), json!({})).await;
    // The host's way out of a flood: a new link has all its places.
    let renew = format!("/api/rooms/{room}/invite/renew");
    let renewed = test.post(&renew).by(&host).send().await;
    let renewed = renewed.expect(StatusCode::OK);
    let (_, new) = text(&renewed["invite_url"])
        .rsplit_once("/j/")
        .expect("a token");
    let guest = json!({"name": "Robin", "invite": new});
    test.join(room, None, guest).await;
}

#[tokio::test]
async fn a_person_who_is_signed_in_takes_so_many_places() {
    let test = TestApp::open().await;
    let host = test.register("ada@example.org").await;
    let (room, _) = test.room(&host).await;
    for _ in 0..100 {
        test.join(room, Some(&host), json!({})).await;
    }
    let refused = test.ask_join(room, Some(&host), json!({})).await;
    assert_eq!(refused.code(), "too_many_requests");
}

#[tokio::test]
async fn who_never_came_leaves_no_row_behind() {
    let test = TestApp::open().await;
    let (_, room, invite, answer) = test.meeting().await;
    let guest = json!({"name": "Robin", "invite": invite});
    let guest = test.join(room, None, guest).await;
    let organisation = test.grant(&answer).organisation;
    let session: SessionId = text(&answer["session_id"]).parse().expect("an id");
    let kept = |answer: &serde_json::Value| {
        let id = text(&answer["participant_id"]).parse().expect("an id");
        let store = &test.app.store;
        async move {
            let row = api_store::participant::find(store, organisation, session, id).await;
            row.expect("a query").is_some()
        }
    };
    test.clock.advance(600_000);
    reconcile::round(&test.app).await.expect("a round");
    assert!(kept(&guest).await);
    test.clock.advance(600_001);
    reconcile::round(&test.app).await.expect("a round");
    assert!(!kept(&guest).await && kept(&answer).await);
}

#[tokio::test]
async fn a_server_that_stops_lets_nobody_in_and_says_when_to_come_back() {
    let test = TestApp::open().await;
    let host = test.register("ada@example.org").await;
    let (room, _) = test.room(&host).await;
    test.app
        .stopping
        .store(true, std::sync::atomic::Ordering::Relaxed);
    let refused = test.ask_join(room, Some(&host), json!({})).await;
    refused.expect(StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.code(), "stopping");
    assert_eq!(refused.header("retry-after"), "3");
}
