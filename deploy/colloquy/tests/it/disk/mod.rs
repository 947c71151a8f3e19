//! Disks that are full or read-only: the meeting goes on, everyone is told, and when there is room
//! again the recording goes on and names what it misses.

mod faults;
mod witness;

use std::time::Instant;

use serde_json::{Value, json};
use sfu_protocol::recording::TroubleReason;

use crate::meeting::{EMAIL, PASSWORD, demo_meeting, probed, sign_in, text};
use crate::program::{Place, Serving, until};
use crate::strict::assert_not_lost;
use faults::{Disk, Disks, Form, has_namespaces};
use witness::{Witness, stands};

/// What the node holds back for a recorder that cannot write: so little that it overflows soon.
const RING_BYTES: &str = "200000";

/// Entries that are lost before there is room again: a second or more of two people.
const LOST_ENTRIES: f64 = 300.0;

/// Entries of a stretch that is recorded: some seconds.
const RECORDED_ENTRIES: f64 = 600.0;

/// Of so many packets the host may lose one on a machine that stalls. What a disk cost the meeting
/// it would cost for as long as nothing can be written, which is most of the time here.
const LOST_ONE_OF: u64 = 10;

const ENTRIES: &str = "colloquy_recorder_tape_entries_total";
const UNWRITTEN: &str = "colloquy_recorder_disk_problem{problem=\"not_written\"}";
const LOST: &str = "colloquy_sfu_tape_entries_lost_total";

/// A meeting of two people, a host who watches, and a recording that runs.
struct Story {
    place: Place,
    serving: Serving,
    disks: Disks,
    token: String,
    room: String,
    recording: String,
    host: Witness,
}

impl Story {
    fn begin(form: Form) -> Story {
        let mut place = Place::new();
        place.set("SETUP__OWNER_EMAIL", EMAIL);
        place.set("SETUP__OWNER_PASSWORD", PASSWORD);
        place.set("SFU__RING_BYTES_PER_RECORDING", RING_BYTES);
        // As large as a small disk is; the tests would be refused otherwise.
        place.set("RECORDER__MIN_FREE_BYTES", "0");
        let (serving, disks) = Disks::serve(form, &mut place);
        let token = sign_in(&serving);
        let (room, _) = demo_meeting(&serving, Some(&token));
        let host = Witness::join(&serving, Some(&token), &room);
        let path = format!("/api/rooms/{room}/recordings");
        let begun = serving.call("POST", &path, Some(&token), &json!({}));
        let story = Story {
            recording: text(&begun["id"]),
            place,
            serving,
            disks,
            token,
            room,
            host,
        };
        story.records();
        story
    }

    fn stands(&self) -> Value {
        stands(&self.serving, Some(&self.token), &self.recording)
    }

    /// Waits until some seconds more are on tape.
    fn records(&self) {
        let before = self.serving.metric(ENTRIES);
        until("entries reach the tapes", || {
            (self.serving.metric(ENTRIES) > before + RECORDED_ENTRIES).then_some(())
        });
    }

    /// The disk of the tapes takes nothing until something is lost for good, then takes it again.
    fn interrupts(&self, reason: TroubleReason, take: impl Fn(&Disks), give_back: impl Fn(&Disks)) {
        let began = Instant::now();
        take(&self.disks);
        self.host.is_told(Some(reason));
        println!("{reason:?}: the host is told after {:?}", began.elapsed());
        // Meetings go on without tapes; without the database nobody is let in.
        let database = !self.disks.are_also_the_database_s();
        let status_now = if database { 200 } else { 503 };
        let ready = until("readiness", || {
            let (status, ready) = self.serving.ask("GET", "/readyz", None, &Value::Null);
            let named = |part: &str| ready["dependencies"][part]["ready"] == false;
            (status == status_now && named("recorder") && named("database") != database)
                .then_some(ready)
        });
        assert_eq!(self.serving.metric(UNWRITTEN), 1.0);
        let said = text(&ready["dependencies"]["recorder"]["problem"]);
        assert!(said.starts_with("tapes cannot be written"), "{said}");
        self.host.sees_more_frames();
        let before = self.serving.metric(LOST);
        until("the node's ring overflows", || {
            (self.serving.metric(LOST) > before + LOST_ENTRIES).then_some(())
        });
        let began = Instant::now();
        give_back(&self.disks);
        self.host.is_told(None);
        println!("room again: the host is told after {:?}", began.elapsed());
        self.records();
        until("readiness", || {
            let (status, ready) = self.serving.ask("GET", "/readyz", None, &Value::Null);
            let named = &ready["dependencies"]["recorder"]["ready"];
            (status == 200 && *named == true).then_some(())
        });
        until("the recording's problem is over", || {
            let stands = self.stands();
            assert_eq!(stands["status"], "recording", "{stands}");
            stands["problem"].is_null().then_some(())
        });
    }

    fn stop(&self) -> (u16, Value) {
        let path = format!("/api/recordings/{}/stop", self.recording);
        self.serving
            .ask("POST", &path, Some(&self.token), &json!({}))
    }

    /// The recording is ready, plays, and names gaps; nobody in the meeting missed a packet.
    fn ends(self, stretches: usize) {
        let ready = until("the files", || {
            let stands = self.stands();
            assert_ne!(stands["status"], "failed", "{stands}");
            (stands["status"] == "ready").then_some(stands)
        });
        assert!(ready["problem"].is_null(), "{ready}");
        let health = &ready["health"];
        assert!(
            health["entries_missing"].as_f64() > Some(LOST_ENTRIES),
            "{health}"
        );
        let gaps = health["gaps"].as_array().expect("gaps");
        println!("gaps: {gaps:?}");
        let named = gaps
            .iter()
            .filter(|gap| gap["from_ms"].as_u64() < gap["to_ms"].as_u64());
        assert!(named.count() >= stretches, "{health}");
        let file = ready["files"].as_array().expect("files").iter();
        let film = file.clone().find(|file| file["kind"] == "composed");
        let url = text(&film.expect("a film")["url"]);
        let path = &url[url.find("/objects/").expect("a link to an object")..];
        let target = self.place.folder.path().join("film.mp4");
        let bytes = self.serving.download("GET", path, None, "");
        std::fs::write(&target, bytes).expect("written");
        let seen = probed(&target);
        let duration_s: f64 = text(&seen["format"]["duration"]).parse().expect("a number");
        let health_s = health["duration_ms"].as_f64().expect("a duration") / 1_000.0;
        assert!(
            (duration_s - health_s).abs() < 0.5,
            "{duration_s} {health_s}"
        );

        self.host.sees_more_frames();
        let received = self.host.leave().counters;
        let sent = received.packets_received + received.packets_lost;
        assert_not_lost(received.packets_lost, sent, LOST_ONE_OF);
        let (status, _) = self.serving.terminate();
        assert!(status.success(), "{status}");
    }
}

/// Prints what the machine allows; asked for by name, small disks are not replaced by less.
fn small_disks() -> bool {
    let can = has_namespaces();
    let asked = std::env::var_os("COLLOQUY_DISK_FORM").is_some_and(|form| form == "tmpfs");
    assert!(
        can || !asked,
        "COLLOQUY_DISK_FORM=tmpfs needs user namespaces"
    );
    match can {
        true => println!("form: small disks in memory"),
        false => println!("form: a limit on the length of files; no user namespaces here"),
    }
    can
}

#[test]
fn files_that_may_not_grow_interrupt_a_recording_and_refuse_joins_and_nothing_more() {
    let story = Story::begin(Form::FileLimit);
    let (serving, token) = (&story.serving, Some(story.token.as_str()));
    let join = format!("/api/rooms/{}/join", story.room);
    story.interrupts(
        TroubleReason::DiskFull,
        |disks| {
            disks.fill(Disk::Spool);
            // The database's files are under the same limit.
            let refused = until("a join that has to be written is refused", || {
                let (status, refused) = serving.ask("POST", &join, token, &json!({}));
                (status != 200).then_some((status, refused))
            });
            assert_eq!(refused.0, 503, "{}", refused.1);
            assert_eq!(refused.1["code"], "database_unavailable", "{}", refused.1);
        },
        |disks| disks.free(Disk::Spool),
    );
    until("joins go on by themselves", || {
        let (status, _) = serving.ask("POST", &join, token, &json!({}));
        (status == 200).then_some(())
    });
    // The books cannot keep a stop now, and say so; the recorder hears it all the same.
    story.disks.fill(Disk::Spool);
    let (status, refused) = story.stop();
    assert_eq!(status, 503, "{refused}");
    assert_eq!(refused["code"], "database_unavailable", "{refused}");
    story.disks.free(Disk::Spool);
    story.ends(1);
}

#[test]
fn a_full_and_a_read_only_disk_interrupt_a_recording_and_nothing_more() {
    if !small_disks() {
        // What can be shown without is shown by the other story.
        return;
    }
    let story = Story::begin(Form::Tmpfs);
    story.interrupts(
        TroubleReason::DiskFull,
        |disks| disks.fill(Disk::Spool),
        |disks| disks.free(Disk::Spool),
    );
    story.interrupts(
        TroubleReason::ReadOnly,
        |disks| {
            disks.fill(Disk::Spool);
            story.host.is_told(Some(TroubleReason::DiskFull));
            disks.set_read_only(Disk::Spool, true);
        },
        |disks| {
            disks.set_read_only(Disk::Spool, false);
            disks.free(Disk::Spool);
        },
    );
    // The store is full when the files are made: neither ready nor failed until there is room.
    story.disks.fill(Disk::Objects);
    let (status, refused) = story.stop();
    assert_eq!(status, 200, "{refused}");
    let waits = until("the files wait", || {
        let stands = story.stands();
        let status = stands["status"].as_str().expect("a status");
        assert!(["recording", "finishing"].contains(&status), "{stands}");
        (status == "finishing" && !stands["problem"].is_null()).then_some(stands)
    });
    println!("{}", text(&waits["problem"]));
    story.disks.free(Disk::Objects);
    story.ends(2);
}
