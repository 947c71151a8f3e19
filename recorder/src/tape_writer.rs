//! Writes the tapes and the journal of one recording, on a thread of its own.
//!
//! Entries are gathered and fsynced in groups; only what is on disk is told to [`Durable`], and
//! only that is acknowledged. A write or fsync that fails is never tried again on the same file:
//! the writer lets go of all files, goes on listening, and once the disk takes a file again asks
//! for a new link, on which the node sends everything after the durable ends. What its ring
//! could not hold by then is a named gap.

mod door;
mod journal_file;
mod on_disk;
mod tape_file;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use recorder_core::journal::JournalLine;
use recorder_core::timeline::Roster;
use sfu_protocol::ids::TapeId;
use sfu_protocol::link::{TapeEnd, TapeOpened};
use sfu_protocol::media::MediaTime;
use sfu_protocol::recording::TroubleReason;
use tokio::sync::{Notify, mpsc, watch};

use crate::metrics::Metrics;
use crate::spool::Spool;
use crate::trouble;
use journal_file::JournalFile;
use on_disk::Durable;
use tape_file::TapeFile;

pub(crate) use door::{INBOX_MESSAGES, TapeFrame, ToWriter, WriterDoor};

/// Tapes of one recording. A track beyond is not recorded, and the log says so.
const MAX_TAPES: usize = 4096;

/// How often a disk that failed is tried.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// A closed segment's place, for upload while the recording runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SealedSegment {
    pub(crate) tape: TapeId,
    pub(crate) number: u32,
    pub(crate) path: PathBuf,
}

/// How far an end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    No,
    /// As [`ToWriter::End`] says.
    Told {
        link: Option<u64>,
        at: Option<MediaTime>,
    },
    /// In the journal, which may have to reach the disk yet.
    Written,
}

/// How the thread stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct WriterState {
    pub(crate) started_at: Option<MediaTime>,
    /// Frames about tapes so far.
    pub(crate) frames: u64,
    /// Somebody is in the room, by its events.
    pub(crate) people_here: bool,
    pub(crate) ended: bool,
    /// Why tapes cannot be written now.
    pub(crate) trouble: Option<TroubleReason>,
}

impl WriterState {
    /// Whether the room of a recording that is gone on with is alive again. Whoever came back may
    /// have nothing to record yet.
    pub(crate) fn is_alive(&self) -> bool {
        self.frames > 0 || self.people_here
    }
}

/// What a thread is started with.
pub(crate) struct WriterStart {
    pub(crate) spool: Spool,
    pub(crate) have: Vec<TapeEnd>,
    /// What a recording begins with. It is on disk before any node is asked: tapes without it
    /// would be of nobody knows what.
    pub(crate) asked: Option<JournalLine>,
    pub(crate) fsync_interval: Duration,
    pub(crate) metrics: Metrics,
    /// Told whenever [`Durable`] changes.
    pub(crate) changed: Arc<Notify>,
    /// Where closed segments are told. When it is full they are uploaded at the end.
    pub(crate) sealed: mpsc::Sender<SealedSegment>,
}

/// Starts the thread.
pub(crate) fn start(start: WriterStart) -> io::Result<(WriterDoor, watch::Receiver<WriterState>)> {
    let (inbox, messages) = sync_channel(INBOX_MESSAGES);
    let (state, watched) = watch::channel(WriterState::default());
    let durable = Arc::new(Durable::new(&start.have, start.changed));
    let door = WriterDoor {
        inbox,
        dropped: start.metrics.dropped.clone(),
        durable: durable.clone(),
    };
    let mut journal = JournalFile::open(start.spool.clone())?;
    let first_line_waits = !journal.begin(start.asked.as_ref());
    let writer = TapeWriter {
        journal,
        spool: start.spool,
        have: start.have,
        tapes: BTreeMap::new(),
        roster: Roster::default(),
        durable,
        state,
        sealed: start.sealed,
        metrics: start.metrics,
        fsync_interval: start.fsync_interval,
        dirty_since: first_line_waits.then(Instant::now),
        first_line_waits,
        newest_link: 0,
        stalled_until: None,
        ending: Ending::No,
    };
    std::thread::Builder::new()
        .name("tape-writer".to_owned())
        .spawn(move || writer.run(&messages))?;
    Ok((door, watched))
}

struct TapeWriter {
    spool: Spool,
    have: Vec<TapeEnd>,
    journal: JournalFile,
    tapes: BTreeMap<TapeId, TapeFile>,
    roster: Roster,
    durable: Arc<Durable>,
    state: watch::Sender<WriterState>,
    sealed: mpsc::Sender<SealedSegment>,
    metrics: Metrics,
    fsync_interval: Duration,
    dirty_since: Option<Instant>,
    /// The line that says what is recorded is not on disk: nothing is acknowledged before it is.
    first_line_waits: bool,
    newest_link: u64,
    /// Set while the disk fails: when it is tried next.
    stalled_until: Option<Instant>,
    ending: Ending,
}

impl TapeWriter {
    fn run(mut self, messages: &Receiver<ToWriter>) {
        loop {
            match self.next(messages) {
                Ok(message) => self.take(message),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.sync(),
            }
            self.keep_time();
            if self.has_ended() {
                self.state.send_modify(|state| state.ended = true);
                return;
            }
        }
    }

    fn next(&self, messages: &Receiver<ToWriter>) -> Result<ToWriter, RecvTimeoutError> {
        let group = self.dirty_since.map(|since| since + self.fsync_interval);
        match group.into_iter().chain(self.stalled_until).min() {
            Some(due) => messages.recv_timeout(due.saturating_duration_since(Instant::now())),
            None => messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
    }

    /// Whether an end was told and is on disk, with all that came before it.
    fn has_ended(&mut self) -> bool {
        while self.stalled_until.is_none() {
            match self.ending {
                Ending::No => return false,
                Ending::Told { link, at } => self.put_end(link, at),
                Ending::Written => {
                    self.sync();
                    return self.stalled_until.is_none();
                }
            }
        }
        // An end that its node told comes again over the new link, after what the disk refused.
        if let Ending::Told { link: Some(_), .. } = self.ending {
            self.ending = Ending::No;
        }
        false
    }

    /// The tapes first: once the journal says that it ended, nobody asks for the rest of them.
    fn put_end(&mut self, link: Option<u64>, at: Option<MediaTime>) {
        self.dirty();
        self.sync();
        if self.stalled_until.is_none() && link.is_none() {
            let named = self.name_lost();
            self.survive(named);
        }
        if self.stalled_until.is_none() {
            self.note(&JournalLine::Ended { at });
            self.dirty();
            self.ending = Ending::Written;
        }
    }

    /// Without a node nobody sends again what the disk refused: the tapes say what is missing.
    fn name_lost(&mut self) -> io::Result<()> {
        for file in self.tapes.values_mut() {
            let lost = file.name_lost()?;
            self.metrics.entries_missing.inc_by(lost);
        }
        Ok(())
    }

    fn note(&mut self, line: &JournalLine) {
        if !self.journal.push(line) {
            self.metrics.journal_lines_dropped.inc();
        }
    }

    fn take(&mut self, message: ToWriter) {
        match message {
            ToWriter::Line(line) => {
                self.notice(&line);
                self.note(&line);
                self.dirty();
            }
            ToWriter::Tape { link, frame } => {
                self.newest_link = self.newest_link.max(link);
                let stale = self.durable.wants_link_after(link);
                if !stale && self.stalled_until.is_some() {
                    self.refuse(&frame);
                } else if !stale {
                    let written = self.take_frame(frame);
                    self.survive(written);
                }
            }
            ToWriter::End { link, at } => {
                // One told by a stale link comes again; one without a node does not.
                let stale = link.is_some_and(|link| {
                    self.durable.wants_link_after(link) || self.stalled_until.is_some()
                });
                if !stale && self.ending == Ending::No {
                    self.ending = Ending::Told { link, at };
                }
            }
            #[cfg(test)]
            ToWriter::Break => panic!("broken by a test"),
        }
    }

    fn refuse(&mut self, frame: &TapeFrame) {
        if let TapeFrame::Entry { tape, index, entry } = frame
            && let Some(file) = self.tapes.get_mut(tape)
        {
            file.refuse(*index, entry);
        }
    }

    /// What of a line the session wants to know.
    fn notice(&mut self, line: &JournalLine) {
        match line {
            JournalLine::Started { at } => self.state.send_modify(|state| {
                state.started_at.get_or_insert(*at);
            }),
            JournalLine::Event { event } => {
                self.roster.take(event);
                let people_here = !self.roster.is_empty();
                self.state.send_if_modified(|state| {
                    std::mem::replace(&mut state.people_here, people_here) != people_here
                });
            }
            JournalLine::Asked { .. } | JournalLine::StopAsked {} | JournalLine::Ended { .. } => {}
        }
    }

    fn take_frame(&mut self, frame: TapeFrame) -> io::Result<()> {
        self.dirty();
        self.state.send_if_modified(|state| {
            state.frames += 1;
            // Watchers only want to know that something comes, not each packet.
            state.frames == 1
        });
        match frame {
            TapeFrame::Opened(opened) => self.open(&opened),
            TapeFrame::Entry { tape, index, entry } => {
                let Some(file) = self.tapes.get_mut(&tape) else {
                    return Ok(());
                };
                let written = file.write(index, &entry)?;
                self.metrics.entries_missing.inc_by(written.missing);
                self.tell_sealed(written.sealed);
                Ok(())
            }
            TapeFrame::Gap { tape, to_index } => {
                let Some(file) = self.tapes.get_mut(&tape) else {
                    return Ok(());
                };
                let missing = file.skip_to(to_index)?;
                self.metrics.entries_missing.inc_by(missing);
                tracing::warn!(%tape, missing, "the node's ring overflowed: entries are missing");
                Ok(())
            }
            TapeFrame::Closed {
                tape,
                next_index,
                at,
                reason,
            } => {
                let Some(file) = self.tapes.get_mut(&tape) else {
                    return Ok(());
                };
                let sealed = file.close(next_index, at, reason)?;
                self.tell_sealed(sealed);
                Ok(())
            }
        }
    }

    fn open(&mut self, opened: &TapeOpened) -> io::Result<()> {
        if self.tapes.contains_key(&opened.tape) {
            return Ok(());
        }
        if self.tapes.len() == MAX_TAPES {
            tracing::error!(track = %opened.track, "too many tapes: this track is not recorded");
            return Ok(());
        }
        let end = self.have.iter().find(|end| end.tape == opened.tape);
        let next_index = end.map_or(0, |end| end.next_index);
        let file = TapeFile::open(&self.spool, opened, next_index)?;
        self.tapes.insert(opened.tape, file);
        Ok(())
    }

    fn tell_sealed(&self, sealed: Option<SealedSegment>) {
        if let Some(segment) = sealed {
            // Full or gone: the segment is uploaded when the recording is finished.
            let _ = self.sealed.try_send(segment);
        }
    }

    fn dirty(&mut self) {
        self.dirty_since.get_or_insert_with(Instant::now);
    }

    fn keep_time(&mut self) {
        let now = Instant::now();
        if self.stalled_until.is_some_and(|until| now >= until) {
            self.probe();
        }
        if self
            .dirty_since
            .is_some_and(|since| now >= since + self.fsync_interval)
        {
            self.sync();
        }
    }

    /// Puts everything on disk and says so.
    fn sync(&mut self) {
        let since = self.dirty_since.take();
        if self.stalled_until.is_some() {
            return;
        }
        let synced = self.sync_files();
        if synced.is_ok() {
            self.metrics.fsyncs.inc();
            if let Some(since) = since {
                self.metrics
                    .fsync_seconds
                    .observe(since.elapsed().as_secs_f64());
            }
        }
        self.survive(synced);
    }

    /// The tapes before one that fails have reached the disk: their next sync will not say so again.
    fn sync_files(&mut self) -> io::Result<()> {
        if self.first_line_waits {
            self.journal.sync()?;
            self.first_line_waits = false;
        }
        let mut reached = BTreeMap::new();
        let synced = self.sync_tapes(&mut reached);
        let synced = synced.and_then(|()| self.journal.sync());
        if !reached.is_empty() {
            self.durable.reached(reached);
        }
        synced
    }

    fn sync_tapes(&mut self, reached: &mut BTreeMap<TapeId, u64>) -> io::Result<()> {
        for (tape, file) in &mut self.tapes {
            if let Some(synced) = file.sync()? {
                self.metrics.entries.inc_by(synced.entries);
                self.metrics.bytes.inc_by(synced.bytes);
                reached.insert(*tape, synced.next_index);
            }
        }
        Ok(())
    }

    /// A disk that fails: let go of every file and try again later with new ones.
    fn survive(&mut self, written: io::Result<()>) {
        let Err(error) = written else { return };
        tracing::error!(%error, "tapes cannot be written: entries wait at the node");
        self.metrics.stalls.inc();
        for file in self.tapes.values_mut() {
            file.let_go();
        }
        self.journal.let_go();
        self.stall(&error);
    }

    fn stall(&mut self, error: &io::Error) {
        let reason = trouble::reason(error);
        self.stalled_until = Some(Instant::now() + PROBE_EVERY);
        let changed = self
            .state
            .send_if_modified(|state| state.trouble.replace(reason) != Some(reason));
        if changed {
            self.durable.failed(reason);
        }
    }

    fn probe(&mut self) {
        let probed = trouble::probe(self.spool.dir()).and_then(|()| self.journal.sync());
        match probed {
            Ok(()) => {
                tracing::info!("tapes can be written again");
                self.stalled_until = None;
                self.state.send_modify(|state| state.trouble = None);
                self.durable.works_again(self.newest_link + 1);
            }
            Err(error) => {
                self.journal.let_go();
                self.stall(&error);
            }
        }
    }
}
