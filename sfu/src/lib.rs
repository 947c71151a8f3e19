//! The media node: threads, sockets, signalling and links around sfu-core.
