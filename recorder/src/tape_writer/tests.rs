use std::fs;
use std::path::Path;

use sfu_protocol::ids::{ParticipantId, RecordingId, TrackId};
use sfu_protocol::link::TapeBody;
use sfu_protocol::media::{Codec, Source};
use uuid::Uuid;

use super::*;
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
    TapeFrame::Opened(TapeOpened {
        tape: TAPE,
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
    TapeFrame::Entry {
        tape: TAPE,
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
        let tapes = spool(self.dir.path()).tapes().expect("lists");
        tapes.iter().flat_map(|tape| tape.read()).collect()
    }
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
async fn a_disk_that_fails_is_waited_for_and_a_new_link_brings_the_rest() {
    let bench = bench(tempfile::tempdir().expect("a directory"));
    bench.say(1, opened()).await;
    bench.say(1, entry(0)).await;
    bench.durable_at(1).await;
    // The next segment's name is taken by a directory, so that beginning it fails.
    let dir = spool(bench.dir.path()).tape_dir(TAPE);
    fs::create_dir(dir.join("000001.tape")).expect("takes the name");
    bench.say(1, entry(20)).await;
    bench.say(1, entry(21)).await;
    let wanted = async {
        while !bench.door.durable.wants_link_after(1) {
            bench.changed.notified().await;
        }
    };
    tokio::time::timeout(PATIENCE, wanted)
        .await
        .expect("asks for a new link");
    fs::remove_dir(dir.join("000001.tape")).expect("frees the name");

    bench.say(1, entry(22)).await;
    bench.say(2, opened()).await;
    for index in 1..=21 {
        bench.say(2, entry(index)).await;
    }
    let items = bench.read().await;
    assert_eq!(entries(&items), (0..=21).collect::<Vec<_>>());
}
