//! What a recorder counts. The only place where its metrics have names.

use prometheus::{Histogram, HistogramOpts, IntCounter, IntGauge, Registry};

/// Counters and gauges, shared by all parts of a recorder.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    pub(crate) entries: IntCounter,
    pub(crate) bytes: IntCounter,
    pub(crate) fsyncs: IntCounter,
    pub(crate) fsync_seconds: Histogram,
    pub(crate) entries_missing: IntCounter,
    pub(crate) stalls: IntCounter,
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
        let counter = |name: &str, help: &str| -> prometheus::Result<IntCounter> {
            let counter = IntCounter::new(name, help)?;
            registry.register(Box::new(counter.clone()))?;
            Ok(counter)
        };
        let gauge = |name: &str, help: &str| -> prometheus::Result<IntGauge> {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok(gauge)
        };
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

fn fsync_seconds(registry: &Registry) -> prometheus::Result<Histogram> {
    let lag = HistogramOpts::new(
        "colloquy_recorder_fsync_seconds",
        "From the first entry of a group to the group being on disk.",
    )
    .buckets(vec![0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0]);
    let fsync_seconds = Histogram::with_opts(lag)?;
    registry.register(Box::new(fsync_seconds.clone()))?;
    Ok(fsync_seconds)
}
