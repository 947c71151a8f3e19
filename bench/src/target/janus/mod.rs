//! Janus as a target: its VideoRoom plugin over its WebSocket. `bench rivals up` makes the ground
//! on which it stands; each run starts one of its own and stops it.

mod end;
mod heard;
mod rooms;
mod session;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use async_trait::async_trait;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use super::spawned::terminate;
use super::{Line, Room, Seat, Target};
use crate::rivals::{self, ground};
use crate::scenario::Part;
use end::Attendee;

/// How long it may take until it answers.
const START_DEADLINE: Duration = Duration::from_secs(10);

/// How often it is asked whether it does.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// How long it may take to end.
const STOP_DEADLINE: Duration = Duration::from_secs(5);

/// How it divides its work among threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Threads {
    /// One for each handle, as it is shipped.
    OfHandles,
    /// Two that share all handles.
    TwoLoops,
}

impl Threads {
    /// The word on the command line.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Threads::OfHandles => "janus",
            Threads::TwoLoops => "janus-loops",
        }
    }
}

/// A Janus that was started for the run.
pub(crate) struct Janus {
    threads: Threads,
    child: Child,
    process_file: PathBuf,
    rooms: u64,
}

impl Janus {
    /// Starts it on the ground that `bench rivals up` made in `folder`, and waits until it
    /// answers.
    pub(crate) async fn start(threads: Threads, folder: &Path) -> anyhow::Result<Self> {
        rivals::ready(folder)?;
        let process_file = folder.join(ground::PROCESS_FILE);
        let log_file = folder.join(ground::LOG_FILE);
        let log = File::create(&log_file)
            .with_context(|| format!("{} cannot be written", log_file.display()))?;
        let child = Command::new("janus")
            .arg("-C")
            .arg(folder.join(ground::settings_file(threads)))
            .arg("-F")
            .arg(folder.join(ground::SETTINGS))
            .arg("--disable-colors")
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .context("janus cannot be started")?;
        let mut janus = Janus {
            threads,
            child,
            process_file,
            rooms: 0,
        };
        let id = janus.child.id().unwrap_or_default();
        std::fs::write(&janus.process_file, id.to_string())?;
        match janus.wait_until_ready(&log_file).await {
            Ok(()) => Ok(janus),
            Err(problem) => {
                janus.stop().await;
                Err(problem)
            }
        }
    }

    async fn wait_until_ready(&mut self, log: &Path) -> anyhow::Result<()> {
        let until = Instant::now() + START_DEADLINE;
        let log = log.display();
        while rooms::answers().await.is_err() {
            if let Some(status) = self.child.try_wait()? {
                anyhow::bail!("janus ended with {status}; see {log}");
            }
            anyhow::ensure!(
                Instant::now() < until,
                "janus does not answer after {START_DEADLINE:?}; see {log}"
            );
            sleep(ASK_EVERY).await;
        }
        Ok(())
    }

    async fn stop(&mut self) {
        terminate(&self.child);
        if timeout(STOP_DEADLINE, self.child.wait()).await.is_err() {
            // It may hang in its threads; a run leaves nothing behind.
            let _ = self.child.kill().await;
        }
    }
}

impl Drop for Janus {
    fn drop(&mut self) {
        // Its child ends with it.
        let _ = std::fs::remove_file(&self.process_file);
    }
}

#[async_trait]
impl Target for Janus {
    fn name(&self) -> String {
        self.threads.word().to_owned()
    }

    fn process_ids(&self) -> Vec<u32> {
        self.child.id().into_iter().collect()
    }

    async fn open_room(&mut self, publishers: usize) -> anyhow::Result<Room> {
        self.rooms += 1;
        rooms::open(self.rooms, publishers).await?;
        Ok(Room {
            id: self.rooms.to_string(),
            secret: String::new(),
            publishers,
        })
    }

    async fn seat(&mut self, room: &Room, part: &Part, _author: u32) -> anyhow::Result<Seat> {
        let others = room.publishers - usize::from(part.publishes());
        let (part, number) = (*part, room.id.parse::<u64>()?);
        Ok(Seat {
            line: Line::WebSocket {
                url: ground::WEBSOCKET_URL.to_owned(),
                protocol: Some(rooms::PROTOCOL),
            },
            bind: Some(ground::MEDIA_ADDRESS.into()),
            sockets: end::sockets(&part, others),
            make: Box::new(move |locals, now| {
                let attendee = Attendee::new(&part, (number, others), locals, now)?;
                Ok(Box::new(attendee))
            }),
        })
    }

    async fn close(mut self: Box<Self>) {
        self.stop().await;
    }
}
