//! What was used while it was measured, drawn.

use super::drawing::{BOTTOM, Drawing, LEFT, RIGHT, Scale, TOP};
use super::markup::{figure, number, table};
use crate::measure::look::Moment;
use crate::report::Summary;

/// Most points of a line, and most rows of a table: a long run is averaged.
const MOST_POINTS: usize = 160;
const MOST_ROWS: usize = 24;

/// Averages of neighbours, so that no more than `most` are left.
fn thinned(moments: &[Moment], most: usize) -> Vec<Moment> {
    let together = moments.len().div_ceil(most).max(1);
    let mean = |group: &[Moment], of: fn(&Moment) -> f64| {
        group.iter().map(of).sum::<f64>() / group.len() as f64
    };
    let groups = moments.chunks(together).map(|group| Moment {
        at_s: group.last().map_or(0.0, |last| last.at_s),
        target_cores: mean(group, |one| one.target_cores),
        bench_cores: mean(group, |one| one.bench_cores),
        others_cores: mean(group, |one| one.others_cores),
        target_memory_mb: mean(group, |one| one.target_memory_mb),
    });
    groups.collect()
}

/// When the target used how many cores.
pub(super) fn of_target(summary: &Summary) -> Vec<(f64, f64)> {
    let moments = thinned(&summary.over_time, MOST_POINTS);
    let points = moments.iter().map(|one| (one.at_s, one.target_cores));
    points.collect()
}

/// One line of a drawing.
struct Course {
    class: &'static str,
    name: &'static str,
    of: fn(&Moment) -> f64,
}

/// Cores of the target, the generator and others over time.
pub(super) fn cores(id: &str, summary: &Summary) -> String {
    let courses = [
        Course {
            class: "one",
            name: "target",
            of: |one| one.target_cores,
        },
        Course {
            class: "two",
            name: "generator",
            of: |one| one.bench_cores,
        },
        Course {
            class: "rest",
            name: "others",
            of: |one| one.others_cores,
        },
    ];
    // What is elsewhere is not seen.
    let seen = if summary.target_used.is_some() { 0 } else { 1 };
    let says = format!(
        "Busy cores while it was measured. This machine has {}.",
        summary.machine.cores
    );
    let what = ("Processors over time", "cores", says.as_str());
    courses_drawn(id, what, &courses[seen..], &summary.over_time)
}

/// Memory of the target over time; nothing when it is elsewhere.
pub(super) fn memory(id: &str, summary: &Summary) -> String {
    let Some(used) = &summary.target_used else {
        return String::new();
    };
    let courses = [Course {
        class: "one",
        name: "target",
        of: |one| one.target_memory_mb,
    }];
    let each = used.memory_kb_per_participant.unwrap_or(0.0);
    let says = format!(
        "Resident memory: {} MB at the end, {} kB for each participant above what it took before anybody came.",
        number(used.memory_mb),
        number(each)
    );
    let what = ("Memory of the target over time", "MB", says.as_str());
    courses_drawn(id, what, &courses, &summary.over_time)
}

fn courses_drawn(
    id: &str,
    (heading, unit, says): (&str, &str, &str),
    courses: &[Course],
    over_time: &[Moment],
) -> String {
    let moments = thinned(over_time, MOST_POINTS);
    let values = moments.iter();
    let values = values.flat_map(|one| courses.iter().map(move |course| (course.of)(one)));
    let highest = values.fold(0.0, f64::max) * 1.05;
    let longest = moments.last().map_or(1.0, |last| last.at_s);
    let across = Scale::linear(0.0, longest, (LEFT, RIGHT));
    let up = Scale::linear(0.0, highest, (BOTTOM, TOP));
    let mut drawing = Drawing::new(id, heading, says);
    drawing.upwards(&up, unit);
    drawing.across(&across, BOTTOM, "seconds");
    let names: Vec<_> = courses.iter().map(|one| (one.class, one.name)).collect();
    drawing.legend(&names);
    for Course { class, of, .. } in courses {
        let points = moments
            .iter()
            .map(|one| (across.at(one.at_s), up.at(of(one))));
        drawing.path(class, &points.collect::<Vec<_>>());
    }
    let rows = thinned(over_time, MOST_ROWS);
    let rows = rows.iter().map(|one| {
        let values = courses.iter().map(|course| number((course.of)(one)));
        std::iter::once(format!("to {:.1} s", one.at_s))
            .chain(values)
            .collect()
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let head = std::iter::once("time").chain(courses.iter().map(|one| one.name));
    let head: Vec<&str> = head.collect();
    let table = table("counted", &format!("{heading}, {unit}"), &head, &rows);
    figure(heading, says, &drawing.done(), &table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_run_is_averaged_and_its_end_stays_its_end() {
        let moments: Vec<Moment> = (1..=1_000)
            .map(|second| Moment {
                at_s: f64::from(second),
                target_cores: f64::from(second % 2),
                ..Moment::default()
            })
            .collect();
        let few = thinned(&moments, 100);
        assert_eq!(few.len(), 100);
        assert_eq!(few[99].at_s, 1_000.0);
        assert!(few.iter().all(|one| one.target_cores == 0.5));
        assert_eq!(thinned(&moments[..3], 100), &moments[..3]);
        assert_eq!(thinned(&[], 100), []);
    }

    #[test]
    fn a_target_that_is_elsewhere_has_no_line() {
        let here = Summary {
            over_time: vec![Moment::default()],
            ..Summary::example()
        };
        let elsewhere = Summary {
            target_used: None,
            ..here.clone()
        };
        assert!(cores("x", &here).contains(">target<"));
        assert!(!cores("x", &elsewhere).contains(">target<"));
        assert!(memory("x", &here).contains("<svg") && memory("x", &elsewhere).is_empty());
    }
}
