//! What comes and goes by: the line of one participant, and its sockets.

use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::task::Poll;

use sfu_client::driver::open_udp;
use tokio::net::UdpSocket;

use super::line::Line;
use crate::target;

/// What comes and goes by.
pub(super) struct Ways {
    pub(super) line: Line,
    pub(super) sockets: Vec<UdpSocket>,
}

impl Ways {
    pub(super) async fn open(
        line: &target::Line,
        bind: Option<IpAddr>,
        count: usize,
    ) -> anyhow::Result<Ways> {
        let (target::Line::WebSocket { url, .. } | target::Line::Post { url, .. }) = line;
        let mut sockets = Vec::new();
        for _ in 0..count {
            sockets.push(open_udp(url, bind).await?);
        }
        let line = Line::open(line).await?;
        Ok(Ways { line, sockets })
    }

    pub(super) fn locals(&self) -> anyhow::Result<Vec<SocketAddr>> {
        let locals = self.sockets.iter().map(|socket| Ok(socket.local_addr()?));
        locals.collect()
    }
}

/// Which socket has something.
pub(super) async fn readable(sockets: &[UdpSocket]) -> usize {
    poll_fn(|context| {
        let ready = |socket: &UdpSocket| socket.poll_recv_ready(context).is_ready();
        match sockets.iter().position(ready) {
            Some(socket) => Poll::Ready(socket),
            None => Poll::Pending,
        }
    })
    .await
}
