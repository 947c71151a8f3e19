//! How often one WebSocket may be wrong before it is closed. How much a client may say is the
//! shard's to decide, which counts every message that can be read (`room/seat` of `sfu-core`);
//! what cannot be read never gets there, and is counted here.

/// Mistakes that are answered with `refused`. One more ends with `bye`.
const MISTAKES_FORGIVEN: u32 = 8;

/// The patience with one WebSocket.
#[derive(Debug, Clone, Default)]
pub(crate) struct Patience {
    mistakes: u32,
}

/// What to do about a mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Say that it was one.
    Tell,
    /// Say goodbye.
    End,
}

impl Patience {
    /// Counts a mistake.
    pub(crate) fn mistake(&mut self) -> Verdict {
        self.mistakes += 1;
        if self.mistakes > MISTAKES_FORGIVEN {
            Verdict::End
        } else {
            Verdict::Tell
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_told_until_the_bound_and_then_end() {
        let mut patience = Patience::default();
        for _ in 0..MISTAKES_FORGIVEN {
            assert_eq!(patience.mistake(), Verdict::Tell);
        }
        assert_eq!(patience.mistake(), Verdict::End);
    }
}
