//! How many system calls processes of this machine make, where the kernel tells
//! (perf_event_open(2)): it counts how often a tracepoint is passed, and nothing is recorded.
//!
//! A call that is counted takes some 30 ns longer; a datagram that is sent alone takes
//! microseconds.

use std::fs;
use std::io::{self, ErrorKind};

use nix::errno::Errno;
use perf_event::events::Tracepoint;
use perf_event::{Builder, Counter};

/// Where the kernel numbers the tracepoint at which every system call begins.
const NUMBERED_IN: [&str; 2] = [
    "/sys/kernel/tracing/events/raw_syscalls/sys_enter/id",
    "/sys/kernel/debug/tracing/events/raw_syscalls/sys_enter/id",
];

/// Threads that are counted, each with an open file of its own.
const MAX_THREADS: usize = 256;

/// Counts while it is there.
pub(crate) struct SystemCalls(Vec<Counter>);

impl SystemCalls {
    /// Begins to count those of every thread of these processes, and of every thread that one of
    /// them makes from now on.
    ///
    /// # Errors
    /// In words, when the kernel does not tell.
    pub(crate) fn begin(process_ids: &[u32]) -> Result<Self, String> {
        let tracepoint = Tracepoint::with_id(tracepoint_id()?);
        let threads: Vec<i32> = process_ids.iter().flat_map(|id| threads(*id)).collect();
        if threads.len() > MAX_THREADS {
            let count = threads.len();
            return Err(format!(
                "of {count} threads; it is asked about {MAX_THREADS}"
            ));
        }
        let opened = threads.into_iter().map(|thread| count(tracepoint, thread));
        // One that has just ended makes no more calls.
        let opened = opened.filter(|one| {
            let fault = one.as_ref().err().and_then(io::Error::raw_os_error);
            fault != Some(Errno::ESRCH as i32)
        });
        let counters = opened.collect::<io::Result<_>>();
        counters.map(SystemCalls).map_err(|fault| refusal(&fault))
    }

    /// How many were made until now, by threads that have ended as well.
    pub(crate) fn made(&mut self) -> Result<u64, String> {
        let counts = self.0.iter_mut().map(Counter::read);
        counts.sum::<io::Result<u64>>().map_err(|f| refusal(&f))
    }
}

/// The tracepoint is in the kernel, so its counter has to look there.
fn count(tracepoint: Tracepoint, thread: i32) -> io::Result<Counter> {
    Builder::new(tracepoint)
        .observe_pid(thread)
        .any_cpu()
        .include_kernel()
        .inherit(true)
        .enabled(true)
        .build()
}

fn tracepoint_id() -> Result<u64, String> {
    let mut refused = false;
    for path in NUMBERED_IN {
        match fs::read_to_string(path) {
            Ok(text) => {
                let id = text.trim().parse();
                return id.map_err(|fault| format!("{path} holds no number: {fault}"));
            }
            Err(fault) => refused |= fault.kind() == ErrorKind::PermissionDenied,
        }
    }
    Err(match refused {
        true => "only root may read /sys/kernel/tracing".to_owned(),
        false => {
            "no raw_syscalls in /sys/kernel/tracing (mount -t tracefs tracefs there)".to_owned()
        }
    })
}

/// The ids of a process's threads; none when it is gone.
fn threads(process_id: u32) -> Vec<i32> {
    let tasks = fs::read_dir(format!("/proc/{process_id}/task"));
    let names = tasks.into_iter().flatten().flatten();
    let ids = names.filter_map(|task| task.file_name().to_str()?.parse().ok());
    ids.collect()
}

fn refusal(fault: &io::Error) -> String {
    match fault.kind() {
        ErrorKind::PermissionDenied => "counting needs root, or CAP_PERFMON".to_owned(),
        _ => fault.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_of_a_thread_that_is_made_later_is_counted_or_it_is_said_why_none_is() {
        const CALLS: u64 = 10_000;
        let mut calls = match SystemCalls::begin(&[std::process::id()]) {
            Ok(calls) => calls,
            Err(why) => {
                println!("figure: the kernel does not tell: {why}");
                assert!(!why.is_empty() && !why.contains('\n'), "{why}");
                return;
            }
        };
        let before = calls.made().expect("it counts");
        let caller = std::thread::spawn(|| {
            for _ in 0..CALLS {
                nix::unistd::getppid();
            }
        });
        caller.join().expect("it only asks");
        let made = calls.made().expect("it counts") - before;
        println!("figure: {made} calls");
        assert!(made >= CALLS, "{made}");
    }

    #[test]
    fn nobody_makes_no_calls_and_whoever_may_not_count_is_told_what_is_missing() {
        if let Ok(mut calls) = SystemCalls::begin(&[u32::MAX]) {
            assert_eq!(calls.made(), Ok(0));
        }
        let refused = refusal(&io::Error::from(ErrorKind::PermissionDenied));
        assert!(refused.contains("CAP_PERFMON"), "{refused}");
        let other = refusal(&io::Error::other("too many open files"));
        assert_eq!(other, "too many open files");
    }
}
