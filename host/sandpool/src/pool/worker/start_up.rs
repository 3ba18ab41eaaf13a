//! The start-up of one worker, until it has taken its first task.

use std::time::{Duration, Instant};

use crate::pool::scheduler::Fault;

/// The time for which a starting worker may use no processor. After that it stands still:
/// it was stopped, or waits for something that does not come.
const STILL_TIME: Duration = Duration::from_secs(5);

/// The time between two looks at a starting worker.
const START_LOOK: Duration = Duration::from_secs(1);

/// The host's books about a worker's start.
#[derive(Debug)]
pub(super) struct StartUp {
    /// The number of the kernel's kills for lack of memory before the worker was started.
    oom_kills: u64,
    /// The time of the next look.
    look_at: Instant,
    /// The time at which the worker was last seen to use a processor, and its CPU clock
    /// then.
    seen: (Instant, Option<Duration>),
    /// `true` once the worker's hello has come.
    is_greeted: bool,
    /// `true` once the worker has taken a task.
    has_worked: bool,
    /// `true` if the worker hung up before it took a task.
    hung_up_early: bool,
    /// The reason why the start failed, as far as the worker gave it or the host saw it.
    complaint: Option<Fault>,
}

impl StartUp {
    pub(super) fn new(oom_kills: u64, now: Instant) -> Self {
        StartUp {
            oom_kills,
            look_at: now,
            seen: (now, None),
            is_greeted: false,
            has_worked: false,
            hung_up_early: false,
            complaint: None,
        }
    }

    pub(super) fn oom_kills(&self) -> u64 {
        self.oom_kills
    }

    pub(super) fn look_at(&self) -> Instant {
        self.look_at
    }

    /// Returns `true` if the worker has used no processor for too long. Calls `clock`,
    /// which reads the worker's CPU clock, at most once a second.
    pub(super) fn stands_still(
        &mut self,
        now: Instant,
        clock: impl FnOnce() -> Option<Duration>,
    ) -> bool {
        if now < self.look_at {
            return false;
        }
        self.look_at += START_LOOK;
        let cpu = clock();
        let (seen, cpu_seen) = self.seen;
        if cpu != cpu_seen {
            self.seen = (now, cpu);
        }
        cpu.is_some() && cpu == cpu_seen && now.saturating_duration_since(seen) >= STILL_TIME
    }

    pub(super) fn is_greeted(&self) -> bool {
        self.is_greeted
    }

    /// Notes that the worker's hello has come.
    pub(super) fn greet(&mut self) {
        self.is_greeted = true;
    }

    #[inline]
    pub(super) fn has_worked(&self) -> bool {
        self.has_worked
    }

    /// Notes that the worker has taken a task; returns `true` if it is its first.
    #[inline]
    pub(super) fn work(&mut self) -> bool {
        !std::mem::replace(&mut self.has_worked, true)
    }

    /// Notes that the worker has hung up.
    pub(super) fn hang_up(&mut self) {
        self.hung_up_early = !self.has_worked;
    }

    /// Returns `true` if the worker hung up before it took a task.
    pub(super) fn hung_up_early(&self) -> bool {
        self.hung_up_early
    }

    /// Returns the reason why the start failed, if it is known.
    pub(super) fn complaint(&self) -> Option<&Fault> {
        self.complaint.as_ref()
    }

    /// Notes the reason why the start failed.
    pub(super) fn complain(&mut self, fault: Fault) {
        self.complaint = Some(fault);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_uses_no_processor_for_five_seconds_stands_still() {
        let begun = Instant::now();
        let mut start = StartUp::new(0, begun);
        let mut still = Vec::new();
        for second in 0..8 {
            let now = begun + Duration::from_secs(second);
            let cpu = Some(Duration::from_millis(second.min(2)));
            still.push(start.stands_still(now, || cpu));
        }
        let expected = [false, false, false, false, false, false, false, true];
        assert_eq!(still, expected);
    }

    #[test]
    fn a_worker_without_a_clock_never_stands_still_and_is_looked_at_once_a_second() {
        let begun = Instant::now();
        let mut start = StartUp::new(0, begun);
        let mut looks = 0;
        for tenth in 0..200 {
            let now = begun + Duration::from_millis(100 * tenth);
            let looked = || {
                looks += 1;
                None
            };
            assert!(!start.stands_still(now, looked));
        }
        assert_eq!(looks, 20);
    }

    #[test]
    fn to_hang_up_is_early_until_the_first_task_is_taken() {
        let mut start = StartUp::new(0, Instant::now());
        start.hang_up();
        assert!(start.hung_up_early());
        assert!(start.work(), "its first task");
        assert!(!start.work());
        start.hang_up();
        assert!(!start.hung_up_early());
    }
}
