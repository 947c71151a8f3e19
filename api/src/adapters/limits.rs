//! Tries counted in this process. A restart forgets them, which costs an attacker more than it gives.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use crate::ports::{Budget, Limits, Wait};

/// Most callers remembered for each budget. When it is full, the tenth that was heard of longest
/// ago is forgotten and may try afresh. One map each: strangers without number cannot push an
/// account's back-off out.
const MAX_TRACKED: usize = 20_000;

/// What one budget allows.
enum Rule {
    /// `free` wrong tries cost nothing; each further one doubles the wait, up to `longest_ms`.
    /// Quiet for `forget_ms` clears it all.
    BackOff {
        free: u32,
        longest_ms: i64,
        forget_ms: i64,
    },
    /// `burst` at once, and `every_ms` gives one back.
    Bucket { burst: u32, every_ms: i64 },
}

const FIRST_WAIT_MS: i64 = 1_000;

fn rule(budget: Budget) -> Rule {
    match budget {
        // The longest wait is short: whoever knows an address can make its owner wait as long.
        Budget::AccountAttempts => Rule::BackOff {
            free: 5,
            longest_ms: 30_000,
            forget_ms: 15 * 60_000,
        },
        // An office of people behind one address mistypes now and then.
        Budget::SourceAttempts => Rule::BackOff {
            free: 20,
            longest_ms: 5 * 60_000,
            forget_ms: 15 * 60_000,
        },
        // A class behind one address opens its invite at the same minute.
        Budget::Strangers => Rule::Bucket {
            burst: 300,
            every_ms: 50,
        },
        // A full hall comes at once. Each place is a row until a while after its grant has died,
        // so the rate bounds those who never come.
        Budget::InvitePlaces => Rule::Bucket {
            burst: 1_000,
            every_ms: 1_000,
        },
        Budget::PersonPlaces => Rule::Bucket {
            burst: 100,
            every_ms: 1_000,
        },
    }
}

/// How often somebody tried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Tally {
    count: u32,
    last_ms: i64,
}

/// The tally after one more try at `now_ms`, or how long to wait for it.
fn count(rule: &Rule, tally: Tally, now_ms: i64) -> Result<Tally, Wait> {
    let quiet_ms = (now_ms - tally.last_ms).max(0);
    match *rule {
        Rule::BackOff {
            free,
            longest_ms,
            forget_ms,
        } => {
            let count = if quiet_ms >= forget_ms {
                0
            } else {
                tally.count
            };
            let wait_ms = match count.checked_sub(free) {
                None => 0,
                Some(doublings) => (FIRST_WAIT_MS << doublings.min(20)).min(longest_ms),
            };
            if quiet_ms < wait_ms {
                return Err(Wait {
                    wait_ms: wait_ms - quiet_ms,
                });
            }
            Ok(Tally {
                count: count + 1,
                last_ms: now_ms,
            })
        }
        Rule::Bucket { burst, every_ms } => {
            let given_back = u32::try_from(quiet_ms / every_ms).unwrap_or(u32::MAX);
            let count = tally.count.saturating_sub(given_back);
            if count >= burst {
                return Err(Wait {
                    wait_ms: every_ms - quiet_ms % every_ms,
                });
            }
            // The part of a give-back that has passed already is kept.
            let last_ms = if count == 0 {
                now_ms
            } else {
                now_ms - quiet_ms % every_ms
            };
            Ok(Tally {
                count: count + 1,
                last_ms,
            })
        }
    }
}

/// Tries counted in this process.
#[derive(Default)]
pub(crate) struct ProcessLimits {
    tallies: Mutex<HashMap<Budget, HashMap<String, Tally>>>,
}

#[async_trait]
impl Limits for ProcessLimits {
    async fn attempt(&self, budget: Budget, who: &str, now_ms: i64) -> Result<(), Wait> {
        let mut budgets = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        let tallies = budgets.entry(budget).or_default();
        let tally = tallies.get(who).copied().unwrap_or_default();
        let counted = count(&rule(budget), tally, now_ms)?;
        if tallies.len() >= MAX_TRACKED && !tallies.contains_key(who) {
            forget_oldest(tallies);
        }
        tallies.insert(who.to_owned(), counted);
        Ok(())
    }

    async fn succeeded(&self, budget: Budget, who: &str) {
        let mut budgets = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        let tallies = budgets.entry(budget).or_default();
        match budget {
            Budget::AccountAttempts => {
                tallies.remove(who);
            }
            // One good try does not excuse the wrong ones of others behind the same address.
            Budget::SourceAttempts
            | Budget::Strangers
            | Budget::InvitePlaces
            | Budget::PersonPlaces => {
                if let Some(tally) = tallies.get_mut(who) {
                    tally.count = tally.count.saturating_sub(1);
                }
            }
        }
    }
}

fn forget_oldest(tallies: &mut HashMap<String, Tally>) {
    let mut times: Vec<i64> = tallies.values().map(|tally| tally.last_ms).collect();
    let (_, &mut tenth_ms, _) = times.select_nth_unstable(MAX_TRACKED / 10);
    tallies.retain(|_, tally| tally.last_ms > tenth_ms);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_passwords_wait_longer_each_time_up_to_a_bound_and_are_forgotten() {
        let rule = rule(Budget::AccountAttempts);
        let mut tally = Tally::default();
        let mut now_ms = 1_000_000;
        for _ in 0..5 {
            tally = count(&rule, tally, now_ms).expect("free");
        }
        for wait_ms in [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000] {
            assert_eq!(count(&rule, tally, now_ms), Err(Wait { wait_ms }));
            now_ms += wait_ms;
            tally = count(&rule, tally, now_ms).expect("waited");
        }
        now_ms += 15 * 60_000;
        assert_eq!(
            count(&rule, tally, now_ms),
            Ok(Tally {
                count: 1,
                last_ms: now_ms
            })
        );
    }

    #[test]
    fn a_bucket_gives_back_at_its_rate() {
        let rule = Rule::Bucket {
            burst: 2,
            every_ms: 50,
        };
        let mut tally = count(&rule, Tally::default(), 1_000).expect("first");
        tally = count(&rule, tally, 1_000).expect("second");
        assert_eq!(count(&rule, tally, 1_020), Err(Wait { wait_ms: 30 }));
        tally = count(&rule, tally, 1_060).expect("one is back");
        assert_eq!(count(&rule, tally, 1_090), Err(Wait { wait_ms: 10 }));
        count(&rule, tally, 1_100).expect("the rest of the time counted");
    }

    #[tokio::test]
    async fn a_full_memory_forgets_the_oldest_of_its_budget_and_takes_the_new() {
        let limits = ProcessLimits::default();
        limits
            .attempt(Budget::AccountAttempts, "ada", 0)
            .await
            .expect("first try");
        for index in 0..=MAX_TRACKED {
            let now_ms = i64::try_from(index).expect("small");
            limits
                .attempt(Budget::Strangers, &index.to_string(), now_ms)
                .await
                .expect("first try");
        }
        let budgets = limits.tallies.lock().expect("not poisoned");
        let strangers = &budgets[&Budget::Strangers];
        assert!(strangers.len() <= MAX_TRACKED);
        let known = |index: usize| strangers.contains_key(&index.to_string());
        assert!(!known(0) && known(MAX_TRACKED));
        assert!(budgets[&Budget::AccountAttempts].contains_key("ada"));
    }
}
