//! `POST /whip/{room}` and `POST /whep/{room}`: any WebRTC client publishes and views with one
//! request each (RFC 9725; draft-ietf-wish-whep). An offer goes in, an answer comes out with the
//! session's `Location`, and `DELETE` there ends it.
//!
//! The bearer token is a grant, verified before the body is read. Then the participant is one like
//! any other, with its place in the room, its rights and its slots; only that nothing is said to
//! it. It is here as long as its transport answers.
//!
//! The offer has the client's candidates or none: the node makes no checks (ICE-lite), so nothing
//! is trickled, and a client whose network changes posts again. Hence `PATCH` is 405 (RFC 9725,
//! section 4.3).

pub(crate) mod lines;
mod problem;
mod session;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, post};
use sfu_protocol::grant::{Grant, GrantError, MAX_GRANT_BYTES};
use sfu_protocol::ids::RoomId;
use sfu_protocol::signal::MAX_SIGNAL_BYTES;
use tokio::time::timeout;

use crate::gate::{Full, Gate, unix_seconds};
use crate::metrics::JOINED;
use lines::{Door, direct};
use problem::{Code, Problem};
use session::{Arrival, Opened, Sessions};

/// How long an offer may take to come.
const OFFER_DEADLINE: Duration = Duration::from_secs(10);

/// What may be asked of a door, and of a session.
const OF_A_DOOR: &str = "POST, OPTIONS";
const OF_A_SESSION: &str = "DELETE, OPTIONS";

/// How long a browser may remember what it may ask, in seconds.
const PREFLIGHT_AGE_S: &str = "86400";

const SDP: &str = "application/sdp";

/// What the doors need to know.
#[derive(Clone)]
struct Doors {
    gate: Arc<Gate>,
    sessions: Arc<Sessions>,
}

/// The two doors, and the sessions behind them.
pub(crate) fn router(gate: Arc<Gate>) -> Router {
    let doors = Doors {
        sessions: Arc::default(),
        gate: Arc::clone(&gate),
    };
    let whip = post(|doors, room, request| enter(Door::Whip, doors, room, request));
    let whep = post(|doors, room, request| enter(Door::Whep, doors, room, request));
    for door in [Door::Whip, Door::Whep] {
        let outcomes = Code::ALL.map(Code::as_str);
        gate.metrics.awaits_posts(door.as_str(), &outcomes);
    }
    let mut router = Router::new();
    for (door, entrance) in [(Door::Whip, whip), (Door::Whep, whep)] {
        let path = format!("/{}/{{room}}", door.as_str());
        let at_a_door = entrance
            .options(|| async { preflight(OF_A_DOOR) })
            .fallback(|| async { no_method(OF_A_DOOR) });
        let session = delete(leave)
            .options(|| async { preflight(OF_A_SESSION) })
            .fallback(|| async { no_method(OF_A_SESSION) });
        router = router
            .route(&path, at_a_door)
            .route(&format!("{path}/{{session}}"), session);
    }
    router
        .layer(from_fn_with_state(gate, tell_pages))
        .with_state(doors)
}

async fn enter(
    door: Door,
    State(doors): State<Doors>,
    Path(room): Path<String>,
    request: Request,
) -> Response {
    let metrics = doors.gate.metrics.clone();
    match open(door, doors, &room, request).await {
        Ok(opened) => {
            metrics.posted(door.as_str(), JOINED);
            created(door, &room, opened)
        }
        Err(problem) => {
            metrics.posted(door.as_str(), problem.code.as_str());
            problem.into_response()
        }
    }
}

async fn open(door: Door, doors: Doors, room: &str, request: Request) -> Result<Opened, Problem> {
    let Doors { gate, sessions } = doors;
    let (head, body) = request.into_parts();
    if !gate.lets_in(&head.headers) {
        return Err(Code::OriginRefused.into());
    }
    let grant = grant_in(&gate, &head.headers)?;
    may_enter(door, &grant, room)?;
    if !is_sdp(&head.headers) {
        return Err(Code::NotSdp.into());
    }
    if gate.shutdown.is_requested() {
        return Err(Code::Draining.into());
    }
    let peer = head.extensions.get::<ConnectInfo<SocketAddr>>();
    let place = gate.take_place(peer.map(|ConnectInfo(peer)| *peer), &head.headers);
    let place = place.map_err(|full| match full {
        Full::Node => Code::LimitReached,
        Full::Address => Code::AddressLimit,
    })?;
    let offer = direct(door, &read(body).await?)
        .map_err(|error| Problem::new(Code::OfferUnusable, error.to_string()))?;
    let arrival = Arrival {
        gate,
        sessions,
        place,
        grant,
        offer,
    };
    arrival.open().await
}

/// The grant of a request, verified (RFC 6750, section 2.1).
fn grant_in(gate: &Gate, headers: &HeaderMap) -> Result<Box<Grant>, Problem> {
    let value = headers.get(header::AUTHORIZATION);
    let value = value.and_then(|value| value.to_str().ok());
    let token = value.and_then(|value| value.split_once(' '));
    let token = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let (_, token) = token.ok_or(Code::GrantMissing)?;
    let token = token.trim();
    if token.len() > MAX_GRANT_BYTES {
        return Err(Code::GrantInvalid.into());
    }
    let grant = gate.verifier.verify(token, unix_seconds());
    let grant = grant.map_err(|error| {
        let code = match error {
            GrantError::Expired => Code::GrantExpired,
            GrantError::Invalid | GrantError::OtherNode => Code::GrantInvalid,
        };
        Problem::new(code, error.to_string())
    })?;
    Ok(Box::new(grant))
}

/// What can be seen before the offer is read; what it publishes is the room's to judge.
fn may_enter(door: Door, grant: &Grant, room: &str) -> Result<(), Problem> {
    if room.parse() != Ok(grant.room) {
        let detail = "the grant is for another room";
        return Err(Problem::new(Code::NotAllowed, detail));
    }
    let detail = match door {
        Door::Whip if grant.rights.publish.is_empty() => "you may not publish",
        Door::Whep if !grant.rights.subscribe => "you may not receive",
        Door::Whip | Door::Whep => return Ok(()),
    };
    Err(Problem::new(Code::NotAllowed, detail))
}

fn is_sdp(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default();
    kind.trim().eq_ignore_ascii_case(SDP)
}

async fn read(body: Body) -> Result<String, Problem> {
    let bytes = timeout(OFFER_DEADLINE, to_bytes(body, MAX_SIGNAL_BYTES)).await;
    // A body that breaks off is answered to nobody.
    let bytes = bytes.map_err(|_| Code::TooSlow)?;
    let bytes = bytes.map_err(|_| Code::TooLarge)?;
    String::from_utf8(bytes.into()).map_err(|_| Code::Malformed.into())
}

/// RFC 9725, section 4.2.
fn created(door: Door, room: &str, opened: Opened) -> Response {
    let location = format!("/{}/{room}/{}", door.as_str(), opened.name);
    let headers = [
        (header::CONTENT_TYPE, SDP.to_owned()),
        (header::LOCATION, location),
    ];
    (StatusCode::CREATED, headers, opened.sdp).into_response()
}

/// Whoever has a session's name may end it: nobody else was told.
async fn leave(
    State(doors): State<Doors>,
    Path((room, session)): Path<(String, String)>,
) -> Response {
    let left = match room.parse::<RoomId>() {
        Ok(room) => doors.sessions.leave(&doors.gate, room, &session).await,
        Err(_) => false,
    };
    match left {
        true => StatusCode::OK.into_response(),
        false => Problem::from(Code::NotFound).into_response(),
    }
}

/// What a browser asks before a page of another site may (RFC 9725, section 4.2).
fn preflight(methods: &'static str) -> Response {
    let headers = [
        ("accept-post", SDP),
        ("access-control-allow-methods", methods),
        (
            "access-control-allow-headers",
            "authorization, content-type",
        ),
        ("access-control-max-age", PREFLIGHT_AGE_S),
        ("allow", methods),
    ];
    (StatusCode::OK, headers).into_response()
}

fn no_method(methods: &'static str) -> Response {
    let problem = Problem::from(Code::MethodNotAllowed).into_response();
    ([(header::ALLOW, methods)], problem).into_response()
}

/// Lets pages read what they are told: those of sites that may come in. No cookie counts here, so
/// where no list says otherwise that is every site.
async fn tell_pages(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let may_read = origin.filter(|_| gate.lets_in(request.headers()));
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = may_read {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        let told = HeaderValue::from_static("location, retry-after");
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, told);
    }
    response
}
