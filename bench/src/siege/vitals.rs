//! How the besieged process is: memory, its own figures, what it wrote.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tokio::time::sleep;

use crate::measure::host;

/// How often memory is read for one figure; the middle one counts.
const READINGS: usize = 7;

/// Between two readings.
const READ_EVERY: Duration = Duration::from_millis(200);

/// Resident memory of a process (proc(5)), in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Resident {
    /// All of it: `VmRSS`.
    pub(super) bytes: u64,
    /// What it allocated or changed: `RssAnon`. None from kernels that do not say.
    pub(super) anon_bytes: Option<u64>,
    /// Pages of files, the program itself above all, which are read in when they are first used:
    /// `RssFile`. None from kernels that do not say.
    pub(super) file_bytes: Option<u64>,
}

impl Resident {
    /// Of a process on this machine: of seven readings over 1.2 s the one whose whole is the
    /// middle. None when it cannot be read.
    pub(super) async fn of(process_id: u32) -> Option<Self> {
        let mut readings = Vec::new();
        for _ in 0..READINGS {
            let status = fs::read_to_string(format!("/proc/{process_id}/status")).ok()?;
            readings.push(Self::parse(&status)?);
            sleep(READ_EVERY).await;
        }
        readings.sort_unstable();
        Some(readings[READINGS / 2])
    }

    fn parse(status: &str) -> Option<Self> {
        let bytes = |name: &str| Some(host::field(status, name)? * 1024);
        Some(Resident {
            bytes: bytes("VmRSS")?,
            anon_bytes: bytes("RssAnon"),
            file_bytes: bytes("RssFile"),
        })
    }
}

/// Datagrams that the kernel dropped in front of those of this machine's sockets that are bound
/// to `locals`, for want of room: the last column of `/proc/net/udp`. None of IPv6.
pub(super) fn overflowed(locals: &[SocketAddr]) -> u64 {
    let table = fs::read_to_string("/proc/net/udp").unwrap_or_default();
    parse_overflowed(&table, locals)
}

fn parse_overflowed(table: &str, locals: &[SocketAddr]) -> u64 {
    let lines = table.lines().skip(1).filter_map(|line| {
        let mut columns = line.split_ascii_whitespace().skip(1);
        let (address, port) = columns.next()?.split_once(':')?;
        let address = u32::from_str_radix(address, 16).ok()?;
        let port = u16::from_str_radix(port, 16).ok()?;
        // As it lies in this machine's memory.
        let local = SocketAddr::from((address.to_ne_bytes(), port));
        locals.contains(&local).then_some(())?;
        columns.last()?.parse::<u64>().ok()
    });
    lines.sum()
}

/// Lines that a process has written to a file.
pub(super) fn lines(file: &Path) -> u64 {
    fs::read(file).map_or(0, |bytes| {
        bytes.iter().filter(|&&byte| byte == b'\n').count() as u64
    })
}

/// A page of figures in Prometheus' text format, by series.
#[derive(Debug, Clone, Default)]
pub(super) struct Figures(BTreeMap<String, f64>);

impl Figures {
    pub(super) fn read(page: &str) -> Self {
        let series = page.lines().filter(|line| !line.starts_with('#'));
        Figures(
            series
                .filter_map(|line| line.rsplit_once(' '))
                .filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?)))
                .collect(),
        )
    }

    /// The sum over all series of a family.
    pub(super) fn sum(&self, family: &str) -> f64 {
        self.of(family).map(|(_, value)| value).sum()
    }

    /// The family by the value of one label.
    pub(super) fn by(&self, family: &str, label: &str) -> BTreeMap<String, f64> {
        let mut by = BTreeMap::new();
        let wanted = format!("{label}=\"");
        for (series, value) in self.of(family) {
            let Some((_, rest)) = series.split_once(&wanted) else {
                continue;
            };
            let named = rest.split('"').next().unwrap_or_default();
            *by.entry(named.to_owned()).or_default() += value;
        }
        by
    }

    fn of<'a>(&'a self, family: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
        self.0.iter().filter_map(move |(series, value)| {
            let rest = series.strip_prefix(family)?;
            (rest.is_empty() || rest.starts_with('{')).then_some((series.as_str(), *value))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_summed_and_split_and_not_taken_for_one_with_a_longer_name() {
        let figures = Figures::read(
            "# TYPE a counter\na{reason=\"x\",shard=\"0\"} 2\na{reason=\"y\",shard=\"0\"} 3\n\
             a{reason=\"x\",shard=\"1\"} 4\na_b 9\nplain 1.5\n",
        );
        assert_eq!(figures.sum("a"), 9.0);
        assert_eq!(figures.sum("plain"), 1.5);
        assert_eq!(figures.sum("nothing"), 0.0);
        let by = figures.by("a", "reason");
        assert_eq!(
            by,
            BTreeMap::from([("x".to_owned(), 6.0), ("y".to_owned(), 3.0)])
        );
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn only_what_was_dropped_in_front_of_the_named_sockets_counts() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr drops\n\
                     415: 0100007F:1ECA 00000000:0000 07 00000000:00000000 00:00000000 17\n\
                     416: 0100007F:1ECB 00000000:0000 07 00000000:00000000 00:00000000 4\n";
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        assert_eq!(parse_overflowed(table, &[at(0x1eca)]), 17);
        assert_eq!(parse_overflowed(table, &[at(0x1eca), at(0x1ecb)]), 21);
        assert_eq!(parse_overflowed(table, &[at(7)]), 0);
        assert_eq!(parse_overflowed("", &[at(0x1eca)]), 0);
    }

    #[tokio::test]
    async fn this_process_has_resident_memory_and_nobody_has_none() {
        let own = Resident::of(std::process::id())
            .await
            .expect("this process");
        assert!(own.bytes > 1024, "{own:?}");
        assert_eq!(Resident::of(u32::MAX).await, None);
    }

    #[test]
    fn resident_memory_is_told_apart_where_the_kernel_does() {
        let resident = |bytes, anon_bytes, file_bytes| {
            Some(Resident {
                bytes,
                anon_bytes,
                file_bytes,
            })
        };
        let whole = "VmRSS:\t  12 kB\n";
        let cases = [
            ("", None),
            ("RssAnon:\t 7 kB\n", None),
            (whole, resident(12 * 1024, None, None)),
            (
                "VmRSS:\t 12 kB\nRssAnon:\t  7 kB\nRssFile:\t  5 kB\nRssShmem:\t  0 kB\n",
                resident(12 * 1024, Some(7 * 1024), Some(5 * 1024)),
            ),
        ];
        for (status, wanted) in cases {
            assert_eq!(Resident::parse(status), wanted, "{status}");
        }
    }
}
