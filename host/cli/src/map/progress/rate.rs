//! The recent rate at which tasks end.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The time that counts as of late.
const WINDOW: Duration = Duration::from_secs(15);

/// Samples are no closer together.
const STEP: Duration = Duration::from_millis(500);

/// A moving rate.
#[derive(Debug)]
pub struct Rate {
    samples: VecDeque<(Instant, u64)>,
}

impl Rate {
    pub fn new(now: Instant) -> Self {
        Rate {
            samples: VecDeque::from([(now, 0)]),
        }
    }

    /// The rate now that so many tasks are done.
    pub fn at(&mut self, now: Instant, done: u64) -> f64 {
        let since = |then: Instant| now.saturating_duration_since(then);
        if self
            .samples
            .back()
            .is_none_or(|(last, _)| since(*last) >= STEP)
        {
            self.samples.push_back((now, done));
        }
        // One that is older than the window is what the others are measured by.
        while self
            .samples
            .get(1)
            .is_some_and(|(then, _)| since(*then) >= WINDOW)
        {
            self.samples.pop_front();
        }
        let Some((then, before)) = self.samples.front() else {
            return 0.0;
        };
        let seconds = since(*then).as_secs_f64();
        if seconds == 0.0 {
            return 0.0;
        }
        done.saturating_sub(*before) as f64 / seconds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_seconds_count_and_few_samples_are_kept() {
        let start = Instant::now();
        let mut rate = Rate::new(start);
        let mut last = 0.0;
        for tenth in 1..=600_u64 {
            // 10 a second for half a minute, then 100.
            let done = if tenth <= 300 {
                tenth
            } else {
                300 + (tenth - 300) * 10
            };
            last = rate.at(start + Duration::from_millis(tenth * 100), done);
            if tenth == 300 {
                assert!((last - 10.0).abs() < 0.5, "{last}");
            }
        }
        assert!((last - 100.0).abs() < 5.0, "{last}");
        assert!(rate.samples.len() < 40);
    }

    #[test]
    fn nothing_done_is_no_rate() {
        let start = Instant::now();
        let mut rate = Rate::new(start);
        assert_eq!(rate.at(start, 0), 0.0);
        assert_eq!(rate.at(start + STEP, 0), 0.0);
    }
}
