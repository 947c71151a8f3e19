//! Who may enter a room, as whom and as what; and the grant that says so.

use api_store::invite::InviteRow;
use api_store::participant::{self, Arrival};
use api_store::room::RoomRow;
use sfu_protocol::grant::{GRANT_AUDIENCE, Grant, Rights};
use sfu_protocol::ids::{OrganisationId, ParticipantId, RoomId, SessionId, UserId};
use sfu_protocol::signal::Role;
use uuid::Uuid;

use crate::app::App;
use crate::check::Check;
use crate::extract::Caller;
use crate::ports::{Budget, Wait};
use crate::problem::{Code, Problem};
use crate::tokens::rejoin::{REJOIN_LIFETIME_MS, Rejoin};
use crate::tokens::{self, MAX_TOKEN_BYTES};

/// How long a grant is good. A client that loses its place after this joins again.
pub(crate) const GRANT_LIFETIME_S: u64 = 600;

/// Who wants to come where, and what they show for it.
pub(crate) struct Wish<'a> {
    pub(crate) room: RoomId,
    pub(crate) caller: Option<&'a Caller>,
    pub(crate) name: Option<&'a str>,
    pub(crate) invite: Option<&'a str>,
    pub(crate) rejoin: Option<&'a str>,
    pub(crate) role: Option<Role>,
}

/// Who may come.
pub(crate) struct Admitted {
    name: String,
    role: Role,
    user: Option<UserId>,
    invite: Option<Uuid>,
    /// The participant they were before, if they show that they were.
    before: Option<ParticipantId>,
}

/// The right to enter.
pub(crate) struct Entry {
    pub(crate) grant: String,
    pub(crate) participant: ParticipantId,
    pub(crate) session: SessionId,
    pub(crate) role: Role,
    pub(crate) name: String,
    pub(crate) rejoin: String,
}

/// Decides whether the wish is granted.
pub(crate) async fn decide(app: &App, wish: &Wish<'_>) -> Result<(RoomRow, Admitted), Problem> {
    let rejoin = wish
        .rejoin
        .and_then(|token| app.keys.rejoin.read::<Rejoin>(token, app.now_ms()))
        .filter(|rejoin| rejoin.room == wish.room);
    let (room, admitted) = match at_home(app, wish).await? {
        Some((room, caller)) => {
            let admitted = known(&room, caller, wish, rejoin)?;
            (room, admitted)
        }
        None => stranger(app, wish, rejoin).await?,
    };
    if room.ended_at_ms.is_some() {
        return Err(Problem::of(Code::RoomEnded));
    }
    count_place(app, &admitted).await?;
    Ok((room, admitted))
}

/// Counts a new place against whoever is given it. Who shows that they have one takes no other; a
/// server is trusted with how many it asks for.
async fn count_place(app: &App, admitted: &Admitted) -> Result<(), Problem> {
    let (budget, who) = match (admitted.before, admitted.invite, admitted.user) {
        (None, Some(invite), _) => (Budget::InvitePlaces, invite.to_string()),
        (None, None, Some(user)) => (Budget::PersonPlaces, user.to_string()),
        _ => return Ok(()),
    };
    app.limits
        .attempt(budget, &who, app.now_ms())
        .await
        .map_err(|Wait { wait_ms }| Problem::retry_after(Code::TooManyRequests, wait_ms))
}

/// The caller with the room, when it is in their organisation.
async fn at_home<'a>(app: &App, wish: &Wish<'a>) -> Result<Option<(RoomRow, &'a Caller)>, Problem> {
    let Some(caller) = wish.caller else {
        return Ok(None);
    };
    let found = api_store::room::find(&app.store, caller.organisation(), wish.room).await?;
    Ok(found.map(|room| (room, caller)))
}

/// Somebody of the organisation.
fn known(
    room: &RoomRow,
    caller: &Caller,
    wish: &Wish<'_>,
    rejoin: Option<Rejoin>,
) -> Result<Admitted, Problem> {
    let mut check = Check::default();
    let (role, user, name) = match caller {
        Caller::Person(person) => {
            let role = if caller.hosts(room) {
                Role::Host
            } else {
                Role::Member
            };
            (
                role,
                Some(person.user.id),
                wish.name.unwrap_or(&person.user.name),
            )
        }
        Caller::Server(_) => (
            wish.role.unwrap_or(Role::Guest),
            None,
            wish.name.unwrap_or_default(),
        ),
    };
    let name = check.name("name", name);
    check.done()?;
    let before = rejoin
        .filter(|rejoin| rejoin.user == user && rejoin.invite.is_none())
        .map(|rejoin| rejoin.participant);
    Ok(Admitted {
        name,
        role,
        user,
        invite: None,
        before,
    })
}

/// Somebody with an invite, or who had one and comes back.
async fn stranger(
    app: &App,
    wish: &Wish<'_>,
    rejoin: Option<Rejoin>,
) -> Result<(RoomRow, Admitted), Problem> {
    let rejoin = rejoin.filter(|rejoin| rejoin.user.is_none() && rejoin.invite.is_some());
    let invite = find_invite(app, wish, rejoin.as_ref()).await?;
    let room = api_store::room::find(&app.store, invite.organisation, invite.room)
        .await?
        .ok_or(Code::NotFound)?;
    let mut check = Check::default();
    let kept_name = rejoin.as_ref().map(|rejoin| rejoin.name.as_str());
    let name = check.name("name", wish.name.or(kept_name).unwrap_or_default());
    check.done()?;
    let before = rejoin
        .filter(|rejoin| rejoin.organisation == invite.organisation)
        .map(|rejoin| rejoin.participant);
    let admitted = Admitted {
        name,
        role: Role::Guest,
        user: None,
        invite: Some(invite.id),
        before,
    };
    Ok((room, admitted))
}

async fn find_invite(
    app: &App,
    wish: &Wish<'_>,
    rejoin: Option<&Rejoin>,
) -> Result<InviteRow, Problem> {
    let found = match (wish.invite, rejoin) {
        (Some(token), _) => by_token(app, token).await?,
        (
            None,
            Some(Rejoin {
                organisation,
                invite: Some(id),
                ..
            }),
        ) => api_store::invite::find(&app.store, *organisation, *id).await?,
        (None, _) => return Err(Problem::of(without_invite(wish))),
    };
    found
        .filter(|invite| invite.room == wish.room)
        .ok_or_else(|| Problem::of(Code::InviteInvalid))
}

/// Why somebody who shows no invite is refused.
fn without_invite(wish: &Wish<'_>) -> Code {
    match (wish.caller, wish.rejoin) {
        (Some(_), _) => Code::NotFound,
        (None, Some(_)) => Code::RejoinInvalid,
        (None, None) => Code::Unauthenticated,
    }
}

/// Finds a living invite by its token.
pub(crate) async fn by_token(app: &App, token: &str) -> Result<Option<InviteRow>, Problem> {
    if token.len() > MAX_TOKEN_BYTES {
        return Ok(None);
    }
    Ok(api_store::invite::find_by_token(&app.store, &tokens::hash(token)).await?)
}

/// Opens the session if need be, notes who may come and signs the grant.
pub(crate) async fn enter(app: &App, room: &RoomRow, admitted: Admitted) -> Result<Entry, Problem> {
    let (organisation, now_ms) = (room.organisation, app.now_ms());
    let session = SessionId(app.new_id());
    let session = api_store::session::open(
        &app.store,
        organisation,
        room.id,
        session,
        &room.title,
        now_ms,
    )
    .await?
    .id;
    if was_sent_out(app, organisation, session, &admitted).await? {
        return Err(Problem::of(Code::Removed));
    }
    let participant = admitted
        .before
        .unwrap_or_else(|| ParticipantId(app.new_id()));
    let arrival = Arrival {
        organisation,
        session,
        participant,
        name: &admitted.name,
        role: admitted.role,
        user: admitted.user,
        at_ms: now_ms,
    };
    participant::invite(&app.store, &arrival).await?;
    let grant = grant(app, room, &arrival)?;
    let rejoin = Rejoin {
        organisation,
        room: room.id,
        participant,
        name: admitted.name.clone(),
        user: admitted.user,
        invite: admitted.invite,
    };
    Ok(Entry {
        grant,
        participant,
        session,
        role: admitted.role,
        name: admitted.name,
        rejoin: app.keys.rejoin.sign(&rejoin, now_ms, REJOIN_LIFETIME_MS),
    })
}

/// Whether a host sent them out of this meeting: as the participant they show that they were, or
/// with their account, whatever they show.
async fn was_sent_out(
    app: &App,
    organisation: OrganisationId,
    session: SessionId,
    admitted: &Admitted,
) -> Result<bool, Problem> {
    if let Some(before) = admitted.before {
        let found = participant::find(&app.store, organisation, session, before).await?;
        if found.is_some_and(|row| row.removed_at_ms.is_some()) {
            return Ok(true);
        }
    }
    match admitted.user {
        Some(user) => Ok(participant::was_removed(&app.store, organisation, session, user).await?),
        None => Ok(false),
    }
}

fn grant(app: &App, room: &RoomRow, arrival: &Arrival<'_>) -> Result<String, Problem> {
    let now_s = u64::try_from(arrival.at_ms.div_euclid(1_000)).unwrap_or_default();
    let grant = Grant {
        aud: GRANT_AUDIENCE.to_owned(),
        iat: now_s,
        exp: now_s + GRANT_LIFETIME_S,
        jti: app.new_id().to_string(),
        node: app.node.clone(),
        organisation: room.organisation,
        room: room.id,
        participant: arrival.participant,
        name: arrival.name.to_owned(),
        role: arrival.role,
        rights: Rights::of(arrival.role),
    };
    app.keys
        .grants
        .sign(&grant)
        .map_err(|error| Problem::internal(&error))
}

/// A synthetic participant.
pub(crate) fn synthetic(name: String) -> Admitted {
    Admitted {
        name,
        role: Role::Guest,
        user: None,
        invite: None,
        before: None,
    }
}
