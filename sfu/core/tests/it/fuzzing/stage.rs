//! A live room that an input is thrown at, and what must still be true of it afterwards.
//!
//! Handshakes are slow, so a stage serves many inputs of one thread; it is built anew after
//! [`MAX_INPUTS`], after any panic, and whenever a hostile participant's session is over.

use std::cell::RefCell;

use sfu_core::shard::Limits;
use sfu_protocol::media::Source;
use sfu_protocol::signal::{ClientMessage, NodeMessage, Role, Show, SlotId, Want};

use super::panics;
use super::seal::{self, Seal};
use crate::world::{Publish, World, camera};

/// Inputs that one stage serves.
const MAX_INPUTS: usize = 100;

/// Frames that Ann sends after each input, two packets each.
const FRAMES: usize = 2;

pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) ann: usize,
    pub(crate) ben: usize,
    /// A participant with live keys, when the target needs one.
    pub(crate) mal: Option<Mal>,
    csrc: u32,
    served: usize,
}

/// The hostile participant: a guest whose keys we hold.
pub(crate) struct Mal {
    pub(crate) at: usize,
    pub(crate) seal: Seal,
    /// Of something that the node sends him.
    pub(crate) heard_ssrc: Option<u32>,
    seq: u16,
}

thread_local! {
    static STAGE: RefCell<Option<Stage>> = const { RefCell::new(None) };
}

/// Throws one input at a stage and looks at what came of it.
pub(crate) fn on_stage(with_mal: bool, throw: impl FnOnce(&mut Stage)) {
    // Taken out, so that a panic leaves none behind.
    let kept = STAGE.with_borrow_mut(Option::take);
    let fits = |stage: &Stage| stage.served < MAX_INPUTS && stage.mal.is_some() == with_mal;
    let mut stage = kept.filter(fits).unwrap_or_else(|| Stage::new(with_mal));
    stage.served += 1;
    stage.forget();
    panics::count_those_of_the_transport();
    panics::take();
    throw(&mut stage);
    stage.check();
    if stage.mal_is_here() && stage.world.shard.report().panics == 0 {
        STAGE.with_borrow_mut(|place| *place = Some(stage));
    }
}

impl Stage {
    fn new(with_mal: bool) -> Stage {
        let mut world = World::new(Limits::default());
        let ann = world.join(1, Role::Host, &[Publish::Camera { layers: 1 }], (0, 0));
        let ben = world.join(2, Role::Guest, &[], (1, 2));
        world.stream(ann, Source::Camera, &[0], 5);
        // Ben looks at Ann whatever else there is to see.
        let slot = SlotId(world.clients[ben].slots[1].to_string());
        let want = Want {
            slot,
            show: Show::Track(camera(1)),
            max_height: 720,
            priority: 255,
        };
        world.say(ben, ClientMessage::Want { wants: vec![want] });
        world.stream(ann, Source::Camera, &[0], 5);
        let last = world.clients[ben].packets.last().expect("Ben sees Ann");
        let csrc = last.header.csrc[0];
        let mal = with_mal.then(|| Mal::join(&mut world));
        Stage {
            world,
            ann,
            ben,
            mal,
            csrc,
            served: 0,
        }
    }

    /// A participant who comes with this input: one who came with each would come too often.
    pub(crate) fn stranger(&self) -> u128 {
        1_000 + self.served as u128
    }

    fn forget(&mut self) {
        self.world.astray.clear();
        self.world.frames.clear();
        for client in &mut self.world.clients {
            client.packets.clear();
            client.messages.clear();
        }
    }

    fn mal_is_here(&self) -> bool {
        self.mal.as_ref().is_none_or(|mal| {
            let client = &self.world.clients[mal.at];
            !client.closed && client.rtc.is_alive() && client.rtc.is_connected()
        })
    }

    /// Nothing of ours broke, Ann and Ben are here, and what Ann shows reaches Ben whole, in
    /// order, once, and under no other name.
    fn check(&mut self) {
        self.world.clients[self.ben].packets.clear();
        self.world.stream(self.ann, Source::Camera, &[0], FRAMES);
        let report = self.world.shard.report();
        assert!(report.panics <= panics::take(), "a broken invariant");
        for at in [self.ann, self.ben] {
            let client = &self.world.clients[at];
            assert!(!client.closed, "nobody else is sent out");
            assert!(client.rtc.is_connected(), "nobody else is cut off");
            let told_off = |message: &NodeMessage| {
                matches!(
                    message,
                    NodeMessage::Bye { .. } | NodeMessage::MutedByHost { .. }
                )
            };
            assert!(!client.messages.iter().any(|m| told_off(&m.message)));
        }
        let packets = &self.world.clients[self.ben].packets;
        let of_ann = |packet: &&str0m::rtp::RtpPacket| {
            packet.header.csrc[..packet.header.csrc_count].contains(&self.csrc)
        };
        let seen: Vec<_> = packets.iter().filter(of_ann).collect();
        assert_eq!(seen.len(), 2 * FRAMES, "every packet of Ann's, once");
        for pair in seen.windows(2) {
            assert_eq!(pair[0].header.ssrc, pair[1].header.ssrc, "in one slot");
            let step = pair[1].header.sequence_number;
            assert_eq!(step, pair[0].header.sequence_number.wrapping_add(1));
        }
        for frame in seen.chunks(2) {
            assert!(frame[1].payload.ends_with(&[9, 9]), "as Ann sent it");
        }
    }
}

impl Mal {
    fn join(world: &mut World) -> Mal {
        let at = world.open(3, Role::Guest, None);
        let client = &mut world.clients[at];
        client.rtc = seal::listening_transport(world.now, client.address);
        let publish = [Publish::Camera { layers: 3 }, Publish::Microphone];
        world.offer(at, &publish, (1, 1));
        for _ in 0..400 {
            world.run(std::time::Duration::from_millis(5));
            if world.clients[at].rtc.is_connected() {
                break;
            }
        }
        // True packets first, so that the node knows every one of his SSRCs.
        world.stream(at, Source::Camera, &[0, 1, 2], 2);
        world.stream(at, Source::Microphone, &[0], 2);
        let seal = Seal::new(&seal::overheard().expect("the handshake is over"));
        let heard = world.clients[at].packets.last();
        Mal {
            at,
            seal,
            heard_ssrc: heard.map(|packet| *packet.header.ssrc),
            // Ahead of what his transport sent, and of no SSRC has it wrapped.
            seq: 1_000,
        }
    }

    /// Counts over all of his SSRCs, so that no packet is a repetition.
    pub(crate) fn next_seq(&mut self) -> u16 {
        self.seq = self.seq.wrapping_add(1);
        self.seq
    }
}
