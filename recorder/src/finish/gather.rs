//! Everything that the spool says of a recording, its tapes surveyed and placed on one clock.

use std::collections::BTreeMap;
use std::io;

use recorder_core::clock::{TapeClock, TapeMapping, place_tapes};
use recorder_core::journal::Account;
use recorder_core::manifest::TapeLine;
use recorder_core::survey::{Survey, survey};
use recorder_core::timeline::TapeFacts;
use sfu_protocol::ids::{ParticipantId, TapeId, TrackId};
use sfu_protocol::media::MediaTime;

use crate::spool::{ReadFaults, Spool, SpooledTape};

/// One tape, read through once.
pub(super) struct ReadTape {
    pub(super) spooled: SpooledTape,
    pub(super) survey: Survey,
    pub(super) mapping: TapeMapping,
}

/// A recording, read through once.
pub(super) struct Gathered {
    pub(super) account: Account,
    pub(super) start: MediaTime,
    pub(super) end: MediaTime,
    /// In the order in which they were opened.
    pub(super) tapes: Vec<ReadTape>,
    /// Tapes that cannot be read at all, in words.
    unreadable: Vec<String>,
    /// Segments that the disk did not give, now or at a later reading.
    pub(super) read_faults: ReadFaults,
}

impl Gathered {
    pub(super) fn read(spool: &Spool) -> io::Result<Self> {
        let account = spool.account()?;
        let mut surveyed: Vec<(SpooledTape, Survey)> = Vec::new();
        let read_faults = ReadFaults::default();
        let found = spool.tapes()?;
        for spooled in found.tapes {
            let survey = survey(spooled.header.codec, spooled.read(&read_faults));
            surveyed.push((spooled, survey));
        }
        let clocks: BTreeMap<TapeId, (ParticipantId, TapeClock)> = surveyed
            .iter()
            .map(|(spooled, survey)| {
                let participant = spooled.header.track.participant;
                (spooled.header.tape, (participant, survey.clock.clone()))
            })
            .collect();
        let mut mappings = place_tapes(&clocks);
        let tapes: Vec<ReadTape> = surveyed
            .into_iter()
            .map(|(spooled, survey)| ReadTape {
                mapping: mappings.remove(&spooled.header.tape).unwrap_or_default(),
                spooled,
                survey,
            })
            .collect();
        let (start, end) = span(&account, &tapes);
        Ok(Gathered {
            account,
            start,
            end,
            tapes,
            unreadable: found.unreadable,
            read_faults,
        })
    }

    /// What of the tapes is in no file although it was recorded, in words, as far as it is known
    /// when all have been read.
    pub(super) fn faults(&self) -> Vec<String> {
        let tapes = self.unreadable.iter().map(|fault| format!("Tape {fault}"));
        let segments = self.read_faults.found().into_iter();
        tapes
            .chain(segments.map(|fault| format!("Tape segment {fault}")))
            .collect()
    }

    pub(super) fn duration_us(&self) -> i64 {
        i64::try_from(self.end.since_us(self.start)).unwrap_or(i64::MAX)
    }

    pub(super) fn facts(&self) -> Vec<TapeFacts> {
        self.tapes
            .iter()
            .map(|tape| {
                let header = &tape.spooled.header;
                TapeFacts {
                    tape: header.tape,
                    track: header.track,
                    name: header.name.clone(),
                    codec: header.codec,
                    opened_at: header.opened_at,
                    closed_at: tape.end(),
                    mutes: tape.survey.mutes.clone(),
                    cut_off_until: self.cut_off_until(tape),
                }
            })
            .collect()
    }

    /// When a track was there again, or else its node, whose tape ends with a node that was gone.
    fn cut_off_until(&self, tape: &ReadTape) -> Option<MediaTime> {
        if tape.survey.closed_at.is_some() {
            return None;
        }
        let end = tape.end();
        let mut begun_again = self.account.begun_again_at.iter().copied();
        let node = begun_again.find(|at| *at >= end)?;
        let track = tape.spooled.header.track;
        let headers = self.tapes.iter().map(|tape| &tape.spooled.header);
        let opened = headers
            .filter(|header| header.track == track)
            .map(|header| header.opened_at);
        Some(opened.filter(|at| *at >= end).min().unwrap_or(node))
    }

    pub(super) fn surveys(&self) -> impl Iterator<Item = &Survey> {
        self.tapes.iter().map(|tape| &tape.survey)
    }

    pub(super) fn mappings(&self) -> Vec<(TrackId, &TapeMapping)> {
        self.tapes
            .iter()
            .map(|tape| (tape.spooled.header.track, &tape.mapping))
            .collect()
    }

    pub(super) fn lines(&self) -> Vec<TapeLine> {
        self.tapes
            .iter()
            .map(|tape| TapeLine {
                tape: tape.spooled.header.tape,
                track: tape.spooled.header.track,
                codec: tape.spooled.header.codec,
                entries: tape.survey.entries,
                entries_missing: tape.survey.entries_missing,
                closed: tape.survey.closed_at.is_some(),
                faults: tape
                    .survey
                    .faults
                    .iter()
                    .map(|(segment, fault)| format!("segment {segment}: {fault}"))
                    .collect(),
            })
            .collect()
    }
}

impl ReadTape {
    /// When it was closed; of one that was cut off, when its last entry arrived.
    fn end(&self) -> MediaTime {
        let opened_at = self.spooled.header.opened_at;
        let last = self.survey.closed_at.or(self.survey.last_arrived);
        last.unwrap_or(opened_at).max(opened_at)
    }
}

/// From when to when: as the node said, else as the tapes show.
fn span(account: &Account, tapes: &[ReadTape]) -> (MediaTime, MediaTime) {
    let opened = tapes.iter().map(|tape| tape.spooled.header.opened_at).min();
    let start = account.started_at.or(opened).unwrap_or_default();
    let last = tapes.iter().map(ReadTape::end).max();
    let end = account.ended_at.or(last).unwrap_or(start);
    (start, end.max(start))
}
