//! What is said after what was heard, in the words that a Janus uses.

use super::*;

const CREATED: &str = r#"{"janus":"success","transaction":"create","data":{"id":71}}"#;
const LOBBY: &str = r#"{"janus":"success","session_id":71,"transaction":"lobby","data":{"id":8}}"#;
const WATCHER: &str =
    r#"{"janus":"success","session_id":71,"transaction":"watcher","data":{"id":9}}"#;
const ALONE: &str = r#"{"janus":"event","session_id":71,"transaction":"join","sender":8,
    "plugindata":{"plugin":"janus.plugin.videoroom","data":{"videoroom":"joined","room":3,
    "description":"Room 3","id":100,"private_id":5,"publishers":[]}}}"#;
const ATTACHED: &str = r#"{"janus":"event","session_id":71,"transaction":"watch","sender":9,
    "plugindata":{"plugin":"janus.plugin.videoroom","data":{"videoroom":"attached","room":3,
    "streams":[{"type":"video","mindex":0,"mid":"0","feed_id":101,"feed_mid":"v"}]}},
    "jsep":{"type":"offer","sdp":"theirs"}}"#;
const STARTED: &str = r#"{"janus":"event","session_id":71,"transaction":"start","sender":9,
    "plugindata":{"plugin":"janus.plugin.videoroom","data":{"videoroom":"event","room":3,
    "started":"ok"}}}"#;

/// Somebody begins to publish: a microphone `a` and a camera `v`.
fn comes(id: u64) -> String {
    format!(
        r#"{{"janus":"event","session_id":71,"sender":8,"plugindata":{{
        "plugin":"janus.plugin.videoroom","data":{{"videoroom":"event","room":3,"publishers":[
        {{"id":{id},"display":"","audio_codec":"opus","video_codec":"vp8","talking":false,
        "streams":[{{"type":"audio","mindex":0,"mid":"a","codec":"opus"}},
        {{"type":"video","mindex":1,"mid":"v","codec":"vp8"}}]}}]}}}}}}"#
    )
}

/// Somebody stops: `how` is `leaving` or `unpublished`.
fn goes(how: &str, id: u64) -> String {
    format!(
        r#"{{"janus":"event","session_id":71,"sender":8,"plugindata":{{
        "plugin":"janus.plugin.videoroom","data":{{"videoroom":"event","room":3,"{how}":{id}}}}}}}"#
    )
}

fn watcher_of(others: usize) -> Errand {
    Errand {
        room: 3,
        offer: None,
        cameras: 9,
        voices: 9,
        others,
        watchers: usize::from(others > 0),
    }
}

/// Hears everything; answers what was told, the last of it.
fn after(session: &mut Session, heard: &[&str]) -> Vec<Told> {
    let mut told = Vec::new();
    for text in heard {
        told.clear();
        session.hear(text).expect("words of a Janus");
        told.extend(std::iter::from_fn(|| session.next()));
    }
    told
}

/// What the only thing that is said asks for.
fn request(told: &[Told]) -> &Value {
    match told {
        [Told::Say(message)] => &message["body"],
        other => panic!("one message, not {other:?}"),
    }
}

fn feeds(body: &Value, list: &str) -> Vec<(u64, String)> {
    let streams = body[list].as_array().expect("streams");
    let pair = |it: &Value| Some((it["feed"].as_u64()?, it["mid"].as_str()?.to_owned()));
    streams.iter().filter_map(pair).collect()
}

#[test]
fn whoever_publishes_joins_with_the_offer_and_takes_the_answer() {
    let mut session = Session::new(Errand {
        offer: Some("ours".to_owned()),
        ..watcher_of(0)
    });
    let first = session.next();
    let Some(Told::Say(create)) = first else {
        panic!("{first:?}");
    };
    assert_eq!(create["janus"], "create");
    let told = after(&mut session, &[CREATED]);
    let [Told::Say(attach)] = &told[..] else {
        panic!("one handle only: {told:?}");
    };
    assert_eq!(
        (&attach["janus"], &attach["session_id"], &attach["plugin"]),
        (&json!("attach"), &json!(71), &json!(PLUGIN))
    );
    let told = after(&mut session, &[LOBBY]);
    let [Told::Say(join)] = &told[..] else {
        panic!("{told:?}");
    };
    assert_eq!(
        join["body"],
        json!({ "request": "joinandconfigure", "ptype": "publisher", "room": 3 })
    );
    assert_eq!(join["handle_id"], 8);
    assert_eq!(
        join["jsep"],
        json!({ "type": "offer", "sdp": "ours", "trickle": false, "rid_order": "lmh" })
    );
    let joined = ALONE.replace(
        r#""publishers":[]}}}"#,
        r#""publishers":[]}},"jsep":{"type":"answer","sdp":"theirs"}}"#,
    );
    let told = after(&mut session, &[&joined]);
    assert_eq!(told, [Told::Answered("theirs".to_owned())]);
}

#[test]
fn watching_begins_when_everyone_expected_publishes_and_takes_all_at_once() {
    let mut session = Session::new(watcher_of(2));
    let told = after(&mut session, &[CREATED, LOBBY, WATCHER, ALONE, &comes(101)]);
    assert_eq!(told, [], "one of two");
    let told = after(&mut session, &[&comes(102)]);
    let body = request(&told);
    assert_eq!(
        (&body["request"], &body["ptype"], &body["room"]),
        (&json!("join"), &json!("subscriber"), &json!(3))
    );
    let all = [(101, "a"), (101, "v"), (102, "a"), (102, "v")];
    assert_eq!(
        feeds(body, "streams"),
        all.map(|(id, mid)| (id, mid.to_owned()))
    );
    let told = after(&mut session, &[ATTACHED]);
    assert_eq!(told, [Told::Offered(0, "theirs".to_owned())]);
    session.answer(0, "ours");
    let told: Vec<_> = std::iter::from_fn(|| session.next()).collect();
    assert_eq!(request(&told), &json!({ "request": "start" }));
    assert_eq!(after(&mut session, &[STARTED]), []);
}

#[test]
fn the_order_in_which_handle_and_publishers_come_does_not_matter() {
    let mut session = Session::new(watcher_of(1));
    let told = after(&mut session, &[CREATED, LOBBY, ALONE, &comes(101)]);
    assert_eq!(told, [], "no handle to watch with");
    assert_eq!(request(&after(&mut session, &[WATCHER]))["request"], "join");
}

#[test]
fn whoever_comes_later_is_added_when_the_offer_before_is_through() {
    let mut session = Session::new(watcher_of(1));
    let begun = [CREATED, LOBBY, WATCHER, ALONE, &comes(101), ATTACHED];
    after(&mut session, &begun);
    assert_eq!(after(&mut session, &[&comes(102)]), [], "between");
    let told = after(&mut session, &[STARTED]);
    let body = request(&told);
    assert_eq!(body["request"], "update");
    let later = [(102, "a"), (102, "v")].map(|(id, mid)| (id, mid.to_owned()));
    assert_eq!(feeds(body, "subscribe"), later);
}

#[test]
fn no_more_is_watched_than_there_is_room_for() {
    let mut session = Session::new(Errand {
        cameras: 1,
        voices: 2,
        ..watcher_of(3)
    });
    let [one, two, three] = [comes(101), comes(102), comes(103)];
    let begun = [CREATED, LOBBY, WATCHER, ALONE, &one, &two, &three];
    let told = after(&mut session, &begun);
    let some = [(101, "a"), (101, "v"), (102, "a")].map(|(id, mid)| (id, mid.to_owned()));
    assert_eq!(feeds(request(&told), "streams"), some);
}

#[test]
fn each_of_several_handles_watches_one_as_soon_as_it_publishes() {
    let mut session = Session::new(Errand {
        watchers: 2,
        ..watcher_of(2)
    });
    let other = WATCHER.replace("\"id\":9", "\"id\":10");
    let begun = [CREATED, LOBBY, WATCHER, &other, ALONE];
    assert_eq!(after(&mut session, &begun), []);
    for (handle, feed) in [(9, 101), (10, 102)] {
        let told = after(&mut session, &[&comes(feed)]);
        let own = [(feed, "a".to_owned()), (feed, "v".to_owned())];
        assert_eq!(feeds(request(&told), "streams"), own);
        assert!(matches!(&told[..], [Told::Say(it)] if it["handle_id"] == handle));
    }
    assert_eq!(after(&mut session, &[&comes(103)]), [], "nobody is free");
    let offered = ATTACHED.replace("\"sender\":9", "\"sender\":10");
    let told = after(&mut session, &[&offered]);
    assert_eq!(told, [Told::Offered(1, "theirs".to_owned())]);
    session.answer(1, "ours");
    let told: Vec<_> = std::iter::from_fn(|| session.next()).collect();
    assert!(matches!(&told[..], [Told::Say(it)] if it["handle_id"] == 10));
}

#[test]
fn the_place_of_whoever_left_goes_to_somebody_else() {
    for how in ["leaving", "unpublished"] {
        let mut session = Session::new(Errand {
            cameras: 1,
            voices: 0,
            ..watcher_of(2)
        });
        let [one, other] = [comes(101), comes(102)];
        let begun = [CREATED, LOBBY, WATCHER, ALONE, &one, &other, ATTACHED];
        after(&mut session, &begun);
        let told = after(&mut session, &[STARTED, &goes(how, 101)]);
        let body = request(&told);
        assert_eq!(body["request"], "update", "{how}");
        assert_eq!(feeds(body, "subscribe"), [(102, "v".to_owned())]);
    }
}

#[test]
fn an_offer_without_those_who_left_is_answered_unasked() {
    let mut session = Session::new(watcher_of(1));
    let begun = [CREATED, LOBBY, WATCHER, ALONE, &comes(101), ATTACHED];
    after(&mut session, &begun);
    after(&mut session, &[STARTED]);
    let updated = ATTACHED
        .replace("attached", "updated")
        .replace("theirs", "less");
    let told = after(&mut session, &[&updated]);
    assert_eq!(told, [Told::Offered(0, "less".to_owned())]);
}

#[test]
fn what_janus_refuses_and_what_it_ends_is_told() {
    let failed = |why: &str| Told::Failed(format!("Janus: {why}"));
    for (heard, told) in [
        (
            r#"{"janus":"error","transaction":"join","error":{"code":458,"reason":"No such session 71"}}"#,
            Some(failed("No such session 71 (458)")),
        ),
        (
            r#"{"janus":"event","sender":8,"transaction":"join","plugindata":{"plugin":"p","data":
            {"videoroom":"event","error_code":426,"error":"No such room (3)"}}}"#,
            Some(failed("No such room (3)")),
        ),
        (
            r#"{"janus":"hangup","session_id":71,"sender":9,"reason":"ICE failed"}"#,
            Some(failed("it hung up: ICE failed")),
        ),
        (r#"{"janus":"timeout","session_id":71}"#, Some(Told::Over)),
        (
            r#"{"janus":"success","session_id":71,"transaction":"destroy"}"#,
            Some(Told::Over),
        ),
        (
            r#"{"janus":"ack","session_id":71,"transaction":"keepalive"}"#,
            None,
        ),
        (
            r#"{"janus":"media","sender":9,"type":"video","mid":"0","receiving":true}"#,
            None,
        ),
        (r#"{"janus":"webrtcup","session_id":71,"sender":9}"#, None),
        (
            r#"{"janus":"slowlink","sender":9,"uplink":true,"lost":3}"#,
            None,
        ),
    ] {
        let mut session = Session::new(watcher_of(1));
        after(&mut session, &[CREATED, LOBBY, WATCHER]);
        let come = after(&mut session, &[heard]);
        assert_eq!(come, Vec::from_iter(told), "{heard}");
    }
}

#[test]
fn what_is_no_message_of_a_janus_is_an_error() {
    let mut session = Session::new(watcher_of(1));
    for text in ["", "{}", "[]", r#"{"janus":7}"#] {
        assert!(session.hear(text).is_err(), "{text}");
    }
}
