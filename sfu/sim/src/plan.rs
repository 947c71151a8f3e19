//! A story of named steps.

use crate::chronicle::Chronicle;
use crate::oracle::Bounds;
use crate::world::{House, World};

/// How many of the last events are told with a failure.
const LAST_EVENTS: usize = 25;

/// A story being told.
pub struct Plan {
    name: &'static str,
    seed: u64,
    world: World,
}

impl Plan {
    /// Begins a story.
    pub fn tell(name: &'static str, seed: u64, bounds: Bounds) -> Self {
        Plan::tell_in(name, seed, bounds, House::default())
    }

    /// Begins a story with such a node.
    pub fn tell_in(name: &'static str, seed: u64, bounds: Bounds, house: House) -> Self {
        Plan {
            name,
            seed,
            world: World::with_house(seed, bounds, house),
        }
    }

    /// One step: what happens, and what is claimed then.
    pub fn step(&mut self, name: &str, happens: impl FnOnce(&mut World)) -> &mut Self {
        self.world.step = name.to_owned();
        self.world.note("story", name);
        happens(&mut self.world);
        self
    }

    /// Ends the story and gives its chronicle.
    ///
    /// # Panics
    /// When an oracle or a claim was violated; the message names the story, the seed, and for
    /// each violation the step, the time and the witness.
    pub fn end(&mut self) -> Chronicle {
        self.world.step = "the end".to_owned();
        self.world.close();
        if !self.world.violations().is_empty() {
            panic!("{}", self.complaint());
        }
        self.world.chronicle().clone()
    }

    fn complaint(&self) -> String {
        let violations = self.world.violations();
        let lines: Vec<String> = violations.iter().map(ToString::to_string).collect();
        format!(
            "\"{}\" with seed {}: {} violations\n{}\n\nlast events:\n{}\n\n{:?}\n{:?}\n{}",
            self.name,
            self.seed,
            lines.len(),
            lines.join("\n"),
            self.world
                .chronicle()
                .last_decisions(LAST_EVENTS)
                .join("\n"),
            self.world.report(),
            self.world.traffic(),
            self.world.counters(),
        )
    }
}
