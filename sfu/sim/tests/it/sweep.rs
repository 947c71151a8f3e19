//! Looks for seeds that nobody has tried: run `k` of a sweep is told with seed `from + k` by plan
//! `k mod plans`, on every core. A failure comes with the command that replays it.

use std::any::Any;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use sfu_sim::chronicle::Chronicle;

use crate::plans::PLANS;
use crate::seeds::{SEED, read_range, seeds_of};

/// The seeds of a sweep, `from..to`. Without it a few are tried, always the same.
const SWEEP: &str = "SFU_SIM_SWEEP";

/// Tried by every run of the tests.
const A_FEW: Range<u64> = 500..504;

/// A plan and how it is told.
type Told = (&'static str, fn(u64) -> Chronicle);

/// What a sweep found.
struct Found {
    runs: u64,
    failures: Vec<String>,
}

fn sweep(plans: &[Told], seeds: Range<u64>) -> Found {
    let next = AtomicU64::new(0);
    let runs = seeds.end.saturating_sub(seeds.start);
    let failures = Mutex::new(Vec::new());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let run = next.fetch_add(1, Ordering::Relaxed);
                    if run >= runs {
                        return;
                    }
                    let plan = plans[run as usize % plans.len()];
                    let failure = try_seed(plan, seeds.start + run);
                    let mut all = failures.lock().expect("no thread fails while it holds it");
                    all.extend(failure);
                }
            });
        }
    });
    let failures = failures
        .into_inner()
        .expect("no thread fails while it holds it");
    Found { runs, failures }
}

fn try_seed((name, story): Told, seed: u64) -> Option<String> {
    let told = catch_unwind(AssertUnwindSafe(|| story(seed)));
    let panic = told.err()?;
    let complaint = complaint(&*panic);
    let command = command(name, seed);
    println!("{complaint}\n\nreplay it: {command}\n");
    Some(command)
}

fn complaint(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a word")
}

fn command(plan: &str, seed: u64) -> String {
    format!("{SEED}={seed} cargo test -p sfu-sim --test it plans::{plan} -- --exact")
}

#[test]
fn new_seeds_find_no_fault() {
    let seeds = std::env::var(SWEEP).map_or(A_FEW, |range| read_range(&range));
    let began = Instant::now();
    let found = sweep(PLANS, seeds.clone());
    println!(
        "{} plans, {} runs with seeds {seeds:?}, {} failures, {:.0} s",
        PLANS.len(),
        found.runs,
        found.failures.len(),
        began.elapsed().as_secs_f64(),
    );
    let failures = found.failures.join("\n");
    assert!(failures.is_empty(), "replay them:\n{failures}");
}

#[test]
fn a_sweep_tells_each_run_to_the_next_plan_and_how_to_replay_a_failure() {
    fn passes(_: u64) -> Chronicle {
        Chronicle::default()
    }
    fn fails(seed: u64) -> Chronicle {
        assert!(seed != 13, "found a fault");
        Chronicle::default()
    }
    let found = sweep(&[("quiet", passes), ("loud", fails)], 10..16);
    assert_eq!(found.runs, 6);
    let [failure] = found.failures.as_slice() else {
        panic!("one run fails, not {:?}", found.failures);
    };
    let expected = "SFU_SIM_SEED=13 cargo test -p sfu-sim --test it plans::loud -- --exact";
    assert_eq!(failure, expected);
    assert_eq!(
        seeds_of("loud", Some("13")),
        [13],
        "and that is what it replays"
    );
}
