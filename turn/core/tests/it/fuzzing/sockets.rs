//! The relay sockets as a shell would hold them: what is opened is closed once, and the mind's
//! count of allocations is the number of open sockets.

use std::collections::BTreeSet;

use turn_core::server::Command;
use turn_core::{ClientAddress, RelayPort};

use crate::world::World;

/// Most commands that one call leads to.
const MAX_COMMANDS: usize = 64;

#[derive(Default)]
pub(crate) struct Sockets {
    pub(crate) open: BTreeSet<RelayPort>,
    /// Asked for, neither opened nor failed yet.
    pub(crate) asked: Vec<RelayPort>,
}

impl Sockets {
    /// Carries out what waits, but for opening, and answers what is to be sent.
    pub(crate) fn settle(&mut self, world: &mut World) -> Vec<(ClientAddress, Vec<u8>)> {
        let mut sent = Vec::new();
        for _ in 0..MAX_COMMANDS {
            match world.server.poll() {
                Some(Command::Send { client, bytes }) => sent.push((client, bytes)),
                Some(Command::Open { port }) => {
                    assert!((50_000..=50_003).contains(&port.0), "a port of the range");
                    let held = self.open.contains(&port) || self.asked.contains(&port);
                    assert!(!held, "a port is asked for once");
                    self.asked.push(port);
                }
                Some(Command::Close { port }) => {
                    assert!(self.open.remove(&port), "only an open socket is closed");
                }
                None => {
                    assert_eq!(world.server.allocations(), self.open.len());
                    return sent;
                }
            }
        }
        panic!("one call leads to {MAX_COMMANDS} commands");
    }

    /// The oldest socket that was asked for is open, or could not be opened.
    pub(crate) fn answer(&mut self, world: &mut World, opened: bool) {
        if self.asked.is_empty() {
            return;
        }
        let port = self.asked.remove(0);
        if opened {
            self.open.insert(port);
            world.server.relay_opened(port);
        } else {
            world.server.relay_failed(port);
        }
    }
}
