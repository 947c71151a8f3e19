//! Two organisations with the same people and things each, and strangers.

use api_store::user::{UserRole, UserRow};
use axum::http::StatusCode;
use serde_json::{Value, json};
use sfu_protocol::control::RoomEvent;
use sfu_protocol::ids::{OrganisationId, RoomId, UserId};
use sfu_protocol::signal::LeaveReason;

use crate::sign_in;
use crate::testing::{PASSWORD, Person, TestApp, text};
use crate::tokens::access::ACCESS_LIFETIME_MS;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    Nobody,
    /// Shows a token that nobody signed.
    Pretender,
    /// Shows an access token whose time is over; the sign-in itself lives.
    Expired,
    /// Shows an access token and a cookie of a sign-in that has ended.
    SignedOut,
    /// Shows an API key that has ended.
    EndedServer,
    /// Has the link that makes the first owner.
    Installer,
    /// Has the invite link of the room.
    Guest,
    /// Has the invite link of another room of the organisation.
    StrayGuest,
    /// Was sent out of the room, and shows the invite and the place of before.
    RemovedGuest,
    Member,
    /// A member who was sent out of the room, and shows the place of before.
    RemovedMember,
    /// The same, and does not show it.
    RemovedMemberAnew,
    /// Made the room.
    Host,
    Owner,
    Server,
}

impl Who {
    pub(super) const ALL: [Who; 15] = [
        Who::Nobody,
        Who::Pretender,
        Who::Expired,
        Who::SignedOut,
        Who::EndedServer,
        Who::Guest,
        Who::StrayGuest,
        Who::RemovedGuest,
        Who::Member,
        Who::RemovedMember,
        Who::RemovedMemberAnew,
        Who::Host,
        Who::Owner,
        Who::Server,
        // Last: the link can be used once.
        Who::Installer,
    ];
}

/// An organisation's people.
pub(super) struct Side {
    rows: [UserRow; 4],
    pub(super) owner: Person,
    host: Person,
    member: Person,
    removed: Person,
    expired: Person,
    signed_out: Person,
    server: String,
    ended_server: String,
}

/// What belongs to an organisation, made anew after each change.
#[derive(Debug, Clone, Default)]
pub(super) struct Things {
    room: String,
    session: String,
    recording: String,
    key: String,
    invite: String,
    other_invite: String,
    guest_place: String,
    member_place: String,
}

impl Things {
    /// What a path names by this noun.
    pub(super) fn of(&self, noun: &str) -> &str {
        match noun {
            "rooms" => &self.room,
            "sessions" => &self.session,
            "recordings" => &self.recording,
            "keys" => &self.key,
            "invites" => &self.invite,
            _ => panic!("give both organisations one of {noun}"),
        }
    }

    pub(super) fn ids(&self) -> [&str; 5] {
        [
            &self.room,
            &self.session,
            &self.recording,
            &self.key,
            &self.invite,
        ]
    }
}

impl Side {
    pub(super) async fn new(test: &TestApp, letter: char) -> Side {
        let hash = test.app.passwords.hash(PASSWORD).await.expect("a turn");
        let owner = UserRow {
            id: UserId(test.app.new_id()),
            organisation: OrganisationId(test.app.new_id()),
            email: format!("owner@{letter}.example.org"),
            name: "Olga".to_owned(),
            role: UserRole::Owner,
            password_hash: hash,
            created_at_ms: test.app.now_ms(),
        };
        let made = api_store::user::insert_with_organisation(&test.app.store, "One", &owner);
        made.await.expect("inserts");
        let expired = signed_in(test, &owner).await;
        test.clock.advance(ACCESS_LIFETIME_MS + 1);
        let mut rows = [(); 4].map(|()| owner.clone());
        for (row, name) in rows[1..].iter_mut().zip(["host", "member", "removed"]) {
            row.id = UserId(test.app.new_id());
            row.email = format!("{name}@{letter}.example.org");
            row.role = UserRole::Member;
            let inserted = api_store::user::insert(&test.app.store, row).await;
            inserted.expect("inserts");
        }
        let signed_out = signed_in(test, &rows[2]).await;
        let out = test.post("/api/auth/logout").cookie(&signed_out.cookie);
        out.send().await.expect(StatusCode::NO_CONTENT);
        let [owner, host, member, removed] = all_signed_in(test, &rows).await;
        let (server, _) = key(test, &owner).await;
        let (ended_server, id) = key(test, &owner).await;
        let ended = test.delete(&format!("/api/keys/{id}")).by(&owner);
        ended.send().await.expect(StatusCode::NO_CONTENT);
        Side {
            rows,
            owner,
            host,
            member,
            removed,
            expired,
            signed_out,
            server,
            ended_server,
        }
    }

    /// Signs everybody in again: an operation may have used a sign-in up.
    pub(super) async fn renew(&mut self, test: &TestApp) {
        self.expired.cookie = signed_in(test, &self.rows[0]).await.cookie;
        [self.owner, self.host, self.member, self.removed] = all_signed_in(test, &self.rows).await;
    }

    /// A meeting of this host's with a recording that has begun, another room, a key.
    pub(super) async fn things(&self, test: &TestApp) -> Things {
        let (elsewhere, other_invite) = test.room(&self.host).await;
        self.opened(test, elsewhere).await;
        let path = format!("/api/rooms/{elsewhere}/recordings");
        let recording = test.post(&path).by(&self.host).send().await;
        let recording = recording.expect(StatusCode::CREATED);
        let (room, invite) = test.room(&self.host).await;
        let session = self.opened(test, room).await;
        let guest = json!({"name": "Gina", "invite": invite});
        let guest_place = sent_out(test, room, None, guest).await;
        let member_place = sent_out(test, room, Some(&self.removed), json!({})).await;
        Things {
            room: room.to_string(),
            session,
            recording: text(&recording["id"]).to_owned(),
            key: key(test, &self.owner).await.1,
            invite,
            other_invite,
            guest_place,
            member_place,
        }
    }

    async fn opened(&self, test: &TestApp, room: RoomId) -> String {
        let answer = test.join(room, Some(&self.host), json!({})).await;
        test.event(room, RoomEvent::RoomOpened {}).await;
        test.arrives(room, &answer).await;
        text(&answer["session_id"]).to_owned()
    }

    /// What this one shows in the `Authorization` header.
    pub(super) fn bearer(&self, who: Who) -> Option<&str> {
        Some(match who {
            Who::Nobody | Who::Installer => return None,
            Who::Guest | Who::StrayGuest | Who::RemovedGuest => return None,
            Who::Pretender => "eyJhbGciOiJub25lIn0.e30.",
            Who::EndedServer => &self.ended_server,
            Who::Server => &self.server,
            Who::Expired
            | Who::SignedOut
            | Who::Member
            | Who::RemovedMember
            | Who::RemovedMemberAnew
            | Who::Host
            | Who::Owner => &self.person(who)?.token,
        })
    }

    /// The cookie of this one's browser.
    pub(super) fn cookie(&self, who: Who) -> Option<&str> {
        self.person(who).map(|person| person.cookie.as_str())
    }

    fn person(&self, who: Who) -> Option<&Person> {
        match who {
            Who::Expired => Some(&self.expired),
            Who::SignedOut => Some(&self.signed_out),
            Who::Member => Some(&self.member),
            Who::RemovedMember | Who::RemovedMemberAnew => Some(&self.removed),
            Who::Host => Some(&self.host),
            Who::Owner => Some(&self.owner),
            _ => None,
        }
    }

    /// What this one shows in a property of the body.
    pub(super) fn shown(&self, things: &Things, who: Who, property: &str) -> Option<String> {
        let shown = match (property, who) {
            ("invite", Who::Guest | Who::RemovedGuest) => &things.invite,
            ("invite", Who::StrayGuest) => &things.other_invite,
            ("rejoin", Who::RemovedGuest) => &things.guest_place,
            ("rejoin", Who::RemovedMember) => &things.member_place,
            _ => return None,
        };
        Some(shown.clone())
    }
}

async fn signed_in(test: &TestApp, user: &UserRow) -> Person {
    let answer = sign_in::begin(&test.app, user).await.expect("signs in");
    let cookie = answer.0.get(sign_in::REFRESH_COOKIE).expect("a cookie");
    Person {
        token: answer.1.access_token.clone(),
        cookie: cookie.value().to_owned(),
    }
}

async fn all_signed_in(test: &TestApp, rows: &[UserRow; 4]) -> [Person; 4] {
    let [owner, host, member, removed] = rows;
    [
        signed_in(test, owner).await,
        signed_in(test, host).await,
        signed_in(test, member).await,
        signed_in(test, removed).await,
    ]
}

/// A new API key: its secret and its id.
async fn key(test: &TestApp, owner: &Person) -> (String, String) {
    let ask = test
        .post("/api/keys")
        .by(owner)
        .json(&json!({"name": "ci"}));
    let made = ask.send().await.expect(StatusCode::CREATED);
    let (secret, id) = (text(&made["secret"]), text(&made["key"]["id"]));
    (secret.to_owned(), id.to_owned())
}

/// Somebody comes and is sent out; answers what keeps their place.
async fn sent_out(test: &TestApp, room: RoomId, who: Option<&Person>, body: Value) -> String {
    let answer = test.join(room, who, body).await;
    test.arrives(room, &answer).await;
    let left = RoomEvent::ParticipantLeft {
        participant: test.grant(&answer).participant,
        reason: LeaveReason::Removed,
    };
    test.event(room, left).await;
    text(&answer["rejoin"]).to_owned()
}
