//! Runs a task again that did not end well, if its call asks for that.
//!
//! The task goes back to the queue, at the position of its age, so order and back-pressure
//! hold: to whoever waits for it, the task just takes longer.

use std::time::Duration;

use super::task::Task;
use crate::outcome::{Outcome, Verdict};
use sandpool_value::Value;

/// The number of workers that may die under a task. After that it is not given to a further
/// worker, however many retries it has left.
const POISON_AFTER: u32 = 3;

/// The rule by which a task that did not end `ok` is run again; see
/// [`Call::retries`](crate::Call::retries).
///
/// ```
/// use std::time::Duration;
/// use sandpool::{Retries, Verdict};
///
/// let retries = Retries::new(5)
///     .on([Verdict::WorkerLost, Verdict::Timeout])
///     .delay(Duration::from_millis(100));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retries {
    times: u32,
    on: Vec<Verdict>,
    delay: Duration,
    longest_delay: Duration,
}

impl Retries {
    /// Allows up to `times` retries of each task whose worker died (`worker_lost`), at
    /// once.
    pub fn new(times: u32) -> Self {
        Retries {
            times,
            on: vec![Verdict::WorkerLost],
            delay: Duration::ZERO,
            longest_delay: Duration::from_secs(60),
        }
    }

    /// Sets the verdicts after which a task is run again \[`worker_lost`\]. A task that was
    /// never sent, or that ended `cancelled`, is never run again.
    #[must_use]
    pub fn on(mut self, verdicts: impl IntoIterator<Item = Verdict>) -> Self {
        self.on = verdicts.into_iter().collect();
        self
    }

    /// Sets the time before the first retry \[none\]. It doubles with each further retry of
    /// a task.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Sets the longest time before a retry \[60 s\].
    #[must_use]
    pub fn longest_delay(mut self, delay: Duration) -> Self {
        self.longest_delay = delay;
        self
    }

    fn delay_before(&self, retry: u32) -> Duration {
        let doubled = 1_u32.checked_shl(retry - 1).unwrap_or(u32::MAX);
        self.delay.saturating_mul(doubled).min(self.longest_delay)
    }
}

impl Task {
    /// Returns the time to wait before this task, which has just ended with `outcome`, is
    /// run again. Returns `None` if the outcome is final, and completes it then.
    pub(crate) fn wants_retry(&mut self, outcome: &mut Outcome<Value>) -> Option<Duration> {
        let retries = self.batch.template.retries.as_ref()?;
        if outcome.verdict == Verdict::WorkerLost {
            self.workers_lost += 1;
        }
        let asked = retries.on.contains(&outcome.verdict)
            && !matches!(outcome.verdict, Verdict::Ok | Verdict::Cancelled);
        if !asked || self.is_cancelled() {
            return None;
        }
        if self.workers_lost >= POISON_AFTER {
            outcome.poison = true;
            let error = outcome.error.take().unwrap_or_default();
            outcome.error = Some(format!(
                "{error}; set aside as poison, since {} workers have died under it",
                self.workers_lost
            ));
            return None;
        }
        if self.retries >= retries.times {
            return None;
        }
        if self
            .batch
            .template
            .steers
            .as_ref()
            .is_some_and(|s| s.finishes())
        {
            outcome.verdict = Verdict::Cancelled;
            outcome.error = Some("cancelled before it was run again".into());
            return None;
        }
        self.retries += 1;
        Some(retries.delay_before(self.retries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_doubles_up_to_its_longest() {
        let retries = Retries::new(9)
            .delay(Duration::from_millis(300))
            .longest_delay(Duration::from_secs(1));
        let delays = [1, 2, 3, 40].map(|retry| retries.delay_before(retry).as_millis());
        assert_eq!(delays, [300, 600, 1000, 1000]);
        assert_eq!(Retries::new(1).delay_before(1), Duration::ZERO);
    }
}
