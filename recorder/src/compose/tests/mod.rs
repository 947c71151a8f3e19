//! Whole files made and read again through FFmpeg's own tools.

mod broken;
mod demo;
mod meeting;
mod senses;
mod sources;
mod track_files;
