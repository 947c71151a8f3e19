//! `POST /api/rooms/{id}/demo`: brings synthetic participants in.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use sfu_protocol::ids::RoomId;

use crate::admission;
use crate::app::SharedApp;
use crate::check::Check;
use crate::extract::{Caller, Id, JsonBody};
use crate::ports::{DemoGuest, DemoMeeting};
use crate::problem::{Code, Problem, ProblemBody};

/// The names of synthetic participants, and with them how many there can be.
const NAMES: [&str; 6] = [
    "Robin (demo)",
    "Kim (demo)",
    "Sascha (demo)",
    "Noor (demo)",
    "Alex (demo)",
    "Mika (demo)",
];

/// How many shall come.
#[derive(Deserialize, utoipa::ToSchema)]
pub(crate) struct DemoRequest {
    /// 1 to 6.
    #[schema(minimum = 1, maximum = 6, example = 2)]
    participants: u8,
}

/// Brings synthetic participants into a room.
#[utoipa::path(
    post, path = "/api/rooms/{id}/demo", operation_id = "start_demo", tag = "rooms", security(("bearer" = [])),
    params(("id" = uuid::Uuid, Path, description = "The room")),
    request_body = DemoRequest,
    responses(
        (status = 202, description = "They come"),
        (status = "default", description = "A refusal", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn demo(
    State(app): State<SharedApp>,
    caller: Caller,
    Id(id): Id<RoomId>,
    JsonBody(request): JsonBody<DemoRequest>,
) -> Result<StatusCode, Problem> {
    let room = api_store::room::find(&app.store, caller.organisation(), id)
        .await?
        .ok_or(Code::NotFound)?;
    caller.must_host(&room)?;
    let count = usize::from(request.participants);
    let mut check = Check::default();
    if count == 0 || count > NAMES.len() {
        check.refuse("participants", format!("1 to {}", NAMES.len()));
    }
    check.done()?;
    if room.ended_at_ms.is_some() {
        return Err(Problem::of(Code::RoomEnded));
    }
    let mut guests = Vec::with_capacity(count);
    for name in NAMES.iter().take(count) {
        let admitted = admission::synthetic((*name).to_owned());
        let entry = admission::enter(&app, &room, admitted).await?;
        guests.push(DemoGuest {
            participant: entry.participant,
            name: entry.name,
            grant: entry.grant,
        });
    }
    let meeting = DemoMeeting {
        room: id,
        url: app.public_url.signalling(),
        guests,
    };
    app.demo
        .start(meeting)
        .await
        .map_err(|error| Problem::with_detail(Code::DemoUnavailable, error.0))?;
    Ok(StatusCode::ACCEPTED)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use axum::http::StatusCode;
    use serde_json::json;

    use crate::testing::TestApp;

    #[tokio::test]
    async fn as_many_as_asked_come_each_with_a_grant_of_their_own() {
        let test = TestApp::open().await;
        let (host, room, ..) = test.meeting().await;
        let path = format!("/api/rooms/{room}/demo");
        let ask = test.post(&path).by(&host).json(&json!({"participants": 3}));
        ask.send().await.expect(StatusCode::ACCEPTED);
        let demos = test.neighbours.demos.lock().expect("whole").clone();
        assert_eq!(demos.len(), 1);
        assert_eq!(
            (demos[0].room, demos[0].url.as_str()),
            (room, "ws://127.0.0.1:8080/rtc")
        );
        assert_eq!(demos[0].guests.len(), 3);
        for guest in &demos[0].guests {
            let grant = test.grant(&json!({"grant": guest.grant}));
            assert_eq!(
                (grant.participant, &grant.name),
                (guest.participant, &guest.name)
            );
        }
    }

    #[tokio::test]
    async fn too_few_too_many_a_guest_and_no_one_to_play_them_are_refused() {
        let test = TestApp::open().await;
        let (host, room, ..) = test.meeting().await;
        let path = format!("/api/rooms/{room}/demo");
        let ask = |count: u8| {
            test.post(&path)
                .by(&host)
                .json(&json!({"participants": count}))
                .send()
        };
        assert_eq!(ask(0).await.code(), "invalid");
        assert_eq!(ask(7).await.code(), "invalid");
        let guest = test
            .post(&path)
            .json(&json!({"participants": 1}))
            .send()
            .await;
        assert_eq!(guest.code(), "unauthenticated");
        test.neighbours.away.store(true, Ordering::SeqCst);
        assert_eq!(ask(1).await.code(), "demo_unavailable");
    }
}
