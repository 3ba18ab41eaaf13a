//! Ctrl-C, SIGTERM and SIGHUP: the pool is terminated, what had finished is
//! printed, and the command leaves with 130. SIGQUIT ends it at once, as users
//! of it want; its children die with it then as ever.
//!
//! A thread waits for the signals. The first one terminates the pool, which
//! ends every wait of the main thread; a second one after a moment, or a main
//! thread that does not come to its end, ends the process at once. The workers
//! then die with it.
//!
//! Where many tasks run, a signal comes first that does less: see
//! [`Interruption::gently`]. At a prompt, Ctrl-C ends what runs there alone: see
//! [`Interruption::each_time`].

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use sandpool::{Pool, is_ignored, unblock};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::report::{Failure, INTERRUPTED, Kind};
use super::ulimit;

/// The signals that end this command, unless its parent made it ignore them, as nohup(1)
/// does with SIGHUP and a shell with SIGINT for commands in the background. If its parent
/// left them blocked, that is an oversight.
const SIGNALS: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];

/// Time for the main thread to print finished results.
const PRINT_TIME: Duration = Duration::from_secs(1);

/// A second signal so soon after the first is no second wish: timeout(1) sends
/// one to its child and another to its process group.
const ECHO: Duration = Duration::from_millis(250);

/// Knows whether the command was interrupted.
#[derive(Clone)]
pub struct Interruption(Arc<InterruptState>);

struct InterruptState {
    happened: AtomicBool,
    /// The action of the first signal, in place of ending the command.
    gently: Mutex<Option<Gently>>,
    /// The action of every SIGINT, in place of ending the command.
    each_time: Mutex<Option<EachTime>>,
}

type Gently = Box<dyn FnOnce() + Send>;
type EachTime = Box<dyn Fn() + Send>;

impl Interruption {
    /// From now on, Ctrl-C, SIGTERM and SIGHUP terminate this pool.
    pub fn watch(pool: &Pool) -> Result<Self, Failure> {
        let interruption = Interruption(Arc::new(InterruptState {
            happened: AtomicBool::new(false),
            gently: Mutex::new(None),
            each_time: Mutex::new(None),
        }));
        let start = || {
            let heard = SIGNALS.into_iter().filter(|signal| !is_ignored(*signal));
            let signals = Signals::new(heard)?;
            let (pool, state) = (pool.clone(), Arc::clone(&interruption.0));
            thread::Builder::new()
                .name("interrupt".into())
                .spawn(move || wait(signals, pool, &state))
                .map_err(ulimit::no_thread)
        };
        start()
            .context("signals cannot be watched")
            .map_err(|error| Failure::new(Kind::Pool, error))?;
        Ok(interruption)
    }

    /// From now on the first signal does this, and ends nothing by itself; the
    /// second is what the first was.
    pub fn gently(&self, stop: impl FnOnce() + Send + 'static) {
        *self.0.gently() = Some(Box::new(stop));
    }

    /// From now on every SIGINT does this, and ends nothing by itself.
    pub fn each_time(&self, interrupt: impl Fn() + Send + 'static) {
        *self.0.each_time() = Some(Box::new(interrupt));
    }

    /// Returns whether a signal has come.
    pub fn happened(&self) -> bool {
        self.0.happened.load(Ordering::Acquire)
    }

    /// The failure, or the interruption if that is what brought it about.
    pub fn explain(&self, failure: Failure) -> Failure {
        if self.happened() {
            Failure::interrupted()
        } else {
            failure
        }
    }
}

impl InterruptState {
    fn gently(&self) -> MutexGuard<'_, Option<Gently>> {
        self.gently.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn each_time(&self) -> MutexGuard<'_, Option<EachTime>> {
        let each_time = self.each_time.lock();
        each_time.unwrap_or_else(PoisonError::into_inner)
    }
}

fn wait(mut signals: Signals, pool: Pool, state: &InterruptState) {
    unblock(&SIGNALS);
    let mut signals = signals.forever();
    loop {
        match (signals.next(), &*state.each_time()) {
            (Some(SIGINT), Some(interrupt)) => interrupt(),
            (Some(_), _) => break,
            (None, _) => return,
        }
    }
    let mut since = Instant::now();
    state.happened.store(true, Ordering::Release);
    let gently = state.gently().take();
    if let Some(stop) = gently {
        stop();
        if !signals.any(|_| since.elapsed() > ECHO) {
            return;
        }
        since = Instant::now();
    }
    // On threads of their own, so that a second signal is heard meanwhile, and
    // so that output that nobody takes cannot hold up the end.
    let timer = thread::Builder::new().spawn(|| {
        thread::sleep(PRINT_TIME);
        std::process::exit(INTERRUPTED.into());
    });
    let stopping = thread::Builder::new().spawn(move || pool.terminate());
    if timer.is_ok() && stopping.is_ok() {
        signals.find(|_| since.elapsed() > ECHO);
    }
    std::process::exit(INTERRUPTED.into());
}
