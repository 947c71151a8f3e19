//! Which frames of a stream with dependency descriptors a receiver gets (RTP payload format for
//! AV1, appendix A): those of one decode target, and of these only what it can decode, because
//! everything that they refer to was passed on. What never came is not known to be missing: it
//! may come yet, and whoever waits for it says so.

use sfu_rtp::dependency::{Frame, Indication, Structure};

use super::piece::Dependency;
use super::scale::{Passage, Quality, TURNS};

/// Frames whose fate is remembered: about six seconds of three spatial layers.
const REMEMBERED: u64 = 512;

const WORDS: usize = (REMEMBERED / 64) as usize;

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Nothing of it came yet.
    Open,
    Passed,
    LeftOut,
}

/// The frames that one receiver gets, and which of its stream's decode targets they make.
#[derive(Debug, Clone, Default)]
pub(super) struct Described {
    /// By its index in the structure.
    target: Option<u8>,
    /// What it was before, newest last, and up to which frame.
    before: [(u64, Option<u8>); TURNS],
    /// Unwrapped; what lies before it was not passed on.
    first: u64,
    newest: u64,
    came: [u64; WORDS],
    passed: [u64; WORDS],
    /// Of those that did not come: frames that were passed on refer to them.
    owed: [u64; WORDS],
    left_out_any: bool,
    /// Chains of which a frame was left out, one bit each.
    broken: u32,
    /// The frame that brought the structure in use.
    structure_since: u64,
}

impl Described {
    /// The decode target that is passed on.
    pub(super) fn target(&self) -> Option<usize> {
        self.target.map(usize::from)
    }

    /// Begins with this frame.
    pub(super) fn begin(frame: &Frame) -> Self {
        // Far from zero, so that what lies before it has a number.
        let first = 1 << 32 | u64::from(frame.number);
        Described {
            first,
            newest: first,
            structure_since: first,
            ..Described::default()
        }
    }

    /// What becomes of a packet. `opens`: a picture begins with it, where another quality may
    /// begin too; `late`: it is older than one before.
    pub(super) fn admit(
        &mut self,
        dependency: &Dependency,
        wanted: Quality,
        (opens, late): (bool, bool),
    ) -> Passage {
        let frame = &dependency.descriptor.frame;
        let number = self.unwrap(frame.number);
        self.reach(number);
        match self.fate(number) {
            Fate::Passed => return Passage::Pass,
            Fate::LeftOut => return self.left_out(dependency, wanted, late),
            Fate::Open => {}
        }
        if !late {
            if dependency.brings_structure {
                self.structure_since = number;
                // Its decode targets may be others.
                self.set_target(None, number);
            }
            self.follow_chains(frame, number);
            if opens || self.target.is_none() {
                self.turn(dependency, wanted, number);
            }
        }
        // Whoever gets no structure can read no descriptor.
        let needed = dependency.brings_structure
            || is_set(&self.owed, number)
            || self.was_needed(frame, number);
        let passes = needed && self.decodable(frame, number);
        self.decide(number, passes);
        if passes {
            self.owe(frame, number);
        }
        match passes {
            true => Passage::Pass,
            false => self.left_out(dependency, wanted, late),
        }
    }

    /// The decode targets that a receiver has, of those that there are.
    pub(super) fn active_targets(&self, structure: &Structure) -> u32 {
        self.targets_up_to(self.target, structure)
    }

    /// Those that it is told of with this frame: what comes late belongs to what was passed on
    /// when it was sent.
    pub(super) fn told_targets(&self, frame: &Frame, structure: &Structure) -> u32 {
        let of_frame = self.needed_for(frame, self.unwrap(frame.number));
        self.targets_up_to(of_frame.or(self.target), structure)
    }

    fn targets_up_to(&self, target: Option<u8>, structure: &Structure) -> u32 {
        let target = target.and_then(|at| structure.targets.get(usize::from(at)));
        let Some(present) = target else {
            return structure.all_targets();
        };
        let mut mask = 0;
        for (index, target) in structure.targets.iter().enumerate() {
            let within = target.spatial_id <= present.spatial_id
                && target.temporal_id <= present.temporal_id;
            if within && self.is_intact(target.chain) {
                mask |= 1 << index;
            }
        }
        mask
    }

    /// Whether the frame belongs to what is passed on, or, when it comes late, to what was passed
    /// on when it was sent or after: what needs it was judged by that.
    fn was_needed(&self, frame: &Frame, number: u64) -> bool {
        self.needed_for(frame, number).is_some()
    }

    /// The decode target that is or was passed on and that the frame belongs to, the newest.
    fn needed_for(&self, frame: &Frame, number: u64) -> Option<u8> {
        let of_this = number >= self.structure_since;
        let before = self.before.iter().rev();
        let before = before
            .filter(|(until, _)| number < *until && (of_this || *until <= self.structure_since));
        let present = of_this.then_some(self.target).into_iter();
        let mut targets = present.chain(before.map(|(_, target)| *target)).flatten();
        targets.find(|target| {
            let indication = frame.indications.of(usize::from(*target));
            indication != Indication::NotPresent
        })
    }

    fn set_target(&mut self, target: Option<u8>, number: u64) {
        self.before.rotate_left(1);
        self.before[TURNS - 1] = (number, self.target);
        self.target = target;
    }

    /// Turns to the decode target that is wanted, where that can begin here (A.7).
    fn turn(&mut self, dependency: &Dependency, wanted: Quality, number: u64) {
        let structure = &*dependency.structure;
        let Some(best) = best_target(structure, dependency.active_targets, wanted) else {
            return;
        };
        if self.target() == Some(best) {
            return;
        }
        let frame = &dependency.descriptor.frame;
        let chain = structure.targets[best].chain;
        let has = |distance: u16| self.has(number, distance.into());
        let switches = frame.indications.of(best) == Indication::Switch
            && frame
                .references
                .as_slice()
                .iter()
                .all(|distance| has(*distance));
        let last = chain.and_then(|chain| frame.chains.as_slice().get(usize::from(chain)));
        let goes_on = last.is_some_and(|distance| *distance == 0 || has((*distance).into()));
        let begins = switches || goes_on && self.is_intact(chain);
        if begins || self.target.is_none() {
            self.set_target(Some(best as u8), number);
        }
    }

    fn is_intact(&self, chain: Option<u8>) -> bool {
        chain.is_none_or(|chain| self.broken & 1 << chain == 0)
    }

    /// Notes which chains are broken: the frame says of each where its last one is (A.5).
    fn follow_chains(&mut self, frame: &Frame, number: u64) {
        for (chain, distance) in frame.chains.as_slice().iter().enumerate() {
            let bit = 1 << chain;
            match distance {
                0 => self.broken &= !bit,
                _ if self.is_missing(number, (*distance).into()) => self.broken |= bit,
                _ => {}
            }
        }
    }

    fn decodable(&self, frame: &Frame, number: u64) -> bool {
        let references = frame.references.as_slice();
        references
            .iter()
            .all(|distance| !self.is_missing(number, (*distance).into()))
    }

    /// What a frame that is passed on refers to has to be passed on when it comes.
    fn owe(&mut self, frame: &Frame, number: u64) {
        for distance in frame.references.as_slice() {
            let before = number.saturating_sub((*distance).into());
            if self.fate(before) == Fate::Open {
                let (word, bit) = place(before);
                self.owed[word] |= bit;
            }
        }
    }

    /// Whether the frame so far before this one was passed on, for certain.
    fn has(&self, number: u64, distance: u64) -> bool {
        self.fate(number.saturating_sub(distance)) == Fate::Passed
    }

    /// Whether the frame so far before this one was not passed on, for certain.
    fn is_missing(&self, number: u64, distance: u64) -> bool {
        let before = number.saturating_sub(distance);
        let forgotten = self.newest - before >= REMEMBERED;
        before < self.first
            || forgotten && self.left_out_any
            || !forgotten && self.fate(before) == Fate::LeftOut
    }

    /// What is said of a packet that is left out: whether the wanted quality cannot begin without
    /// a keyframe.
    fn left_out(&self, dependency: &Dependency, wanted: Quality, late: bool) -> Passage {
        let best = best_target(&dependency.structure, dependency.active_targets, wanted);
        let indications = dependency.descriptor.frame.indications;
        let waits = best.is_some_and(|best| {
            let chain = dependency.structure.targets[best].chain;
            let belongs = indications.of(best) != Indication::NotPresent;
            self.target() != Some(best) && belongs && !(chain.is_some() && self.is_intact(chain))
        });
        match waits && !late {
            true => Passage::Wait,
            false => Passage::LeaveOut,
        }
    }

    fn unwrap(&self, number: u16) -> u64 {
        let distance = number.wrapping_sub(self.newest as u16) as i16;
        self.newest.saturating_add_signed(distance.into())
    }

    fn reach(&mut self, number: u64) {
        if number <= self.newest {
            return;
        }
        if number - self.newest >= REMEMBERED {
            (self.came, self.owed) = ([0; WORDS], [0; WORDS]);
        } else {
            for passed in self.newest + 1..=number {
                let (word, bit) = place(passed);
                self.came[word] &= !bit;
                self.owed[word] &= !bit;
            }
        }
        self.newest = number;
    }

    fn fate(&self, number: u64) -> Fate {
        if number < self.first || self.newest.saturating_sub(number) >= REMEMBERED {
            return Fate::LeftOut;
        }
        match (is_set(&self.came, number), is_set(&self.passed, number)) {
            (false, _) => Fate::Open,
            (true, true) => Fate::Passed,
            (true, false) => Fate::LeftOut,
        }
    }

    fn decide(&mut self, number: u64, passes: bool) {
        let (word, bit) = place(number);
        self.came[word] |= bit;
        match passes {
            true => self.passed[word] |= bit,
            false => self.passed[word] &= !bit,
        }
        self.left_out_any |= !passes;
    }
}

fn is_set(bits: &[u64; WORDS], number: u64) -> bool {
    let (word, bit) = place(number);
    bits[word] & bit != 0
}

fn place(number: u64) -> (usize, u64) {
    let at = number % REMEMBERED;
    ((at / 64) as usize, 1 << (at % 64))
}

/// The best decode target within what is wanted, else the least of those that there are.
fn best_target(structure: &Structure, active: u32, wanted: Quality) -> Option<usize> {
    let targets = structure.targets.iter().enumerate();
    let active = targets.filter(|(index, _)| active & 1 << index != 0);
    let quality = |index: usize| {
        let target = structure.targets[index];
        (target.spatial_id, target.temporal_id)
    };
    let active: Vec<usize> = active.map(|(index, _)| index).collect();
    let within = |index: &&usize| {
        let (spatial_id, temporal_id) = quality(**index);
        spatial_id <= wanted.spatial_id && temporal_id <= wanted.temporal_id
    };
    let best = active
        .iter()
        .filter(within)
        .max_by_key(|index| quality(**index));
    let least = active.iter().min_by_key(|index| quality(**index));
    best.or(least).copied()
}
