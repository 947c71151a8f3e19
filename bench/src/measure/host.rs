//! The CPU time of a process on this machine, from `/proc` (proc(5)).

use std::fs;
use std::time::Duration;

/// Clock ticks a second in `/proc`: USER_HZ, part of Linux's stable interface.
const TICKS_PER_SECOND: u64 = 100;

/// User and system time that a process has used; none when it cannot be read.
pub(crate) fn cpu_time(process_id: u32) -> Option<Duration> {
    parse(&fs::read_to_string(format!("/proc/{process_id}/stat")).ok()?)
}

/// Fields 14 and 15. The second field is a name in brackets that may hold anything.
fn parse(stat: &str) -> Option<Duration> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(Duration::from_millis(
        (user + system) * 1000 / TICKS_PER_SECOND,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_are_found_behind_a_hostile_name() {
        let stat = "7 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 4 0 100";
        assert_eq!(parse(stat), Some(Duration::from_secs(3)));
        assert_eq!(parse("7 (a"), None);
        assert_eq!(parse("7 (a) S 1"), None);
    }

    #[test]
    fn this_process_has_a_time() {
        assert!(cpu_time(std::process::id()).is_some());
        assert_eq!(cpu_time(u32::MAX), None);
    }
}
