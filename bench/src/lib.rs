//! The measure: what a box can hold, seen by participants without a browser.
//!
//! A run is a `scenario` (who publishes, who watches, in which rooms, and what is claimed) held
//! on a `target` (who is measured). The participants are real: WebSocket, ICE, DTLS, SRTP over
//! UDP. Their pictures carry marks, so a viewer knows which frame it decoded and how long it
//! took. What was seen becomes a `report`, with warnings where it should not be trusted.
//!
//! | folder | one file each |
//! |---|---|
//! | `target` | who is measured: a deployment by its URL, one spawned for the run, a rival |
//! | `rivals` | the ground on which rivals stand beside us |
//! | `scenario` | what is held, and the claim that it fails when it is not met |
//! | `measure` | histogram, what a viewer saw, a process's CPU time |
//! | `report` | a table, JSON, warnings |
//! | `siege` | a live room under attack: its own scenario, measure and report |

mod cli;
mod compare;
mod engine;
mod find;
mod held;
mod impair;
mod load;
mod measure;
mod media;
mod report;
mod rivals;
mod scenario;
mod siege;
mod target;

pub use cli::{Arguments, run};
