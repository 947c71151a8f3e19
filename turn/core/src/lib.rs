//! The mind of the TURN relay.
