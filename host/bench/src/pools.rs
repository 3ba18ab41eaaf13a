//! The pools that are measured: one for each isolation level, all of them
//! with the sandbox on and the defaults of the command, unless said otherwise.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use sandpool::in_process::InProcess;
use sandpool::{Isolation, Module, Pool, PoolBuilder, Session};

use super::figure::{ErrorLine, Measured};
use super::guests;
use super::plan::Plan;

/// The work of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    Empty,
    /// Computes for a millisecond.
    Spin,
    /// Sleeps for a millisecond.
    Sleep,
    /// Nothing, in the user's own module.
    Guest,
}

impl Work {
    /// Those that everybody is measured with.
    pub const ALL: [Work; 3] = [Work::Empty, Work::Spin, Work::Sleep];

    pub fn name(self) -> &'static str {
        match self {
            Work::Empty => "empty",
            Work::Spin => "spin",
            Work::Sleep => "sleep",
            Work::Guest => "guest",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Work::Empty => "empty task",
            Work::Spin => "1 ms of CPU",
            Work::Sleep => "1 ms of sleep",
            Work::Guest => "empty task of your own module",
        }
    }

    /// The function, and its argument.
    pub fn call(self, spin_steps: u32) -> (&'static str, u32) {
        match self {
            Work::Empty | Work::Guest => ("empty", 7),
            Work::Spin => ("spin", spin_steps),
            Work::Sleep => ("sleep", 1000),
        }
    }
}

/// An instance for as long as its worker lives.
pub fn kept() -> Isolation {
    Isolation::ProcessReuse(NonZeroU64::MAX)
}

/// The settings of all pools here. Artifacts are made anew, so that nothing is
/// left in the user's cache.
pub fn builder(plan: &Plan) -> PoolBuilder {
    Pool::builder().processes(plan.processes).cache(false)
}

/// The tasks, compiled once for all pools.
#[derive(Clone)]
pub struct Tasks {
    pub work: Module,
    sleep: Module,
    guest: Option<Module>,
    /// Steps of a computation that takes a millisecond of CPU here.
    pub spin_steps: u32,
}

impl Tasks {
    pub fn load(plan: &Plan) -> Measured<Self> {
        let pool = builder(plan).build().error_line()?;
        Ok(Tasks {
            work: pool.load_bytes(guests::WORK).error_line()?,
            sleep: pool.load_bytes(guests::SLEEP).error_line()?,
            guest: plan
                .guest
                .as_ref()
                .map(|path| pool.load(path))
                .transpose()
                .error_line()?,
            spin_steps: calibrate(plan)?,
        })
    }

    /// The same, with computations of other lengths.
    pub fn with_steps(&self, spin_steps: u32) -> Self {
        Tasks {
            spin_steps,
            ..self.clone()
        }
    }
}

/// A pool and what runs in it.
pub struct BenchPool {
    pub pool: Pool,
    tasks: Tasks,
}

/// A session of each module, in a pool that does other things meanwhile.
pub struct BenchSessions {
    work: Session,
    sleep: Session,
    spin_steps: u32,
}

impl BenchSessions {
    pub fn open(bench: &BenchPool) -> Measured<Self> {
        let BenchPool { pool, tasks } = bench;
        Ok(BenchSessions {
            work: pool.session(&tasks.work).open().error_line()?,
            sleep: pool.session(&tasks.sleep).open().error_line()?,
            spin_steps: tasks.spin_steps,
        })
    }

    /// Returns the process ids of the sessions' workers.
    pub fn worker_pids(&self) -> impl Iterator<Item = u32> {
        [&self.work, &self.sleep]
            .into_iter()
            .filter_map(Session::pid)
    }

    /// One blocking call.
    pub fn apply(&self, work: Work) -> Measured<()> {
        let (function, argument) = work.call(self.spin_steps);
        let session = match work {
            Work::Sleep => &self.sleep,
            Work::Empty | Work::Spin | Work::Guest => &self.work,
        };
        session
            .call::<u32>(function, (argument,))
            .map(drop)
            .error_line()
    }
}

impl BenchPool {
    pub fn new(builder: PoolBuilder, tasks: &Tasks) -> Measured<Self> {
        Ok(BenchPool {
            pool: builder.build().error_line()?,
            tasks: tasks.clone(),
        })
    }

    /// Sees to it that every worker is up, by tasks that keep each for a moment.
    pub fn warm(&self, work: Work) -> Measured<()> {
        let processes = self.pool.processes();
        let until = Instant::now() + Duration::from_secs(2);
        loop {
            self.map(work, processes * 2)?;
            if self.pool.worker_pids().len() >= processes || Instant::now() > until {
                return Ok(());
            }
        }
    }

    fn of(&self, work: Work) -> (&Module, &'static str, u32) {
        let (function, argument) = work.call(self.tasks.spin_steps);
        let module = match work {
            Work::Sleep => &self.tasks.sleep,
            Work::Guest => self.tasks.guest.as_ref().unwrap_or(&self.tasks.work),
            Work::Empty | Work::Spin => &self.tasks.work,
        };
        (module, function, argument)
    }

    /// One blocking call.
    pub fn apply(&self, work: Work) -> Measured<()> {
        let (module, function, argument) = self.of(work);
        self.pool
            .apply::<u32>(module, function, (argument,))
            .map(drop)
            .error_line()
    }

    /// So many tasks in chunks, and their values, as Python's map returns them.
    pub fn map_values(&self, work: Work, tasks: usize, chunksize: usize) -> Measured<()> {
        let (module, function, argument) = self.of(work);
        let call = self.pool.call(module, function).chunksize(chunksize);
        let items = (0..tasks).map(|_| (argument,));
        call.map_values::<u32>(items).map(drop).error_line()
    }

    /// So many tasks, all of them there at once.
    pub fn map(&self, work: Work, tasks: usize) -> Measured<()> {
        let (module, function, argument) = self.of(work);
        let items = (0..tasks).map(|_| (argument,));
        let outcomes = self.pool.map::<u32>(module, function, items).error_line()?;
        match outcomes.iter().find(|outcome| !outcome.is_ok()) {
            None => Ok(()),
            Some(failed) => Err(failed.to_string()),
        }
    }
}

/// Returns the chunk size that multiprocessing's map chooses by default.
pub fn pythons_chunksize(tasks: usize, processes: usize) -> usize {
    tasks.div_ceil(processes * 4).max(1)
}

/// Modules in this very process: one for each kind of work.
pub struct Inside {
    work: InProcess,
    sleep: InProcess,
    spin_steps: u32,
}

impl Inside {
    pub fn new(plan: &Plan, isolation: Isolation, spin_steps: u32) -> Measured<Self> {
        let builder = || builder(plan).isolation(isolation);
        Ok(Inside {
            work: InProcess::load_bytes(builder(), guests::WORK).error_line()?,
            sleep: InProcess::load_bytes(builder(), guests::SLEEP).error_line()?,
            spin_steps,
        })
    }

    pub fn another(&self) -> Measured<Self> {
        Ok(Inside {
            work: self.work.another().error_line()?,
            sleep: self.sleep.another().error_line()?,
            spin_steps: self.spin_steps,
        })
    }

    pub fn apply(&mut self, work: Work) -> Measured<()> {
        let (function, argument) = work.call(self.spin_steps);
        let guest = if work == Work::Sleep {
            &mut self.sleep
        } else {
            &mut self.work
        };
        guest
            .apply::<u32>(function, (argument,))
            .map(drop)
            .error_line()
    }
}

/// Steps of the guest that take a millisecond of CPU here.
fn calibrate(plan: &Plan) -> Measured<u32> {
    let mut guest =
        InProcess::load_bytes(builder(plan).isolation(kept()), guests::WORK).error_line()?;
    let mut steps = 10_000_u32;
    loop {
        let mut fastest = Duration::MAX;
        for _ in 0..5 {
            let begin = Instant::now();
            guest.apply::<u32>("spin", (steps,)).error_line()?;
            fastest = fastest.min(begin.elapsed());
        }
        let millis = fastest.as_secs_f64() * 1e3;
        if millis > 0.5 || steps > u32::MAX / 4 {
            return Ok(((f64::from(steps) / millis) as u32).max(1));
        }
        steps *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_cut_as_multiprocessing_cuts_them() {
        // divmod(len, processes * 4), and one more for what is left.
        assert_eq!(pythons_chunksize(1_000_000, 2), 125_000);
        assert_eq!(pythons_chunksize(9, 2), 2);
        assert_eq!(pythons_chunksize(3, 2), 1);
    }
}
