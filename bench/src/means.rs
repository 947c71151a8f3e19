//! What a run needs of this machine before it begins: open files, and ports.

use std::fs;

use anyhow::Context;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Files that this process has open besides: its own, those that count system calls, answers of a
/// target's API.
const OTHER_FILES: usize = 384;

/// Raises the limit as far as this user may. Whatever is started afterwards has the same.
///
/// # Errors
/// When so many files for this are more than this user may have.
pub(crate) fn enough_files(what: &str, files: usize) -> anyhow::Result<()> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).context("the limit of open files")?;
    let wanted = (files + OTHER_FILES) as u64;
    anyhow::ensure!(
        wanted <= hard,
        "{what} need {wanted} open files, and this user may have {hard} (ulimit -n)"
    );
    if soft < hard {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard).context("the limit of open files")?;
    }
    Ok(())
}

/// Sees to it that each can have its sockets. Nothing is refused where the kernel does not tell.
///
/// # Errors
/// When so many ports of one protocol are more than there are for whoever names none.
pub(crate) fn enough_ports(what: &str, ports: usize) -> anyhow::Result<()> {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let there = ports_in(&range).unwrap_or(ports);
    anyhow::ensure!(
        ports <= there,
        "{what} need {ports} ports, and this machine has {there} for them \
         (net.ipv4.ip_local_port_range)"
    );
    Ok(())
}

/// How many ports there are from the first to the last of `32768 60999`.
fn ports_in(range: &str) -> Option<usize> {
    let mut ends = range.split_ascii_whitespace().map(str::parse::<usize>);
    let (first, last) = (ends.next()?.ok()?, ends.next()?.ok()?);
    Some((last + 1).saturating_sub(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_counted_from_the_first_to_the_last_and_too_few_are_said_in_a_line() {
        for (range, ports) in [
            ("32768\t60999\n", Some(28_232)),
            ("7 7", Some(1)),
            ("8 7", Some(0)),
            ("", None),
        ] {
            assert_eq!(ports_in(range), ports, "{range:?}");
        }
        enough_ports("two people", 2).expect("any machine has two");
        let problem = enough_ports("all people", 70_000).expect_err("there are fewer");
        let said = problem.to_string();
        assert!(said.starts_with("all people need 70000 ports"), "{said}");
    }

    #[test]
    fn what_needs_more_files_than_there_may_be_is_refused_in_a_line_and_the_rest_is_granted() {
        enough_files("two people", 2).expect("any user may open some hundred files");
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
        assert_eq!(soft, hard);
        let too_many = usize::try_from(hard)
            .unwrap_or(usize::MAX)
            .saturating_sub(1);
        let problem =
            enough_files("all people", too_many.min(usize::MAX / 2)).expect_err("too many");
        let said = problem.to_string();
        assert!(said.starts_with("all people need "), "{said}");
        assert!(said.contains("ulimit -n") && !said.contains('\n'), "{said}");
    }
}
