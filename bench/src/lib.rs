//! The measure: what a box can hold, seen by participants without a browser.
//!
//! A run is a `scenario` (who publishes, who watches, in which rooms, and what is claimed) held
//! on a `target` (who is measured). The participants are real: WebSocket, ICE, DTLS, SRTP over
//! UDP. Their pictures carry marks, so a viewer knows which frame it decoded and how long it
//! took. What was seen becomes a `report`, with warnings where it should not be trusted.
//!
//! | folder or file | what it decides |
//! |---|---|
//! | `target` | who is measured, a file each: a Colloquy (by its URL, or spawned), a Janus, any WHIP and WHEP server |
//! | `rivals` | the ground on which rivals stand beside us |
//! | `scenario` | what is held, and the claim that it fails when it is not met, a file each |
//! | `load` | a scenario in a size, put on a target once |
//! | `means` | whether this machine has as many open files and ports as a run needs |
//! | `held` | who enters when, and what was used meanwhile |
//! | `engine` | the generator: a task for each participant, whatever signalling its target speaks |
//! | `measure` | histogram, packets and freezes, what a viewer saw, a process's cost, the machine |
//! | `report` | a summary and how far to trust it; table, JSON, page, live view; ratios of two targets |
//! | `compare` | two targets under the same load, in turns |
//! | `find` | the largest load that holds, and where that is kept |
//! | `impair` | a bad network between clients and a deployment |
//! | `relay` | a TURN relay under load: its own clients, measure and report |
//! | `siege` | a live room under attack: its own scenario, measure and report |

mod cli;
mod compare;
mod engine;
mod find;
mod held;
mod impair;
mod load;
mod means;
mod measure;
mod media;
mod relay;
mod report;
mod rivals;
mod scenario;
mod siege;
mod target;

pub use cli::{Arguments, run};
pub use find::Capacity;
