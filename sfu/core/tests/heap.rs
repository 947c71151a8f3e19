//! What a shard takes of the heap: blocks for each packet, bytes for each viewer. A program of its
//! own, because it has an allocator of its own that counts.
//!
//! `HEAP_PROFILE=FILE` writes where each block was asked for.

#[path = "it/world.rs"]
#[expect(dead_code, reason = "a part of the world is enough")]
mod world;

use dhat::{HeapStats, Profiler};
use sfu_core::shard::Limits;
use sfu_protocol::media::Source;
use sfu_protocol::signal::Role;
use world::{Publish, World};

#[global_allocator]
static COUNTING: dhat::Alloc = dhat::Alloc;

/// What a viewer of one camera and one voice may take of a shard; most of it is the transport's,
/// for ICE and DTLS.
const BYTES_A_VIEWER: usize = 60 * 1024;

fn blocks() -> u64 {
    HeapStats::get().total_blocks
}

/// A camera with a voice, seen by so many for two seconds.
fn broadcast(viewers: usize) -> World {
    let mut world = World::new(Limits::default());
    let publish = [Publish::Microphone, Publish::Camera { layers: 1 }];
    let speaker = world.join(1, Role::Host, &publish, (0, 0));
    for viewer in 0..viewers {
        world.join(2 + viewer as u128, Role::Guest, &[], (1, 1));
    }
    world.stream(speaker, Source::Camera, &[0], 60);
    world
}

/// What the shard of such a broadcast holds.
fn held_bytes(viewers: usize) -> usize {
    let World { shard, .. } = broadcast(viewers);
    let before = HeapStats::get().curr_bytes;
    drop(shard);
    before - HeapStats::get().curr_bytes
}

/// What ten seconds of it take: blocks, and how many packets came and were forwarded.
fn taken(viewers: usize) -> (u64, u64, u64) {
    let mut world = broadcast(viewers);
    world.meter = blocks;
    let before = world.shard.report();
    world.stream(0, Source::Camera, &[0], 300);
    let after = world.shard.report();
    let came = after.packets_in - before.packets_in;
    let forwarded = after.packets_forwarded - before.packets_forwarded;
    (world.taken, came, forwarded)
}

#[test]
fn what_a_shard_takes_of_the_heap() {
    let _profiler = match std::env::var_os("HEAP_PROFILE") {
        Some(file) => {
            let profiler = Profiler::builder().file_name(file);
            profiler.trim_backtraces(None).build()
        }
        None => Profiler::builder().testing().build(),
    };
    let (few, many) = (4, 36);
    let a_viewer = (held_bytes(many) - held_bytes(few)) / (many - few);
    println!("{a_viewer} bytes a viewer");
    assert!(a_viewer <= BYTES_A_VIEWER, "{a_viewer} bytes");

    let (to_few, came, _) = taken(few);
    let (to_many, also_came, forwarded) = taken(many);
    assert_eq!((came, forwarded), (also_came, came * many as u64));
    println!("{to_few} and {to_many} blocks for {came} packets to {few} and {many} viewers");
    // Two for each packet that comes: its payload, and what was read of it. Whom it goes to takes
    // none for it; what they ask and are told once a second does.
    let more = to_many - to_few;
    let more_forwarded = came * (many - few) as u64;
    assert!(
        more * 4 < more_forwarded,
        "{more} blocks for {more_forwarded} packets"
    );
}
