//! What was found, in words.

use serde::Serialize;

use crate::report::Summary;

/// Beyond these a load does not hold.
pub(super) const MOST_LOSS_PERCENT: f64 = 0.1;
pub(super) const MOST_P99_MS: f64 = 50.0;
pub(super) const MOST_JOIN_P95_MS: f64 = 2_000.0;

/// Of the frames that were due.
const LEAST_DELIVERED_PERCENT: f64 = 99.0;

/// Why a load does not hold; empty when it does.
pub(super) fn broken_limits(summary: &Summary) -> Vec<String> {
    let mut broken = Vec::new();
    let mut above = |what: &str, value: f64, most: f64, unit: &str| {
        if value > most {
            broken.push(format!(
                "{what} is {value:.1} {unit}, more than {most} {unit}"
            ));
        }
    };
    above("loss", summary.loss_percent, MOST_LOSS_PERCENT, "%");
    above("latency (p99)", summary.latency_ms.p99, MOST_P99_MS, "ms");
    above("a join (p95)", summary.join_ms.p95, MOST_JOIN_P95_MS, "ms");
    if summary.joined < summary.participants {
        let missing = summary.participants - summary.joined;
        broken.push(format!(
            "{missing} of {} did not get in",
            summary.participants
        ));
    }
    if summary.pictures_expected > 0 && summary.delivered_percent < LEAST_DELIVERED_PERCENT {
        broken.push(format!(
            "{:.1} % of the pictures were seen, less than {LEAST_DELIVERED_PERCENT} %",
            summary.delivered_percent
        ));
    }
    broken
}

/// One load that was tried.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Tried {
    pub(super) load: u16,
    pub(super) participants: usize,
    pub(super) holds: bool,
    /// Of all cores of this machine, target and generator together.
    pub(super) machine_percent: f64,
    pub(super) target_cores: f64,
    /// Of other programs.
    pub(super) others_cores: f64,
    pub(super) latency_p99_ms: f64,
    pub(super) loss_percent: f64,
    pub(super) join_p95_ms: f64,
    /// Why it does not hold.
    pub(super) broken: Vec<String>,
    /// What was measured besides the target.
    pub(super) limited_by: Vec<String>,
}

impl Tried {
    pub(super) fn of(load: u16, summary: &Summary, cores: f64) -> Self {
        let used = [summary.target_used, summary.bench_used];
        let busy: f64 = used.iter().flatten().map(|used| used.cores).sum();
        let broken = broken_limits(summary);
        Tried {
            load,
            participants: summary.participants,
            holds: broken.is_empty(),
            machine_percent: 100.0 * busy / cores,
            target_cores: summary.target_used.map_or(0.0, |used| used.cores),
            others_cores: summary.others_cores.unwrap_or(0.0),
            latency_p99_ms: summary.latency_ms.p99,
            loss_percent: summary.loss_percent,
            join_p95_ms: summary.join_ms.p95,
            broken,
            limited_by: summary.limited_by.clone(),
        }
    }

    /// A line while the search goes.
    pub(super) fn line(&self) -> String {
        let verdict = match self.broken.first() {
            None => "holds".to_owned(),
            Some(reason) => format!("breaks: {reason}"),
        };
        let besides = self.limited_by.first();
        let besides = besides.map_or_else(String::new, |why| format!(" ({why})"));
        format!(
            "{:>5}  {:>5} people  {:>3.0} % of the machine  p99 {:.1} ms  {verdict}{besides}",
            self.load, self.participants, self.machine_percent, self.latency_p99_ms
        )
    }
}

/// The whole answer.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Answer {
    pub(super) scenario: String,
    /// What was counted up: `rooms` or `viewers`.
    pub(super) unit: &'static str,
    pub(super) target: String,
    /// The largest load that holds; 0 when none does.
    pub(super) holds: u16,
    /// Whether it may hold more: nothing larger was tried, or what broke was not the target alone.
    pub(super) at_least: bool,
    /// How many people take part in it.
    pub(super) participants: usize,
    pub(super) words: String,
    pub(super) tried: Vec<Tried>,
}

/// The smallest load above `held` that does not hold.
fn next_limit(held: u16, tried: &[Tried]) -> Option<&Tried> {
    let above = tried.iter().filter(|one| one.load > held && !one.holds);
    above.min_by_key(|one| one.load)
}

/// See [`Answer::at_least`].
pub(super) fn is_at_least(held: u16, tried: &[Tried]) -> bool {
    next_limit(held, tried).is_none_or(|next| !next.limited_by.is_empty())
}

/// Says it in a sentence or two. `shape` is one of what is counted, such as "meetings of 8".
pub(super) fn words(shape: &str, held: u16, tried: &[Tried], most: u16) -> String {
    let at = |load: u16| tried.iter().rfind(|one| one.load == load);
    let Some(best) = at(held).filter(|_| held > 0) else {
        let first = tried.first().and_then(|one| one.broken.first());
        let why = first.map_or_else(|| "nothing was tried".to_owned(), Clone::clone);
        return format!("This machine does not hold {shape}, not even the smallest number: {why}.");
    };
    let at_least = if is_at_least(held, tried) {
        "at least "
    } else {
        ""
    };
    let holds = format!(
        "This machine holds {at_least}{held} {shape} ({} people) at {:.0} % CPU, {:.2} cores of them the server's.",
        best.participants, best.machine_percent, best.target_cores
    );
    let Some(next) = next_limit(held, tried) else {
        return format!("{holds} More than {most} was not tried.");
    };
    let why = next.broken.join("; ");
    match next.limited_by.as_slice() {
        [] => format!("{holds} The next limit, at {}: {why}.", next.load),
        besides => format!(
            "{holds} At {}: {why}. But that was not the server alone ({}), so it may hold more.",
            next.load,
            besides.join("; ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::histogram::Percentiles;

    fn p99(ms: f64) -> Percentiles {
        Percentiles {
            p95: ms,
            p99: ms,
            ..Percentiles::default()
        }
    }

    #[test]
    fn each_limit_breaks_alone() {
        let fine = Summary::example();
        assert_eq!(broken_limits(&fine), Vec::<String>::new());
        let cases = [
            (
                Summary {
                    loss_percent: 0.2,
                    ..fine.clone()
                },
                "loss",
            ),
            (
                Summary {
                    latency_ms: p99(51.0),
                    ..fine.clone()
                },
                "latency",
            ),
            (
                Summary {
                    join_ms: p99(2_001.0),
                    ..fine.clone()
                },
                "a join",
            ),
            (
                Summary {
                    joined: 10,
                    ..fine.clone()
                },
                "1 of 11",
            ),
            (
                Summary {
                    pictures_expected: 100,
                    delivered_percent: 98.0,
                    ..fine
                },
                "98.0 %",
            ),
        ];
        for (summary, word) in cases {
            let broken = broken_limits(&summary);
            assert_eq!(broken.len(), 1, "{broken:?}");
            assert!(broken[0].contains(word), "{broken:?}");
        }
    }

    #[test]
    fn the_answer_names_what_holds_and_what_breaks_next() {
        let at = |load, ms: f64| {
            let summary = Summary {
                latency_ms: p99(ms),
                ..Summary::example()
            };
            Tried::of(load, &summary, 2.0)
        };
        let tried = [at(1, 5.0), at(2, 9.0), at(4, 80.0), at(3, 20.0)];
        let said = words("meetings of 8", 3, &tried, 100);
        assert!(said.contains("holds 3 meetings of 8"), "{said}");
        assert!(said.contains("at 50 % CPU"), "{said}");
        assert!(said.contains("at 4: latency"), "{said}");
        let mut shared = tried.clone();
        shared[2].limited_by = vec!["other programs ran".to_owned()];
        let said = words("meetings of 8", 3, &shared, 100);
        assert!(said.contains("holds at least 3 meetings of 8"), "{said}");
        assert!(
            said.contains("(other programs ran), so it may hold more"),
            "{said}"
        );
        let said = words("meetings of 8", 2, &tried[..2], 2);
        assert!(said.contains("holds at least 2"), "{said}");
        assert!(said.contains("More than 2 was not tried"), "{said}");
        let said = words("meetings of 8", 0, &tried[2..3], 2);
        assert!(said.contains("does not hold"), "{said}");
    }
}
