//! The clocks of the task that a worker runs or will run next.

use std::time::{Duration, Instant};

/// The time from sending a task to the first look at whether it was claimed.
const FIRST_LOOK: Duration = Duration::from_millis(1);

/// The longest time that a claim may go unseen.
const MAX_LOOK: Duration = Duration::from_millis(5);

/// The clocks of a worker's oldest sent task. Each task restarts them.
#[derive(Debug)]
pub(super) struct TaskClock {
    /// The time at which the task became the worker's next.
    next_since: Instant,
    /// The worker's CPU clock at that time, if the task's CPU time is measured.
    cpu_before: Option<Duration>,
    /// The time at which the task was first seen to run.
    running: Option<Instant>,
    /// The time from `next_since` to the next look at whether the task was claimed.
    look_after: Duration,
}

impl TaskClock {
    pub(super) fn new(now: Instant) -> Self {
        TaskClock {
            next_since: now,
            cpu_before: None,
            running: None,
            look_after: FIRST_LOOK,
        }
    }

    /// Restarts the clocks for a task that becomes the worker's next. `cpu` is the worker's
    /// CPU clock, if the task's CPU time is measured.
    #[inline]
    pub(super) fn restart(&mut self, now: Instant, cpu: Option<Duration>) {
        self.next_since = now;
        self.cpu_before = cpu;
        self.running = None;
        self.look_after = FIRST_LOOK;
    }

    #[inline]
    pub(super) fn next_since(&self) -> Instant {
        self.next_since
    }

    /// Returns the time at which the task was first seen to run, or `None` before that.
    #[inline]
    pub(super) fn running(&self) -> Option<Instant> {
        self.running
    }

    /// Notes that the task was seen to run.
    #[inline]
    pub(super) fn run(&mut self, now: Instant) {
        self.running = Some(now);
    }

    /// Returns the time of the next look at whether the task was claimed.
    #[inline]
    pub(super) fn look_at(&self) -> Instant {
        self.next_since + self.look_after
    }

    /// Schedules the next look. Looks are frequent at first.
    pub(super) fn looked(&mut self) {
        self.look_after += self.look_after.min(MAX_LOOK);
    }

    /// Returns the CPU time that the task has used, if it is measured. `clock` reads the
    /// worker's CPU clock.
    #[inline]
    pub(super) fn cpu_time(&self, clock: impl FnOnce() -> Option<Duration>) -> Option<Duration> {
        let before = self.cpu_before?;
        clock()?.checked_sub(before)
    }

    /// Returns the time at which the task began to run. `ran` is the run time by the
    /// worker's own account, which is more precise and is believed within the bounds of
    /// what the host saw.
    #[inline]
    pub(super) fn started(&self, ran: Option<Duration>, now: Instant) -> Instant {
        ran.and_then(|ran| now.checked_sub(ran))
            .map(|started| started.max(self.next_since))
            .or(self.running)
            .unwrap_or(self.next_since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn looks_for_a_claim_are_frequent_at_first() {
        let now = Instant::now();
        let mut clock = TaskClock::new(now);
        let mut looks = Vec::new();
        for _ in 0..6 {
            looks.push((clock.look_at() - now).as_millis());
            clock.looked();
        }
        assert_eq!(looks, [1, 2, 4, 8, 13, 18]);
        clock.restart(now + MS, None);
        assert_eq!(clock.look_at(), now + 2 * MS);
    }

    #[test]
    fn a_worker_is_believed_about_a_run_no_longer_than_it_had_the_task() {
        let now = Instant::now();
        let mut clock = TaskClock::new(now);
        let later = now + 10 * MS;
        assert_eq!(clock.started(None, later), now);
        assert_eq!(clock.started(Some(4 * MS), later), now + 6 * MS);
        assert_eq!(clock.started(Some(40 * MS), later), now);
        clock.run(now + 3 * MS);
        assert_eq!(clock.started(None, later), now + 3 * MS);
    }

    #[test]
    fn cpu_time_counts_from_when_the_task_became_next_and_only_if_it_is_measured() {
        let now = Instant::now();
        let mut clock = TaskClock::new(now);
        assert_eq!(clock.cpu_time(|| Some(7 * MS)), None);
        clock.restart(now, Some(5 * MS));
        assert_eq!(clock.cpu_time(|| Some(7 * MS)), Some(2 * MS));
    }
}
