//! Every operation that the server describes x everybody who may ask x whose it is. What is
//! expected follows from the right under which the router has the operation; who is refused has
//! changed nothing, and who is let in by the same request shows that the right was what decided.

mod request;
mod world;

use axum::http::{Method, StatusCode};
use serde_json::Value;

use crate::rights::Right;
use crate::testing::{Answer, TestApp};
use crate::tokens;
use request::{Operation, described};
use world::{Side, Things, Who};

/// Whose thing the path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Own,
    Foreign,
    Nobodys,
}

/// What is expected: success, or a status and a code.
type Expected = Result<(), (u16, &'static str)>;

const UNAUTHENTICATED: Expected = Err((401, "unauthenticated"));
const NOT_ALLOWED: Expected = Err((403, "not_allowed"));
const NOT_FOUND: Expected = Err((404, "not_found"));
const INVITE_INVALID: Expected = Err((404, "invite_invalid"));
const REMOVED: Expected = Err((403, "removed"));

/// The table. Which role has which right, and what the others are told.
fn expected(right: Right, who: Who, whose: Whose) -> Expected {
    use Who::{Expired, Guest, Host, Installer, Member, Owner, RemovedGuest, Server, StrayGuest};
    use Who::{RemovedMember, RemovedMemberAnew};
    let member = matches!(who, Member | RemovedMember | RemovedMemberAnew);
    let person = member || matches!(who, Host | Owner);
    let at_home = person || who == Server;
    match right {
        Right::Anyone => Ok(()),
        Right::SetupLink if who == Installer => Ok(()),
        Right::SetupLink => Err((403, "setup_token_invalid")),
        Right::SignIn if person || who == Expired => Ok(()),
        Right::SignIn => Err((401, "refresh_invalid")),
        Right::Invite if whose == Whose::Nobodys => INVITE_INVALID,
        Right::Invite => Ok(()),
        Right::Place => match (who, whose) {
            (Guest, Whose::Own) => Ok(()),
            (RemovedGuest | RemovedMember | RemovedMemberAnew, Whose::Own) => REMOVED,
            (Guest | StrayGuest | RemovedGuest, _) => INVITE_INVALID,
            (_, Whose::Own) if at_home => Ok(()),
            _ if at_home => NOT_FOUND,
            _ => UNAUTHENTICATED,
        },
        _ if !at_home => UNAUTHENTICATED,
        // What they lack is told before anything is looked up, so it tells nothing of the thing.
        Right::Owner if who != Owner => NOT_ALLOWED,
        Right::Person if who == Server => NOT_ALLOWED,
        _ if whose != Whose::Own => NOT_FOUND,
        Right::Host if member => NOT_ALLOWED,
        Right::Organisation | Right::Host | Right::Person | Right::Owner => Ok(()),
    }
}

/// Between two operations that were carried out.
const BETWEEN_MS: i64 = 5_000;

/// The other organisation's people sign in again so often: before their tokens expire.
const ABROAD_EVERY: u32 = 100;

struct Matrix {
    test: TestApp,
    home: Side,
    abroad: Side,
    mine: Things,
    theirs: Things,
    operations: Vec<Operation>,
    /// What was seen before; empty when something has changed since.
    before: Vec<Value>,
    renewed: u32,
    asked: u32,
}

impl Matrix {
    async fn new() -> Matrix {
        let test = TestApp::open().await;
        let home = Side::new(&test, 'a').await;
        let abroad = Side::new(&test, 'b').await;
        let mut matrix = Matrix {
            operations: described(&test).await,
            mine: Things::default(),
            theirs: Things::default(),
            test,
            home,
            abroad,
            before: Vec::new(),
            renewed: 0,
            asked: 0,
        };
        matrix.home.renew(&matrix.test).await;
        matrix.abroad.renew(&matrix.test).await;
        matrix.renew_things().await;
        matrix.theirs = matrix.abroad.things(&matrix.test).await;
        matrix
    }

    /// Sign-ins as they were before somebody used them up.
    async fn renew_sign_ins(&mut self) {
        // Long enough for every budget to give back what was taken from it.
        self.test.clock.advance(BETWEEN_MS);
        self.renewed += 1;
        self.home.renew(&self.test).await;
        if self.renewed.is_multiple_of(ABROAD_EVERY) {
            self.abroad.renew(&self.test).await;
        }
        self.before = Vec::new();
    }

    /// Things as they were.
    async fn renew_things(&mut self) {
        let spent = format!("/api/keys/{}", self.mine.of("keys"));
        let delete = self.test.delete(&spent).by(&self.home.owner);
        delete.send().await;
        self.mine = self.home.things(&self.test).await;
    }

    async fn ask(&mut self, operation: &Operation, who: Who, whose: Whose) -> Answer {
        self.asked += 1;
        let id = match (operation.object(), whose) {
            (None, _) => String::new(),
            (Some(noun), Whose::Own) => self.mine.of(noun).to_owned(),
            (Some(noun), Whose::Foreign) => self.theirs.of(noun).to_owned(),
            (Some(_), Whose::Nobodys) => self.test.app.new_id().to_string(),
        };
        let path = operation.path_of(&id);
        let mut ask = self.test.ask(operation.method.clone(), &path);
        if let Some(token) = self.home.bearer(who) {
            ask = ask.bearer(token);
        }
        if let Some(cookie) = self.home.cookie(who) {
            ask = ask.cookie(cookie);
        }
        let body = operation.body(|property| match property {
            "email" if operation.makes_somebody() => Some(format!("{}@example.org", self.asked)),
            "email" => Some("owner@a.example.org".to_owned()),
            "token" if who == Who::Installer => {
                Some(tokens::setup::token(&self.test.app.keys.setup))
            }
            "token" => Some("guess".to_owned()),
            _ => self.home.shown(&self.mine, who, property),
        });
        if let Some(body) = body {
            ask = ask.json(&body);
        }
        ask.send().await
    }

    /// What both owners see of everything, and what the neighbours were asked to do.
    async fn seen(&self) -> Vec<Value> {
        let mut seen = Vec::new();
        for (side, things) in [(&self.home, &self.mine), (&self.abroad, &self.theirs)] {
            for operation in &self.operations {
                let read = operation.method == Method::GET && operation.path != "/api/me";
                if !read || !matches!(operation.right, Right::Organisation | Right::Owner) {
                    continue;
                }
                let id = operation.object().map_or("", |noun| things.of(noun));
                let path = operation.path_of(id);
                let mut answer = self.test.get(&path).by(&side.owner).send().await.json();
                // To the minute, and a refused server has been heard of all the same.
                for key in answer["items"].as_array_mut().into_iter().flatten() {
                    key["last_used_at"].take();
                }
                seen.push(answer);
            }
        }
        let neighbours = &self.test.neighbours;
        let asked = [
            neighbours.wishes.lock().expect("whole").len(),
            neighbours.commands.lock().expect("whole").len(),
            neighbours.demos.lock().expect("whole").len(),
        ];
        seen.push(asked.to_vec().into());
        seen
    }

    /// Asks, compares, and answers what is wrong.
    async fn check(&mut self, operation: &Operation, who: Who, whose: Whose) -> Option<String> {
        let expected = expected(operation.right, who, whose);
        if expected.is_err() && self.before.is_empty() {
            self.before = self.seen().await;
        }
        let answer = self.ask(operation, who, whose).await;
        let told = String::from_utf8_lossy(&answer.body).into_owned();
        let got = match answer.status.is_success() {
            true => (answer.status.as_u16(), String::new()),
            false => (answer.status.as_u16(), answer.code()),
        };
        let wanted = match expected {
            Ok(()) => (operation.success, ""),
            Err(refusal) => refusal,
        };
        let mut problem = None;
        if (got.0, got.1.as_str()) != wanted {
            problem = Some(format!("expected {wanted:?}, got {got:?} {told}"));
        } else if expected.is_err() && self.seen().await != self.before {
            problem = Some("refused, and changed something".to_owned());
        } else if whose == Whose::Own && self.theirs.ids().iter().any(|id| told.contains(id)) {
            problem = Some(format!("tells of the other organisation: {told}"));
        }
        if answer.status.is_success() && operation.method != Method::GET {
            self.renew_sign_ins().await;
            if operation.object().is_some() {
                self.renew_things().await;
            }
        }
        problem.map(|problem| format!("{} by {who:?}, {whose:?}: {problem}", operation.name()))
    }
}

/// Asks every operation that stands under one of these rights as everybody.
async fn compare(rights: &[Right]) {
    let mut matrix = Matrix::new().await;
    let mut problems = Vec::new();
    let operations = matrix.operations.clone();
    for operation in operations
        .iter()
        .filter(|each| rights.contains(&each.right))
    {
        let whose: &[Whose] = match operation.object() {
            None => &[Whose::Own],
            Some(_) => &[Whose::Own, Whose::Foreign, Whose::Nobodys],
        };
        for (who, whose) in each_of(&Who::ALL, whose) {
            problems.extend(matrix.check(operation, who, whose).await);
        }
    }
    println!("{} requests", matrix.asked);
    assert!(matrix.asked > 0, "{rights:?}: nothing stands under it");
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

fn each_of<'a, A: Copy, B: Copy>(
    first: &'a [A],
    second: &'a [B],
) -> impl Iterator<Item = (A, B)> + 'a {
    let pairs = |a: A| second.iter().map(move |b| (a, *b));
    first.iter().copied().flat_map(pairs)
}

#[tokio::test]
async fn what_is_open_to_anyone_or_by_a_link_or_a_cookie_asks_for_just_that() {
    compare(&[
        Right::Anyone,
        Right::SetupLink,
        Right::SignIn,
        Right::Invite,
    ])
    .await;
}

#[tokio::test]
async fn a_place_in_a_room_is_given_to_its_own_people_and_guests_only() {
    compare(&[Right::Place]).await;
}

#[tokio::test]
async fn what_an_organisation_sees_nobody_else_sees() {
    compare(&[Right::Organisation]).await;
}

#[tokio::test]
async fn what_a_host_does_nobody_else_does() {
    compare(&[Right::Host]).await;
}

#[tokio::test]
async fn what_a_person_and_an_owner_do_nobody_else_does() {
    compare(&[Right::Person, Right::Owner]).await;
}

#[tokio::test]
async fn every_right_is_asked_for_and_every_operation_says_so_in_its_security() {
    let test = TestApp::open().await;
    let operations = described(&test).await;
    for right in Right::ALL {
        assert!(
            operations.iter().any(|each| each.right == right),
            "{right:?}"
        );
    }
    for operation in &operations {
        let needs = matches!(
            operation.right,
            Right::Organisation | Right::Host | Right::Person | Right::Owner
        );
        assert_eq!(operation.needs_bearer, needs, "{}", operation.name());
    }
}

#[tokio::test]
async fn a_method_that_is_not_described_is_not_taken() {
    let test = TestApp::open().await;
    let operations = described(&test).await;
    let methods = [
        Method::GET,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
    ];
    for path in operations.iter().map(|each| each.path.as_str()) {
        for method in &methods {
            let known = |each: &&Operation| each.path == path && each.method == *method;
            if operations.iter().any(|each| known(&each)) {
                continue;
            }
            let answer = test.ask(method.clone(), path).send().await;
            assert_eq!(
                answer.status,
                StatusCode::METHOD_NOT_ALLOWED,
                "{method} {path}"
            );
            assert_eq!(answer.code(), "method_not_allowed", "{method} {path}");
        }
    }
}
