//! `colloquy recording`: what is kept, read again. Neither needs the server to stop.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use recorder_core::tape::{Block, SegmentReader};
use sfu_protocol::ids::RecordingId;

use crate::settings::Settings;

/// Computes every hash of a recording again. Fails when a part differs.
pub(crate) fn verify(settings: &Settings, recording: RecordingId) -> anyhow::Result<ExitCode> {
    let objects = settings.recorder().objects_dir;
    let found = recorder::verify(&objects, recording)
        .with_context(|| format!("recording {recording} in {}", objects.display()))?;
    for fault in &found.faults {
        println!("{} {}", fault.key, fault.fault);
    }
    let whole = found.parts - found.faults.len();
    println!(
        "{whole} of {} parts match the manifest, {} bytes",
        found.parts, found.bytes
    );
    Ok(outcome(found.faults.is_empty()))
}

/// Reads one segment of a tape to its end. Fails when it is torn or corrupt.
pub(crate) fn read_tape(file: &Path) -> anyhow::Result<ExitCode> {
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let (header, mut blocks) = SegmentReader::open(&bytes)
        .with_context(|| format!("{} cannot be read as a tape", file.display()))?;
    println!(
        "tape {} of recording {}, track {}, segment {}, {:?}",
        header.tape, header.recording, header.track, header.segment, header.codec
    );
    let mut next_index = header.first_index;
    for block in &mut blocks {
        match block {
            Ok(Block::Entries {
                first_index,
                entries,
            }) => {
                if first_index > next_index {
                    println!("entries {next_index} to {} are missing", first_index - 1);
                }
                next_index = first_index + entries.len() as u64;
            }
            Ok(Block::Closed { reason, .. }) => println!("closed: {reason:?}"),
            Err(fault) => {
                println!("{fault}; what is before it is whole, up to entry {next_index}");
                return Ok(outcome(false));
            }
        }
    }
    println!(
        "whole: entries {} to {next_index}, {} bytes",
        header.first_index,
        bytes.len()
    );
    Ok(outcome(true))
}

fn outcome(good: bool) -> ExitCode {
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
