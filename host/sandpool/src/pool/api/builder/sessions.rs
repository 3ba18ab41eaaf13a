//! The settings of a pool's sessions.

use std::time::Duration;

use super::PoolBuilder;

/// The highest number of sessions, unless another is set.
const MAX_SESSIONS: usize = 64;

/// The time that a session may be without a call, unless another is set.
const SESSION_IDLE: Duration = Duration::from_secs(10 * 60);

/// The limits of a pool's sessions; `None` is no limit.
pub(super) struct SessionSettings {
    pub(super) most: Option<usize>,
    pub(super) idle: Option<Duration>,
}

impl Default for SessionSettings {
    fn default() -> Self {
        SessionSettings {
            most: Some(MAX_SESSIONS),
            idle: Some(SESSION_IDLE),
        }
    }
}

impl PoolBuilder {
    /// Limits the number of sessions that are open at once \[64\]; `None` is no limit.
    /// [`SessionBuilder::open`](crate::SessionBuilder::open) beyond it fails with
    /// [`Error::SessionsFull`](crate::Error::SessionsFull). Each session that had a call
    /// has a worker process of its own, beyond the pool's `processes`.
    pub fn sessions(mut self, most: impl Into<Option<usize>>) -> Self {
        self.sessions.most = most.into();
        self
    }

    /// Limits the time that a session may be without a call \[10 min\]; `None` is no limit.
    /// A session that was idle for so long expires: its process ends, and later calls fail
    /// with [`Error::SessionEnded`](crate::Error::SessionEnded).
    pub fn session_idle(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.sessions.idle = limit.into();
        self
    }
}
