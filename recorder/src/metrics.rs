//! What a recorder counts. The only place where its metrics have names.

use prometheus::core::Collector;
use prometheus::{Histogram, HistogramOpts, IntCounter, IntGauge, IntGaugeVec, Opts, Registry};

use crate::condition::Problem;

/// Counters and gauges, shared by all parts of a recorder.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    pub(crate) entries: IntCounter,
    pub(crate) bytes: IntCounter,
    pub(crate) fsyncs: IntCounter,
    pub(crate) fsync_seconds: Histogram,
    pub(crate) entries_missing: IntCounter,
    pub(crate) stalls: IntCounter,
    /// By problem.
    pub(crate) disk_problem: IntGaugeVec,
    pub(crate) dropped: IntCounter,
    pub(crate) journal_lines_dropped: IntCounter,
    pub(crate) rosters_left_out: IntCounter,
    pub(crate) reports_held: IntGauge,
    pub(crate) links: IntCounter,
    pub(crate) running: IntGauge,
    pub(crate) finishing: IntGauge,
    pub(crate) finish_retries: IntCounter,
    pub(crate) ready: IntCounter,
    pub(crate) failed: IntCounter,
}

impl Metrics {
    /// Registers them. Fails when a name is taken.
    pub(crate) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let counter = |name, help| registered(registry, IntCounter::new(name, help)?);
        let gauge = |name, help| registered(registry, IntGauge::new(name, help)?);
        Ok(Metrics {
            entries: counter(
                "colloquy_recorder_tape_entries_total",
                "Entries that are on disk.",
            )?,
            bytes: counter(
                "colloquy_recorder_tape_bytes_total",
                "Bytes written to tapes.",
            )?,
            fsyncs: counter(
                "colloquy_recorder_fsyncs_total",
                "Groups of entries fsynced.",
            )?,
            fsync_seconds: fsync_seconds(registry)?,
            entries_missing: counter(
                "colloquy_recorder_tape_entries_missing_total",
                "Entries that a node received and no tape has.",
            )?,
            stalls: counter(
                "colloquy_recorder_disk_stalls_total",
                "Times that tapes could not be written.",
            )?,
            disk_problem: disk_problem(registry)?,
            dropped: counter(
                "colloquy_recorder_writer_messages_dropped_total",
                "Messages for a tape writer that had ended by a fault; their entries are asked for again.",
            )?,
            journal_lines_dropped: counter(
                "colloquy_recorder_journal_lines_dropped_total",
                "Lines of journals that found no place while a disk failed: a timeline lacks them.",
            )?,
            rosters_left_out: counter(
                "colloquy_recorder_rosters_left_out_total",
                "Room events not remembered because people of too many rooms are.",
            )?,
            reports_held: gauge(
                "colloquy_recorder_reports_held",
                "Recordings whose last report is held.",
            )?,
            links: counter("colloquy_recorder_links_total", "Links opened to nodes.")?,
            running: gauge(
                "colloquy_recorder_recordings_running",
                "Recordings being captured.",
            )?,
            finishing: gauge(
                "colloquy_recorder_recordings_finishing",
                "Recordings whose files are being made or wait for it.",
            )?,
            finish_retries: counter(
                "colloquy_recorder_finish_retries_total",
                "Times that files wait because a disk took nothing.",
            )?,
            ready: counter(
                "colloquy_recorder_recordings_ready_total",
                "Recordings finished whole.",
            )?,
            failed: counter(
                "colloquy_recorder_recordings_failed_total",
                "Recordings that failed.",
            )?,
        })
    }
}

fn registered<C>(registry: &Registry, collector: C) -> prometheus::Result<C>
where
    C: Collector + Clone + 'static,
{
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}

fn disk_problem(registry: &Registry) -> prometheus::Result<IntGaugeVec> {
    let told = Opts::new(
        "colloquy_recorder_disk_problem",
        "1 while the disk has this problem: nearly_full (new recordings are refused), not_written, unknown.",
    );
    let disk_problem = registered(registry, IntGaugeVec::new(told, &["problem"])?)?;
    Problem::show(None, &disk_problem);
    Ok(disk_problem)
}

fn fsync_seconds(registry: &Registry) -> prometheus::Result<Histogram> {
    let lag = HistogramOpts::new(
        "colloquy_recorder_fsync_seconds",
        "From the first entry of a group to the group being on disk.",
    )
    .buckets(vec![0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0]);
    registered(registry, Histogram::with_opts(lag)?)
}
