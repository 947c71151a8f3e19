//! How a run stands, on standard error: one block that is drawn again on a terminal, a line now
//! and then without one.

use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

use crate::held::Progress;
use crate::measure::look::Moment;

/// Widest line of the block.
const COLUMNS: usize = 80;

/// Cells of the bar.
const BAR_CELLS: usize = 28;

/// The block is not drawn more often.
const REDRAW_EVERY: Duration = Duration::from_millis(100);

/// Lines are not written more often.
const LINE_EVERY: Duration = Duration::from_secs(4);

/// To the begin of so many lines above, and everything below is erased.
fn back(lines: usize) -> String {
    match lines {
        0 => String::new(),
        _ => format!("\x1b[{lines}A\r\x1b[J"),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Quiet,
    Lines,
    Block,
}

/// See the module's head. What it drew is erased when it goes.
pub(crate) struct Live {
    title: String,
    manner: Manner,
    began: Instant,
    /// When something was shown, and of which step.
    last: Option<(Instant, &'static str)>,
    /// Lines that stand on the terminal.
    drawn: usize,
}

impl Live {
    /// What is going on; `quiet` where another program reads the output.
    pub(crate) fn new(title: String, quiet: bool) -> Self {
        let manner = match (quiet, stderr().is_terminal()) {
            (true, _) => Manner::Quiet,
            (false, true) => Manner::Block,
            (false, false) => Manner::Lines,
        };
        Live {
            title,
            manner,
            began: Instant::now(),
            last: None,
            drawn: 0,
        }
    }

    /// Shows it, unless something was shown just now.
    pub(crate) fn tell(&mut self, progress: Progress) {
        self.say(Instant::now(), progress, &mut stderr());
    }

    fn say(&mut self, now: Instant, progress: Progress, out: &mut dyn Write) {
        let every = match self.manner {
            Manner::Quiet => return,
            Manner::Lines => LINE_EVERY,
            Manner::Block => REDRAW_EVERY,
        };
        let step = Stand::of(progress).step;
        let last = self.last.replace((now, step));
        // A new step is drawn at once: nothing else may be told for a while.
        let is_new = self.manner == Manner::Block && last.is_none_or(|last| last.1 != step);
        if !is_new && last.is_some_and(|last| now - last.0 < every) {
            self.last = last;
            return;
        }
        let elapsed = now - self.began;
        let text = if self.manner == Manner::Block {
            let lines = block(&self.title, progress, elapsed);
            let back = back(std::mem::replace(&mut self.drawn, lines.len()));
            format!("{back}{}\n", lines.join("\n"))
        } else {
            let what = Stand::of(progress).words;
            format!("{}: {what}, {} s\n", self.title, elapsed.as_secs())
        };
        // A terminal that is gone is no reason to end a run.
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let _ = stderr().write_all(back(self.drawn).as_bytes());
    }
}

/// A progress in words, and how much of its step is done.
struct Stand {
    step: &'static str,
    done: f64,
    words: String,
    used: Option<Moment>,
}

impl Stand {
    fn of(progress: Progress) -> Self {
        let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 1.0 };
        let (step, done, words, used) = match progress {
            Progress::Entering(some, all) => {
                let words = format!("{some} of {all} entered");
                ("entering", share(some as f64, all as f64), words, None)
            }
            Progress::Joining(some, all) => {
                let words = format!("{some} of {all} joined");
                ("joining", share(some as f64, all as f64), words, None)
            }
            Progress::WarmingUp(some, all) => {
                let words = format!("{some} of {all} joined");
                ("warming up", share(some as f64, all as f64), words, None)
            }
            Progress::Measuring(some, all, used) => {
                let (some, all) = (some.as_secs_f64(), all.as_secs_f64());
                let words = format!("{some:.0} of {all:.0} s measured");
                ("measuring", share(some, all), words, used)
            }
            Progress::Leaving => ("leaving", 1.0, "everyone leaves".to_owned(), None),
        };
        Stand {
            step,
            done,
            words,
            used,
        }
    }
}

/// Two lines, and a third once something was used.
fn block(title: &str, progress: Progress, elapsed: Duration) -> Vec<String> {
    let Stand {
        step,
        done,
        words,
        used,
    } = Stand::of(progress);
    let full = (done.clamp(0.0, 1.0) * BAR_CELLS as f64).round() as usize;
    let bar = "█".repeat(full) + &"░".repeat(BAR_CELLS - full);
    let mut lines = vec![
        title.to_owned(),
        format!("  {step:<10} {bar}  {words:<22} {:>4} s", elapsed.as_secs()),
    ];
    if let Some(used) = used {
        lines.push(format!(
            "  {:<10} target {:.2}, generator {:.2}, others {:.2}; memory {:.0} MB",
            "cores", used.target_cores, used.bench_cores, used.others_cores, used.target_memory_mb
        ));
    }
    lines.iter().map(|line| clip(line)).collect()
}

/// As much as a line of a terminal holds, with no control characters in it.
fn clip(line: &str) -> String {
    let shown = line.chars().filter(|letter| !letter.is_control());
    shown.take(COLUMNS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    fn live(manner: Manner) -> Live {
        let mut live = Live::new("fanout".to_owned(), true);
        live.manner = manner;
        live
    }

    fn every_progress() -> [Progress; 7] {
        let used = Moment {
            target_cores: 123.456,
            target_memory_mb: 123_456.0,
            ..Moment::default()
        };
        [
            Progress::Entering(2_000, 2_000),
            Progress::Joining(0, 0),
            Progress::Joining(1_999, 2_000),
            Progress::WarmingUp(2_000, 2_000),
            Progress::Measuring(S * 86_399, S * 86_400, Some(used)),
            Progress::Measuring(S * 2, S, None),
            Progress::Leaving,
        ]
    }

    #[test]
    fn no_line_of_the_block_is_wider_than_the_terminal_or_moves_its_cursor() {
        let title = format!("\x1b[31mmeeting\n{}", "w".repeat(200));
        for progress in every_progress() {
            let lines = block(&title, progress, S * 100_000);
            assert!((2..=3).contains(&lines.len()), "{lines:?}");
            for line in lines {
                assert!(line.chars().count() <= COLUMNS, "{line}");
                assert!(!line.contains(char::is_control), "{line:?}");
            }
        }
        let half = block("x", Progress::Joining(1, 2), S * 3);
        assert!(half[1].contains(&("█".repeat(14) + &"░".repeat(14))));
        assert!(half[1].contains("1 of 2 joined") && half[1].ends_with("3 s"));
    }

    #[test]
    fn without_a_terminal_a_line_is_written_now_and_then_and_never_erased() {
        let mut live = live(Manner::Lines);
        let mut out = Vec::new();
        let began = live.began;
        for tenth in 0..100 {
            let at = began + S * tenth / 10;
            live.say(at, Progress::Joining(tenth as usize, 100), &mut out);
        }
        let text = String::from_utf8(out).expect("text");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "fanout: 0 of 100 joined, 0 s",
                "fanout: 40 of 100 joined, 4 s",
                "fanout: 80 of 100 joined, 8 s"
            ]
        );
    }

    #[test]
    fn on_a_terminal_each_block_takes_the_place_of_the_last_one() {
        let mut live = live(Manner::Block);
        let mut out = Vec::new();
        let began = live.began;
        live.say(began, Progress::Joining(1, 2), &mut out);
        live.say(began, Progress::Joining(2, 2), &mut out);
        live.say(began, Progress::WarmingUp(2, 2), &mut out);
        live.say(began + S, Progress::WarmingUp(2, 2), &mut out);
        let text = String::from_utf8(out).expect("text");
        let blocks: Vec<&str> = text.split("\x1b[2A\r\x1b[J").collect();
        assert_eq!(blocks.len(), 3, "{text:?}");
        assert!(blocks[0].contains("1 of 2") && blocks[1].contains("warming up"));
        live.drawn = 0;
    }

    #[test]
    fn where_another_program_reads_nothing_is_said() {
        let mut live = live(Manner::Quiet);
        let mut out = Vec::new();
        live.say(live.began, Progress::Leaving, &mut out);
        assert!(out.is_empty());
    }
}
