//! The handling of tasks that do not end ok: running them again, and when to give up on
//! all of them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use sandpool::{Call, Retries, Verdict};

use super::summary::Summary;
use crate::parse::{self, OrNone};

/// Retries, and when to stop.
#[derive(Args, Debug)]
pub struct FailureFlags {
    /// Run a task again up to N times if it ends with a verdict of `--retry-on`
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        hide_default_value = true,
        help_heading = "Failures"
    )]
    retries: u32,
    /// The verdicts after which a task is run again: worker_lost, timeout, cpu_limit,
    /// out_of_fuel, memory_limit, output_limit, denied, error, exit, trap,
    /// internal_error, or all [default: worker_lost]
    #[arg(long, value_name = "VERDICTS", value_delimiter = ',', value_parser = verdicts, requires = "retries", help_heading = "Failures")]
    retry_on: Vec<RetryOn>,
    /// Time before the first retry of a task, doubled for each further retry; `0s`
    /// retries at once [default: 100ms]
    #[arg(long, value_name = "TIME", value_parser = parse::delay, requires = "retries", help_heading = "Failures")]
    delay: Option<OrNone<Duration>>,
    /// Maximum time before a retry [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = parse::delay, requires = "retries", help_heading = "Failures")]
    max_delay: Option<OrNone<Duration>>,
    /// Stop once N tasks, or N% of the tasks, have failed: `soon` lets running tasks
    /// end, `now` ends them. `success` or `done` in place of `fail` counts tasks that
    /// ended ok, or all tasks
    #[arg(long, value_name = "now|soon,fail=N|N%", help_heading = "Failures")]
    halt: Option<Halt>,
    /// Continue regardless of failures; this is the default
    #[arg(short = 'k', long, conflicts_with = "halt", help_heading = "Failures")]
    keep_going: bool,
}

impl FailureFlags {
    pub fn apply(&self, call: Call) -> Call {
        if self.retries == 0 {
            return call;
        }
        let time = |flag: Option<OrNone<Duration>>, default| flag.map_or(default, |flag| flag.0);
        let mut retries = Retries::new(self.retries)
            .delay(time(self.delay, Some(FIRST_DELAY)).unwrap_or_default())
            .longest_delay(time(self.max_delay, Some(LONGEST_DELAY)).unwrap_or(Duration::MAX));
        if !self.retry_on.is_empty() {
            retries = retries.on(self.retry_on.iter().flat_map(|on| on.0.clone()));
        }
        call.retries(retries)
    }

    pub fn halt(&self) -> Option<Halt> {
        self.halt
    }
}

const FIRST_DELAY: Duration = Duration::from_millis(100);
const LONGEST_DELAY: Duration = Duration::from_secs(60);

/// The verdicts of tasks that have run.
const RETRIED: [Verdict; 11] = [
    Verdict::WorkerLost,
    Verdict::Timeout,
    Verdict::CpuLimit,
    Verdict::OutOfFuel,
    Verdict::MemoryLimit,
    Verdict::OutputLimit,
    Verdict::Denied,
    Verdict::Error,
    Verdict::Exit,
    Verdict::Trap,
    Verdict::InternalError,
];

/// A word of `--retry-on`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct RetryOn(Vec<Verdict>);

fn verdicts(word: &str) -> Result<RetryOn, String> {
    if word == "all" {
        return Ok(RetryOn(RETRIED.to_vec()));
    }
    let found = RETRIED.into_iter().find(|verdict| verdict.name() == word);
    let names = || RETRIED.map(Verdict::name).join(", ");
    found.map(|verdict| RetryOn(vec![verdict])).ok_or_else(|| {
        format!(
            "it is not the verdict of a task that ran; use {}, or all",
            names()
        )
    })
}

/// `--halt`: when to stop, and how.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Halt {
    pub how: Stop,
    what: Counted,
    at: Threshold,
}

/// The way in which a map is stopped early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Running tasks end by themselves.
    Soon,
    /// Running tasks are ended, too.
    Now,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counted {
    Fail,
    Success,
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Threshold {
    Tasks(u64),
    /// A share of the tasks that have ended, once three have met the condition.
    Percent(f64),
}

/// The number of tasks that must have met the condition before a share of them means
/// anything.
const FEWEST: u64 = 3;

impl Halt {
    /// Returns `true` if it is time to stop.
    pub fn is_met(&self, summary: &Summary) -> bool {
        let done = summary.tasks();
        let count = match self.what {
            Counted::Fail => summary.failed(),
            Counted::Success => done - summary.failed(),
            Counted::Done => done,
        };
        match self.at {
            Threshold::Tasks(tasks) => count >= tasks,
            Threshold::Percent(percent) => {
                count >= FEWEST && count as f64 * 100.0 >= percent * done as f64
            }
        }
    }

    /// Returns `true` if the condition is no failure.
    pub fn is_success(self) -> bool {
        self.what == Counted::Success
    }
}

impl FromStr for Halt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let shape = || {
            "give `now` or `soon`, then a condition: `soon,fail=1`, `now,fail=10%`, `now,success=1`"
                .to_owned()
        };
        let (how, when) = text.split_once(',').ok_or_else(shape)?;
        let (what, at) = when.split_once('=').ok_or_else(shape)?;
        let how = match how {
            "now" => Stop::Now,
            "soon" => Stop::Soon,
            _ => return Err(shape()),
        };
        let what = match what {
            "fail" => Counted::Fail,
            "success" => Counted::Success,
            "done" => Counted::Done,
            _ => return Err(shape()),
        };
        let at = match at.strip_suffix('%') {
            Some(percent) => percent
                .parse()
                .ok()
                .filter(|percent| (0.0..=100.0).contains(percent) && *percent > 0.0)
                .map(Threshold::Percent),
            None => at.parse().ok().filter(|n| *n > 0).map(Threshold::Tasks),
        };
        let at = at.ok_or_else(shape)?;
        Ok(Halt { how, what, at })
    }
}

impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match self.how {
            Stop::Now => "now",
            Stop::Soon => "soon",
        };
        let what = match self.what {
            Counted::Fail => "fail",
            Counted::Success => "success",
            Counted::Done => "done",
        };
        match self.at {
            Threshold::Tasks(tasks) => write!(f, "{how},{what}={tasks}"),
            Threshold::Percent(percent) => write!(f, "{how},{what}={percent}%"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_halt_says_how_and_when() {
        for good in [
            "now,fail=1",
            "soon,fail=10%",
            "now,success=2",
            "soon,done=2.5%",
        ] {
            assert_eq!(good.parse::<Halt>().unwrap().to_string(), good);
        }
        for wrong in [
            "",
            "now",
            "later,fail=1",
            "now,fail",
            "now,fail=0",
            "now,fail=101%",
            "soon,fail=x",
        ] {
            assert!(wrong.parse::<Halt>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_number_is_met_at_once_and_a_share_from_the_third_on() {
        let met = |halt: &str, failed: u64, ok: u64| {
            halt.parse::<Halt>()
                .unwrap()
                .is_met(&Summary::of(failed, ok))
        };
        assert!(!met("now,fail=2", 1, 100) && met("now,fail=2", 2, 100));
        assert!(met("now,success=1", 5, 1) && !met("now,success=1", 5, 0));
        assert!(met("now,done=6", 5, 1));
        assert!(!met("soon,fail=10%", 2, 0) && met("soon,fail=10%", 3, 27));
        assert!(!met("soon,fail=10%", 3, 28));
    }

    #[test]
    fn retries_are_on_verdicts_of_tasks_that_ran() {
        assert_eq!(verdicts("timeout"), Ok(RetryOn(vec![Verdict::Timeout])));
        assert_eq!(verdicts("all"), Ok(RetryOn(RETRIED.to_vec())));
        for wrong in ["ok", "cancelled", "invalid_arguments", "Timeout", ""] {
            assert!(verdicts(wrong).is_err(), "{wrong}");
        }
    }
}
