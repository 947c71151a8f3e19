use std::fs;
use std::path::Path;

use sfu_protocol::control::{NodeEvent, RoomEvent};
use sfu_protocol::ids::{ParticipantId, RecordingId, RoomId, TrackId};
use sfu_protocol::link::{EndReason, TapeBody, TapeEntry};
use sfu_protocol::media::{Codec, Source};
use sfu_protocol::signal::{LeaveReason, Role};
use uuid::Uuid;

use super::*;
use crate::spool::ReadFaults;
use recorder_core::tape::TapeItem;

const TAPE: TapeId = TapeId(7);
/// Longer than a test may take: a wait that fails names itself instead of hanging.
const PATIENCE: Duration = Duration::from_secs(20);

struct Bench {
    dir: tempfile::TempDir,
    door: WriterDoor,
    state: watch::Receiver<WriterState>,
    changed: Arc<Notify>,
    sealed: mpsc::Receiver<SealedSegment>,
}

fn spool(dir: &Path) -> Spool {
    Spool::of(dir, RecordingId(Uuid::nil()))
}

fn bench(dir: tempfile::TempDir) -> Bench {
    let spool = spool(dir.path());
    spool.create().expect("creates");
    let have = spool.recover().expect("recovers");
    let changed = Arc::new(Notify::new());
    let (sealed_tx, sealed) = mpsc::channel(16);
    let (door, state) = start(WriterStart {
        spool,
        have,
        asked: None,
        fsync_interval: Duration::from_millis(10),
        metrics: Metrics::register(&prometheus::Registry::new()).expect("registers"),
        changed: changed.clone(),
        sealed: sealed_tx,
    })
    .expect("starts");
    Bench {
        dir,
        door,
        state,
        changed,
        sealed,
    }
}

fn opened() -> TapeFrame {
    opened_as(TAPE)
}

fn opened_as(tape: TapeId) -> TapeFrame {
    TapeFrame::Opened(TapeOpened {
        tape,
        recording: RecordingId(Uuid::nil()),
        track: TrackId {
            participant: ParticipantId(Uuid::nil()),
            source: Source::Microphone,
        },
        name: "Zoë".to_owned(),
        codec: Codec::Opus,
        at: MediaTime(0),
    })
}

fn entry(index: u64) -> TapeFrame {
    entry_of(TAPE, index)
}

fn entry_of(tape: TapeId, index: u64) -> TapeFrame {
    TapeFrame::Entry {
        tape,
        index,
        entry: TapeEntry {
            arrived: MediaTime(index * 1_000_000),
            layer: 0,
            body: TapeBody::Rtp {
                seq: index,
                timestamp: 0,
                marker: true,
                retransmitted: false,
                payload: Arc::from([1, 2, 3]),
            },
        },
    }
}

impl Bench {
    async fn say(&self, link: u64, frame: TapeFrame) {
        self.door.put(ToWriter::Tape { link, frame }).await;
    }

    async fn durable_at(&self, next_index: u64) {
        let reached = async {
            while self
                .door
                .durable
                .ends()
                .iter()
                .all(|end| end.next_index < next_index)
            {
                self.changed.notified().await;
            }
        };
        tokio::time::timeout(PATIENCE, reached)
            .await
            .expect("reaches the disk");
    }

    /// Ends the thread and reads what it left.
    async fn read(mut self) -> Vec<TapeItem> {
        self.door
            .put(ToWriter::End {
                link: None,
                at: None,
            })
            .await;
        let ended = self.state.wait_for(|state| state.ended);
        tokio::time::timeout(PATIENCE, ended)
            .await
            .expect("ends")
            .expect("the thread says so before it goes");
        read_all(&spool(self.dir.path()))
    }
}

fn read_all(spool: &Spool) -> Vec<TapeItem> {
    let faults = ReadFaults::default();
    let found = spool.tapes().expect("lists");
    let tapes = found.tapes.iter();
    tapes.flat_map(|tape| tape.read(&faults)).collect()
}

fn entries(items: &[TapeItem]) -> Vec<u64> {
    items
        .iter()
        .filter_map(|item| match item {
            TapeItem::Entry(entry) => Some(entry.arrived.0 / 1_000_000),
            _ => None,
        })
        .collect()
}

#[tokio::test]
async fn what_is_acknowledged_is_on_disk_and_segments_are_closed_after_ten_seconds() {
    let mut bench = bench(tempfile::tempdir().expect("a directory"));
    bench.say(1, opened()).await;
    for index in 0..25 {
        bench.say(1, entry(index)).await;
    }
    bench.durable_at(25).await;
    let first = tokio::time::timeout(PATIENCE, bench.sealed.recv());
    let first = first.await.expect("in time").expect("a segment is closed");
    assert_eq!((first.tape, first.number), (TAPE, 0));
    let items = bench.read().await;
    assert_eq!(entries(&items), (0..25).collect::<Vec<_>>());
}

#[tokio::test]
async fn repeated_entries_are_written_once_and_gaps_are_named() {
    let bench = bench(tempfile::tempdir().expect("a directory"));
    bench.say(1, entry(0)).await;
    bench.say(1, opened()).await;
    for index in [0, 1, 0, 1, 2] {
        bench.say(1, entry(index)).await;
    }
    let gap = TapeFrame::Gap {
        tape: TAPE,
        to_index: 5,
    };
    bench.say(1, gap).await;
    bench.say(1, entry(5)).await;
    bench.say(1, entry(8)).await;
    let closed = TapeFrame::Closed {
        tape: TAPE,
        next_index: 9,
        at: MediaTime(9),
        reason: EndReason::Asked,
    };
    bench.say(1, closed).await;
    let items = bench.read().await;
    assert_eq!(entries(&items), [0, 1, 2, 5, 8]);
    assert!(items.contains(&TapeItem::Missing(3..5)));
    assert!(items.contains(&TapeItem::Missing(6..8)));
    assert!(matches!(items.last(), Some(TapeItem::Closed { .. })));
}

#[tokio::test]
async fn a_tape_goes_on_after_a_kill_that_tore_its_tail() {
    let first = bench(tempfile::tempdir().expect("a directory"));
    first.say(1, opened()).await;
    first.say(1, entry(0)).await;
    first.durable_at(1).await;
    first.say(1, entry(1)).await;
    first.durable_at(2).await;
    let Bench { dir, door, .. } = first;
    drop(door);
    let segment = spool(dir.path()).tape_dir(TAPE).join("000000.tape");
    let bytes = fs::read(&segment).expect("reads");
    fs::write(&segment, &bytes[..bytes.len() - 3]).expect("tears");

    let second = bench(dir);
    let ends = second.door.durable.ends();
    assert_eq!(
        ends,
        [TapeEnd {
            tape: TAPE,
            next_index: 1
        }]
    );
    second.say(1, opened()).await;
    second.say(1, entry(1)).await;
    second.say(1, entry(2)).await;
    let items = second.read().await;
    assert_eq!(items.len(), 3, "{items:?}");
    assert_eq!(entries(&items), [0, 1, 2]);
}

#[tokio::test]
async fn a_disk_that_fails_is_told_and_waited_for_and_a_new_link_brings_the_rest() {
    let mut bench = bench(tempfile::tempdir().expect("a directory"));
    bench.say(1, opened()).await;
    bench.say(1, entry(0)).await;
    bench.durable_at(1).await;
    // The next segment's name is taken by a directory, so that beginning it fails.
    let dir = spool(bench.dir.path()).tape_dir(TAPE);
    fs::create_dir(dir.join("000001.tape")).expect("takes the name");
    bench.say(1, entry(20)).await;
    bench.say(1, entry(21)).await;
    let told = bench.state.wait_for(|state| state.trouble.is_some());
    let told = tokio::time::timeout(PATIENCE, told).await.expect("in time");
    let trouble = told.expect("the thread runs").trouble;
    assert_eq!(trouble, Some(TroubleReason::Unwritable));
    let wanted = async {
        while !bench.door.durable.wants_link_after(1) {
            bench.changed.notified().await;
        }
    };
    tokio::time::timeout(PATIENCE, wanted)
        .await
        .expect("asks for a new link");
    assert_eq!(bench.door.durable.trouble(), None);
    fs::remove_dir(dir.join("000001.tape")).expect("frees the name");

    bench.say(1, entry(22)).await;
    bench.say(2, opened()).await;
    for index in 1..=21 {
        bench.say(2, entry(index)).await;
    }
    let items = bench.read().await;
    assert_eq!(entries(&items), (0..=21).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_tape_that_fails_keeps_no_other_from_being_acknowledged() {
    let later = TapeId(TAPE.0 + 1);
    let mut bench = bench(tempfile::tempdir().expect("a directory"));
    bench.say(1, opened()).await;
    bench.say(1, opened_as(later)).await;
    bench.say(1, entry_of(later, 0)).await;
    bench.durable_at(1).await;
    let dir = spool(bench.dir.path()).tape_dir(later);
    fs::create_dir(dir.join("000001.tape")).expect("takes the name");
    bench.say(1, entry(0)).await;
    bench.say(1, entry_of(later, 20)).await;
    let told = bench.state.wait_for(|state| state.trouble.is_some());
    let told = tokio::time::timeout(PATIENCE, told).await.expect("in time");
    told.expect("the thread runs");
    let end = |tape, next_index| TapeEnd { tape, next_index };
    assert_eq!(bench.door.durable.ends(), [end(TAPE, 1), end(later, 1)]);
}

#[tokio::test]
async fn an_end_is_told_only_when_it_is_on_disk_and_entries_that_are_lost_by_then_are_named() {
    let mut bench = bench(tempfile::tempdir().expect("a directory"));
    bench.say(1, opened()).await;
    bench.say(1, entry(0)).await;
    bench.durable_at(1).await;
    // The first file of the journal and the next segment cannot be made.
    let spool = spool(bench.dir.path());
    let in_the_way = [
        spool.journal_path(0),
        spool.tape_dir(TAPE).join("000001.tape"),
    ];
    for path in &in_the_way {
        fs::create_dir(path).expect("takes the name");
    }
    bench.say(1, entry(20)).await;
    let told = bench.state.wait_for(|state| state.trouble.is_some());
    let told = tokio::time::timeout(PATIENCE, told).await.expect("in time");
    told.expect("the thread runs");
    // It is refused at once, and must be named all the same.
    bench.say(1, entry(21)).await;
    let end = |link| ToWriter::End { link, at: None };
    bench.door.put(end(None)).await;
    let ended = bench.state.wait_for(|state| state.ended);
    tokio::time::timeout(PATIENCE, ended)
        .await
        .expect("ends")
        .expect("the thread says so before it goes");
    for path in &in_the_way {
        fs::remove_dir(path).expect("frees the name");
    }
    assert!(spool.account().expect("reads").ended);
    let items = read_all(&spool);
    assert_eq!(entries(&items), [0]);
    assert!(items.contains(&TapeItem::Missing(1..22)), "{items:?}");
}

#[tokio::test]
async fn an_end_that_the_disk_refuses_is_waited_for_until_the_node_tells_it_again() {
    let mut bench = bench(tempfile::tempdir().expect("a directory"));
    bench.say(1, opened()).await;
    bench.say(1, entry(0)).await;
    bench.durable_at(1).await;
    let spool = spool(bench.dir.path());
    let in_the_way = spool.tape_dir(TAPE).join("000001.tape");
    fs::create_dir(&in_the_way).expect("takes the name");
    let end = |link| ToWriter::End { link, at: None };
    bench.say(1, entry(20)).await;
    bench.door.put(end(Some(1))).await;
    let wanted = async {
        while !bench.door.durable.wants_link_after(1) {
            bench.changed.notified().await;
        }
    };
    tokio::time::timeout(PATIENCE, wanted)
        .await
        .expect("asks for a new link");
    assert!(!bench.state.borrow().ended);
    assert!(!spool.account().expect("reads").ended);
    fs::remove_dir(&in_the_way).expect("frees the name");
    bench.say(2, opened()).await;
    bench.say(2, entry(1)).await;
    bench.door.put(end(Some(2))).await;
    let ended = bench.state.wait_for(|state| state.ended);
    tokio::time::timeout(PATIENCE, ended)
        .await
        .expect("ends")
        .expect("the thread says so before it goes");
    assert!(spool.account().expect("reads").ended);
    assert_eq!(entries(&read_all(&spool)), [0, 1]);
}

#[tokio::test]
async fn a_room_is_alive_while_somebody_is_in_it_although_nothing_is_sent() {
    let mut bench = bench(tempfile::tempdir().expect("a directory"));
    let participant = ParticipantId(Uuid::nil());
    let joined = RoomEvent::ParticipantJoined {
        participant,
        name: "Zoë".to_owned(),
        role: Role::Guest,
    };
    let left = RoomEvent::ParticipantLeft {
        participant,
        reason: LeaveReason::Left,
    };
    for (number, event, alive) in [(1, joined, true), (2, left, false)] {
        let event = NodeEvent {
            number,
            room: RoomId(Uuid::nil()),
            at: MediaTime(number),
            event,
        };
        let line = JournalLine::Event { event };
        bench.door.put(ToWriter::Line(line)).await;
        let told = bench.state.wait_for(|state| state.is_alive() == alive);
        tokio::time::timeout(PATIENCE, told)
            .await
            .expect("in time")
            .expect("it runs");
    }
}
