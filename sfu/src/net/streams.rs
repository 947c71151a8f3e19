//! The streams of one shard, as its thread holds them: where their frames leave. It never waits
//! for one.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use sfu_core::io::Departures;
use sfu_core::stream::StreamId;
use tokio::sync::mpsc;

use super::tcp::Came;

/// Most frames taken before datagrams have their turn again.
pub(crate) const FRAMES_PER_TURN: usize = 64;

/// See the module's head.
pub(crate) struct Streams {
    came: mpsc::Receiver<Came>,
    open: BTreeMap<StreamId, mpsc::Sender<Vec<u8>>>,
    /// What is left of a batch without its frames.
    datagrams: Departures,
    dropped: u64,
}

impl Streams {
    pub(crate) fn new(came: mpsc::Receiver<Came>) -> Self {
        Streams {
            came,
            open: BTreeMap::new(),
            datagrams: Departures::new(),
            dropped: 0,
        }
    }

    /// Takes what has come and gives each frame to `each`. Answers whether there may be more.
    pub(crate) fn take(&mut self, mut each: impl FnMut(SocketAddr, &[u8])) -> bool {
        for _ in 0..FRAMES_PER_TURN {
            match self.came.try_recv() {
                Ok(Came::Frame { source, bytes }) => each(source, &bytes),
                Ok(Came::Opened { stream, frames }) => {
                    self.open.insert(stream, frames);
                }
                Ok(Came::Closed { stream }) => {
                    self.open.remove(&stream);
                }
                Err(_) => return false,
            }
        }
        true
    }

    /// Lets the frames of a batch leave, and answers its datagrams.
    pub(crate) fn send(&mut self, departures: &Departures) -> &Departures {
        self.datagrams.clear();
        for (destination, bytes) in departures.iter() {
            match StreamId::of(destination) {
                Some(stream) => self.put(stream, bytes),
                None => self.datagrams.push(destination, bytes),
            }
        }
        &self.datagrams
    }

    fn put(&mut self, stream: StreamId, bytes: &[u8]) {
        let queue = self.open.get(&stream);
        let taken = queue.is_some_and(|queue| queue.try_send(bytes.to_vec()).is_ok());
        self.dropped += u64::from(!taken);
    }

    /// Frames that were dropped: their stream has gone, or does not read.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::tcp::QUEUE_FRAMES;

    fn address(stream: u32) -> SocketAddr {
        StreamId::new(stream).address(peer())
    }

    fn peer() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 5))
    }

    #[test]
    fn a_batch_is_parted_and_a_stream_that_does_not_read_loses_what_is_too_much() {
        let (came, taken) = mpsc::channel(4);
        let mut streams = Streams::new(taken);
        let (frames, mut leaving) = mpsc::channel(QUEUE_FRAMES);
        let stream = StreamId::new(7);
        came.try_send(Came::Opened { stream, frames })
            .expect("room");
        assert!(!streams.take(|_, _| panic!("no frame came")));
        let mut batch = Departures::new();
        for n in 0..QUEUE_FRAMES + 3 {
            batch.push(address(7), &[n as u8]);
        }
        batch.push(peer(), &[1, 2]);
        batch.push(address(8), &[3]);
        let datagrams: Vec<_> = streams.send(&batch).iter().collect();
        assert_eq!(datagrams, [(peer(), &[1, 2][..])]);
        assert_eq!(streams.dropped(), 4, "three of one, and one for nobody");
        for n in 0..QUEUE_FRAMES {
            assert_eq!(leaving.try_recv(), Ok(vec![n as u8]));
        }
        came.try_send(Came::Closed { stream }).expect("room");
        streams.take(|_, _| panic!("no frame came"));
        streams.send(&batch);
        assert_eq!(streams.dropped(), 4 + QUEUE_FRAMES as u64 + 4);
        assert!(leaving.try_recv().is_err());
    }

    #[test]
    fn a_turn_takes_so_many_frames_and_no_more() {
        let (came, taken) = mpsc::channel(2 * FRAMES_PER_TURN);
        let mut streams = Streams::new(taken);
        for n in 0..FRAMES_PER_TURN + 1 {
            let (source, bytes) = (address(1), vec![n as u8]);
            came.try_send(Came::Frame { source, bytes }).expect("room");
        }
        let mut seen = Vec::new();
        assert!(streams.take(|source, bytes| seen.push((source, bytes.to_vec()))));
        assert_eq!(seen.len(), FRAMES_PER_TURN);
        assert!(!streams.take(|source, bytes| seen.push((source, bytes.to_vec()))));
        assert_eq!(seen.len(), FRAMES_PER_TURN + 1);
        assert_eq!(seen[0], (address(1), vec![0]));
    }
}
