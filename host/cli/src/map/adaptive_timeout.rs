//! `--timeout 200%`: a wall time that follows the run times of tasks.

use std::time::Duration;

use sandpool::Steering;

use super::ledger::Finished;
use super::summary::RunTimes;

/// The number of tasks that must have ended ok before their median means anything.
const FEWEST: u64 = 3;

/// The shortest wall time that is set: shorter run times are all noise.
const LEAST: Duration = Duration::from_millis(100);

/// Sets the wall time by the median of the tasks that ended ok.
pub struct AdaptiveTimeout {
    percent: u32,
    times: RunTimes,
    counted: u64,
    /// The count at which the median is computed again, which takes a walk through the
    /// histogram.
    next: u64,
}

impl AdaptiveTimeout {
    pub fn new(percent: u32) -> Self {
        AdaptiveTimeout {
            percent,
            times: RunTimes::default(),
            counted: 0,
            next: FEWEST,
        }
    }

    /// Counts a task that has ended.
    pub fn count(&mut self, task: &Finished, steering: &Steering) {
        if let Some(run_time) = task.outcome.run_time.filter(|_| task.outcome.is_ok())
            && let Some(timeout) = self.add(run_time)
        {
            steering.set_timeout(Some(timeout));
        }
    }

    fn add(&mut self, run_time: Duration) -> Option<Duration> {
        self.times.add(run_time);
        self.counted += 1;
        if self.counted < self.next {
            return None;
        }
        self.next = self.counted + 1 + self.counted / 16;
        let median = self.times.median()?;
        Some((median * self.percent / 100).max(LEAST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_third_task_sets_a_time_and_later_ones_change_it() {
        let mut timeout = AdaptiveTimeout::new(200);
        let second = Duration::from_secs(1);
        assert_eq!(timeout.add(second), None);
        assert_eq!(timeout.add(second * 9), None);
        let set = timeout.add(second * 2).unwrap().as_secs_f64();
        assert!((set - 4.0).abs() < 0.01, "{set}");
        for _ in 0..40 {
            timeout.add(second * 3);
        }
        let set = (0..9).find_map(|_| timeout.add(second * 3)).unwrap();
        assert!((set.as_secs_f64() - 6.0).abs() < 0.01, "{set:?}");
    }

    #[test]
    fn quick_tasks_have_a_little_time_all_the_same() {
        let mut timeout = AdaptiveTimeout::new(150);
        let set = (0..3).find_map(|_| timeout.add(Duration::from_micros(5)));
        assert_eq!(set, Some(LEAST));
    }
}
