//! The keys of sessions. A session's worker has a key that no other worker has, so nothing
//! but the session's own calls ever runs in it.

use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::KeyId;
use crate::outcome::Verdict;
use sandpool_protocol::limits::{MAX_HANDLES, show_duration};

/// Set in the number of a session's key, so that the rules know it without looking it up.
const IN_SESSION: KeyId = 1 << 63;

/// The reason why a [`Session`](crate::Session) is over.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionEnd {
    /// [`Session::close`](crate::Session::close) or
    /// [`terminate`](crate::Session::terminate) was called, or its handle was dropped.
    Closed,
    /// There was no call for this long; see
    /// [`PoolBuilder::session_idle`](crate::PoolBuilder::session_idle).
    Expired {
        /// The time without a call that a session of this pool may have.
        idle: Duration,
    },
    /// A call left no instance that further calls could use, or the worker ended between
    /// two calls.
    Failed {
        /// The verdict of that call; `worker_lost` between two calls.
        verdict: Verdict,
        /// The error of that call, or the way in which the worker ended.
        reason: String,
    },
    /// The pool of the session takes no more tasks.
    PoolEnded,
}

impl fmt::Display for SessionEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SessionEnd::Closed => f.write_str("session ended: it was closed"),
            SessionEnd::Expired { idle } => {
                let idle = show_duration(*idle);
                write!(f, "session expired: it had no call for {idle}")
            }
            SessionEnd::Failed { verdict, reason } if reason.is_empty() => {
                write!(f, "session ended: {verdict}")
            }
            SessionEnd::Failed { verdict, reason } => {
                write!(f, "session ended: {verdict}: {reason}")
            }
            SessionEnd::PoolEnded => f.write_str("session ended: its pool has ended"),
        }
    }
}

/// The part of a worker key that only sessions have.
#[derive(Debug, Default)]
pub(crate) struct SessionLife {
    ended: OnceLock<SessionEnd>,
    has_worker: AtomicBool,
    is_interruptible: bool,
    /// The time of the first start of its worker that failed.
    failed_first: OnceLock<Instant>,
    handles: Mutex<KnownHandles>,
}

/// The handles of resources that the caller of a session has, by number.
#[derive(Debug, Default)]
pub(crate) struct KnownHandles {
    alive: HashSet<u32>,
    /// The highest number that the session's worker gave.
    last: u32,
}

impl KnownHandles {
    /// Adds a handle that the worker gave. Returns `false` if no honest worker gives it:
    /// numbers grow, and there are no more handles than there may be.
    pub(crate) fn add(&mut self, number: u32) -> bool {
        let fits = number > self.last && self.alive.len() < MAX_HANDLES as usize;
        self.last = self.last.max(number);
        fits && self.alive.insert(number)
    }

    pub(crate) fn contains(&self, number: &u32) -> bool {
        self.alive.contains(number)
    }

    pub(crate) fn remove(&mut self, number: &u32) {
        self.alive.remove(number);
    }

    /// Gives back handles that were taken out.
    pub(crate) fn extend(&mut self, numbers: impl Iterator<Item = u32>) {
        self.alive.extend(numbers);
    }
}

impl SessionLife {
    /// Returns the life of a session that begins. `is_interruptible` tells whether its calls
    /// may be asked to stop.
    pub(crate) fn new(is_interruptible: bool) -> Self {
        SessionLife {
            is_interruptible,
            ..SessionLife::default()
        }
    }

    /// Returns `true` if the session's calls may be asked to stop.
    pub(crate) fn is_interruptible(&self) -> bool {
        self.is_interruptible
    }

    /// Returns the reason why the session is over, if it is.
    pub(crate) fn ended(&self) -> Option<&SessionEnd> {
        self.ended.get()
    }

    /// Ends the session for this reason, unless it is over.
    pub(crate) fn end(&self, why: SessionEnd) {
        // The first reason stands.
        let _ = self.ended.set(why);
    }

    /// Notes a start of its worker that failed, and returns the time for which they do.
    pub(crate) fn start_fails_for(&self, now: Instant) -> Duration {
        let first = *self.failed_first.get_or_init(|| now);
        now.saturating_duration_since(first)
    }

    /// Returns `true` if the session has a worker, or one is being started for it.
    pub(crate) fn has_worker(&self) -> bool {
        self.has_worker.load(Ordering::Relaxed)
    }

    /// Returns the handles of resources that the session's caller has.
    pub(crate) fn handles(&self) -> MutexGuard<'_, KnownHandles> {
        self.handles.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_has_worker(&self, has_worker: bool) {
        self.has_worker.store(has_worker, Ordering::Relaxed);
    }

    /// Returns `true` if a worker is to be started for the session's waiting calls.
    pub(crate) fn lacks_worker(&self) -> bool {
        !self.has_worker() && self.ended().is_none()
    }
}

/// Returns the number of a session's key.
pub(super) fn session_key(number: u64) -> KeyId {
    number | IN_SESSION
}

/// Returns `true` if this is the number of a session's key.
#[inline]
pub(crate) fn is_session(key: KeyId) -> bool {
    key & IN_SESSION != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reason_stands_and_every_reason_is_one_line() {
        let life = SessionLife::default();
        assert!(life.lacks_worker());
        life.set_has_worker(true);
        assert!(!life.lacks_worker());
        life.set_has_worker(false);
        life.end(SessionEnd::Closed);
        life.end(SessionEnd::PoolEnded);
        assert_eq!(life.ended(), Some(&SessionEnd::Closed));
        assert!(!life.lacks_worker(), "no worker is started for it");
        let failed = |reason: &str| SessionEnd::Failed {
            verdict: Verdict::Trap,
            reason: reason.into(),
        };
        let idle = Duration::from_secs(600);
        for (end, text) in [
            (SessionEnd::Closed, "session ended: it was closed"),
            (
                SessionEnd::Expired { idle },
                "session expired: it had no call for 600s",
            ),
            (failed("unreachable"), "session ended: trap: unreachable"),
            (failed(""), "session ended: trap"),
            (SessionEnd::PoolEnded, "session ended: its pool has ended"),
        ] {
            assert_eq!(end.to_string(), text);
        }
    }

    #[test]
    fn the_number_of_a_sessions_key_tells_that_it_is_one() {
        assert!(is_session(session_key(7)) && !is_session(7));
    }
}
