//! The office: accounts, rooms, grants, recordings.
