//! Words against bytes that no honest program wrote.

#[expect(
    dead_code,
    reason = "minds have targets of several steps; words have none"
)]
mod corpus;
mod fuzzing;
mod grants;
