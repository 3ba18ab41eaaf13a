//! The pace of one worker: how fast its answers come, and therefore how many tasks are sent
//! ahead to it.

use std::time::{Duration, Instant};

use sandpool_protocol::Violation;

/// The amount of work, by time, that is sent ahead.
const SEND_AHEAD_TIME: Duration = Duration::from_millis(1);

/// The highest number of tasks that are sent ahead.
const MAX_TASKS_AHEAD: usize = 1000;

/// The highest number of rings without an answer. An honest worker rings at most once for
/// each answer, and the host may have taken the answer before the ring arrives, so its
/// rings are ahead by one or two.
const MAX_EMPTY_RINGS: u32 = 64;

/// The pace at which a worker's answers come.
#[derive(Debug)]
pub(super) struct Pace {
    /// The number of answers taken since the pace was last updated.
    new_answers: u32,
    last_answer: Instant,
    /// The time at which the worker was last sent a task while it had none.
    burst_since: Instant,
    /// The moving average of the time from one answer to the next.
    average: Option<Duration>,
    /// The number of rings that came without an answer, beyond one for each answer.
    empty_rings: u32,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Pace {
            new_answers: 0,
            last_answer: now,
            burst_since: now,
            average: None,
            empty_rings: 0,
        }
    }

    /// Notes that the worker was sent a task while it had none.
    #[inline]
    pub(super) fn begin_burst(&mut self, now: Instant) {
        self.burst_since = now;
    }

    /// Counts an answer that was taken.
    #[inline]
    pub(super) fn count_answer(&mut self) {
        self.new_answers += 1;
    }

    /// Returns the time at which answers were last taken.
    #[inline]
    pub(super) fn last_answer(&self) -> Instant {
        self.last_answer
    }

    /// Updates the pace with the answers that were taken since the last update.
    pub(super) fn keep(&mut self, now: Instant) {
        let count = std::mem::take(&mut self.new_answers);
        if count == 0 {
            return;
        }
        // Counts from the last answer, or from the time when the first of these tasks was
        // sent.
        let since = self.last_answer.max(self.burst_since);
        let each = now.saturating_duration_since(since) / count;
        self.last_answer = now;
        self.average = Some(
            self.average
                .map_or(each, |average| (average * 3 + each) / 4),
        );
    }

    /// Returns the number of tasks that may wait in the worker behind the one that it runs.
    pub(super) fn tasks_ahead(&self) -> usize {
        match self.average {
            // The pace is unknown: the worker's first task may take for ever.
            None => 0,
            Some(average) if average.is_zero() => MAX_TASKS_AHEAD,
            Some(average) => usize::try_from(SEND_AHEAD_TIME.as_nanos() / average.as_nanos())
                .map_or(MAX_TASKS_AHEAD, |ahead| ahead.clamp(1, MAX_TASKS_AHEAD)),
        }
    }

    /// Counts a ring of the worker that brought no answer: a worker that keeps ringing for
    /// nothing would keep the host busy. A request (`asked`) counts as an answer does.
    ///
    /// # Errors
    ///
    /// Returns a violation if the worker has rung for nothing too often.
    pub(super) fn count_ring(&mut self, rang: bool, asked: bool) -> Result<(), Violation> {
        let news = self.new_answers + u32::from(asked);
        self.empty_rings = self.empty_rings.saturating_sub(news);
        if rang && news == 0 {
            self.empty_rings += 1;
        }
        match self.empty_rings > MAX_EMPTY_RINGS {
            true => Err(Violation("it keeps ringing without an answer")),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_are_sent_ahead_for_about_a_millisecond_once_a_pace_is_known() {
        let now = Instant::now();
        let mut pace = Pace::new(now);
        assert_eq!(pace.tasks_ahead(), 0);
        pace.begin_burst(now);
        for _ in 0..4 {
            pace.count_answer();
        }
        pace.keep(now + Duration::from_micros(400));
        assert_eq!(pace.tasks_ahead(), 10);
        pace.begin_burst(now + Duration::from_secs(1));
        pace.count_answer();
        pace.keep(now + Duration::from_secs(2));
        assert_eq!(pace.tasks_ahead(), 1, "one is always sent ahead");
    }

    #[test]
    fn rings_for_nothing_are_a_violation_unless_answers_make_up_for_them() {
        let now = Instant::now();
        let mut pace = Pace::new(now);
        for _ in 0..1000 {
            assert!(pace.count_ring(true, false).is_ok());
            pace.count_answer();
            assert!(pace.count_ring(true, false).is_ok());
            pace.keep(now);
        }
        let rings = (0..1000).take_while(|_| pace.count_ring(true, false).is_ok());
        assert_eq!(rings.count(), MAX_EMPTY_RINGS as usize);
    }
}
