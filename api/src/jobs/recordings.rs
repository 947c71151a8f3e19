//! Reports of recorders become rows. The recorder is right about how a recording stands; a report
//! that is older than what is known is left alone.

use api_store::StoreError;
use api_store::recording::{self, RecordingRow};
use sfu_protocol::recording::{RecorderCommand, RecorderReport, RecordingStatus};
use tokio::sync::{mpsc, watch};

use crate::app::{App, SharedApp};
use crate::jobs::patience::Patience;

/// Asks how everything stands, then takes reports in until there are no more. After `stop`, those
/// that wait already are taken in.
pub(crate) async fn run(
    app: SharedApp,
    mut reports: mpsc::Receiver<RecorderReport>,
    mut stop: watch::Receiver<bool>,
) {
    if let Err(error) = app.recorders.send(RecorderCommand::Report {}).await {
        tracing::warn!(%error, "no recorder says how recordings stand");
    }
    loop {
        let report = tokio::select! {
            report = reports.recv() => report,
            _ = stop.changed() => {
                reports.close();
                reports.recv().await
            }
        };
        let Some(report) = report else { return };
        let outcome = match take_with_patience(&app, &report, &stop).await {
            Ok(true) => "taken",
            Ok(false) => "unknown",
            Err(error) => {
                tracing::error!(
                    recording = %report.recording, %error,
                    "the report of a recorder could not be written; it is asked for again at the next start"
                );
                "failed"
            }
        };
        app.metrics
            .recorder_reports
            .with_label_values(&[outcome])
            .inc();
    }
}

/// No other says the same: without it a recording that has ended would seem to run.
async fn take_with_patience(
    app: &App,
    report: &RecorderReport,
    stop: &watch::Receiver<bool>,
) -> Result<bool, StoreError> {
    let mut patience = Patience::until(stop);
    loop {
        let outcome = take(app, report).await;
        if !patience.tries_again(&outcome).await {
            return outcome;
        }
    }
}

/// Takes one report in. Answers whether it is about a recording in the books.
pub(crate) async fn take(app: &App, report: &RecorderReport) -> Result<bool, StoreError> {
    let Some(row) = recording::find_for_recorder(&app.store, report.recording).await? else {
        return Ok(false);
    };
    if let Some(next) = advance(&row, report) {
        recording::update(&app.store, &next, &report.files).await?;
        if next.status != row.status {
            tracing::info!(recording = %row.id, status = ?next.status, "a recording goes on");
        }
    }
    Ok(true)
}

/// The row after a report; none when the report is older than the row.
fn advance(row: &RecordingRow, report: &RecorderReport) -> Option<RecordingRow> {
    if !may_follow(row.status, report.status) {
        return None;
    }
    let ms = |time: Option<u64>| time.and_then(|ms| i64::try_from(ms).ok());
    let finishing = report.status == RecordingStatus::Finishing;
    Some(RecordingRow {
        status: report.status,
        started_at_ms: ms(report.started_at_ms).or(row.started_at_ms),
        ended_at_ms: ms(report.ended_at_ms).or(row.ended_at_ms),
        progress_percent: report.progress_percent.filter(|_| finishing).map(i32::from),
        problem: report.problem.clone(),
        health: report.health.clone().or_else(|| row.health.clone()),
        ..row.clone()
    })
}

/// Whether `next` can be true after `now` was.
fn may_follow(now: RecordingStatus, next: RecordingStatus) -> bool {
    use RecordingStatus::{Failed, Finishing, Ready, Recording, Starting};
    match now {
        Starting => true,
        Recording => next != Starting,
        Finishing => matches!(next, Finishing | Ready | Failed),
        Ready => next == Ready,
        // Given up by us while no recorder answered; one may have the tapes after all.
        Failed => matches!(next, Finishing | Ready | Failed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use RecordingStatus::{Failed, Finishing, Ready, Recording, Starting};

    #[test]
    fn a_recording_never_goes_back() {
        let order = [Starting, Recording, Finishing, Ready];
        for (earlier, now) in order.iter().enumerate() {
            for (later, next) in order.iter().enumerate() {
                assert_eq!(
                    may_follow(*now, *next),
                    later >= earlier,
                    "{now:?} to {next:?}"
                );
            }
        }
        for now in [Starting, Recording, Finishing] {
            assert!(may_follow(now, Failed));
        }
        assert!(!may_follow(Ready, Failed));
        assert!(may_follow(Failed, Ready) && !may_follow(Failed, Recording));
    }
}
