use prometheus::Registry;
use recorder_core::journal;
use sfu_protocol::ids::{RoomId, SessionId};
use sfu_protocol::media::MediaTime;
use uuid::Uuid;

use super::*;

/// Longer than a test may take: a wait that fails names itself instead of hanging.
const PATIENCE: Duration = Duration::from_secs(30);

struct Bench {
    dir: tempfile::TempDir,
    orders: mpsc::Receiver<Order>,
    reports: mpsc::Receiver<RecorderReport>,
    shared: Shared,
}

fn bench() -> Bench {
    let dir = tempfile::tempdir().expect("a directory");
    let (orders_tx, orders) = mpsc::channel(16);
    let (reports_tx, reports) = mpsc::channel(64);
    let config = Config {
        spool_dir: dir.path().join("spool"),
        objects_dir: dir.path().join("objects"),
        ..Config::default()
    };
    let metrics = Metrics::register(&Registry::new()).expect("registers");
    let shared = Shared {
        store: Directory::open(&config.objects_dir).expect("opens"),
        config: Arc::new(config),
        orders: orders_tx,
        board: Board::new(reports_tx, metrics.reports_held.clone()),
        metrics,
        changed: Arc::new(Notify::new()),
        finishing: Arc::new(Semaphore::new(1)),
        look_again: LookAgain::default(),
    };
    Bench {
        dir,
        orders,
        reports,
        shared,
    }
}

fn assignment() -> Assignment {
    Assignment {
        recording: RecordingId(Uuid::nil()),
        room: RoomId(Uuid::nil()),
        session: SessionId(Uuid::nil()),
        title: "A meeting".to_owned(),
        started_by: "Zoë".to_owned(),
    }
}

impl Bench {
    async fn order(&mut self) -> Order {
        let order = tokio::time::timeout(PATIENCE, self.orders.recv());
        order.await.expect("in time").expect("the session runs")
    }

    async fn writer(&mut self) -> (WriterDoor, bool) {
        match self.order().await {
            Order::Record {
                writer, resumed, ..
            } => (writer, resumed),
            other => panic!("not a wish to record: {other:?}"),
        }
    }

    async fn ended(&mut self) -> RecorderReport {
        let ended = async {
            loop {
                let report = self.reports.recv().await.expect("the session runs");
                if matches!(
                    report.status,
                    RecordingStatus::Failed | RecordingStatus::Ready
                ) {
                    return report;
                }
            }
        };
        tokio::time::timeout(PATIENCE, ended)
            .await
            .expect("in time")
    }
}

#[tokio::test]
async fn a_tape_writer_that_ends_by_a_fault_is_replaced_until_that_is_too_often() {
    let mut bench = bench();
    let (_wish, wishes) = watch::channel(Wish::default());
    let session = tokio::spawn(run(bench.shared.clone(), assignment(), false, wishes));
    for worn_out in 0..MAX_WRITERS {
        let (writer, resumed) = bench.writer().await;
        assert_eq!(resumed, worn_out > 0);
        writer.put(ToWriter::Break).await;
    }
    assert!(matches!(bench.order().await, Order::Stop { .. }));
    assert!(matches!(bench.order().await, Order::Forget { .. }));
    let failed = bench.ended().await;
    assert_eq!(failed.status, RecordingStatus::Failed);
    assert!(failed.problem.expect("told").contains("They are kept"));
    session.await.expect("ends");
    let spool = bench
        .dir
        .path()
        .join("spool")
        .join(RecordingId(Uuid::nil()).to_string());
    assert!(spool.join("tapes").is_dir());
}

#[tokio::test]
async fn a_recording_goes_on_with_the_writer_that_replaces_a_broken_one() {
    let mut bench = bench();
    let (wish, wishes) = watch::channel(Wish::default());
    let session = tokio::spawn(run(bench.shared.clone(), assignment(), false, wishes));
    let (broken, _) = bench.writer().await;
    broken.put(ToWriter::Break).await;
    let (writer, _) = bench.writer().await;
    wish.send_modify(|wish| wish.stop = true);
    assert!(matches!(bench.order().await, Order::Stop { .. }));
    let end = ToWriter::End {
        link: Some(1),
        at: None,
    };
    writer.put(end).await;
    assert!(matches!(bench.order().await, Order::Forget { .. }));
    // There was nothing to record; but that is known from the journal of the second writer.
    let failed = bench.ended().await;
    assert!(failed.problem.expect("told").contains("never began"));
    session.await.expect("ends");
}

#[tokio::test]
async fn a_recording_that_was_to_end_when_its_recorder_was_killed_asks_for_the_rest_first() {
    let mut bench = bench();
    let spool = Spool::of(&bench.shared.config.spool_dir, assignment().recording);
    spool.create().expect("creates");
    let asked = JournalLine::Asked {
        assignment: assignment(),
    };
    let lines = [asked, JournalLine::StopAsked {}];
    let bytes: Vec<u8> = lines.iter().flat_map(journal::encode).collect();
    std::fs::write(spool.journal_path(0), bytes).expect("writes");
    let (_wish, wishes) = watch::channel(Wish::default());
    let session = tokio::spawn(run(bench.shared.clone(), assignment(), true, wishes));
    let (_writer, resumed) = bench.writer().await;
    assert!(resumed);
    assert!(matches!(bench.order().await, Order::Stop { .. }));
    session.abort();
}

#[tokio::test]
async fn what_is_to_be_recorded_is_on_disk_before_a_node_is_asked_for_it() {
    let mut bench = bench();
    let (_wish, wishes) = watch::channel(Wish::default());
    let session = tokio::spawn(run(bench.shared.clone(), assignment(), false, wishes));
    let (_writer, _) = bench.writer().await;
    let spool = Spool::of(&bench.shared.config.spool_dir, assignment().recording);
    let account = spool.account().expect("reads");
    assert_eq!(account.assignment, Some(assignment()));
    session.abort();
}

#[tokio::test]
async fn a_session_that_is_left_is_over_when_its_writer_has_put_all_on_disk() {
    let mut bench = bench();
    let (wish, wishes) = watch::channel(Wish::default());
    let session = tokio::spawn(run(bench.shared.clone(), assignment(), false, wishes));
    let (writer, _) = bench.writer().await;
    wish.send_modify(|wish| wish.leave = true);
    assert!(matches!(bench.order().await, Order::Forget { .. }));
    writer
        .put(ToWriter::Line(JournalLine::Started { at: MediaTime(1) }))
        .await;
    assert!(!session.is_finished());
    drop(writer);
    session.await.expect("ends");
    let spool = Spool::of(&bench.shared.config.spool_dir, assignment().recording);
    let started_at = spool.account().expect("reads").started_at;
    assert_eq!(started_at, Some(MediaTime(1)));
}
