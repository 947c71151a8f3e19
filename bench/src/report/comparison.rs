//! Two targets under the same load, in rounds: ratios with their spread. Pure arithmetic.

use std::fmt::Write;

use serde::Serialize;

use super::Summary;
use super::html::markup::number;

/// What is set against each other; of each, less is better.
pub(crate) struct Measure {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    of: fn(&Summary) -> Option<f64>,
}

impl Measure {
    /// What it was in a run; none where it was not seen.
    pub(crate) fn value(&self, run: &Summary) -> Option<f64> {
        (self.of)(run)
    }
}

/// In the order of their weight.
pub(crate) const MEASURES: [Measure; 6] = [
    Measure {
        name: "CPU a million packets",
        unit: "s",
        of: |run| {
            let used = run.target_used.filter(|_| run.packets_received > 0);
            used.map(|used| used.cpu_s_per_million_packets)
        },
    },
    Measure {
        name: "latency, p50",
        unit: "ms",
        of: |run| run.latency().map(|ms| ms.p50),
    },
    Measure {
        name: "latency, p99",
        unit: "ms",
        of: |run| run.latency().map(|ms| ms.p99),
    },
    Measure {
        name: "memory a participant",
        unit: "kB",
        of: |run| run.target_used?.memory_kb_per_participant,
    },
    Measure {
        name: "join, p95",
        unit: "ms",
        of: |run| (run.joined > 0).then_some(run.join_ms.p95),
    },
    Measure {
        name: "loss on the wire",
        unit: "%",
        of: |run| (run.packets_received > 0).then_some(run.loss_percent),
    },
];

/// Where the values of all rounds lie.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// None, when a round has no value: what is left would be another thing.
    fn of(values: impl Iterator<Item = Option<f64>>) -> Option<Self> {
        let mut values = values.collect::<Option<Vec<f64>>>()?;
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = match values.len() % 2 {
            1 => values[middle],
            _ => f64::midpoint(values[middle - 1], values[middle]),
        };
        Some(Spread { median, min, max })
    }

    /// `1.20 (1.10 to 1.30)`.
    pub(crate) fn words(&self) -> String {
        let [median, min, max] = [self.median, self.min, self.max].map(number);
        format!("{median} ({min} to {max})")
    }
}

/// One measure of both.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Ratio {
    pub(crate) measure: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) a: Option<Spread>,
    pub(crate) b: Option<Spread>,
    /// Of each round's ratio; none, when one of them has none, such as of 0.
    pub(crate) a_over_b: Option<Spread>,
}

impl Ratio {
    fn of(measure: &Measure, rounds: &[Round]) -> Self {
        let of = measure.of;
        let ratio = |round: &Round| {
            let (a, b) = (of(&round.a)?, of(&round.b)?);
            (b > 0.0).then(|| a / b)
        };
        Ratio {
            measure: measure.name,
            unit: measure.unit,
            a: Spread::of(rounds.iter().map(|round| of(&round.a))),
            b: Spread::of(rounds.iter().map(|round| of(&round.b))),
            a_over_b: Spread::of(rounds.iter().map(ratio)),
        }
    }
}

/// One run of each, one after the other.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Round {
    pub(crate) a: Summary,
    pub(crate) b: Summary,
}

/// Both under one load.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Shape {
    /// As it was asked for, such as `fanout:1x50`.
    pub(crate) name: String,
    pub(crate) ratios: Vec<Ratio>,
    pub(crate) rounds: Vec<Round>,
}

impl Shape {
    pub(crate) fn of(name: String, rounds: Vec<Round>) -> Self {
        let ratios = MEASURES.iter().map(|measure| Ratio::of(measure, &rounds));
        Shape {
            name,
            ratios: ratios.collect(),
            rounds,
        }
    }
}

/// Everything that was compared.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Comparison {
    pub(crate) a: String,
    pub(crate) b: String,
    pub(crate) shapes: Vec<Shape>,
    /// Why it is no comparison; empty when it is one.
    pub(crate) none_because: Vec<String>,
}

impl Comparison {
    pub(crate) fn of(a: &str, b: &str, shapes: Vec<Shape>) -> Self {
        // Who is compared with itself is told apart.
        let [a, b] = match a == b {
            true => [format!("{a} (A)"), format!("{b} (B)")],
            false => [a.to_owned(), b.to_owned()],
        };
        let mut comparison = Comparison {
            a,
            b,
            shapes,
            none_because: Vec::new(),
        };
        comparison.none_because = comparison.of_each_run(none_because);
        comparison
    }

    /// Whether both were measured under the same load, and nothing besides them.
    pub(crate) fn is_result(&self) -> bool {
        self.none_because.is_empty()
    }

    /// Claims that did not hold: it stays a comparison.
    pub(crate) fn broken_claims(&self) -> Vec<String> {
        self.of_each_run(|run| run.broken_claims.clone())
    }

    /// What a reader has to know besides; each once.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let runs = self.shapes.iter().flat_map(|shape| &shape.rounds);
        let runs = runs.flat_map(|round| [&round.a, &round.b]);
        let mut warnings: Vec<_> = runs.flat_map(|run| run.warnings.clone()).collect();
        warnings.sort();
        warnings.dedup();
        warnings
    }

    fn of_each_run(&self, say: impl Fn(&Summary) -> Vec<String>) -> Vec<String> {
        let mut said = Vec::new();
        for shape in &self.shapes {
            for (number, round) in shape.rounds.iter().enumerate() {
                for (who, run) in [(&self.a, &round.a), (&self.b, &round.b)] {
                    let whose = format!("{}, round {}, {who}", shape.name, number + 1);
                    let what = say(run);
                    if !what.is_empty() {
                        said.push(format!("{whose}: {}", what.join("; ")));
                    }
                }
            }
        }
        said
    }

    /// For a terminal of 80 columns.
    pub(crate) fn table(&self) -> String {
        let mut text = format!("A  {}\nB  {}\n", self.a, self.b);
        for shape in &self.shapes {
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "\n{:<29}{:>10}{:>10}   A/B, of {} rounds",
                shape.name,
                "A",
                "B",
                shape.rounds.len()
            );
            for ratio in &shape.ratios {
                let name = format!("{} [{}]", ratio.measure, ratio.unit);
                let [a, b] = [ratio.a, ratio.b].map(median);
                let words = words(ratio.a_over_b.as_ref());
                let _ = writeln!(text, "{name:<29}{a:>10}{b:>10}   {words}");
            }
        }
        let notes = [
            ("warning", self.warnings()),
            ("claim broken", self.broken_claims()),
            ("NO RESULT", self.none_because.clone()),
        ];
        for (kind, notes) in notes {
            for note in notes {
                let _ = writeln!(text, "{kind:<14} {note}");
            }
        }
        if !self.is_result() {
            text.push_str("This is no comparison.\n");
        }
        text
    }
}

/// Whoever did not get in made the load another one.
fn none_because(run: &Summary) -> Vec<String> {
    let mut reasons = run.limited_by.clone();
    if run.joined < run.participants {
        reasons.push(format!(
            "only {} of {} participants got in",
            run.joined, run.participants
        ));
    }
    reasons
}

fn median(of: Option<Spread>) -> String {
    of.map_or("–".to_owned(), |of| number(of.median))
}

/// A spread in words, or that there is none.
pub(crate) fn words(of: Option<&Spread>) -> String {
    of.map_or("–".to_owned(), Spread::words)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::Used;
    use super::*;

    /// A run whose target took so many CPU-s a million packets.
    fn run(cpu_s: f64) -> Summary {
        let used = Used {
            cpu_s_per_million_packets: cpu_s,
            memory_kb_per_participant: Some(cpu_s * 10.0),
            ..Used::default()
        };
        Summary {
            target_used: Some(used),
            packets_received: 1,
            ..Summary::example()
        }
    }

    pub(crate) fn rounds(of: &[(f64, f64)]) -> Vec<Round> {
        let round = |&(a, b): &(f64, f64)| Round {
            a: run(a),
            b: run(b),
        };
        of.iter().map(round).collect()
    }

    #[test]
    fn a_ratio_is_the_median_of_the_rounds_ratios_and_not_the_ratio_of_the_medians() {
        for (values, median, min, max) in [
            (&[(1.0, 2.0)][..], 0.5, 0.5, 0.5),
            (&[(1.0, 2.0), (3.0, 2.0)], 1.0, 0.5, 1.5),
            (&[(9.0, 3.0), (1.0, 2.0), (4.0, 4.0)], 1.0, 0.5, 3.0),
        ] {
            let ratio = Ratio::of(&MEASURES[0], &rounds(values));
            assert_eq!(ratio.a_over_b, Some(Spread { median, min, max }));
        }
    }

    #[test]
    fn what_a_round_lacks_or_divides_by_zero_has_no_ratio() {
        let cpu = |rounds: &[Round]| Ratio::of(&MEASURES[0], rounds);
        let zero = cpu(&rounds(&[(1.0, 2.0), (1.0, 0.0)]));
        assert!(zero.a_over_b.is_none() && zero.b.is_some());
        let mut elsewhere = rounds(&[(1.0, 2.0), (1.0, 2.0)]);
        elsewhere[1].b.target_used = None;
        let elsewhere = cpu(&elsewhere);
        assert!(elsewhere.a_over_b.is_none() && elsewhere.b.is_none() && elsewhere.a.is_some());
        assert!(cpu(&[]).a_over_b.is_none());
        let loss = Ratio::of(&MEASURES[5], &rounds(&[(1.0, 2.0)]));
        assert!(loss.a_over_b.is_none() && loss.a.is_some(), "0 of 0");
    }

    #[test]
    fn one_run_that_is_no_result_makes_it_no_comparison_and_is_named() {
        let shape = |rounds| vec![Shape::of("fanout:1x9".to_owned(), rounds)];
        let fine = rounds(&[(1.0, 2.0), (1.0, 2.0)]);
        let comparison = Comparison::of("one", "two", shape(fine.clone()));
        assert!(comparison.is_result());
        let text = comparison.table();
        assert!(text.contains("0.500 (0.500 to 0.500)"), "{text}");
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
        assert!(!text.contains("no comparison"), "{text}");

        let mut limited = fine.clone();
        limited[1].b.limited_by = vec!["a full machine".to_owned()];
        let mut absent = fine.clone();
        absent[0].a.joined = 3;
        for (rounds, reason) in [
            (limited, "fanout:1x9, round 2, two: a full machine"),
            (
                absent,
                "fanout:1x9, round 1, one: only 3 of 11 participants got in",
            ),
        ] {
            let comparison = Comparison::of("one", "two", shape(rounds));
            assert_eq!(comparison.none_because, [reason]);
            let text = comparison.table();
            assert!(
                text.contains(reason) && text.contains("no comparison"),
                "{text}"
            );
        }

        let mut broken = fine;
        broken[0].a.broken_claims = vec!["late".to_owned()];
        let broken = Comparison::of("one", "two", shape(broken));
        assert!(broken.is_result() && broken.table().contains("round 1, one: late"));
    }
}
