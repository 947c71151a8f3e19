//! The mind of the TURN relay (RFC 8656 over RFC 8489), without a socket or a clock.
//!
//! What a client sends goes into [`server::Server::handle_client`], what a peer sends into
//! [`server::Server::handle_peer`]. Control (answers, relay sockets to open and close) leaves by
//! queue as [`server::Command`]s; media leaves by return value and is never copied here.
//!
//! # Rules
//! - Nothing is parsed deeply before its sender is authenticated, and an unauthenticated answer
//!   is as small as the RFC allows: the relay is no amplifier.
//! - One function decides whether a peer may be reached: [`peers::PeerPolicy::allows`].
//! - Client, peer and relay addresses are types of their own.

pub mod allocation;
pub mod auth;
pub mod channel_data;
pub mod peers;
pub mod server;
pub mod stun;

use std::net::SocketAddr;

/// Where a client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientAddress(pub SocketAddr);

/// Where a client's peer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerAddress(pub SocketAddr);

/// The port of a relay socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelayPort(pub u16);
