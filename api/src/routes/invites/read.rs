//! `GET /api/invites/{token}`: what a guest is told before entering.

use axum::Json;
use axum::extract::{Path, State};

use crate::admission;
use crate::app::SharedApp;
use crate::extract::Source;
use crate::problem::{Code, Problem, ProblemBody};
use crate::views::{InviteView, RecordingNotice, RoomStatus};

/// Reads an invite: which room it opens, and whether it is being recorded.
#[utoipa::path(
    get, path = "/api/invites/{token}", operation_id = "read_invite", tag = "invites",
    params(("token" = String, Path, description = "From the invite link: `/j/{token}`")),
    responses(
        (status = 200, description = "What it opens", body = InviteView),
        (status = "default", description = "A refusal", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn read(
    State(app): State<SharedApp>,
    source: Source,
    Path(token): Path<String>,
) -> Result<Json<InviteView>, Problem> {
    source.as_stranger(&app).await?;
    let store = &app.store;
    let invite = admission::by_token(&app, &token)
        .await?
        .ok_or(Code::InviteInvalid)?;
    let organisation = invite.organisation;
    let room = api_store::room::find(store, organisation, invite.room)
        .await?
        .ok_or(Code::InviteInvalid)?;
    let session = api_store::session::latest_of_room(store, organisation, room.id).await?;
    let recording = api_store::recording::running_in_room(store, organisation, room.id).await?;
    let present = match &session {
        Some(session) => {
            api_store::participant::count(store, organisation, session.id)
                .await?
                .present
        }
        None => 0,
    };
    Ok(Json(InviteView {
        room_id: room.id.0,
        status: RoomStatus::of(&room, session.as_ref()),
        title: room.title,
        recording: recording.as_ref().map(RecordingNotice::from),
        participants: u32::try_from(present).unwrap_or(u32::MAX),
    }))
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use serde_json::json;

    use crate::testing::TestApp;

    #[tokio::test]
    async fn an_invite_tells_what_it_opens_and_a_guess_tells_nothing() {
        let test = TestApp::open().await;
        let (_, room, invite, _) = test.meeting().await;
        let told = test
            .get(&format!("/api/invites/{invite}"))
            .send()
            .await
            .expect(StatusCode::OK);
        let expected = json!({
            "room_id": room.to_string(), "title": "Monday", "status": "live",
            "recording": null, "participants": 1,
        });
        assert_eq!(told, expected);
        // The last character holds four bits of the token; another one is another token.
        let last = if invite.ends_with('A') { 'E' } else { 'A' };
        let other = format!("{}{last}", &invite[..invite.len() - 1]);
        for guess in ["x", &other, &"x".repeat(4_000)] {
            let answer = test.get(&format!("/api/invites/{guess}")).send().await;
            assert_eq!(answer.code(), "invite_invalid");
        }
    }

    #[tokio::test]
    async fn a_flood_of_guesses_is_slowed() {
        let test = TestApp::open().await;
        let mut slowed = 0;
        for _ in 0..310 {
            let answer = test.get("/api/invites/guess").send().await;
            slowed += u32::from(answer.status == StatusCode::TOO_MANY_REQUESTS);
        }
        assert_eq!(slowed, 10);
    }
}
