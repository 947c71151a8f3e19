//! What a story can make go wrong: lines that change, go dark or move, a node that dies or stops,
//! a link that parts.

use std::net::SocketAddr;
use std::time::Duration;

use rand_chacha::rand_core::RngCore;
use sfu_core::io::{Input, RequestId, SignalId};
use sfu_core::report::Report;
use sfu_protocol::control::ControlRequest;

use super::World;
use super::letters::Letter;
use crate::network::{Line, Path};

/// How long a recorder waits before it dials a node again.
const REDIAL_AFTER: Duration = Duration::from_millis(500);

impl World {
    /// Somebody's line changes.
    pub fn set_line(&mut self, name: &str, line: Line) {
        let index = self.index(name);
        self.guests[index].line = line;
        self.stir(index);
    }

    /// Nothing reaches the node from somebody, and nothing of the node reaches them: datagrams
    /// are lost, what is said over the WebSocket waits.
    pub fn cut(&mut self, name: &str) {
        let Line { up, down } = self.guest(name).line;
        let (up, down) = (up.dark(), down.dark());
        self.set_line(name, Line { up, down });
        let index = self.index(name);
        let signal = self.guests[index].signal;
        self.post.cut(signal, index);
    }

    /// The datagrams of somebody are lost, both ways; the WebSocket stands.
    pub fn cut_media(&mut self, name: &str) {
        let Line { up, down } = self.guest(name).line;
        let (up, down) = (up.dark(), down.dark());
        self.set_line(name, Line { up, down });
    }

    /// What somebody sends is lost; they still hear.
    pub fn cut_up(&mut self, name: &str) {
        let Line { up, down } = self.guest(name).line;
        self.set_line(
            name,
            Line {
                up: up.dark(),
                down,
            },
        );
    }

    /// What is sent to somebody is lost; they are still heard.
    pub fn cut_down(&mut self, name: &str) {
        let Line { up, down } = self.guest(name).line;
        let down = down.dark();
        self.set_line(name, Line { up, down });
    }

    /// Somebody's way is whole again.
    pub fn mend(&mut self, name: &str) {
        let Line { up, down } = self.guest(name).line;
        let light = |path| Path {
            blackout: false,
            ..path
        };
        let (up, down) = (light(up), light(down));
        self.set_line(name, Line { up, down });
        let index = self.index(name);
        self.post.mend(self.now, index);
    }

    /// Somebody's NAT forgets them and gives them another port: the node hears them from another
    /// address and reaches them at the old one no more. They do not know.
    pub fn rebind(&mut self, name: &str) {
        let index = self.index(name);
        let address = self.guests[index].seen_as;
        self.guests[index].appear_at(SocketAddr::new(address.ip(), address.port() + 1));
        self.stir(index);
    }

    /// Somebody goes from one network to another: another address, and they know. Their WebSocket
    /// is lost with the old network.
    pub fn roam(&mut self, name: &str) {
        let index = self.index(name);
        let [_, b, c, d] = match self.guests[index].address.ip() {
            std::net::IpAddr::V4(v4) => v4.octets(),
            std::net::IpAddr::V6(_) => [0; 4],
        };
        let address = SocketAddr::from(([10, b + 1, c, d], 5_000));
        let guest = &mut self.guests[index];
        let signal = guest.signal;
        guest.move_to(self.now, address);
        guest.signal_lost(self.now);
        self.post.send(self.now, Letter::GuestClosed { signal });
        self.stir(index);
        self.drain_guest(index);
    }

    /// The node dies with everything that it has in memory. Whoever listens notices at once.
    pub fn crash(&mut self) {
        self.note("node", "dies");
        self.node.die();
        self.post.node_died();
        self.recorded = false;
        self.forget_everyone();
        let signals: Vec<SignalId> = self.guests.iter().map(|guest| guest.signal).collect();
        for signal in signals {
            self.post.send(self.now, Letter::CloseGuest { signal });
        }
        if let Some(keeper) = &mut self.keeper {
            keeper.lose_link();
        }
    }

    /// The node is back, with nothing in memory.
    pub fn restart(&mut self) {
        self.note("node", "is back");
        self.node.live_again(self.start, self.now, &mut self.chance);
        self.changed_at = self.now;
        let unfinished = self.keeper.as_mut().filter(|keeper| !keeper.has_ended());
        if let Some(keeper) = unfinished {
            keeper.meet_another_node();
            self.redial_at = Some(self.now + REDIAL_AFTER);
        }
    }

    /// The node is asked to stop: it takes nobody any more and tells everyone to come back.
    pub fn drain(&mut self) {
        self.note("node", "drains");
        self.recorded = false;
        self.forget_everyone();
        self.tell_shard(Input::Control {
            request: RequestId(1),
            body: ControlRequest::Drain {},
        });
    }

    /// The link to the recorder carries nothing; what is said over it waits.
    pub fn cut_link(&mut self) {
        self.post.cut_link();
    }

    /// The link carries again what waited.
    pub fn mend_link(&mut self) {
        self.post.mend_link(self.now, true);
    }

    /// The link was silent for so long that both ends gave it up. The recorder lives, and dials
    /// again.
    pub fn link_parts(&mut self) {
        self.post.mend_link(self.now, false);
        let keeper = self.keeper.as_mut().expect("a recording was started");
        keeper.lose_link();
        let peer = keeper.peer;
        self.post.send(self.now, Letter::KeeperClosed { peer });
        self.redial_at = Some(self.now + REDIAL_AFTER);
    }

    /// What the lives of the node that ended had counted.
    pub fn ended_reports(&self) -> &[Report] {
        self.node.ended()
    }

    /// Dials the node again, if there is one.
    pub(super) fn redial(&mut self) {
        if !self.node.is_up() {
            self.redial_at = Some(self.now + REDIAL_AFTER);
            return;
        }
        self.recorder_returns();
        self.recorded = true;
        self.changed_at = self.now;
    }

    /// Something was done to somebody's way.
    fn stir(&mut self, index: usize) {
        self.changed_at = self.now;
        let guest = &mut self.guests[index];
        let whole = !guest.line.is_cut() && !guest.forgotten;
        guest.calm_since = whole.then_some(self.now);
    }

    fn forget_everyone(&mut self) {
        self.changed_at = self.now;
        for guest in &mut self.guests {
            guest.forgotten = true;
            guest.lost_since = None;
            guest.calm_since = None;
        }
    }

    /// Somebody gives their WebSocket up.
    pub(super) fn hang_up(&mut self, index: usize) {
        let signal = self.guests[index].signal;
        let name = self.guests[index].name.clone();
        self.note(&name, "hangs up");
        self.changed_at = self.now;
        self.post.send(self.now, Letter::GuestClosed { signal });
    }

    /// Somebody opens another WebSocket.
    pub(super) fn call(&mut self, index: usize) {
        self.signals += 1;
        let signal = SignalId(self.signals);
        let name = self.guests[index].name.clone();
        self.note(&name, "calls");
        self.changed_at = self.now;
        if self.post.is_cut(index) {
            self.post.cut(signal, index);
        }
        self.guests[index].return_over(self.now, signal);
    }

    /// The node has let somebody in, again or for the first time.
    pub(super) fn came_back(&mut self, index: usize) {
        self.changed_at = self.now;
        let id = self.guests[index].id;
        // The node waits for a participant, whichever page of theirs it was that went.
        for page in self.guests.iter_mut().filter(|guest| guest.id == id) {
            page.lost_since = None;
        }
        let guest = &mut self.guests[index];
        if std::mem::take(&mut guest.forgotten) {
            guest.joined_at = self.now;
            guest.calm_since = (!guest.line.is_cut()).then_some(self.now);
        }
    }

    pub(super) fn draw(&mut self) -> u64 {
        self.chance.next_u64()
    }
}
