//! The needs of every test: pools that leave nothing behind, guests, deadlines, and
//! conditions that are polled rather than slept for.

#[cfg(debug_assertions)]
pub mod hostile;
pub mod http_server;
pub mod process;
pub mod terminal;
pub mod wat;

use std::hash::{BuildHasher, RandomState};
use std::io::Write;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread;
use std::time::{Duration, Instant};

use sandpool::value::ToValue;
use sandpool::{Module, Pool, PoolBuilder, Value, Verdict};

/// No test may take longer.
const DEADLINE: Duration = Duration::from_secs(60);

/// For a result that is sure to come: long enough for a slow machine.
pub const SOON: Duration = Duration::from_secs(20);

/// A builder whose children are this build's own binary.
pub fn pool() -> PoolBuilder {
    Pool::builder().worker_binary(env!("CARGO_BIN_EXE_sandpool"))
}

/// Builds a pool that is checked, when the test ends, to leave no process.
pub fn open(builder: PoolBuilder) -> TestPool {
    TestPool {
        pool: builder.build().expect("the pool is built"),
    }
}

/// A pool of two processes with nothing special.
pub fn two_workers() -> TestPool {
    open(pool().processes(2))
}

/// A pool of one process with nothing special.
pub fn one_worker() -> TestPool {
    open(pool().processes(1))
}

/// A pool that, at its end, must have ended all its workers.
pub struct TestPool {
    pool: Pool,
}

impl Deref for TestPool {
    type Target = Pool;

    fn deref(&self) -> &Pool {
        &self.pool
    }
}

impl TestPool {
    /// The guest in `target/guests` with this name.
    pub fn guest(&self, name: &str) -> Module {
        self.load(guest(name))
            .unwrap_or_else(|error| panic!("guest `{name}`: {error}"))
    }

    /// A module written as WAT on the spot.
    pub fn wat(&self, text: &str) -> Module {
        self.load_bytes(text)
            .unwrap_or_else(|error| panic!("{error} in {text}"))
    }

    /// Runs a task and takes the process that ran it.
    pub fn pid_of_a_task(&self) -> u32 {
        let module = self.wat(wat::ADD);
        let outcome = self.call(&module, "add").args((1, 1)).outcome();
        let outcome = outcome.expect("the task is sent");
        assert_eq!(outcome.verdict, Verdict::Ok, "{outcome}");
        outcome.worker_pid.expect("it ran somewhere")
    }

    /// Runs tasks until every worker has run some, and gives their pids. One
    /// that is listed and has run none may still be starting.
    pub fn warm(&self, module: &Module, function: &str, arg: u32) -> Vec<u32> {
        let mut seen = std::collections::HashSet::new();
        eventually("all workers are started", || {
            let items = (0..4 * self.processes()).map(|_| (arg,));
            let outcomes = self.map::<sandpool::Value>(module, function, items);
            for outcome in outcomes.expect("sent") {
                assert!(outcome.is_ok(), "{outcome}");
                seen.extend(outcome.worker_pid);
            }
            let pids = self.worker_pids();
            pids.len() == self.processes() && pids.iter().all(|pid| seen.contains(pid))
        });
        self.worker_pids()
    }

    /// The worker that uses the processor, once there is one.
    pub fn busy_worker(&self) -> u32 {
        let mut first = std::collections::HashMap::new();
        let mut busy = None;
        eventually("a worker is busy", || {
            for pid in self.worker_pids() {
                let Some(ticks) = process::cpu_ticks(pid) else {
                    continue;
                };
                let start = *first.entry(pid).or_insert(ticks);
                if ticks >= start + 5 {
                    busy = Some(pid);
                }
            }
            busy.is_some()
        });
        busy.expect("just found")
    }

    /// Asserts that the pool still does what it is for.
    pub fn assert_whole(&self) {
        let module = self.wat(wat::ADD);
        let items = (0..20).map(|n| (n, 1));
        let sums = self.map::<i32>(&module, "add", items).expect("sent");
        for (n, outcome) in (0..).zip(sums) {
            assert_eq!(outcome.value, Some(n + 1), "{outcome}");
        }
    }
}

impl Drop for TestPool {
    fn drop(&mut self) {
        let pids = self.pool.worker_pids();
        self.pool.terminate();
        if !thread::panicking() {
            for pid in pids {
                assert!(!process::exists(pid), "worker {pid} outlived its pool");
            }
        }
    }
}

/// The folder of the whole project.
pub fn repository() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Where `cargo xtask guests` leaves a guest.
pub fn guest(name: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| repository().join("target"), PathBuf::from);
    let path = target.join("guests").join(format!("{name}.wasm"));
    assert!(
        path.is_file(),
        "there is no guest at `{}`; run `cargo xtask guests` first",
        path.display()
    );
    path
}

/// Returns `true` if a guest is built that not every machine can build. Where it is not, says
/// that the test is skipped.
pub fn is_built(name: &str) -> bool {
    let is_built = repository()
        .join(format!("target/guests/{name}.wasm"))
        .is_file();
    if !is_built {
        eprintln!("SKIPPED: `{name}` is not built; see `cargo xtask guests`");
    }
    is_built
}

/// Arguments that are all strings.
pub fn texts(texts: &[&str]) -> Vec<Value> {
    texts.iter().map(|text| (*text).into_value()).collect()
}

/// Random numbers below a bound, and the seed that they come from.
pub fn random() -> (u64, impl FnMut(u64) -> u64) {
    let seed = RandomState::new().hash_one(0);
    let mut random = seed;
    let next = move |below: u64| {
        // Knuth's; the low bits are poor.
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (random >> 33) % below
    };
    (seed, next)
}

/// Polls a condition until it holds; panics if it does not within [`SOON`].
pub fn eventually(what: &str, condition: impl FnMut() -> bool) {
    eventually_within(SOON, what, condition);
}

/// Polls a condition until it holds; panics if it does not in time.
pub fn eventually_within(time: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + time;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {time:?}: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Tests that measure time run alone, all others side by side.
static STAGE: RwLock<()> = RwLock::new(());

/// Held by a test from its first line to its end; see [`test`].
pub struct Running<'a> {
    _beside: Option<RwLockReadGuard<'a, ()>>,
    _alone: Option<RwLockWriteGuard<'a, ()>>,
    _ended: Sender<()>,
}

/// Begins a test that may run beside others. One that hangs ends the whole run
/// with its name: a hang is the worst that a pool can do.
#[must_use = "the deadline is kept while this lives"]
pub fn test() -> Running<'static> {
    let beside = STAGE.read().unwrap_or_else(PoisonError::into_inner);
    Running {
        _beside: Some(beside),
        _alone: None,
        _ended: watchdog(DEADLINE),
    }
}

/// Begins a test that measures time, and runs while no other does.
#[must_use = "the deadline is kept while this lives"]
pub fn test_alone() -> Running<'static> {
    test_alone_for(DEADLINE)
}

/// As [`test_alone`], of a test that may take this long.
#[must_use = "the deadline is kept while this lives"]
pub fn test_alone_for(deadline: Duration) -> Running<'static> {
    let alone = STAGE.write().unwrap_or_else(PoisonError::into_inner);
    Running {
        _beside: None,
        _alone: Some(alone),
        _ended: watchdog(deadline),
    }
}

fn watchdog(deadline: Duration) -> Sender<()> {
    let name = thread::current().name().unwrap_or("a test").to_owned();
    let (ended, inbox) = channel::<()>();
    thread::spawn(move || {
        if inbox.recv_timeout(deadline) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            // Not by a macro: what those print is captured, and lost here.
            let text = format!("`{name}` hangs: it did not end within {deadline:?}");
            let _ = writeln!(std::io::stderr(), "{text}");
            std::process::abort();
        }
    });
    ended
}
