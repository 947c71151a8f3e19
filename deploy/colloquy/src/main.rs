//! The one program: wires every part.
fn main() {}
