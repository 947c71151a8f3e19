//! What the others noticed in each phase, whether that is what was promised, and how it is told.
//! Pure.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::{Serialize, Serializer};

use super::through::Through;
use crate::measure::freeze::Freezes;
use crate::measure::histogram::Histogram;

/// Of the 99th percentile under an attack to that of its control, at most.
const P99_RATIO: f64 = 1.10;

/// Longest that anybody goes without the picture or the voice of another.
const LONGEST_GAP_MS: u64 = 2_000;

/// Whom an attack went to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum At {
    /// There was none.
    Nobody,
    /// Another server on this machine.
    Another,
    /// The server that is measured.
    This,
}

/// One attack at one server, over all its turns.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Phase {
    pub(super) attack: &'static str,
    pub(super) at: At,
    pub(super) seconds: f64,
    /// From due at its source until whole, of pictures and voices of the honest.
    #[serde(serialize_with = "percentiles")]
    pub(super) latency: Histogram,
    /// How long packets were inside the server, in milliseconds: p50 and p99.
    #[serde(rename = "through_ms")]
    pub(super) through: Through,
    /// What the honest received of each other, and what never came.
    pub(super) packets: u64,
    pub(super) lost: u64,
    pub(super) repaired: u64,
    pub(super) freezes: Freezes,
    pub(super) longest_gap_ms: u64,
    /// Pictures without those that they refer to, and frames that nobody honest made.
    pub(super) broken_pictures: u64,
    /// Sessions that ended, paths lost and sources muted, with why.
    pub(super) ended: Vec<String>,
    pub(super) panics: u64,
    pub(super) sent: BTreeMap<&'static str, u64>,
    /// What the measured server refused, by family and reason.
    pub(super) refused: BTreeMap<String, u64>,
    pub(super) target_cores: f64,
    pub(super) bench_cores: f64,
}

fn percentiles<S: Serializer>(latency: &Histogram, to: S) -> Result<S::Ok, S::Error> {
    latency.percentiles().serialize(to)
}

impl Phase {
    /// Whether another turn is of the same.
    pub(super) fn is_of(&self, other: &Phase) -> bool {
        (self.attack, self.at) == (other.attack, other.at)
    }

    /// Takes another turn in.
    pub(super) fn add(&mut self, turn: Phase) {
        let before = self.seconds;
        self.seconds += turn.seconds;
        let mean = |mine: f64, theirs: f64| {
            (mine * before + theirs * turn.seconds) / (before + turn.seconds)
        };
        self.target_cores = mean(self.target_cores, turn.target_cores);
        self.bench_cores = mean(self.bench_cores, turn.bench_cores);
        self.latency.merge(&turn.latency);
        self.through.add(turn.through);
        self.packets += turn.packets;
        self.lost += turn.lost;
        self.repaired += turn.repaired;
        self.freezes.add(&turn.freezes);
        self.longest_gap_ms = self.longest_gap_ms.max(turn.longest_gap_ms);
        self.broken_pictures += turn.broken_pictures;
        self.ended.extend(turn.ended);
        self.panics += turn.panics;
        for (what, count) in turn.sent {
            *self.sent.entry(what).or_default() += count;
        }
        for (why, count) in turn.refused {
            *self.refused.entry(why).or_default() += count;
        }
    }

    fn p99(&self) -> f64 {
        self.latency.percentiles().p99
    }

    /// The promises that do not hold, beside the same attack at another server.
    fn broken(&self, control: Option<&Phase>) -> Vec<String> {
        let mut broken = Vec::new();
        let mut none = |count: u64, what: &str| {
            if count > 0 {
                broken.push(format!("{}: {count} {what}", self.attack));
            }
        };
        none(self.lost, "packets lost by others");
        none(self.broken_pictures, "pictures broken for others");
        none(self.ended.len() as u64, "sessions harmed");
        none(self.panics, "panics");
        none(u64::from(self.packets == 0), "room without a packet");
        if self.longest_gap_ms > LONGEST_GAP_MS {
            let gap = self.longest_gap_ms;
            broken.push(format!(
                "{}: a voice or picture away for {gap} ms",
                self.attack
            ));
        }
        if let Some(ratio) = control.map(|control| self.p99() / control.p99())
            && ratio > P99_RATIO
        {
            broken.push(format!(
                "{}: p99 is {ratio:.2} of the control's",
                self.attack
            ));
        }
        broken
    }
}

/// All of it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Verdict {
    witnesses: u32,
    seed: u64,
    phases: Vec<Phase>,
    pub(super) warnings: Vec<String>,
    pub(super) broken_claims: Vec<String>,
}

impl Verdict {
    pub(super) fn of(witnesses: u32, seed: u64, phases: Vec<Phase>) -> Self {
        let attacked = phases.iter().filter(|phase| phase.at == At::This);
        let broken = attacked.flat_map(|phase| phase.broken(control_of(phase, &phases)));
        let controls = phases.iter().filter(|phase| phase.at != At::This);
        let mut warnings: Vec<String> = controls
            .filter(|phase| phase.lost > 0)
            .map(|phase| {
                let (attack, lost) = (phase.attack, phase.lost);
                format!("{attack}: {lost} packets were lost though nobody attacked this server: this machine is too busy")
            })
            .collect();
        if cfg!(debug_assertions) {
            warnings.push("a debug build: its figures say nothing about a release".to_owned());
        }
        Verdict {
            broken_claims: broken.collect(),
            witnesses,
            seed,
            warnings,
            phases,
        }
    }

    fn row(&self, phase: &Phase) -> String {
        let ms = phase.latency.percentiles();
        let ratio = control_of(phase, &self.phases).filter(|_| phase.at == At::This);
        let ratio = ratio.map_or_else(String::new, |control| {
            format!("{:.2}", phase.p99() / control.p99())
        });
        let at = match phase.at {
            At::Nobody => "nobody",
            At::Another => "another",
            At::This => "this",
        };
        let sent: Vec<String> = phase
            .sent
            .iter()
            .map(|(what, n)| format!("{what} {n}"))
            .collect();
        format!(
            "{:<10} {at:<8} {:>7.2} {:>7.2} {ratio:>6} {:>6.2} {:>6.2} {:>8} {:>5} {:>7} {:>5} {:>6.2} {:>6.2}  {}",
            phase.attack,
            ms.p50,
            ms.p99,
            phase.through.quantile_ms(0.5),
            phase.through.quantile_ms(0.99),
            phase.packets,
            phase.lost,
            phase.freezes.count,
            phase.ended.len(),
            phase.target_cores,
            phase.bench_cores,
            sent.join(", ")
        )
    }

    /// A line for each phase, what to know about them, then the verdict.
    pub(super) fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "siege by an insider: {} honest participants, seed {}\n\
             {:<10} {:<8} {:>7} {:>7} {:>6} {:>6} {:>6} {:>8} {:>5} {:>7} {:>5} {:>6} {:>6}  sent",
            self.witnesses,
            self.seed,
            "attack",
            "at",
            "p50 ms",
            "p99 ms",
            "ratio",
            "in p50",
            "in p99",
            "packets",
            "lost",
            "freezes",
            "ended",
            "target",
            "bench"
        );
        for phase in &self.phases {
            let _ = writeln!(text, "{}", self.row(phase));
        }
        for phase in self.phases.iter().filter(|phase| phase.at == At::This) {
            let why: Vec<String> = phase
                .refused
                .iter()
                .map(|(why, n)| format!("{why} {n}"))
                .collect();
            let _ = writeln!(text, "refused        {}: {}", phase.attack, why.join(", "));
        }
        let harmed = self.phases.iter().flat_map(|phase| &phase.ended).take(10);
        let told = harmed.map(|why| ("harmed", why));
        let told = told.chain(self.warnings.iter().map(|why| ("warning", why)));
        let told = told.chain(self.broken_claims.iter().map(|why| ("claim broken", why)));
        for (name, why) in told {
            let _ = writeln!(text, "{name:<14} {why}");
        }
        if self.broken_claims.is_empty() {
            let _ = writeln!(text, "{:<14} holds", "claim");
        }
        text
    }
}

/// The same attack at another server.
fn control_of<'a>(phase: &Phase, phases: &'a [Phase]) -> Option<&'a Phase> {
    let mut controls = phases.iter().filter(|other| other.at == At::Another);
    controls.find(|other| other.attack == phase.attack)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn phase(at: At, p99_ms: u64) -> Phase {
        let mut latency = Histogram::default();
        for _ in 0..100 {
            latency.record(Duration::from_millis(p99_ms));
        }
        Phase {
            attack: "rtcp",
            at,
            seconds: 4.0,
            latency,
            through: Through::default(),
            packets: 1_000,
            lost: 0,
            repaired: 0,
            freezes: Freezes::default(),
            longest_gap_ms: 100,
            broken_pictures: 0,
            ended: Vec::new(),
            panics: 0,
            sent: BTreeMap::from([("rtcp", 40_000)]),
            refused: BTreeMap::new(),
            target_cores: 0.5,
            bench_cores: 0.5,
        }
    }

    #[test]
    fn each_broken_promise_is_said_and_a_quiet_siege_holds() {
        type Change = fn(&mut Phase);
        let broken = |change: Change| {
            let mut attacked = phase(At::This, 10);
            change(&mut attacked);
            Verdict::of(4, 1, vec![phase(At::Another, 10), attacked])
        };
        let held = broken(|_| {});
        assert_eq!(held.broken_claims, Vec::<String>::new());
        assert!(held.render().contains("claim          holds"));
        let slower: Change = |it| *it = phase(At::This, 12);
        let cases: [(Change, &str); 6] = [
            (|it| it.lost = 3, "3 packets lost"),
            (|it| it.ended = vec!["x".to_owned()], "1 sessions"),
            (|it| it.panics = 1, "1 panics"),
            (|it| it.broken_pictures = 2, "2 pictures"),
            (|it| it.longest_gap_ms = 2_001, "away for 2001 ms"),
            (slower, "of the control's"),
        ];
        for (change, word) in cases {
            let verdict = broken(change);
            assert_eq!(verdict.broken_claims.len(), 1, "{word}");
            assert!(verdict.render().contains(word), "{}", verdict.render());
        }
    }

    #[test]
    fn turns_of_one_attack_are_added_and_those_of_another_are_told_apart() {
        let mut first = phase(At::This, 10);
        assert!(!first.is_of(&phase(At::Another, 10)));
        let mut second = phase(At::This, 30);
        (second.seconds, second.target_cores, second.lost) = (12.0, 0.9, 1);
        assert!(first.is_of(&second));
        first.add(second);
        assert_eq!((first.packets, first.lost, first.seconds), (2_000, 1, 16.0));
        assert!((first.target_cores - 0.8).abs() < 1e-9);
        assert_eq!(first.sent["rtcp"], 80_000);
        assert!(first.p99() >= 30.0);
    }
}
