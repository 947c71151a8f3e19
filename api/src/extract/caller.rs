//! Who asks: a person by access token, or a server by API key.

use api_store::key::KeyRow;
use api_store::room::RoomRow;
use api_store::user::{UserRole, UserRow};
use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use sfu_protocol::ids::OrganisationId;
use uuid::Uuid;

use crate::app::SharedApp;
use crate::problem::{Code, Problem};
use crate::tokens::access::Access;
use crate::tokens::{self, MAX_TOKEN_BYTES};

/// How every API key begins, so that a leaked one is recognised.
pub(crate) const KEY_PREFIX: &str = "colloquy_";

/// A person who is signed in.
#[derive(Debug, Clone)]
pub(crate) struct SignedIn {
    pub(crate) user: UserRow,
    /// The sign-in.
    pub(crate) family: Uuid,
}

/// A person who is signed in, or a server.
#[derive(Debug, Clone)]
pub(crate) enum Caller {
    Person(SignedIn),
    Server(KeyRow),
}

impl Caller {
    pub(crate) fn organisation(&self) -> OrganisationId {
        match self {
            Caller::Person(person) => person.user.organisation,
            Caller::Server(key) => key.organisation,
        }
    }

    /// The name that participants are told.
    pub(crate) fn name(&self) -> &str {
        match self {
            Caller::Person(person) => &person.user.name,
            Caller::Server(key) => &key.name,
        }
    }

    /// One word for who this is.
    pub(crate) fn word(&self) -> String {
        match self {
            Caller::Person(person) => format!("user:{}", person.user.id),
            Caller::Server(key) => format!("key:{}", key.id),
        }
    }

    /// Whether this is a host of the room: an owner of its organisation, who made it, or the
    /// organisation's server.
    pub(crate) fn hosts(&self, room: &RoomRow) -> bool {
        if self.organisation() != room.organisation {
            return false;
        }
        match self {
            Caller::Server(_) => true,
            Caller::Person(person) => {
                person.user.role == UserRole::Owner || room.created_by == Some(person.user.id)
            }
        }
    }

    /// Refuses who is no host of the room.
    pub(crate) fn must_host(&self, room: &RoomRow) -> Result<(), Problem> {
        if self.hosts(room) {
            Ok(())
        } else {
            Err(Problem::of(Code::NotAllowed))
        }
    }
}

impl SignedIn {
    /// Refuses who is no owner.
    pub(crate) fn must_own(&self) -> Result<(), Problem> {
        if self.user.role == UserRole::Owner {
            Ok(())
        } else {
            Err(Problem::of(Code::NotAllowed))
        }
    }
}

/// A caller, or nobody who said who they are.
pub(crate) struct MaybeCaller(pub(crate) Option<Caller>);

impl FromRequestParts<SharedApp> for MaybeCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &SharedApp) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(header::AUTHORIZATION) else {
            return Ok(MaybeCaller(None));
        };
        let stranger = || Problem::of(Code::Unauthenticated);
        let token = value.to_str().ok().and_then(bearer).ok_or_else(stranger)?;
        let caller = if token.starts_with(KEY_PREFIX) {
            server(app, token).await?.map(Caller::Server)
        } else {
            person(app, token).await?.map(Caller::Person)
        };
        caller
            .map(|caller| MaybeCaller(Some(caller)))
            .ok_or_else(stranger)
    }
}

impl FromRequestParts<SharedApp> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &SharedApp) -> Result<Self, Problem> {
        let MaybeCaller(caller) = MaybeCaller::from_request_parts(parts, app).await?;
        caller.ok_or_else(|| Problem::of(Code::Unauthenticated))
    }
}

impl FromRequestParts<SharedApp> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &SharedApp) -> Result<Self, Problem> {
        match Caller::from_request_parts(parts, app).await? {
            Caller::Person(person) => Ok(person),
            Caller::Server(_) => Err(Problem::of(Code::NotAllowed)),
        }
    }
}

/// RFC 6750, section 2.1.
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    let fits = scheme.eq_ignore_ascii_case("bearer") && token.len() <= MAX_TOKEN_BYTES;
    fits.then(|| token.trim())
}

async fn server(app: &SharedApp, token: &str) -> Result<Option<KeyRow>, Problem> {
    Ok(api_store::key::open(&app.store, &tokens::hash(token), app.now_ms()).await?)
}

async fn person(app: &SharedApp, token: &str) -> Result<Option<SignedIn>, Problem> {
    let Some(access) = app.keys.access.read::<Access>(token, app.now_ms()) else {
        return Ok(None);
    };
    let found = api_store::user::find_signed_in(
        &app.store,
        access.organisation,
        access.user,
        access.family,
    )
    .await?;
    Ok(found.map(|user| SignedIn {
        user,
        family: access.family,
    }))
}
