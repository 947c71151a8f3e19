//! What the figures of a run are held to. What is promised holds on a machine that does nothing
//! else; a machine that is shared stalls for reasons of its own, and a participant that does not
//! come to read loses packets.

/// Whether this run is held to what is promised: `COLLOQUY_STRICT=1`.
pub(crate) fn is_strict() -> bool {
    std::env::var("COLLOQUY_STRICT").is_ok_and(|value| value == "1")
}

/// Of `sent` packets none may be lost where promises are kept; elsewhere one of `one_of`, which
/// only a fault of ours exceeds.
#[track_caller]
pub(crate) fn assert_not_lost(lost: u64, sent: u64, one_of: u64) {
    println!("figure: {lost} of {sent} packets never came");
    let allowed = match is_strict() {
        true => 0,
        false => sent / one_of,
    };
    assert!(lost <= allowed, "{lost} of {sent} packets never came");
}
