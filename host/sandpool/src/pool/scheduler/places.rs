//! The places of a pool: as many tasks run at once as it has `processes`, in whatever
//! workers. Decides which idle worker gets a free place, where there are more workers than
//! places.
//!
//! A task takes a place from the moment it is sent to a worker until its outcome. A worker
//! whose task waits for a function of the host lends its place meanwhile.

/// An idle worker that could take a waiting task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) slot: usize,
    /// `true` if the worker is a session's.
    pub(crate) in_session: bool,
    /// The number of the oldest task that waits for it.
    pub(crate) oldest: u64,
}

/// The turns in which ordinary tasks and calls of sessions get places: one after the other,
/// as long as both wait, and the oldest first among each.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    last_in_session: bool,
}

impl Turns {
    /// Takes out the candidate that gets the next free place.
    pub(crate) fn next(&mut self, candidates: &mut Vec<Candidate>) -> Option<Candidate> {
        let rank = |it: &Candidate| (it.in_session == self.last_in_session, it.oldest);
        let ranked = candidates.iter().enumerate();
        let (place, _) = ranked.min_by_key(|(_, candidate)| rank(candidate))?;
        let next = candidates.swap_remove(place);
        self.last_in_session = next.in_session;
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(slot: usize, in_session: bool, oldest: u64) -> Candidate {
        Candidate {
            slot,
            in_session,
            oldest,
        }
    }

    #[test]
    fn ordinary_tasks_and_sessions_take_turns_and_the_oldest_goes_first() {
        let mut turns = Turns::default();
        let mut candidates = vec![
            candidate(0, false, 1),
            candidate(1, false, 0),
            candidate(2, true, 9),
            candidate(3, true, 8),
        ];
        let order = std::iter::from_fn(|| turns.next(&mut candidates));
        let slots: Vec<usize> = order.map(|next| next.slot).collect();
        assert_eq!(slots, [3, 1, 2, 0]);
    }

    #[test]
    fn a_turn_that_nobody_takes_goes_to_the_others() {
        let mut turns = Turns::default();
        for oldest in 0..3 {
            let mut candidates = vec![candidate(0, false, oldest)];
            assert_eq!(turns.next(&mut candidates).map(|next| next.slot), Some(0));
        }
        assert_eq!(turns.next(&mut Vec::new()), None);
    }
}
