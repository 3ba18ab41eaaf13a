//! Notices of tasks that take long, as nextest gives them.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use sandpool::RunningTask;

use crate::show;

/// Knows which running tasks have been spoken of.
#[derive(Debug)]
pub struct Slow {
    after: Duration,
    /// Since when each runs, and how often it was spoken of.
    told: HashMap<u64, (Instant, u32)>,
}

impl Slow {
    pub fn new(after: Duration) -> Self {
        Slow {
            after,
            told: HashMap::new(),
        }
    }

    /// The tasks that have run for the time once more, and how long they have.
    pub fn look(&mut self, running: &[RunningTask], now: Instant) -> Vec<(u64, Duration)> {
        self.look_at(running.iter().map(|task| (task.index, task.since)), now)
    }

    fn look_at(
        &mut self,
        running: impl Iterator<Item = (u64, Instant)>,
        now: Instant,
    ) -> Vec<(u64, Duration)> {
        let before = std::mem::take(&mut self.told);
        let mut due = Vec::new();
        for (index, since) in running {
            let ran = now.saturating_duration_since(since);
            if ran < self.after {
                continue;
            }
            // One that is run again is as new.
            let told = before.get(&index).filter(|(then, _)| *then == since);
            let mut times = told.map_or(0, |(_, times)| *times);
            if self
                .after
                .checked_mul(times + 1)
                .is_some_and(|next| ran >= next)
            {
                due.push((index, ran));
                times += 1;
            }
            self.told.insert(index, (since, times));
        }
        due
    }
}

/// `SLOW [17] 30 has run for 1m00s`.
pub fn notice(seq: u64, ran: Duration, label: &str) -> String {
    format!(
        "SLOW [{seq}] {} has run for {}",
        show::clip(label, 40),
        show::time(ran)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_task_is_spoken_of_each_time_the_time_has_passed() {
        let start = Instant::now();
        let mut slow = Slow::new(Duration::from_secs(10));
        let mut told_at = Vec::new();
        for second in 0..45 {
            let now = start + Duration::from_secs(second);
            // Task 7 is run again after 32 seconds; task 8 is never slow.
            let since = if second < 32 {
                start
            } else {
                start + Duration::from_secs(32)
            };
            let running = [(7, since), (8, now)].into_iter();
            told_at.extend(
                slow.look_at(running, now)
                    .into_iter()
                    .map(|(index, _)| (index, second)),
            );
        }
        assert_eq!(told_at, [(7, 10), (7, 20), (7, 30), (7, 42)]);
    }
}
