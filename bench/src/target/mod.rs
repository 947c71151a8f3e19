//! Who is measured. A target is one file: how its rooms are opened, and the [`End`] of somebody
//! who takes part, which speaks its signalling.

pub(crate) mod colloquy;
pub(crate) mod deployment;
pub(crate) mod http;
pub(crate) mod janus;
mod open;
pub(crate) mod posted;
mod recordings;
pub(crate) mod spawned;
mod whip_whep;

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use sfu_client::driver::JoinTarget;

use crate::engine::end::End;
use crate::scenario::Part;
pub(crate) use open::{Access, SPAWNED, enter, open};

/// A room that a target holds, by whatever names it there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Room {
    /// What the target calls it.
    pub(crate) id: String,
    /// What lets somebody in; empty where nothing is needed.
    pub(crate) secret: String,
    /// How many of its people publish.
    pub(crate) publishers: usize,
}

/// How an end's words reach the target.
#[derive(Debug, Clone)]
pub(crate) enum Line {
    /// Each is a text message.
    WebSocket {
        /// `ws://host:port/path`.
        url: String,
        /// The subprotocol, if one has to be named.
        protocol: Option<&'static str>,
    },
    /// An offer is posted, and what is heard is the answer (RFC 9725); [`posted::GOODBYE`] ends
    /// the session.
    Post {
        /// Where to.
        url: String,
        /// The bearer token; none is sent when it is empty.
        bearer: String,
    },
}

/// Makes an end on the sockets that it asked for.
pub(crate) type MakeEnd =
    Box<dyn FnOnce(&[SocketAddr], Instant) -> anyhow::Result<Box<dyn End>> + Send>;

/// A place in a room, not yet taken.
pub(crate) struct Seat {
    pub(crate) line: Line,
    /// The address of its sockets; none takes the one from which the target is reached.
    pub(crate) bind: Option<IpAddr>,
    /// One for each of its peer connections.
    pub(crate) sockets: usize,
    pub(crate) make: MakeEnd,
}

/// Something that holds rooms and can be measured.
#[async_trait]
pub(crate) trait Target: Send {
    /// What a report calls it.
    fn name(&self) -> String;

    /// The processes that do the work, when they are on this machine.
    fn process_ids(&self) -> Vec<u32>;

    /// Opens a room for so many publishers.
    async fn open_room(&mut self, publishers: usize) -> anyhow::Result<Room>;

    /// Gets a place for one who does `part`. Refuses a part that the target has no way for.
    async fn seat(&mut self, room: &Room, part: &Part, author: u32) -> anyhow::Result<Seat>;

    /// Begins to record a room; answers what names the recording.
    async fn record(&mut self, _room: &Room) -> anyhow::Result<String> {
        anyhow::bail!("{} does not record for the bench", self.name())
    }

    /// Ends a recording.
    async fn stop_recording(&mut self, _recording: &str) -> anyhow::Result<()> {
        anyhow::bail!("{} does not record for the bench", self.name())
    }

    /// Waits until a recording is ready and reads all of it.
    async fn verify_recording(&mut self, _recording: &str) -> anyhow::Result<Recorded> {
        anyhow::bail!("{} does not record for the bench", self.name())
    }

    /// Ends what was started for the run.
    async fn close(self: Box<Self>);
}

/// A recording that was read again and is whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Recorded {
    /// After it was asked for.
    pub(crate) ready_after: Duration,
    pub(crate) duration_ms: u64,
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    /// On the tapes.
    pub(crate) packets: u64,
    /// That the server received and the tapes do not have.
    pub(crate) entries_missing: u64,
    /// Stretches without media that were not a mute.
    pub(crate) gaps: u64,
}

/// A room of a deployment.
#[derive(Debug, Clone)]
pub(crate) struct RoomKey {
    /// Its id.
    pub(crate) id: String,
    /// What lets a guest in.
    pub(crate) invite: String,
}

/// A Colloquy, whoever started it.
#[async_trait]
pub(crate) trait Deployed: Send {
    /// What a report calls it.
    fn name(&self) -> String;

    /// Its public URL.
    fn url(&self) -> String;

    /// The process that does the work, when it is on this machine.
    fn process_id(&self) -> Option<u32>;

    /// Opens a room.
    async fn open_room(&mut self) -> anyhow::Result<RoomKey>;

    /// Its HTTP side, signed in.
    fn http(&self) -> &http::Http;

    /// Gets a participant's way in.
    async fn admit(&mut self, room: &RoomKey, name: &str) -> anyhow::Result<JoinTarget>;

    /// Ends what was started for the run.
    async fn close(self: Box<Self>);
}
