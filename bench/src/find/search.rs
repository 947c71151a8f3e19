//! The search for the largest load that holds: doubled until one breaks, then halved between the
//! last that held and the first that broke. Pure.

/// Most steps: doublings up to 2^16 and halvings back.
const MAX_STEPS: usize = 32;

/// See the module's head.
#[derive(Debug, Clone)]
pub(super) struct Search {
    /// The largest that held; 0 when none did.
    held: u16,
    /// The smallest that broke.
    broke: Option<u16>,
    most: u16,
    steps: usize,
}

impl Search {
    /// From 1 to `most`.
    pub(super) fn up_to(most: u16) -> Self {
        Search {
            held: 0,
            broke: None,
            most: most.max(1),
            steps: 0,
        }
    }

    /// The load to try next; none when the answer is known. Between loads that are closer than
    /// one in eight the difference is noise.
    pub(super) fn next(&self) -> Option<u16> {
        if self.steps == MAX_STEPS {
            return None;
        }
        match self.broke {
            None if self.held == self.most => None,
            None => Some(self.held.saturating_mul(2).clamp(1, self.most)),
            Some(broke) => {
                let between = broke - self.held;
                (between > 1 && between > self.held / 8).then(|| self.held + between / 2)
            }
        }
    }

    /// What came of it.
    pub(super) fn tell(&mut self, load: u16, holds: bool) {
        self.steps += 1;
        match holds {
            true => self.held = self.held.max(load),
            false => self.broke = Some(self.broke.map_or(load, |broke| broke.min(load))),
        }
        // A larger one that held after a smaller one broke: the smaller one was chance.
        if self.broke.is_some_and(|broke| broke <= self.held) {
            self.broke = None;
        }
    }

    /// The largest that held; 0 when none did.
    pub(super) fn held(&self) -> u16 {
        self.held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(most: u16, truth: u16) -> (u16, usize) {
        let mut search = Search::up_to(most);
        let mut steps = 0;
        while let Some(load) = search.next() {
            assert!((1..=most).contains(&load));
            search.tell(load, load <= truth);
            steps += 1;
        }
        (search.held(), steps)
    }

    #[test]
    fn the_largest_that_holds_is_found_to_within_an_eighth() {
        for truth in [0, 1, 2, 3, 7, 14, 100, 333, 1_999] {
            let (held, steps) = found(2_000, truth);
            assert!(
                held <= truth && truth - held <= held / 8 + 1,
                "{held} for {truth}"
            );
            assert!(steps <= 20, "{steps} steps for {truth}");
        }
    }

    #[test]
    fn what_never_breaks_ends_at_the_most() {
        assert_eq!(found(48, 60_000), (48, 7));
        assert_eq!(found(1, 5).0, 1);
    }

    #[test]
    fn a_search_in_which_chance_decides_ends() {
        for seed in 0..200 {
            let mut dice = fastrand::Rng::with_seed(seed);
            let mut search = Search::up_to(u16::MAX);
            let mut steps = 0;
            while let Some(load) = search.next() {
                search.tell(load, dice.bool());
                steps += 1;
            }
            assert!(steps <= MAX_STEPS);
        }
    }
}
