//! How many datagrams the kernel dropped because a socket's receive buffer was full: the column
//! `drops` of `/proc/net/udp`. The socket's own option for it (SO_RXQ_OVFL, socket(7)) speaks
//! with each datagram, and only while there are some.

use std::fs;
use std::net::UdpSocket;

use nix::sys::stat::fstat;

/// Where to look for one socket.
#[derive(Debug)]
pub(crate) struct Overflow {
    table: &'static str,
    inode: Option<u64>,
}

impl Overflow {
    pub(crate) fn of(socket: &UdpSocket) -> Self {
        let is_v6 = socket.local_addr().is_ok_and(|local| local.is_ipv6());
        Overflow {
            table: match is_v6 {
                true => "/proc/net/udp6",
                false => "/proc/net/udp",
            },
            inode: fstat(socket).ok().map(|socket| socket.st_ino),
        }
    }

    /// Drops since the socket was opened; none where the kernel does not tell.
    pub(crate) fn look(&self) -> Option<u64> {
        let inode = self.inode?;
        parse(&fs::read_to_string(self.table).ok()?, inode)
    }
}

/// Column 10 is the inode, the last one the drops.
fn parse(table: &str, inode: u64) -> Option<u64> {
    table.lines().skip(1).find_map(|line| {
        let mut columns = line.split_ascii_whitespace().skip(9);
        let found = columns.next()?.parse::<u64>().ok()? == inode;
        found.then(|| columns.last()?.parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drops_are_those_of_the_socket() {
        let table = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when \
                     retrnsmt   uid  timeout inode ref pointer drops\n\
                      415: 0100007F:1ECA 00000000:0000 07 00000000:00000000 00:00000000 \
                     00000000     0        0 71234 2 0000000000000000 17\n\
                      416: 0100007F:1ECB 00000000:0000 07 00000000:00000000 00:00000000 \
                     00000000     0        0 71235 2 0000000000000000 0\n";
        assert_eq!(parse(table, 71234), Some(17));
        assert_eq!(parse(table, 71235), Some(0));
        assert_eq!(parse(table, 7), None);
        assert_eq!(parse("", 7), None);
    }
}
