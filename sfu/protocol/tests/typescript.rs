//! Writes the signalling types for the browser, `web/client/protocol/signal.gen.ts`, and fails
//! when the committed file differs from what these types say now.
//!
//! Check: `cargo test -p sfu-protocol --features typescript --test typescript`.
//! Write: the same with `COLLOQUY_WRITE_GENERATED=1`.
#![cfg(feature = "typescript")]

use std::fmt::Write as _;
use std::path::PathBuf;

use sfu_protocol::ids::{ParticipantId, RecordingId, RoomId, TrackId};
use sfu_protocol::media::{Codec, Kind, Source};
use sfu_protocol::recording::TroubleReason;
use sfu_protocol::signal::{
    ByeReason, ClientMessage, Envelope, LeaveReason, MAX_SIGNAL_BYTES, MAX_SLOTS, NodeMessage,
    Participant, PauseReason, PublishLine, RecordingNotice, RecordingTrouble, RefusedCode, Resume,
    Role, SIGNAL_VERSION, Show, Slot, SlotContent, SlotId, SlotPause, Track, TrackState, Want,
};
use ts_rs::{Config, TS};

fn declare<T: TS + 'static>(config: &Config, file: &mut String) {
    if let Some(docs) = T::docs() {
        file.push_str(&docs);
    }
    writeln!(file, "export {}\n", T::decl(config)).expect("a string takes any text");
}

fn generated() -> String {
    let config = Config::new().with_large_int("number");
    let mut file = String::from(
        "// Generated from sfu/protocol by its test `typescript`. Do not edit.\n\
         // Write again: COLLOQUY_WRITE_GENERATED=1 cargo test -p sfu-protocol --features typescript --test typescript\n\n",
    );
    writeln!(file, "export const SIGNAL_VERSION = {SIGNAL_VERSION};").expect("fits");
    writeln!(file, "export const MAX_SIGNAL_BYTES = {MAX_SIGNAL_BYTES};").expect("fits");
    writeln!(file, "export const MAX_SLOTS = {MAX_SLOTS};\n").expect("fits");
    macro_rules! declare_all {
        ($($name:ty),* $(,)?) => { $(declare::<$name>(&config, &mut file);)* };
    }
    declare_all!(
        ParticipantId,
        RoomId,
        RecordingId,
        TrackId,
        SlotId,
        Source,
        Kind,
        Codec,
        Role,
        TrackState,
        PublishLine,
        Show,
        Want,
        Resume,
        ClientMessage,
        Track,
        Participant,
        TroubleReason,
        RecordingTrouble,
        RecordingNotice,
        Slot,
        SlotContent,
        PauseReason,
        SlotPause,
        LeaveReason,
        ByeReason,
        RefusedCode,
        NodeMessage,
        Envelope,
    );
    let lines: Vec<&str> = file.trim_end().lines().map(str::trim_end).collect();
    lines.join("\n") + "\n"
}

#[test]
fn the_committed_browser_types_are_what_these_types_say() {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../web/client/protocol/signal.gen.ts");
    let wanted = generated();
    if std::env::var_os("COLLOQUY_WRITE_GENERATED").is_some() {
        std::fs::create_dir_all(path.parent().expect("the path has a folder"))
            .expect("the folder can be made");
        std::fs::write(&path, &wanted).expect("the file can be written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        committed, wanted,
        "web/client/protocol/signal.gen.ts is stale: write it again with COLLOQUY_WRITE_GENERATED=1"
    );
}
