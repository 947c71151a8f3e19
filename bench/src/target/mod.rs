//! Who is measured.

pub(crate) mod deployment;
pub(crate) mod http;
pub(crate) mod spawned;

use async_trait::async_trait;
use sfu_client::driver::JoinTarget;

/// A room of a target, by whatever names it there.
#[derive(Debug, Clone)]
pub(crate) struct RoomKey {
    /// Its id.
    pub(crate) id: String,
    /// What lets a guest in.
    pub(crate) invite: String,
}

/// Something that holds meetings.
#[async_trait]
pub(crate) trait Target: Send {
    /// What a report calls it.
    fn name(&self) -> String;

    /// Its public URL.
    fn url(&self) -> String;

    /// The process that does the work, when it is on this machine.
    fn process_id(&self) -> Option<u32>;

    /// Opens a room.
    async fn open_room(&mut self) -> anyhow::Result<RoomKey>;

    /// Gets a participant's way in.
    async fn admit(&mut self, room: &RoomKey, name: &str) -> anyhow::Result<JoinTarget>;

    /// Ends what was started for the run.
    async fn close(self: Box<Self>);
}
