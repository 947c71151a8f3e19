//! What is said to a Janus and what its words mean, without IO: a session with a handle in the
//! lobby of a video room, which publishes, and some that watch the others, each on a connection of
//! its own.

mod watcher;

use std::collections::{BTreeMap, VecDeque};

use anyhow::Context;
use serde_json::{Value, json};
use sfu_protocol::media::Kind;

use super::heard::{Heard, Streams};
use watcher::{Watcher, Watching};

/// The plugin that all of this is about.
pub(super) const PLUGIN: &str = "janus.plugin.videoroom";

/// Most publishers that are kept in mind; no run has more.
const MAX_FEEDS: usize = 2_000;

/// What a session is for.
#[derive(Debug, Clone, Default)]
pub(super) struct Errand {
    pub(super) room: u64,
    /// The offer of what it publishes.
    pub(super) offer: Option<String>,
    /// How many cameras it watches at most.
    pub(super) cameras: usize,
    /// How many voices it hears at most.
    pub(super) voices: usize,
    /// How many others publish.
    pub(super) others: usize,
    /// How many handles it watches with. One watches everybody, and begins when all of the others
    /// publish; of more each watches one. None watches nobody.
    pub(super) watchers: usize,
}

/// What comes of what was heard.
#[derive(Debug, PartialEq)]
pub(super) enum Told {
    /// Say this.
    Say(Value),
    /// The answer to what it publishes.
    Answered(String),
    /// An offer of what this one of its handles watches; [`Session::answer`] follows.
    Offered(usize, String),
    /// Janus said goodbye.
    Over,
    /// It cannot go on.
    Failed(String),
}

/// See the module's head.
#[derive(Debug)]
pub(super) struct Session {
    errand: Errand,
    id: Option<u64>,
    lobby: Option<u64>,
    watchers: Vec<Watcher>,
    feeds: BTreeMap<u64, Streams>,
    told: VecDeque<Told>,
}

impl Session {
    /// Begins; its first words wait to be said.
    pub(super) fn new(errand: Errand) -> Self {
        let mut session = Session {
            watchers: vec![Watcher::default(); errand.watchers],
            errand,
            id: None,
            lobby: None,
            feeds: BTreeMap::new(),
            told: VecDeque::new(),
        };
        session.say(json!({ "janus": "create", "transaction": "create" }));
        session
    }

    /// What comes next.
    pub(super) fn next(&mut self) -> Option<Told> {
        self.told.pop_front()
    }

    /// Says that it is still there; Janus forgets a session after a minute of silence.
    pub(super) fn keep_alive(&mut self) {
        self.say(json!({
            "janus": "keepalive", "transaction": "keepalive", "session_id": self.id,
        }));
    }

    /// Says goodbye: the handles and their connections go with the session.
    pub(super) fn leave(&mut self) {
        self.say(json!({ "janus": "destroy", "transaction": "destroy", "session_id": self.id }));
    }

    /// Answers an offer of what one of its handles watches.
    pub(super) fn answer(&mut self, watcher: usize, sdp: &str) {
        let body = json!({ "request": "start" });
        let handle = self.watchers[watcher].handle;
        self.message(handle, "start", body, Some(("answer", sdp)));
    }

    /// # Errors
    /// When it is no message of Janus.
    pub(super) fn hear(&mut self, text: &str) -> anyhow::Result<()> {
        let heard: Heard = serde_json::from_str(text).context("a message of Janus")?;
        match heard.janus.as_str() {
            "success" => self.made(&heard),
            "event" => self.happened(heard),
            "error" => {
                let why = heard.error.map(|it| format!("{} ({})", it.reason, it.code));
                self.fail(why);
            }
            "hangup" => {
                let why = heard.reason.unwrap_or_default();
                self.fail(Some(format!("it hung up: {why}")));
            }
            "timeout" => self.told.push_back(Told::Over),
            // `ack`, `webrtcup`, `media`, `slowlink`, `detached`.
            _ => {}
        }
        for watcher in 0..self.watchers.len() {
            self.watch_more(watcher);
        }
        Ok(())
    }

    fn made(&mut self, heard: &Heard) {
        let id = heard.data.as_ref().map(|made| made.id);
        match heard.transaction.as_deref() {
            Some("create") => {
                self.id = id;
                self.attach("lobby");
                for _ in 0..self.watchers.len() {
                    self.attach("watcher");
                }
            }
            Some("lobby") => {
                self.lobby = id;
                self.enter();
            }
            Some("watcher") => {
                let mut waiting = self.watchers.iter_mut().filter(|it| it.handle.is_none());
                if let Some(watcher) = waiting.next() {
                    watcher.handle = id;
                }
            }
            Some("destroy") => self.told.push_back(Told::Over),
            _ => {}
        }
    }

    fn enter(&mut self) {
        let room = self.errand.room;
        let offer = self.errand.offer.take();
        let request = match offer {
            Some(_) => "joinandconfigure",
            None => "join",
        };
        let body = json!({ "request": request, "ptype": "publisher", "room": room });
        let offer = offer.as_deref().map(|sdp| ("offer", sdp));
        self.message(self.lobby, "join", body, offer);
    }

    fn happened(&mut self, heard: Heard) {
        let sender = heard.sender;
        let is_sender = |it: &Watcher| sender.is_some() && it.handle == sender;
        let from = self.watchers.iter().position(is_sender);
        let room = heard.plugindata.map(|it| it.data).unwrap_or_default();
        if let Some(why) = room.error {
            self.fail(Some(why));
            return;
        }
        for publisher in room.publishers {
            if self.feeds.len() < MAX_FEEDS {
                self.feeds.insert(publisher.id, publisher.watchable());
            }
        }
        if from.is_none() {
            let gone = [&room.leaving, &room.unpublished];
            for id in gone.into_iter().filter_map(Value::as_u64) {
                self.feeds.remove(&id);
                // The offer without them comes unasked.
                for watcher in &mut self.watchers {
                    watcher.watched.remove(&id);
                }
            }
        }
        let changed = room.started.is_some() || room.videoroom == "updated";
        match (heard.jsep, from) {
            (Some(jsep), Some(watcher)) => {
                self.watchers[watcher].state = Watching::Between;
                self.told.push_back(Told::Offered(watcher, jsep.sdp));
            }
            (Some(jsep), None) => self.told.push_back(Told::Answered(jsep.sdp)),
            (None, Some(watcher)) if changed => {
                self.watchers[watcher].state = Watching::Standing;
            }
            (None, _) => {}
        }
    }

    /// Subscribes to whatever there is room for.
    fn watch_more(&mut self, watcher: usize) {
        let Watcher { handle, state, .. } = self.watchers[watcher];
        if handle.is_none() || state == Watching::Between {
            return;
        }
        let first = state == Watching::Not;
        if first && self.feeds.len() < self.feeds_each(self.errand.others) {
            return;
        }
        let streams = self.take_streams(watcher);
        if streams.is_empty() {
            return;
        }
        let body = if first {
            let room = self.errand.room;
            json!({ "request": "join", "ptype": "subscriber", "room": room, "streams": streams })
        } else {
            json!({ "request": "update", "subscribe": streams })
        };
        self.watchers[watcher].state = Watching::Between;
        self.message(handle, "watch", body, None);
    }

    /// How many each handle watches: all there are, when it is alone.
    fn feeds_each(&self, all: usize) -> usize {
        match self.watchers.len() {
            1 => all,
            _ => 1,
        }
    }

    /// Streams that nobody watches yet and for which there is room.
    fn take_streams(&mut self, watcher: usize) -> Vec<Value> {
        let held = |kind| self.watchers.iter().map(|it| it.held(kind)).sum::<usize>();
        let mut cameras = self.errand.cameras - held(Kind::Video);
        let mut voices = self.errand.voices - held(Kind::Audio);
        let most_feeds = self.feeds_each(MAX_FEEDS);
        let mut taken = Vec::new();
        for (&feed, streams) in &self.feeds {
            let is_watched = self
                .watchers
                .iter()
                .any(|it| it.watched.contains_key(&feed));
            if is_watched || self.watchers[watcher].watched.len() == most_feeds {
                continue;
            }
            let mut kinds = Vec::new();
            for (kind, mid) in streams {
                let room = match kind {
                    Kind::Video => &mut cameras,
                    Kind::Audio => &mut voices,
                };
                if *room > 0 {
                    *room -= 1;
                    kinds.push(*kind);
                    taken.push(json!({ "feed": feed, "mid": mid }));
                }
            }
            if !kinds.is_empty() {
                self.watchers[watcher].watched.insert(feed, kinds);
            }
        }
        taken
    }

    fn attach(&mut self, what: &str) {
        let session = self.id;
        self.say(json!({
            "janus": "attach", "plugin": PLUGIN, "transaction": what, "session_id": session,
        }));
    }

    fn message(&mut self, handle: Option<u64>, what: &str, body: Value, sdp: Option<(&str, &str)>) {
        let mut message = json!({
            "janus": "message", "transaction": what, "body": body,
            "session_id": self.id, "handle_id": handle,
        });
        if let Some((kind, sdp)) = sdp {
            message["jsep"] = json!({ "type": kind, "sdp": sdp, "trickle": false });
            if kind == "offer" {
                // Our layers are named from the smallest up; Janus takes the first for the largest.
                message["jsep"]["rid_order"] = json!("lmh");
            }
        }
        self.say(message);
    }

    fn say(&mut self, message: Value) {
        self.told.push_back(Told::Say(message));
    }

    fn fail(&mut self, why: Option<String>) {
        let why = why.unwrap_or_else(|| "it does not say why".to_owned());
        self.told.push_back(Told::Failed(format!("Janus: {why}")));
    }
}

#[cfg(test)]
mod tests;
