//! The measure: what a box can hold.
