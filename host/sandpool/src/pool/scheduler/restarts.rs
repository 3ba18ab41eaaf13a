//! Decides, when a worker could not be started, when the next start is tried, and whether
//! the key or the pool is broken.
//!
//! A cause in the module or the settings of a key breaks that key alone. A cause in a
//! setting of the pool, so that no key can start, breaks the pool. A cause from outside (a
//! kill, no memory, no more processes) breaks nothing: the next start waits a little longer
//! each time, and the program is told if it has asked for that. This module only decides;
//! it knows neither processes nor tasks.

use std::time::{Duration, Instant};

use crate::pool::keys::Health;
use sandpool_protocol::limits::show_duration;

/// The pause after the first failed start. It doubles with each further one.
const FIRST_START_PAUSE: Duration = Duration::from_millis(5);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The time without any worker after which a pool reports trouble.
const SAY_AFTER: Duration = Duration::from_secs(1);

/// The shortest time between two reports.
const SAY_AGAIN: Duration = Duration::from_secs(60);

/// The cause of a failed start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blame {
    /// The module of the worker's key, or what was granted to it.
    Key,
    /// A setting of the pool, or the worker binary.
    Pool,
    /// Neither: somebody killed it, or the system has no room.
    Outside,
}

/// A start that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) blame: Blame,
    /// One line about the failure.
    pub(crate) text: String,
}

impl Fault {
    pub(crate) fn new(blame: Blame, text: impl Into<String>) -> Self {
        Fault {
            blame,
            text: text.into(),
        }
    }

    /// Returns the fault of a worker that was started and never became ready.
    pub(crate) fn no_start(blame: Blame, what: impl std::fmt::Display) -> Self {
        Fault::new(blame, format!("a worker cannot start: {what}"))
    }
}

/// The part that a failed start breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Breaks {
    Nothing,
    Key(String),
    Pool(String),
}

/// The report of a pool that has been without any worker for a while, though tasks wait: no
/// worker could be started, for a reason that lies outside of the pool. See
/// [`PoolBuilder::on_start_trouble`](crate::PoolBuilder::on_start_trouble).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StartTrouble {
    /// The reason why the last start failed, in one line.
    pub cause: String,
    /// The time since the pool last had a worker.
    pub lasted: Duration,
    /// The number of tasks that wait for a worker.
    pub waiting: u64,
}

impl std::fmt::Display for StartTrouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let StartTrouble {
            cause,
            lasted,
            waiting,
        } = self;
        let lasted = lasted.as_secs();
        let tasks = if *waiting == 1 {
            "task waits"
        } else {
            "tasks wait"
        };
        write!(
            f,
            "no worker could be started for {lasted}s, and {waiting} {tasks}: {cause}"
        )
    }
}

/// A step to be taken in a pool that has no workers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StartStep {
    /// A report that the pool has no workers.
    Report(StartTrouble),
    /// The pool has had no workers for longer than is allowed, for this reason.
    GiveUp(String),
}

/// A time in which no worker works, though tasks wait.
#[derive(Debug)]
struct Drought {
    since: Instant,
    cause: String,
    say_at: Instant,
}

/// The starts of a pool's workers.
#[derive(Debug)]
pub(crate) struct Restarts {
    /// The time that the pool may be without workers before it breaks.
    start_timeout: Option<Duration>,
    /// The number of starts that have failed since the last that succeeded.
    failed: u32,
    not_before: Option<Instant>,
    /// `true` if a worker of any key has ever taken a task.
    has_worked: bool,
    drought: Option<Drought>,
}

impl Restarts {
    pub(crate) fn new(start_timeout: Option<Duration>) -> Self {
        Restarts {
            start_timeout,
            failed: 0,
            not_before: None,
            has_worked: false,
            drought: None,
        }
    }

    /// Returns `true` if a worker may be started now.
    pub(crate) fn may_start(&self, now: Instant) -> bool {
        self.not_before.is_none_or(|then| now >= then)
    }

    /// Notes that a worker is ready for tasks, which resets the pauses. The time without
    /// workers goes on until a worker takes a task, since it may be killed before.
    pub(crate) fn is_ready(&mut self) {
        self.failed = 0;
        self.not_before = None;
    }

    /// Notes that a worker has taken a task.
    pub(crate) fn has_worked(&mut self) {
        self.has_worked = true;
        self.drought = None;
    }

    /// Notes a start that failed, and returns the part that it breaks. `others` is `true`
    /// if any other worker works, `of_key` if one of the same key does: then the key is not
    /// the cause.
    pub(crate) fn failed(
        &mut self,
        health: &Health,
        fault: Fault,
        (others, of_key): (bool, bool),
        now: Instant,
    ) -> Breaks {
        let Fault { blame, text } = fault;
        if blame == Blame::Key && !of_key {
            // The key may start again at once: the pauses are the pool's, and the other keys
            // are not to blame.
            return match health.start_failed() {
                true => Breaks::Key(text),
                false => Breaks::Nothing,
            };
        }
        self.pause(now);
        if blame == Blame::Outside || of_key {
            if !others {
                let drought = self.drought.get_or_insert(Drought {
                    since: now,
                    cause: String::new(),
                    say_at: now + SAY_AFTER,
                });
                drought.cause = text;
            }
            return Breaks::Nothing;
        }
        match (health.start_failed(), self.has_worked) {
            (false, _) => Breaks::Nothing,
            (true, false) => Breaks::Pool(text),
            (true, true) => Breaks::Key(text),
        }
    }

    fn pause(&mut self, now: Instant) {
        let doubled = 1_u32.checked_shl(self.failed).unwrap_or(u32::MAX);
        let pause = FIRST_START_PAUSE.saturating_mul(doubled).min(LONGEST_PAUSE);
        self.failed = self.failed.saturating_add(1);
        self.not_before = Some(now + pause);
    }

    /// Checks how long the pool has been without workers. `ready` is `true` if any worker
    /// is ready for tasks; `waiting` is the number of waiting tasks.
    pub(crate) fn look(&mut self, ready: bool, waiting: usize, now: Instant) -> Option<StartStep> {
        if waiting == 0 {
            self.drought = None;
        }
        if ready {
            return None;
        }
        let drought = self.drought.as_mut()?;
        let lasted = now.saturating_duration_since(drought.since);
        if let Some(timeout) = self.start_timeout.filter(|timeout| lasted >= *timeout) {
            return Some(StartStep::GiveUp(format!(
                "no worker could be started for {} (the start timeout): {}",
                show_duration(timeout),
                drought.cause
            )));
        }
        if now < drought.say_at {
            return None;
        }
        drought.say_at = now + SAY_AGAIN;
        Some(StartStep::Report(StartTrouble {
            cause: drought.cause.clone(),
            lasted,
            waiting: waiting as u64,
        }))
    }

    /// Returns the time of the next step: a start to be tried, or, unless a worker is
    /// `ready`, a report to be made.
    pub(crate) fn due(&self, ready: bool, now: Instant) -> Option<Instant> {
        let start = self.not_before.filter(|then| *then > now);
        let drought = self.drought.as_ref().filter(|_| !ready);
        let say = drought.map(|drought| drought.say_at);
        let give_up = drought
            .zip(self.start_timeout)
            .and_then(|(drought, timeout)| drought.since.checked_add(timeout));
        [start, say, give_up].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALONE: (bool, bool) = (false, false);

    fn outside() -> Fault {
        Fault::new(Blame::Outside, "killed")
    }

    /// Makes `times` starts fail, each as soon as it may be tried, and returns the time at
    /// which the next may be.
    fn fail(restarts: &mut Restarts, times: u32, now: &mut Instant) {
        let health = Health::default();
        for _ in 0..times {
            let breaks = restarts.failed(&health, outside(), ALONE, *now);
            assert_eq!(breaks, Breaks::Nothing);
            *now = restarts.not_before.expect("a pause");
        }
    }

    #[test]
    fn what_comes_from_outside_breaks_nothing_however_often() {
        let mut restarts = Restarts::new(None);
        let mut now = Instant::now();
        fail(&mut restarts, 1000, &mut now);
        assert!(restarts.may_start(now));
    }

    #[test]
    fn pauses_grow_to_a_second_and_a_start_that_succeeds_resets_them() {
        let mut restarts = Restarts::new(None);
        let mut now = Instant::now();
        let mut pauses = Vec::new();
        for _ in 0..10 {
            let before = now;
            fail(&mut restarts, 1, &mut now);
            assert!(!restarts.may_start(before));
            pauses.push((now - before).as_millis());
        }
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
        restarts.is_ready();
        assert!(restarts.may_start(now));
        let before = now;
        fail(&mut restarts, 1, &mut now);
        assert_eq!(now - before, FIRST_START_PAUSE);
    }

    #[test]
    fn a_bad_module_breaks_its_key_in_three_starts_and_delays_no_other() {
        let mut restarts = Restarts::new(None);
        let now = Instant::now();
        let bad = Health::default();
        let fault = || Fault::new(Blame::Key, "bad");
        for _ in 0..2 {
            let breaks = restarts.failed(&bad, fault(), ALONE, now);
            assert_eq!(breaks, Breaks::Nothing);
        }
        let breaks = restarts.failed(&bad, fault(), ALONE, now);
        assert_eq!(breaks, Breaks::Key("bad".into()));
        assert!(restarts.may_start(now));
    }

    #[test]
    fn a_start_that_succeeds_between_two_that_fail_counts_anew() {
        let mut restarts = Restarts::new(None);
        let now = Instant::now();
        let health = Health::default();
        for _ in 0..10 {
            for _ in 0..2 {
                let fault = Fault::new(Blame::Key, "bad");
                let breaks = restarts.failed(&health, fault, ALONE, now);
                assert_eq!(breaks, Breaks::Nothing);
            }
            health.start_succeeded();
        }
    }

    #[test]
    fn a_setting_of_the_pool_breaks_it_unless_workers_have_worked_with_it() {
        let now = Instant::now();
        for (has_worked, expected) in [
            (false, Breaks::Pool("no binary".into())),
            (true, Breaks::Key("no binary".into())),
        ] {
            let mut restarts = Restarts::new(None);
            if has_worked {
                restarts.has_worked();
            }
            let health = Health::default();
            let mut last = Breaks::Nothing;
            for _ in 0..3 {
                let fault = Fault::new(Blame::Pool, "no binary");
                last = restarts.failed(&health, fault, ALONE, now);
            }
            assert_eq!(last, expected);
        }
    }

    #[test]
    fn a_key_whose_other_worker_works_is_not_broken() {
        let mut restarts = Restarts::new(None);
        let health = Health::default();
        for blame in [Blame::Key, Blame::Pool, Blame::Outside] {
            for _ in 0..10 {
                let fault = Fault::new(blame, "once more");
                let breaks = restarts.failed(&health, fault, (true, true), Instant::now());
                assert_eq!(breaks, Breaks::Nothing);
            }
        }
    }

    #[test]
    fn a_pool_without_workers_says_so_after_a_second_and_then_rarely() {
        let mut restarts = Restarts::new(None);
        let begun = Instant::now();
        let mut now = begun;
        fail(&mut restarts, 1, &mut now);
        assert_eq!(restarts.look(false, 7, now), None);
        let mut said = Vec::new();
        for second in 1..=125 {
            let now = begun + Duration::from_secs(second);
            match restarts.look(false, 7, now) {
                Some(StartStep::Report(trouble)) => said.push((second, trouble.to_string())),
                other => assert_eq!(other, None),
            }
        }
        let seconds: Vec<_> = said.iter().map(|(second, _)| *second).collect();
        assert_eq!(seconds, [1, 61, 121]);
        assert_eq!(
            said[0].1,
            "no worker could be started for 1s, and 7 tasks wait: killed"
        );
    }

    #[test]
    fn a_worker_that_takes_a_task_or_the_end_of_waiting_ends_the_trouble() {
        let begun = Instant::now();
        let later = begun + Duration::from_secs(5);
        for takes_a_task in [true, false] {
            let mut restarts = Restarts::new(Some(Duration::from_secs(2)));
            fail(&mut restarts, 1, &mut begun.clone());
            match takes_a_task {
                true => restarts.has_worked(),
                false => assert_eq!(restarts.look(false, 0, later), None),
            }
            assert_eq!(restarts.look(false, 3, later), None);
        }
    }

    #[test]
    fn workers_that_are_killed_before_their_first_task_are_no_end_of_the_trouble() {
        let begun = Instant::now();
        let mut now = begun;
        let mut restarts = Restarts::new(Some(Duration::from_secs(2)));
        for _ in 0..3 {
            fail(&mut restarts, 1, &mut now);
            now += Duration::from_secs(1);
            restarts.is_ready();
            assert_eq!(restarts.look(true, 3, now), None);
            assert_eq!(restarts.due(true, now), None);
        }
        let step = restarts.look(false, 3, now);
        assert!(matches!(step, Some(StartStep::GiveUp(_))), "{step:?}");
    }

    #[test]
    fn the_start_timeout_bounds_the_time_without_workers() {
        let mut restarts = Restarts::new(Some(Duration::from_secs(3)));
        let begun = Instant::now();
        let mut now = begun;
        fail(&mut restarts, 1, &mut now);
        let at = |seconds| begun + Duration::from_secs(seconds);
        assert!(matches!(
            restarts.look(false, 1, at(1)),
            Some(StartStep::Report(_))
        ));
        assert_eq!(restarts.due(false, at(1)), Some(at(3)));
        assert_eq!(
            restarts.look(false, 1, at(3)),
            Some(StartStep::GiveUp(
                "no worker could be started for 3s (the start timeout): killed".into()
            ))
        );
    }

    #[test]
    fn others_that_work_are_no_trouble_and_the_pause_is_due() {
        let mut restarts = Restarts::new(Some(Duration::ZERO));
        let now = Instant::now();
        let health = Health::default();
        restarts.failed(&health, outside(), (true, false), now);
        assert_eq!(restarts.look(true, 1, now), None);
        assert_eq!(restarts.due(true, now), Some(now + FIRST_START_PAUSE));
        assert_eq!(restarts.due(true, now + FIRST_START_PAUSE), None);
    }
}
