//! The half of the operator's contract that runs in the process.
