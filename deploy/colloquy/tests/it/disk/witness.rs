//! The host, without a browser: watches everyone and hears what the node tells.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use serde_json::{Value, json};
use sfu_client::driver::{DriverReport, Observer, Options};
use sfu_client::participant::{Event, Roster};
use sfu_protocol::recording::TroubleReason;

use crate::program::{Serving, until};
use crate::visitor::Visitor;

#[derive(Debug, Default)]
struct Seen {
    trouble: Option<TroubleReason>,
    recorded: bool,
    frames: u64,
}

/// One who is in the meeting all the time.
pub(crate) struct Witness {
    seen: Arc<Mutex<Seen>>,
    visitor: Visitor,
}

struct Eyes(Arc<Mutex<Seen>>);

impl Observer for Eyes {
    fn happened(&mut self, _now: Instant, event: &Event, roster: &Roster) {
        let mut seen = self.0.lock().expect("whole");
        match event {
            Event::Frame(_) => seen.frames += 1,
            Event::Joined | Event::RosterChanged => {
                let notice = roster.recording();
                seen.recorded = notice.is_some();
                seen.trouble = notice.and_then(|it| it.trouble).map(|it| it.reason);
            }
            _ => {}
        }
    }
}

impl Witness {
    /// Joins, sends nothing, and sees and hears two people.
    pub(crate) fn join(serving: &Serving, token: Option<&str>, room: &str) -> Witness {
        let path = format!("/api/rooms/{room}/join");
        let answer = serving.call("POST", &path, token, &json!({}));
        let seen = Arc::new(Mutex::new(Seen::default()));
        let options = Options {
            publish: Vec::new(),
            audio_slots: 2,
            video_slots: 2,
            observer: Some(Box::new(Eyes(seen.clone()))),
            ..Options::default()
        };
        let visitor = Visitor::comes(&answer, options);
        let witness = Witness { seen, visitor };
        witness.sees_more_frames();
        witness
    }

    /// Waits until it is told that the tapes are in this trouble, or in none.
    pub(crate) fn is_told(&self, wanted: Option<TroubleReason>) {
        until("the host is told", || {
            let seen = self.seen.lock().expect("whole");
            (seen.recorded && seen.trouble == wanted).then_some(())
        });
    }

    /// Waits for a second's worth of pictures and sounds of two people.
    pub(crate) fn sees_more_frames(&self) {
        let frames = || self.seen.lock().expect("whole").frames;
        let before = frames();
        until("pictures and sounds go on", || {
            (frames() > before + 100).then_some(())
        });
    }

    /// Leaves, and says what it received.
    pub(crate) fn leave(self) -> DriverReport {
        self.visitor.leaves()
    }
}

/// Where a recording stands.
pub(crate) fn stands(serving: &Serving, token: Option<&str>, recording: &str) -> Value {
    let path = format!("/api/recordings/{recording}");
    serving.call("GET", &path, token, &Value::Null)
}
