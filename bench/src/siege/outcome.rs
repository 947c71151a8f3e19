//! What a siege did, whether its promises hold, and how it is told. Pure.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

use crate::measure::histogram::Percentiles;

/// Resident memory may be higher afterwards by so much, in percent.
const FLAT_PERCENT: f64 = 2.0;

/// Longest that anybody goes without the picture or the voice of another. What no longer comes is
/// no lost packet: none comes after it.
const LONGEST_GAP_MS: u64 = 2_000;

/// Below this share of what was asked for, the run says that its generator was the limit.
const RATE_REACHED: f64 = 0.9;

/// Lines that the target's log may have: a burst of the few kinds that strangers and clients can
/// cause, and then a few of each for a second. The log itself holds every place in the program to
/// 100 at once and then one a second.
const MAX_LINES_AT_ONCE: u64 = 400;
const MAX_LINES_PER_SECOND: f64 = 4.0;

/// One part of a siege in figures. Its JSON form is what other tools read.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Part {
    pub(super) name: &'static str,
    pub(super) seconds: f64,
    /// Sent at the node and the relay, under a participant's address or a stranger's.
    pub(super) datagrams: u64,
    pub(super) datagrams_wanted: u64,
    pub(super) datagrams_per_second: f64,
    pub(super) datagrams_per_second_wanted: u64,
    pub(super) forged: u64,
    pub(super) strangers: u64,
    pub(super) by_kind: BTreeMap<&'static str, u64>,
    /// Messages of hostile participants and strangers.
    pub(super) messages: u64,
    pub(super) messages_wanted: u64,
    /// Messages, requests and WebSockets that were left when patience with the target ended.
    pub(super) not_taken: u64,
    /// HTTP answers by status; 0: none.
    pub(super) http: BTreeMap<u16, u64>,
    /// Silent WebSockets of one address: held open, and turned away.
    pub(super) loiterers: (usize, usize),
    /// What the honest received, and what never came.
    pub(super) packets: u64,
    pub(super) packets_lost: u64,
    /// Of what came to the honest ones' own sockets, what the kernel dropped there because nobody
    /// read in time. What is not sent again is among those lost.
    pub(super) packets_unread: u64,
    pub(super) packets_repaired: u64,
    pub(super) packets_repeated: u64,
    pub(super) broken_pictures: u64,
    pub(super) foreign_frames: u64,
    /// Longest time without the picture or the voice of an honest one, for another.
    pub(super) longest_gap_ms: u64,
    /// Sessions that ended, paths lost and sources muted among the honest, with why.
    pub(super) ended: Vec<String>,
    pub(super) joins_wanted: u32,
    pub(super) joined: u32,
    pub(super) join_ms: Percentiles,
    pub(super) join_failures: Vec<String>,
    pub(super) panics: u64,
    /// Resident memory in bytes: the whole, which is judged; of it what was allocated; and pages
    /// of files, which grow when a piece of the program runs for the first time.
    pub(super) resident_before: Option<u64>,
    pub(super) resident_after: Option<u64>,
    pub(super) resident_anon_before: Option<u64>,
    pub(super) resident_anon_after: Option<u64>,
    pub(super) resident_file_before: Option<u64>,
    pub(super) resident_file_after: Option<u64>,
    /// Whether memory is promised to be flat in this part.
    pub(super) flat: bool,
    pub(super) target_cores: Option<f64>,
    pub(super) bench_cores: Option<f64>,
    /// What the node refused while it lasted, by family and reason.
    pub(super) refused: BTreeMap<String, u64>,
    /// Lines in the node's log.
    pub(super) log_lines: Option<u64>,
}

impl Part {
    /// Growth of resident memory in percent.
    fn growth(&self) -> Option<f64> {
        Some(percent(self.resident_before?, self.resident_after?))
    }

    /// The promises that do not hold.
    pub(super) fn broken(&self) -> Vec<String> {
        let mut broken = Vec::new();
        let mut none = |count: u64, what: &str| {
            if count > 0 {
                broken.push(format!("{count} {what}"));
            }
        };
        none(self.packets_lost, "packets lost by others");
        none(self.broken_pictures, "pictures broken for others");
        none(
            self.foreign_frames,
            "frames that no honest participant made",
        );
        none(self.ended.len() as u64, "sessions harmed");
        none(self.panics, "panics");
        none(u64::from(self.joins_wanted - self.joined), "joins failed");
        none(
            u64::from(self.packets == 0),
            "room without a packet received",
        );
        none(
            self.http.get(&500).copied().unwrap_or(0),
            "HTTP answers 500",
        );
        none(self.not_taken, "messages and requests not taken in time");
        if self.longest_gap_ms > LONGEST_GAP_MS {
            broken.push(format!(
                "somebody's picture or voice away for {} ms",
                self.longest_gap_ms
            ));
        }
        if let Some(growth) = self.growth().filter(|_| self.flat)
            && growth > FLAT_PERCENT
        {
            broken.push(format!("memory grew by {growth:.2} %"));
        }
        let allowed = MAX_LINES_AT_ONCE + (self.seconds * MAX_LINES_PER_SECOND) as u64;
        if let Some(lines) = self.log_lines.filter(|&lines| lines > allowed) {
            broken.push(format!("{lines} lines in the log, {allowed} are allowed"));
        }
        broken
    }

    /// What to know before believing it.
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let wanted = self.datagrams_per_second_wanted as f64;
        if self.datagrams_per_second < wanted * RATE_REACHED {
            warnings.push(format!(
                "the generator was the limit: {:.0} of {wanted} datagrams/s",
                self.datagrams_per_second
            ));
        }
        if self.messages < self.messages_wanted {
            warnings.push(format!(
                "{} of {} messages were said",
                self.messages, self.messages_wanted
            ));
        }
        if self.packets_unread > 0 {
            warnings.push(format!(
                "{} datagrams came to the honest and were not read in time: this machine is too busy",
                self.packets_unread
            ));
        }
        if self.forged == 0 {
            warnings.push(
                "no datagram bore a participant's address: that takes CAP_NET_RAW".to_owned(),
            );
        }
        if self.resident_before.is_none() {
            warnings.push("memory was not read: the target is no process of this run".to_owned());
        }
        warnings
    }

    fn lines(&self) -> Vec<(&'static str, String)> {
        let mut lines = vec![
            ("part", format!("{}, {:.1} s", self.name, self.seconds)),
            (
                "datagrams",
                format!(
                    "{} of {} at {:.0}/s; {} under participants' addresses, the rest from {} strangers",
                    self.datagrams,
                    self.datagrams_wanted,
                    self.datagrams_per_second,
                    self.forged,
                    self.strangers
                ),
            ),
            (
                "messages",
                format!("{} of {}", self.messages, self.messages_wanted),
            ),
            ("http", list(&self.http)),
            (
                "one address",
                format!(
                    "{} silent WebSockets held, {} turned away",
                    self.loiterers.0, self.loiterers.1
                ),
            ),
        ];
        lines.extend(self.effects());
        lines.push(("refused", list(&self.refused)));
        lines
    }

    fn effects(&self) -> Vec<(&'static str, String)> {
        let mut lines = vec![
            (
                "others",
                format!(
                    "{} packets received, {} lost, {} repaired, {} repeated, longest gap {} ms",
                    self.packets,
                    self.packets_lost,
                    self.packets_repaired,
                    self.packets_repeated,
                    self.longest_gap_ms
                ),
            ),
            ("ended", format!("{} sessions", self.ended.len())),
            ("panics", self.panics.to_string()),
        ];
        if self.joins_wanted > 0 {
            let ms = self.join_ms;
            lines.push((
                "joins",
                format!(
                    "{} of {}; p50 {:.0}  p95 {:.0}  max {:.0} ms",
                    self.joined, self.joins_wanted, ms.p50, ms.p95, ms.max
                ),
            ));
        }
        lines.extend(self.memory());
        if let (Some(target), Some(bench)) = (self.target_cores, self.bench_cores) {
            lines.push((
                "cores",
                format!("{target:.2} by the target, {bench:.2} by the bench"),
            ));
        }
        if let Some(logged) = self.log_lines {
            lines.push(("log", format!("{logged} lines")));
        }
        lines
    }

    fn memory(&self) -> impl Iterator<Item = (&'static str, String)> {
        let mib = |bytes: u64| bytes as f64 / 1_048_576.0;
        let rows = [
            ("resident", self.resident_before, self.resident_after),
            (
                "of it own",
                self.resident_anon_before,
                self.resident_anon_after,
            ),
            (
                "of it files",
                self.resident_file_before,
                self.resident_file_after,
            ),
        ];
        rows.into_iter().filter_map(move |(name, before, after)| {
            let (before, after) = (before.filter(|&bytes| bytes > 0)?, after?);
            let growth = percent(before, after);
            let (was, is) = (mib(before), mib(after));
            Some((
                name,
                format!("{was:.1} MiB, then {is:.1} MiB ({growth:+.2} %)"),
            ))
        })
    }
}

fn percent(before: u64, after: u64) -> f64 {
    (after as f64 / before as f64 - 1.0) * 100.0
}

fn list<K: std::fmt::Display>(counts: &BTreeMap<K, u64>) -> String {
    let each: Vec<String> = counts
        .iter()
        .filter(|&(_, &count)| count > 0)
        .map(|(what, count)| format!("{what} {count}"))
        .collect();
    match each.is_empty() {
        true => "nothing".to_owned(),
        false => each.join(", "),
    }
}

/// A whole siege.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Outcome {
    pub(super) target: String,
    /// Whether another deployment was attacked than the one with the people.
    pub(super) control: bool,
    pub(super) witnesses: u32,
    pub(super) seed: u64,
    pub(super) parts: Vec<Part>,
    pub(super) warnings: Vec<String>,
    pub(super) broken_claims: Vec<String>,
}

impl Outcome {
    pub(super) fn of(target: String, witnesses: u32, seed: u64, parts: Vec<Part>) -> Self {
        let told = |tell: fn(&Part) -> Vec<String>| {
            parts
                .iter()
                .flat_map(|part| {
                    let name = part.name;
                    tell(part)
                        .into_iter()
                        .map(move |text| format!("{name}: {text}"))
                })
                .collect()
        };
        let mut warnings: Vec<String> = told(Part::warnings);
        if cfg!(debug_assertions) {
            warnings.push("a debug build: its figures say nothing about a release".to_owned());
        }
        Outcome {
            broken_claims: told(Part::broken),
            warnings,
            target,
            control: false,
            witnesses,
            seed,
            parts,
        }
    }

    /// One figure a line, then what to know about them, then the verdict.
    pub(super) fn render(&self) -> String {
        let mut text = String::new();
        let mut line = |name: &str, value: &str| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name:<14} {value}");
        };
        line("scenario", "siege");
        line("target", &self.target);
        if self.control {
            line("attacked", "another deployment: this is the control");
        }
        line(
            "room",
            &format!("{} honest participants, seed {}", self.witnesses, self.seed),
        );
        for part in &self.parts {
            for (name, value) in part.lines() {
                line(name, &value);
            }
            for why in part.ended.iter().chain(&part.join_failures).take(10) {
                line("harmed", why);
            }
        }
        for warning in &self.warnings {
            line("warning", warning);
        }
        for broken in &self.broken_claims {
            line("claim broken", broken);
        }
        if self.broken_claims.is_empty() {
            line("claim", "holds");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quiet() -> Part {
        Part {
            name: "flood",
            packets: 1_000,
            longest_gap_ms: 2_000,
            flat: true,
            forged: 1,
            resident_before: Some(100_000),
            resident_after: Some(101_000),
            log_lines: Some(400),
            ..Part::default()
        }
    }

    #[test]
    fn each_broken_promise_is_said_and_a_quiet_siege_holds() {
        assert_eq!(quiet().broken(), Vec::<String>::new());
        assert_eq!(quiet().warnings(), Vec::<String>::new());
        type Change = fn(&mut Part);
        let cases: [(Change, &str); 11] = [
            (|p| p.packets_lost = 1, "1 packets lost"),
            (|p| p.ended = vec!["x".to_owned()], "1 sessions"),
            (|p| p.panics = 2, "2 panics"),
            (|p| p.joins_wanted = 3, "3 joins failed"),
            (|p| p.packets = 0, "without a packet"),
            (
                |p| p.resident_after = Some(103_000),
                "memory grew by 3.00 %",
            ),
            (|p| p.log_lines = Some(401), "401 lines"),
            (|p| p.foreign_frames = 1, "1 frames"),
            (|p| p.not_taken = 7, "7 messages and requests"),
            (|p| p.longest_gap_ms = 2_001, "away for 2001 ms"),
            (|p| p.http = [(500, 4)].into(), "4 HTTP answers 500"),
        ];
        for (change, word) in cases {
            let mut part = quiet();
            change(&mut part);
            let outcome = Outcome::of("here".to_owned(), 4, 1, vec![part]);
            assert_eq!(outcome.broken_claims.len(), 1, "{word}");
            assert!(outcome.render().contains(word), "{}", outcome.render());
            assert!(!outcome.render().contains("claim          holds"));
        }
    }

    #[test]
    fn memory_is_told_apart_and_its_whole_is_judged() {
        let part = Part {
            resident_before: Some(100 << 20),
            resident_after: Some(103 << 20),
            resident_anon_before: Some(60 << 20),
            resident_anon_after: Some(60 << 20),
            resident_file_before: Some(40 << 20),
            resident_file_after: Some(43 << 20),
            ..quiet()
        };
        let outcome = Outcome::of("here".to_owned(), 4, 1, vec![part]);
        let table = outcome.render();
        for line in [
            "resident       100.0 MiB, then 103.0 MiB (+3.00 %)",
            "of it own      60.0 MiB, then 60.0 MiB (+0.00 %)",
            "of it files    40.0 MiB, then 43.0 MiB (+7.50 %)",
            "claim broken   flood: memory grew by 3.00 %",
        ] {
            assert!(table.contains(line), "{line}: {table}");
        }
    }

    #[test]
    fn a_generator_that_was_too_slow_is_said() {
        let slow = Part {
            datagrams_per_second: 10.0,
            datagrams_per_second_wanted: 20,
            messages_wanted: 5,
            ..quiet()
        };
        let warnings = slow.warnings().join("\n");
        assert!(warnings.contains("10 of 20 datagrams/s"), "{warnings}");
        assert!(warnings.contains("0 of 5 messages"), "{warnings}");
    }
}
