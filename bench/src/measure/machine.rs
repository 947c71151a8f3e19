//! On which machine a figure was seen, from `/proc` (proc(5)).

use std::{fs, thread};

use serde::{Deserialize, Serialize};

/// What a reader has to know of a machine to judge a figure.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// As the processor calls itself.
    pub(crate) cpu_model: String,
    /// Those that this program may use.
    pub(crate) cores: usize,
    pub(crate) kernel: String,
    pub(crate) memory_bytes: u64,
}

impl Machine {
    /// This one. What cannot be read is unknown, or 0.
    pub(crate) fn here() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let kernel = read("/proc/sys/kernel/osrelease");
        Machine {
            cpu_model: cpu_model(&read("/proc/cpuinfo")),
            cores: thread::available_parallelism().map_or(1, std::num::NonZero::get),
            kernel: match kernel.trim() {
                "" => "an unknown kernel".to_owned(),
                release => format!("Linux {release}"),
            },
            memory_bytes: memory_bytes(&read("/proc/meminfo")),
        }
    }

    /// In words: each name, and what it is.
    pub(crate) fn facts(&self) -> Vec<(&'static str, String)> {
        let memory_gb = self.memory_bytes as f64 / 1e9;
        vec![
            ("processor", self.cpu_model.clone()),
            ("cores", self.cores.to_string()),
            ("memory", format!("{memory_gb:.1} GB")),
            ("kernel", self.kernel.clone()),
        ]
    }
}

/// The first processor's name. Processors that tell none are called by their architecture.
fn cpu_model(cpuinfo: &str) -> String {
    let line = cpuinfo.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == "model name").then(|| value.trim().to_owned())
    });
    line.unwrap_or_else(|| format!("{} processor", std::env::consts::ARCH))
}

/// `MemTotal:       16316412 kB`.
fn memory_bytes(meminfo: &str) -> u64 {
    let line = meminfo.lines().find_map(|l| l.strip_prefix("MemTotal:"));
    let kib = line.and_then(|value| value.split_ascii_whitespace().next());
    kib.and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_writes_of_a_machine_is_read_and_what_it_does_not_is_no_fault() {
        let cpuinfo = "processor\t: 0\nmodel name\t: Some CPU @ 2.0GHz: fast\n\nprocessor\t: 1\n";
        assert_eq!(cpu_model(cpuinfo), "Some CPU @ 2.0GHz: fast");
        assert!(cpu_model("").ends_with("processor"));
        assert_eq!(memory_bytes("MemTotal:   2 kB\nMemFree: 1 kB\n"), 2_048);
        assert_eq!(memory_bytes(""), 0);
        let here = Machine::here();
        assert!(here.cores > 0 && here.memory_bytes > 0, "{here:?}");
    }
}
