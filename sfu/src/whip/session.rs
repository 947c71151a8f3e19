//! One participant without a WebSocket, from its offer to its end: told to its room's shard
//! through the door that WebSockets use. What the room tells it is read and goes nowhere, for
//! there is nobody to tell; only its end counts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sfu_core::io::SignalId;
use sfu_protocol::grant::Grant;
use sfu_protocol::ids::RoomId;
use sfu_protocol::signal::{ByeReason, ClientMessage, NodeMessage};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::lines::Directed;
use super::problem::{Code, Problem};
use crate::gate::{Gate, Place};
use crate::inbox::{Command, ShardDoor};
use crate::outlet::{Outgoing, SignalOutlet, SignalQueue};

/// How long a shard may take to answer an offer. It answers within one step, when nothing is
/// badly wrong.
const ANSWER_DEADLINE: Duration = Duration::from_secs(10);

/// Those who are here, by what nobody can guess.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Mutex<BTreeMap<String, Known>>);

/// Where one of them is.
#[derive(Debug, Clone)]
struct Known {
    signal: SignalId,
    room: RoomId,
}

impl Sessions {
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets somebody go who wants to. False when nobody has this name.
    pub(crate) async fn leave(&self, gate: &Gate, room: RoomId, name: &str) -> bool {
        let known = {
            let mut sessions = self.lock();
            match sessions.get(name).is_some_and(|known| known.room == room) {
                true => sessions.remove(name),
                false => None,
            }
        };
        let Some(Known { signal, .. }) = known else {
            return false;
        };
        let message = ClientMessage::Leave {};
        let leaves = Command::Signal { signal, message };
        // A shard that has ended has let everybody go.
        let _ = gate.doors.of(room).bring(leaves).await;
        true
    }
}

/// What an offer led to.
#[derive(Debug)]
pub(crate) struct Opened {
    /// The answer.
    pub(crate) sdp: String,
    /// The session's name. Who has it may end the session.
    pub(crate) name: String,
}

/// Somebody who comes in.
pub(crate) struct Arrival {
    pub(crate) gate: Arc<Gate>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) place: Place,
    pub(crate) grant: Box<Grant>,
    pub(crate) offer: Directed,
}

impl Arrival {
    /// Brings the offer to the room's shard; the participant is here when it is answered, and
    /// stays as long as its transport. Needs a tokio runtime.
    pub(crate) async fn open(self) -> Result<Opened, Problem> {
        let (answered, answer) = oneshot::channel();
        // Not cut short when the client hangs up: what was begun is ended.
        tokio::spawn(self.hold(answered));
        answer.await.unwrap_or_else(|_| Err(Code::Internal.into()))
    }

    async fn hold(self, answered: oneshot::Sender<Result<Opened, Problem>>) {
        let Arrival {
            gate,
            sessions,
            place,
            grant,
            offer,
        } = self;
        let (signal, room) = (gate.next_signal(), grant.room);
        let door = gate.doors.of(room).clone();
        tracing::info!(
            signal = signal.0,
            %room,
            participant = %grant.participant,
            "participant at the door, over HTTP"
        );
        let (outlet, mut queue) = SignalOutlet::new();
        let opened = match begin(&door, signal, (grant, outlet), offer).await {
            Ok(()) => timeout(ANSWER_DEADLINE, answer_from(&mut queue)).await,
            Err(problem) => Ok(Err(problem)),
        };
        let opened = opened.unwrap_or_else(|_| Err(Code::Internal.into()));
        let name = format!("{:032x}", rand::random::<u128>());
        match opened {
            Ok(sdp) => {
                sessions.lock().insert(name.clone(), Known { signal, room });
                gate.metrics.posted_came();
                let told = answered.send(Ok(Opened {
                    sdp,
                    name: name.clone(),
                }));
                if told.is_ok() {
                    let reason = ended(&mut queue).await;
                    tracing::info!(signal = signal.0, ?reason, "participant over HTTP has gone");
                }
                sessions.lock().remove(&name);
                gate.metrics.posted_gone();
            }
            // Who has hung up needs no answer.
            Err(problem) => drop(answered.send(Err(problem))),
        }
        // Whoever was not let in, or whose client never heard the answer, is here no longer.
        let went_away = false;
        let _ = door.bring(Command::CloseSignal { signal, went_away }).await;
        drop(place);
    }
}

async fn begin(
    door: &ShardDoor,
    signal: SignalId,
    (grant, outlet): (Box<Grant>, SignalOutlet),
    offer: Directed,
) -> Result<(), Problem> {
    let message = ClientMessage::Offer {
        revision: 1,
        sdp: offer.sdp,
        publish: offer.publish,
    };
    let commands = [
        Command::Post {
            signal,
            grant,
            outlet,
        },
        Command::Signal { signal, message },
    ];
    for command in commands {
        door.bring(command).await.map_err(|_| Code::Draining)?;
    }
    Ok(())
}

/// The answer to the offer. Whoever is refused at the door is told when to come back, last.
async fn answer_from(queue: &mut SignalQueue) -> Result<String, Problem> {
    let mut refused = None;
    loop {
        let message = match queue.queue.recv().await {
            Some(Outgoing::Say(envelope)) => envelope.message,
            Some(Outgoing::Close) => {
                return Err(refused.unwrap_or_else(|| Code::Internal.into()));
            }
            None => return Err(Code::Draining.into()),
        };
        match message {
            NodeMessage::Answer { sdp, .. } => return Ok(sdp),
            NodeMessage::Refused {
                about,
                code,
                message,
            } => {
                let problem = Problem::new(code.into(), message);
                if about != "join" {
                    return Err(problem);
                }
                refused = Some(problem);
            }
            NodeMessage::Bye {
                reason,
                retry_after_ms,
            } => {
                let problem = refused.take().unwrap_or_else(|| match reason {
                    ByeReason::Draining => Code::Draining.into(),
                    _ => Code::NotAllowed.into(),
                });
                return Err(match retry_after_ms {
                    Some(wait_ms) => problem.retry_after_ms(wait_ms),
                    None => problem,
                });
            }
            _ => {}
        }
    }
}

/// Waits for the end, and says why it came, if anybody said.
async fn ended(queue: &mut SignalQueue) -> Option<ByeReason> {
    let mut why = None;
    loop {
        match queue.queue.recv().await {
            Some(Outgoing::Say(envelope)) => {
                if let NodeMessage::Bye { reason, .. } = envelope.message {
                    why = Some(reason);
                }
            }
            Some(Outgoing::Close) | None => return why,
        }
    }
}
