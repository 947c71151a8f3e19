//! Synthetic people for a demo meeting: each is a participant without a browser on a thread of
//! its own, because drawing and encoding would make every other task of the runtime wait.

mod source;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use api::ports::{Demo, DemoGuest, DemoMeeting, Unavailable};
use async_trait::async_trait;
use deploy_process::shutdown::Shutdown;
use recorder::compose::synthetic::SyntheticPerson;
use sfu_client::driver::{self, JoinTarget, Observer, Options};
use sfu_client::participant::{Event, Roster};
use sfu_protocol::ids::ParticipantId;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use source::PersonSource;

/// Synthetic people at a time: two demo meetings of the largest size. Each takes a tenth of a
/// core or more; beyond this a meeting is refused.
const MAX_GUESTS: usize = 12;

/// How long synthetic people stay among themselves: long enough for a person who starts a demo
/// meeting to look at the preview first, and for a page that is loaded again.
const ALONE_PATIENCE: Duration = Duration::from_secs(120);

/// Brings synthetic people into rooms of this process's own node.
pub(crate) struct DemoHost {
    http: SocketAddr,
    places: Arc<Semaphore>,
    runtime: Handle,
    shutdown: Shutdown,
}

impl DemoHost {
    /// For the node that is reached at `http`. Needs a tokio runtime.
    pub(crate) fn new(http: SocketAddr, shutdown: Shutdown) -> Self {
        Self {
            http,
            places: Arc::new(Semaphore::new(MAX_GUESTS)),
            runtime: Handle::current(),
            shutdown,
        }
    }
}

#[async_trait]
impl Demo for DemoHost {
    async fn start(&self, meeting: DemoMeeting) -> Result<(), Unavailable> {
        let wanted = u32::try_from(meeting.guests.len()).unwrap_or(u32::MAX);
        let mut places = self
            .places
            .clone()
            .try_acquire_many_owned(wanted)
            .map_err(|_| {
                Unavailable(format!(
                    "at most {MAX_GUESTS} synthetic participants at a time"
                ))
            })?;
        let ours: Arc<[ParticipantId]> = meeting.guests.iter().map(|g| g.participant).collect();
        for (index, guest) in meeting.guests.into_iter().enumerate() {
            let place = places.split(1).expect("one place for each was taken above");
            let visit = Visit {
                // The public address may lead through a proxy that this machine cannot use.
                target: JoinTarget {
                    ws_url: format!("ws://{}/rtc", self.http),
                    grant: guest.grant.clone(),
                },
                guest,
                index,
                ours: ours.clone(),
                shutdown: self.shutdown.clone(),
            };
            let runtime = self.runtime.clone();
            std::thread::Builder::new()
                .name(format!("demo-{index}"))
                .spawn(move || visit.hold(&runtime, place))
                .map_err(|fault| Unavailable(format!("no thread for a participant: {fault}")))?;
        }
        Ok(())
    }
}

/// One synthetic person's stay.
struct Visit {
    target: JoinTarget,
    guest: DemoGuest,
    index: usize,
    ours: Arc<[ParticipantId]>,
    shutdown: Shutdown,
}

impl Visit {
    fn hold(self, runtime: &Handle, _place: OwnedSemaphorePermit) {
        let participant = self.guest.participant;
        let person = match SyntheticPerson::new(&self.guest.name, self.index) {
            Ok(person) => person,
            Err(fault) => {
                tracing::error!(%participant, %fault, "a synthetic participant cannot be drawn");
                return;
            }
        };
        let (company, alone) = watch::channel(true);
        let options = Options {
            // It looks at nobody and listens to nobody.
            audio_slots: 0,
            video_slots: 0,
            observer: Some(Box::new(Company {
                ours: self.ours,
                alone: company,
            })),
            ..Options::default()
        };
        let source = PersonSource::new(person);
        let shutdown = self.shutdown;
        let until = async move {
            tokio::select! {
                () = shutdown.requested() => {}
                () = long_alone(alone) => {}
            }
        };
        match runtime.block_on(driver::run(self.target, options, source, until)) {
            Ok(_) => tracing::debug!(%participant, "a synthetic participant went"),
            Err(fault) => tracing::warn!(%participant, %fault, "a synthetic participant failed"),
        }
    }
}

/// Sees whether anybody is here who is not one of ours.
struct Company {
    ours: Arc<[ParticipantId]>,
    alone: watch::Sender<bool>,
}

impl Observer for Company {
    fn happened(&mut self, _now: Instant, event: &Event, roster: &Roster) {
        if matches!(event, Event::Joined | Event::RosterChanged) {
            let alone = roster.people().all(|person| self.ours.contains(&person.id));
            self.alone
                .send_if_modified(|was| std::mem::replace(was, alone) != alone);
        }
    }
}

/// Returns after nobody else was here for [`ALONE_PATIENCE`] on end.
async fn long_alone(mut alone: watch::Receiver<bool>) {
    loop {
        let is_alone = *alone.borrow_and_update();
        let changed = async {
            if alone.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        if !is_alone {
            changed.await;
        } else if tokio::time::timeout(ALONE_PATIENCE, changed).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn synthetic_people_go_when_they_were_alone_for_long_and_not_before() {
        let (company, alone) = watch::channel(true);
        let began = tokio::time::Instant::now();
        let waiting = tokio::spawn(long_alone(alone));
        tokio::time::sleep(ALONE_PATIENCE / 2).await;
        company.send_replace(false);
        tokio::time::sleep(ALONE_PATIENCE * 3).await;
        assert!(!waiting.is_finished(), "somebody is here");
        company.send_replace(true);
        waiting.await.expect("no panic");
        let stayed = began.elapsed();
        assert!(stayed >= ALONE_PATIENCE * 9 / 2, "{stayed:?}");
    }
}
