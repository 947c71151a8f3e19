//! An office for one test: its own database, a clock that is moved by hand, neighbours that only
//! listen.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use api_store::event_cursor::Cursor;
use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use serde_json::{Value, json};
use sfu_protocol::control::{ControlReply, ControlRequest, NodeEvent, RoomEvent, RoomReport};
use sfu_protocol::grant::{Grant, GrantVerifier};
use sfu_protocol::ids::{NodeId, ParticipantId, RoomId};
use sfu_protocol::media::MediaTime;
use sfu_protocol::recording::{RecorderCommand, RecorderReport, RecordingStatus};
use sfu_protocol::signal::Role;
use tokio::sync::mpsc;
use tower::ServiceExt;

use crate::app::SharedApp;
use crate::clock::Clock;
use crate::config::{Config, Registration, SetupConfig};
use crate::jobs;
use crate::ports::{Demo, DemoMeeting, Nodes, Recorders, Unavailable};
use crate::public_url::PublicUrl;
use crate::secrets::Secrets;
use crate::start::{Wiring, assemble};

/// 2026-01-31T09:30:00Z.
pub(crate) const BEGIN_MS: i64 = 1_769_851_800_000;

pub(crate) const PASSWORD: &str = "correct horse";

pub(crate) struct TestClock(AtomicI64);

impl TestClock {
    pub(crate) fn advance(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// Neighbours that remember what they were asked, and can be away.
#[derive(Default)]
pub(crate) struct Neighbours {
    pub(crate) away: AtomicBool,
    pub(crate) rooms: Mutex<Vec<RoomId>>,
    /// Who is in each of them.
    pub(crate) present: Mutex<Vec<ParticipantId>>,
    /// Who comes right after the next answer that names those present.
    pub(crate) arriving: Mutex<Vec<ParticipantId>>,
    pub(crate) wishes: Mutex<Vec<ControlRequest>>,
    pub(crate) commands: Mutex<Vec<RecorderCommand>>,
    pub(crate) demos: Mutex<Vec<DemoMeeting>>,
}

impl Neighbours {
    fn there(&self) -> Result<(), Unavailable> {
        if self.away.load(Ordering::SeqCst) {
            Err(Unavailable("away".to_owned()))
        } else {
            Ok(())
        }
    }
}

#[async_trait]
impl Nodes for Neighbours {
    async fn control(&self, request: ControlRequest) -> Result<ControlReply, Unavailable> {
        self.there()?;
        if request == (ControlRequest::ListRooms {}) {
            let rooms = self.rooms.lock().expect("whole").clone();
            let mut there = self.present.lock().expect("whole");
            let present = there.clone();
            there.append(&mut self.arriving.lock().expect("whole"));
            let report = |room| RoomReport {
                room,
                participants: present.clone(),
                recording: None,
            };
            return Ok(ControlReply::Rooms {
                rooms: rooms.into_iter().map(report).collect(),
            });
        }
        self.wishes.lock().expect("whole").push(request);
        Ok(ControlReply::Done {})
    }
}

#[async_trait]
impl Recorders for Neighbours {
    async fn send(&self, command: RecorderCommand) -> Result<(), Unavailable> {
        self.there()?;
        self.commands.lock().expect("whole").push(command);
        Ok(())
    }
}

#[async_trait]
impl Demo for Neighbours {
    async fn start(&self, meeting: DemoMeeting) -> Result<(), Unavailable> {
        self.there()?;
        self.demos.lock().expect("whole").push(meeting);
        Ok(())
    }
}

pub(crate) struct TestApp {
    pub(crate) app: SharedApp,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) neighbours: Arc<Neighbours>,
    pub(crate) folder: tempfile::TempDir,
    secrets: Secrets,
    router: Router,
    verifier: GrantVerifier,
    events: AtomicU64,
}

/// A person with a browser: the access token in memory, the refresh token in the cookie.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) token: String,
    pub(crate) cookie: String,
}

impl TestApp {
    /// An office where everybody may register.
    pub(crate) async fn open() -> TestApp {
        let config = Config {
            registration: Registration::Open,
            ..Config::default()
        };
        TestApp::with(config, SetupConfig::default()).await
    }

    pub(crate) async fn with(config: Config, setup: SetupConfig) -> TestApp {
        let folder = tempfile::tempdir().expect("a temporary folder");
        TestApp::begin(config, setup, Secrets::generate(), folder, BEGIN_MS).await
    }

    /// The office after the one before was killed: its books, nothing else.
    pub(crate) async fn again(self) -> TestApp {
        let config = Config {
            registration: Registration::Open,
            ..Config::default()
        };
        let (secrets, now_ms) = (self.secrets, self.clock.now_ms());
        TestApp::begin(config, SetupConfig::default(), secrets, self.folder, now_ms).await
    }

    async fn begin(
        config: Config,
        setup: SetupConfig,
        secrets: Secrets,
        folder: tempfile::TempDir,
        now_ms: i64,
    ) -> TestApp {
        let clock = Arc::new(TestClock(AtomicI64::new(now_ms)));
        let neighbours = Arc::new(Neighbours::default());
        let node = NodeId("node-1".to_owned());
        let verifier = GrantVerifier::from_pem(secrets.grant_public_pem(), node.clone())
            .expect("a public key");
        let (_, events) = mpsc::channel(1);
        let (_, reports) = mpsc::channel(1);
        let wiring = Wiring {
            config,
            setup,
            public_url: PublicUrl::parse("http://127.0.0.1:8080").expect("an address"),
            node,
            database_url: format!("sqlite://{}/test.db?mode=rwc", folder.path().display()),
            objects_dir: folder.path().to_owned(),
            turn_urls: vec!["turn:127.0.0.1:3478?transport=udp".to_owned()],
            secrets: secrets.clone(),
            nodes: neighbours.clone(),
            recorders: neighbours.clone(),
            demo: neighbours.clone(),
            events,
            reports,
            registry: prometheus::Registry::new(),
            clock: clock.clone(),
        };
        let assembled = assemble(wiring).await.expect("opens");
        TestApp {
            app: assembled.app,
            router: assembled.router,
            clock,
            neighbours,
            folder,
            secrets,
            verifier,
            events: AtomicU64::new(0),
        }
    }

    pub(crate) fn ask(&self, method: Method, path: &str) -> Ask<'_> {
        Ask::new(self, method, path)
    }

    pub(crate) fn get(&self, path: &str) -> Ask<'_> {
        self.ask(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str) -> Ask<'_> {
        Ask::new(self, Method::POST, path)
    }

    pub(crate) fn patch(&self, path: &str) -> Ask<'_> {
        Ask::new(self, Method::PATCH, path)
    }

    pub(crate) fn delete(&self, path: &str) -> Ask<'_> {
        Ask::new(self, Method::DELETE, path)
    }

    /// Somebody with an organisation of their own.
    pub(crate) async fn register(&self, email: &str) -> Person {
        let body = json!({"name": "Ada", "email": email, "password": PASSWORD});
        self.post("/api/auth/register")
            .json(&body)
            .send()
            .await
            .person()
    }

    pub(crate) async fn login(&self, email: &str, password: &str) -> Answer {
        let body = json!({"email": email, "password": password});
        self.post("/api/auth/login").json(&body).send().await
    }

    /// A room of this person: its id and the token of its invite.
    pub(crate) async fn room(&self, person: &Person) -> (RoomId, String) {
        let answer = self
            .post("/api/rooms")
            .by(person)
            .json(&json!({"title": "Monday"}))
            .send();
        let room = answer.await.expect(StatusCode::CREATED);
        let url = room["invite_url"].as_str().expect("a link");
        let token = url.rsplit_once("/j/").expect("a token").1.to_owned();
        (text(&room["id"]).parse().expect("an id"), token)
    }

    /// The answer to a join that succeeds.
    pub(crate) async fn join(&self, room: RoomId, person: Option<&Person>, body: Value) -> Value {
        self.ask_join(room, person, body)
            .await
            .expect(StatusCode::OK)
    }

    pub(crate) async fn ask_join(
        &self,
        room: RoomId,
        person: Option<&Person>,
        body: Value,
    ) -> Answer {
        let mut ask = self.post(&format!("/api/rooms/{room}/join")).json(&body);
        if let Some(person) = person {
            ask = ask.by(person);
        }
        ask.send().await
    }

    pub(crate) fn grant(&self, answer: &Value) -> Grant {
        let now_s = u64::try_from(self.clock.now_ms() / 1_000).expect("after 1970");
        self.verifier
            .verify(text(&answer["grant"]), now_s)
            .expect("a good grant")
    }

    /// Something happens in a room now.
    pub(crate) async fn event(&self, room: RoomId, event: RoomEvent) {
        let number = self.events.fetch_add(1, Ordering::SeqCst) + 1;
        let at = MediaTime(u64::try_from(self.clock.now_ms()).expect("after 1970") * 1_000);
        let node = &self.app.node;
        let mut cursor: Cursor = api_store::event_cursor::find(&self.app.store, node)
            .await
            .expect("a query");
        let event = NodeEvent {
            number,
            room,
            at,
            event,
        };
        let taken = jobs::presence::take(&self.app, &mut cursor, &event)
            .await
            .expect("written");
        assert!(taken, "{event:?} is new");
    }

    pub(crate) async fn arrives(&self, room: RoomId, answer: &Value) {
        let grant = self.grant(answer);
        let (participant, name, role) = (grant.participant, grant.name, grant.role);
        self.event(
            room,
            RoomEvent::ParticipantJoined {
                participant,
                name,
                role,
            },
        )
        .await;
    }

    /// A room with its host in it: the host, the room, the invite token, the host's join answer.
    pub(crate) async fn meeting(&self) -> (Person, RoomId, String, Value) {
        let host = self.register("host@example.org").await;
        let (room, invite) = self.room(&host).await;
        let answer = self.join(room, Some(&host), json!({})).await;
        self.event(room, RoomEvent::RoomOpened {}).await;
        self.arrives(room, &answer).await;
        (host, room, invite, answer)
    }

    /// A meeting that is being recorded: the host, the room, the recording's answer.
    pub(crate) async fn recorded_meeting(&self) -> (Person, RoomId, Value) {
        let (host, room, ..) = self.meeting().await;
        let ask = self
            .post(&format!("/api/rooms/{room}/recordings"))
            .by(&host);
        let recording = ask.send().await.expect(StatusCode::CREATED);
        (host, room, recording)
    }

    pub(crate) async fn report(&self, report: RecorderReport) -> bool {
        jobs::recordings::take(&self.app, &report)
            .await
            .expect("written")
    }
}

/// A report with a status and nothing else.
pub(crate) fn report(recording: &Value, status: RecordingStatus) -> RecorderReport {
    RecorderReport {
        recording: text(&recording["id"]).parse().expect("an id"),
        status,
        started_at_ms: None,
        ended_at_ms: None,
        progress_percent: None,
        files: Vec::new(),
        health: None,
        problem: None,
    }
}

pub(crate) fn text(value: &Value) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is not a text"))
}

/// Somebody who has not come through `join`.
pub(crate) fn uninvited(participant: u128) -> RoomEvent {
    RoomEvent::ParticipantJoined {
        participant: ParticipantId(uuid::Uuid::from_u128(participant)),
        name: "Robin".to_owned(),
        role: Role::Guest,
    }
}

/// A request.
pub(crate) struct Ask<'a> {
    test: &'a TestApp,
    builder: axum::http::request::Builder,
    body: Body,
}

impl<'a> Ask<'a> {
    fn new(test: &'a TestApp, method: Method, path: &str) -> Ask<'a> {
        let builder = Request::builder().method(method).uri(path);
        Ask {
            test,
            builder,
            body: Body::empty(),
        }
    }

    pub(crate) fn by(self, person: &Person) -> Ask<'a> {
        self.bearer(&person.token)
    }

    pub(crate) fn bearer(self, token: &str) -> Ask<'a> {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn cookie(self, cookie: &str) -> Ask<'a> {
        self.header("cookie", &format!("colloquy_refresh={cookie}"))
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Ask<'a> {
        self.builder = self.builder.header(name, value);
        self
    }

    pub(crate) fn json(self, body: &Value) -> Ask<'a> {
        let mut ask = self.header("content-type", "application/json");
        ask.body = Body::from(body.to_string());
        ask
    }

    pub(crate) fn bytes(mut self, body: Vec<u8>) -> Ask<'a> {
        self.body = Body::from(body);
        self
    }

    pub(crate) async fn send(self) -> Answer {
        let request = self.builder.body(self.body).expect("a request");
        let response = self
            .test
            .router
            .clone()
            .oneshot(request)
            .await
            .expect("an answer");
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 10_000_000)
            .await
            .expect("a body");
        Answer {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The body of an answer that has this status.
    #[track_caller]
    pub(crate) fn expect(&self, status: StatusCode) -> Value {
        assert_eq!(
            self.status,
            status,
            "{}",
            String::from_utf8_lossy(&self.body)
        );
        self.json()
    }

    /// The code of a refusal.
    #[track_caller]
    pub(crate) fn code(&self) -> String {
        let kind = self
            .headers
            .get(header::CONTENT_TYPE)
            .expect("a content type");
        assert_eq!(kind, "application/problem+json", "{}", self.status);
        text(&self.json()["code"]).to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("text"))
    }

    /// The person who has just signed in.
    #[track_caller]
    pub(crate) fn person(&self) -> Person {
        let token = text(&self.expect(StatusCode::OK)["access_token"]).to_owned();
        let set = self.header("set-cookie");
        let value = set.split(['=', ';']).nth(1).expect("a cookie");
        Person {
            token,
            cookie: value.to_owned(),
        }
    }
}
