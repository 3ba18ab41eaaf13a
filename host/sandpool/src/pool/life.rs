//! The life of a pool: whether it takes tasks, whether it runs them, and whether it has
//! ended.

use std::thread::{self, ThreadId};

use super::error::Error;

/// The phases of a pool's life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PoolPhase {
    Open,
    Closed,
    Terminated,
    Broken(String),
}

/// The phase of a pool and its circumstances. A pool never returns to an earlier phase.
#[derive(Debug)]
pub(super) struct PoolLife {
    phase: PoolPhase,
    /// `true` while the pool is paused: no task is begun.
    is_paused: bool,
    /// `true` once all threads and processes of the pool are gone.
    has_ended: bool,
    /// The threads that must not wait for the pool.
    own_threads: Vec<ThreadId>,
}

impl PoolLife {
    pub(super) fn new() -> Self {
        PoolLife {
            phase: PoolPhase::Open,
            is_paused: false,
            has_ended: false,
            own_threads: Vec::new(),
        }
    }

    #[inline]
    pub(super) fn phase(&self) -> &PoolPhase {
        &self.phase
    }

    #[inline]
    pub(super) fn is_open(&self) -> bool {
        self.phase == PoolPhase::Open
    }

    /// Returns `true` if the tasks that the pool has taken are run.
    #[inline]
    pub(super) fn goes_on(&self) -> bool {
        matches!(self.phase, PoolPhase::Open | PoolPhase::Closed)
    }

    /// Returns the reason why the pool broke, if it did.
    pub(super) fn broken(&self) -> Option<&str> {
        match &self.phase {
            PoolPhase::Broken(reason) => Some(reason),
            _ => None,
        }
    }

    /// Advances to a phase, unless the pool is in a later one.
    pub(super) fn advance(&mut self, phase: PoolPhase) {
        let is_later = match (&self.phase, &phase) {
            (PoolPhase::Open, _) => true,
            (PoolPhase::Closed, PoolPhase::Open | PoolPhase::Closed) => false,
            (PoolPhase::Closed, _) => true,
            (PoolPhase::Terminated, _) => false,
            (PoolPhase::Broken(_), PoolPhase::Terminated) => true,
            (PoolPhase::Broken(_), _) => false,
        };
        if is_later {
            self.phase = phase;
        }
    }

    /// Refuses tasks unless the pool is open.
    ///
    /// # Errors
    ///
    /// Returns the error that names the pool's phase.
    pub(super) fn accepts_tasks(&self) -> Result<(), Error> {
        match &self.phase {
            PoolPhase::Open => Ok(()),
            PoolPhase::Closed => Err(Error::Closed),
            PoolPhase::Terminated => Err(Error::Terminated),
            PoolPhase::Broken(reason) => Err(Error::Broken {
                reason: reason.clone(),
            }),
        }
    }

    #[inline]
    pub(super) fn is_paused(&self) -> bool {
        self.is_paused
    }

    pub(super) fn pause(&mut self, is_paused: bool) {
        self.is_paused = is_paused;
    }

    /// Notes that all threads and processes of the pool are gone.
    pub(super) fn end(&mut self) {
        self.has_ended = true;
    }

    /// Returns `true` if there is nothing to wait for.
    pub(super) fn is_at_end(&self) -> bool {
        self.has_ended || self.broken().is_some()
    }

    /// Notes a thread that must not wait for the pool.
    pub(super) fn add_own_thread(&mut self, thread: ThreadId) {
        self.own_threads.push(thread);
    }

    /// Returns `true` if this is a thread that the pool itself waits for.
    pub(super) fn is_own_thread(&self) -> bool {
        self.own_threads.contains(&thread::current().id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phase_is_never_gone_back_to() {
        let broken = || PoolPhase::Broken("it broke".into());
        let mut life = PoolLife::new();
        assert!(life.accepts_tasks().is_ok());
        for (to, becomes) in [
            (PoolPhase::Closed, PoolPhase::Closed),
            (PoolPhase::Open, PoolPhase::Closed),
            (broken(), broken()),
            (PoolPhase::Closed, broken()),
            (PoolPhase::Broken("again".into()), broken()),
            (PoolPhase::Terminated, PoolPhase::Terminated),
            (broken(), PoolPhase::Terminated),
        ] {
            life.advance(to);
            assert_eq!(*life.phase(), becomes);
        }
        assert!(matches!(life.accepts_tasks(), Err(Error::Terminated)));
    }

    #[test]
    fn a_broken_pool_is_not_waited_for() {
        let mut life = PoolLife::new();
        assert!(!life.is_at_end());
        life.advance(PoolPhase::Broken("it broke".into()));
        assert!(life.is_at_end() && !life.goes_on());
        assert_eq!(life.broken(), Some("it broke"));
    }
}
