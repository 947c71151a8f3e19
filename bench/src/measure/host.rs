//! What processes of this machine cost, from `/proc` (proc(5)).

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Clock ticks a second in `/proc`: USER_HZ, part of Linux's stable interface.
const TICKS_PER_SECOND: u64 = 100;

/// What a process, or several together, used since they began. Fields that cannot be read are 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// User and system time.
    pub(crate) cpu: Duration,
    /// Of all threads: voluntary and not.
    pub(crate) context_switches: u64,
    /// Resident, now.
    pub(crate) memory_bytes: u64,
    /// Of it what is nobody else's: not the pages of its program, which come in as they are used.
    pub(crate) anonymous_bytes: u64,
    /// Datagrams that its sockets had no room for.
    pub(crate) socket_drops: u64,
}

/// What these processes used; none when one of them is gone.
pub(crate) fn usage(process_ids: &[u32]) -> Option<Usage> {
    let mut all = Usage::default();
    for id in process_ids {
        let of = process(*id);
        all.cpu += cpu_time(*id)?;
        all.context_switches += threads_switches(&of);
        all.memory_bytes += memory_bytes(*id);
        all.anonymous_bytes += status_bytes(*id, "RssAnon");
        all.socket_drops += drops(&of);
    }
    (!process_ids.is_empty()).then_some(all)
}

impl Usage {
    /// What was used since `before`; memory is what it is now.
    pub(crate) fn since(&self, before: &Usage) -> Usage {
        Usage {
            cpu: self.cpu.saturating_sub(before.cpu),
            context_switches: self
                .context_switches
                .saturating_sub(before.context_switches),
            memory_bytes: self.memory_bytes,
            anonymous_bytes: self.anonymous_bytes,
            socket_drops: self.socket_drops.saturating_sub(before.socket_drops),
        }
    }
}

/// User and system time that a process has used; none when it cannot be read.
pub(crate) fn cpu_time(process_id: u32) -> Option<Duration> {
    parse_cpu(&fs::read_to_string(format!("/proc/{process_id}/stat")).ok()?)
}

/// Time that all cores together were busy since the machine began.
pub(crate) fn machine_busy() -> Option<Duration> {
    parse_busy(&fs::read_to_string("/proc/stat").ok()?)
}

/// Fields 14 and 15. The second field is a name in brackets that may hold anything.
fn parse_cpu(stat: &str) -> Option<Duration> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(ticks(user + system))
}

/// The first line: user, nice, system, idle, iowait, irq, softirq, steal.
fn parse_busy(stat: &str) -> Option<Duration> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let fields: Vec<u64> = line
        .split_ascii_whitespace()
        .take(8)
        .map(|field| field.parse().ok())
        .collect::<Option<_>>()?;
    let all: u64 = fields.iter().sum();
    let idle = fields.get(3)? + fields.get(4)?;
    Some(ticks(all - idle))
}

fn ticks(count: u64) -> Duration {
    Duration::from_millis(count * 1_000 / TICKS_PER_SECOND)
}

/// A field of `status`, such as `VmRSS:     1234 kB`.
pub(crate) fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let value = line.strip_prefix(':')?.split_ascii_whitespace().next()?;
    value.parse().ok()
}

/// Resident memory of a process; 0 when it cannot be read.
pub(crate) fn memory_bytes(process_id: u32) -> u64 {
    status_bytes(process_id, "VmRSS")
}

fn status_bytes(process_id: u32, name: &str) -> u64 {
    let status = fs::read_to_string(process(process_id).join("status")).unwrap_or_default();
    field(&status, name).unwrap_or(0) * 1024
}

fn process(id: u32) -> PathBuf {
    Path::new("/proc").join(id.to_string())
}

fn threads_switches(process: &Path) -> u64 {
    let threads = fs::read_dir(process.join("task")).into_iter().flatten();
    let statuses = threads
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.path().join("status")).ok());
    statuses
        .map(|status| {
            let voluntary = field(&status, "voluntary_ctxt_switches").unwrap_or(0);
            voluntary + field(&status, "nonvoluntary_ctxt_switches").unwrap_or(0)
        })
        .sum()
}

/// Of the process's UDP sockets, in its own network namespace.
fn drops(process: &Path) -> u64 {
    let links = fs::read_dir(process.join("fd")).into_iter().flatten();
    let sockets: BTreeSet<u64> = links
        .flatten()
        .filter_map(|link| fs::read_link(link.path()).ok())
        .filter_map(|link| inode(link.to_str()?))
        .collect();
    let tables = ["net/udp", "net/udp6"].map(|table| process.join(table));
    let read = tables.map(|table| fs::read_to_string(table).unwrap_or_default());
    let lines = read.iter().flat_map(|table| table.lines());
    lines
        .filter_map(parse_udp)
        .filter(|(inode, _)| sockets.contains(inode))
        .map(|(_, drops)| drops)
        .sum()
}

/// `socket:[12345]`.
fn inode(link: &str) -> Option<u64> {
    link.strip_prefix("socket:[")?
        .strip_suffix(']')?
        .parse()
        .ok()
}

/// Inode and drops: fields 10 and 13.
fn parse_udp(line: &str) -> Option<(u64, u64)> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    Some((fields.get(9)?.parse().ok()?, fields.get(12)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_are_found_behind_a_hostile_name() {
        let stat = "7 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 4 0 100";
        assert_eq!(parse_cpu(stat), Some(Duration::from_secs(3)));
        assert_eq!(parse_cpu("7 (a"), None);
        assert_eq!(parse_cpu("7 (a) S 1"), None);
    }

    #[test]
    fn what_the_kernel_writes_is_read() {
        let stat = "cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 1 2 3 4\n";
        assert_eq!(parse_busy(stat), Some(Duration::from_secs(2)));
        assert_eq!(field("Name:\tx\nVmRSS:\t  12 kB\n", "VmRSS"), Some(12));
        assert_eq!(inode("socket:[77]"), Some(77));
        assert_eq!(inode("/dev/null"), None);
        let line = " 1: 0100007F:1F90 00000000:0000 07 00000000:00000000 00:00000000 00000000 0 0 4242 2 0000 17";
        assert_eq!(parse_udp(line), Some((4_242, 17)));
        assert_eq!(parse_udp("sl local_address"), None);
    }

    #[test]
    fn this_process_uses_something_and_one_that_is_gone_nothing() {
        let used = usage(&[std::process::id()]).expect("it runs");
        assert!(used.memory_bytes > used.anonymous_bytes && used.context_switches > 0);
        assert!(used.anonymous_bytes > 0);
        assert_eq!(usage(&[u32::MAX]), None);
        assert_eq!(usage(&[]), None);
        assert!(machine_busy() > Some(Duration::ZERO));
    }
}
