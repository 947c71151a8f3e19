use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use tokio::task::JoinSet;

use super::*;

/// What a server was asked: method, path, bearer, type and body.
type Asked = Arc<Mutex<Vec<[String; 5]>>>;

/// A server on loopback; it ends when it is dropped.
struct Server {
    address: SocketAddr,
    asked: Asked,
    _tasks: JoinSet<()>,
}

/// What is answered to a path: status, Location, body.
type Answer = (u16, &'static str, &'static str);

impl Server {
    async fn new(answers: &'static [(&'static str, Answer)]) -> Server {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let asked = Asked::default();
        let hear = move |State(asked): State<Asked>, request: Request| async move {
            let (parts, body) = request.into_parts();
            let header = |name| {
                let value = parts.headers.get(name);
                value.map_or("", |value| value.to_str().expect("text"))
            };
            let body = body.collect().await.expect("a body").to_bytes();
            let asked_for = [
                parts.method.as_str(),
                parts.uri.path(),
                header(AUTHORIZATION),
                header(CONTENT_TYPE),
                std::str::from_utf8(&body).expect("text"),
            ];
            asked
                .lock()
                .expect("whole")
                .push(asked_for.map(str::to_owned));
            let key = format!("{} {}", parts.method, parts.uri.path());
            answer(answers.iter().find(|(path, _)| *path == key))
        };
        let router = Router::new().fallback(hear).with_state(Arc::clone(&asked));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            axum::serve(listener, router).await.expect("served");
        });
        Server {
            address,
            asked,
            _tasks: tasks,
        }
    }

    fn posted(&self, path: &str, bearer: &str) -> Posted {
        Posted::to(format!("http://{}{path}", self.address), bearer.to_owned())
    }

    fn asked(&self) -> Vec<[String; 5]> {
        std::mem::take(&mut *self.asked.lock().expect("whole"))
    }
}

fn answer(found: Option<&(&str, Answer)>) -> Response {
    let (status, location, body) = found.map_or((404, "", "nothing here"), |(_, answer)| *answer);
    let status = StatusCode::from_u16(status).expect("a status");
    match location {
        "" => (status, body).into_response(),
        location => (status, [(LOCATION, location)], body).into_response(),
    }
}

const OFFER: &str = "v=0 ours";

#[tokio::test]
async fn an_offer_is_posted_and_the_session_that_it_made_is_ended_with_the_same_bearer() {
    let server = Server::new(&[
        ("POST /whip/1", (201, "/session/7", "theirs")),
        ("POST /whip/2", (201, "2/session?of=me", "theirs")),
        ("DELETE /session/7", (200, "", "")),
        ("DELETE /whip/2/session", (204, "", "")),
    ])
    .await;
    for (path, bearer, session) in [
        ("/whip/1", "token", "/session/7"),
        ("/whip/1", "", "/session/7"),
        ("/whip/2", "token", "/whip/2/session"),
    ] {
        let mut posted = server.posted(path, bearer);
        let answered = posted.say(OFFER.to_owned()).await.expect("an answer");
        assert_eq!(answered, "theirs");
        // A second goodbye finds nothing more to end.
        for _ in 0..2 {
            let ended = posted.say(GOODBYE.to_owned()).await.expect("ended");
            assert_eq!(ended, GOODBYE);
        }
        let signed = match bearer {
            "" => String::new(),
            bearer => format!("Bearer {bearer}"),
        };
        let signed = signed.as_str();
        let expected = [
            ["POST", path, signed, "application/sdp", OFFER],
            ["DELETE", session, signed, "", ""],
        ];
        assert_eq!(server.asked(), expected);
    }
}

#[tokio::test]
async fn an_offer_follows_redirections_of_its_origin_and_its_session_is_relative_to_the_last() {
    let server = Server::new(&[
        ("POST /whip", (307, "/other/whip", "")),
        ("POST /other/whip", (308, "deeper/whip", "")),
        ("POST /other/deeper/whip", (201, "session", "theirs")),
        ("DELETE /other/deeper/session", (200, "", "")),
    ])
    .await;
    let mut posted = server.posted("/whip", "token");
    let answered = posted.say(OFFER.to_owned()).await.expect("an answer");
    assert_eq!(answered, "theirs");
    posted.say(GOODBYE.to_owned()).await.expect("ended");
    let asked = server.asked();
    let paths: Vec<&str> = asked.iter().map(|[_, path, ..]| path.as_str()).collect();
    let way = [
        "/whip",
        "/other/whip",
        "/other/deeper/whip",
        "/other/deeper/session",
    ];
    assert_eq!(paths, way);
    for [method, _, bearer, _, body] in &asked[..3] {
        assert_eq!([method, bearer, body], ["POST", "Bearer token", OFFER]);
    }
}

#[tokio::test]
async fn whatever_leads_elsewhere_or_nowhere_is_refused_and_nobody_else_is_asked() {
    let server = Server::new(&[
        ("POST /moved", (307, "http://127.0.0.2:1/whip", "")),
        ("POST /made", (201, "http://127.0.0.2:1/session", "theirs")),
        ("POST /safer", (201, "https://127.0.0.1/session", "theirs")),
        ("POST /nowhere", (308, "", "")),
        ("POST /broken", (201, "http://[", "theirs")),
        ("POST /round", (307, "/round", "")),
        ("POST /found", (302, "/whip", "")),
        (
            "POST /refused",
            (403, "http://127.0.0.2:1/", "not you\n\u{1b}"),
        ),
    ])
    .await;
    for (path, words, requests) in [
        ("/moved", "another origin, http://127.0.0.2:1, which", 1),
        ("/made", "another origin, http://127.0.0.2:1, which", 1),
        ("/safer", "another origin, https://127.0.0.1, which", 1),
        ("/nowhere", "leads nowhere", 1),
        ("/broken", "no URL", 1),
        ("/round", "more than 5 redirections", 6),
        ("/found", "302 Found", 1),
        ("/refused", "403 Forbidden: not you\\n\\u{1b}", 1),
    ] {
        let mut posted = server.posted(path, "token");
        let problem = posted.say(OFFER.to_owned()).await.expect_err(path);
        let problem = format!("{problem:#}");
        assert!(problem.contains(words), "{problem}");
        assert!(!problem.contains('\n'), "{problem}");
        // There is no session to end.
        posted.say(GOODBYE.to_owned()).await.expect("nothing to do");
        assert_eq!(server.asked().len(), requests, "{path}");
    }
}

#[tokio::test]
async fn a_server_that_names_no_session_is_not_asked_to_end_it_and_a_refusal_to_end_one_is_told() {
    let server = Server::new(&[
        ("POST /unnamed", (201, "", "theirs")),
        ("POST /kept", (201, "/session", "theirs")),
        ("DELETE /session", (405, "", "")),
    ])
    .await;
    let mut unnamed = server.posted("/unnamed", "token");
    unnamed.say(OFFER.to_owned()).await.expect("an answer");
    unnamed
        .say(GOODBYE.to_owned())
        .await
        .expect("nothing to do");
    assert_eq!(server.asked().len(), 1);
    let mut kept = server.posted("/kept", "token");
    kept.say(OFFER.to_owned()).await.expect("an answer");
    let problem = kept.say(GOODBYE.to_owned()).await.expect_err("kept");
    assert!(
        problem.to_string().ends_with("405 Method Not Allowed"),
        "{problem}"
    );
}
