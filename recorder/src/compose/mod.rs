//! Files from frames: the only place that knows ffmpeg.
