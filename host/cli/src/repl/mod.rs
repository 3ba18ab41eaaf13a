//! `sandpool repl`: a session of an interpreter at a prompt.
//!
//! Each input is a call in one session, so names live from one to the next. What ends the
//! session (a limit, a trap) ends its names; the prompt goes on with a new one.

mod complete;
mod prompt;

use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use clap::Args;
use sandpool::{Module, Outcome, Pool, Session, Value, Verdict};

use super::eval::{say_failure, text_of};
use super::flags::{self, ModuleFlags, StartFlags, TaskFlags};
use super::interrupt::Interruption;
use super::language::{Language, SHOW};
use super::loading;
use super::report::{self, Failure, Kind, TASK_FAILED};
use super::sanitize;
use prompt::Prompt;

const EXAMPLES: &str = "\
Enter runs an input that is complete, and begins a new line in one that is not; an empty line
ends a block of Python. Ctrl-C interrupts what runs and keeps the session; code that does not
react within two seconds is ended with its session, and a new one begins. Ctrl-D leaves, and so
does `exit()` in Python. The history is kept in `$XDG_STATE_HOME/sandpool`.

Exit codes: 0 left, 1 left by code with another exit code than 0, 2 usage, 3 the module cannot
be used, 4 sandpool failed, 130 ended by a signal.

Examples:
  sandpool repl
  sandpool repl --lang javascript
  sandpool repl --dir . --http 'GET https://api.example.com/*'";

/// Run Python or JavaScript in a sandboxed session, at a prompt
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Repl {
    /// The language
    #[arg(long, value_enum, default_value_t = Language::Python)]
    lang: Language,
    #[command(flatten)]
    task: TaskFlags,
    #[command(flatten)]
    start: StartFlags,
    #[command(flatten)]
    modules: ModuleFlags,
}

/// Time for code to react to an interrupt, before its session is ended.
const GRACE: Duration = Duration::from_secs(2);

impl Repl {
    pub fn run(self) -> Result<ExitCode, Failure> {
        let builder = Pool::builder().session_idle(None).timeout(None::<Duration>);
        let pool = flags::build_passed_through(builder, &self.task, &self.start, &self.modules)?;
        let interruption = Interruption::watch(&pool)?;
        let ended = self.repeat(&pool, &interruption);
        pool.terminate();
        ended.map_err(|failure| interruption.explain(failure))
    }

    fn repeat(&self, pool: &Pool, interruption: &Interruption) -> Result<ExitCode, Failure> {
        let quiet = self.modules.quiet;
        let module = loading::load(pool, Path::new(self.lang.module()), quiet)?;
        let current = Arc::new(Current::default());
        let interrupts = Arc::clone(&current);
        interruption.each_time(move || interrupts.interrupt());
        let mut prompt = Prompt::new(self.lang)?;
        if prompt.is_interactive() && !quiet {
            report::note(&format!(
                "{} in a sandbox; Ctrl-C interrupts, Ctrl-D leaves",
                self.lang
            ));
        }
        while let Some(code) = prompt.read()? {
            let outcome = current.run(pool, &module, code)?;
            if outcome.verdict == Verdict::Exit {
                return Ok(match outcome.exit_code {
                    Some(0) => ExitCode::SUCCESS,
                    _ => ExitCode::from(TASK_FAILED),
                });
            }
            if let Some(code) = show(&outcome)? {
                return Ok(code);
            }
            if let Some(trouble) = pool.stdio_trouble() {
                return Err(Failure::new(Kind::Pool, anyhow::anyhow!("{trouble}")));
            }
            if current.ended() && !quiet {
                report::note("the session has ended, and its names are gone; a new one begins");
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Shows the value of a snippet, or why it has none. Returns an exit code if nobody is there
/// any more to read it.
fn show(outcome: &Outcome<Value>) -> Result<Option<ExitCode>, Failure> {
    if interrupted(outcome) {
        report::note("interrupted");
        return Ok(None);
    }
    match &outcome.value {
        Some(value) if outcome.is_ok() => {
            let text = text_of(value)?;
            if text.is_empty() {
                return Ok(None);
            }
            let mut lines = sanitize::lines(text.as_bytes()).join("\n");
            lines.push('\n');
            report::print(lines.as_bytes())
        }
        _ => {
            say_failure(outcome);
            Ok(None)
        }
    }
}

/// Returns `true` for the end of a call whose session was ended because it did not react.
fn interrupted(outcome: &Outcome<Value>) -> bool {
    outcome.verdict == Verdict::Cancelled
}

/// The session that runs now, for the signal that interrupts it.
#[derive(Default)]
struct Current {
    session: Mutex<Option<Arc<Session>>>,
    is_running: AtomicBool,
    /// Counts the calls, so that an interrupt ends no later one than it was meant for.
    calls: Mutex<u64>,
}

impl Current {
    /// Runs a snippet in the session, and in a new one if the last has ended.
    fn run(&self, pool: &Pool, module: &Module, code: String) -> Result<Outcome<Value>, Failure> {
        let session = self.open(pool, module)?;
        self.is_running.store(true, Ordering::Release);
        let outcome = session.run(SHOW).args((code,)).outcome();
        self.is_running.store(false, Ordering::Release);
        *self.calls.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        Ok(outcome?)
    }

    fn open(&self, pool: &Pool, module: &Module) -> Result<Arc<Session>, Failure> {
        let mut current = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = &*current
            && session.ended().is_none()
        {
            return Ok(Arc::clone(session));
        }
        let session = Arc::new(pool.session(module).interruptible(true).open()?);
        *current = Some(Arc::clone(&session));
        Ok(session)
    }

    fn ended(&self) -> bool {
        let current = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        current
            .as_ref()
            .is_some_and(|session| session.ended().is_some())
    }

    /// Asks the running code to stop, and ends its session if it does not.
    fn interrupt(self: &Arc<Self>) {
        if !self.is_running.load(Ordering::Acquire) {
            return;
        }
        let current = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(session) = current.clone() else {
            return;
        };
        drop(current);
        session.interrupt();
        let number =
            |current: &Current| *current.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let (current, call) = (Arc::clone(self), number(self));
        let end = move || {
            thread::sleep(GRACE);
            if current.is_running.load(Ordering::Acquire) && number(&current) == call {
                session.terminate();
            }
        };
        // Where there is no thread to be had, the next signal tries again.
        let _ = thread::Builder::new().name("interrupt".into()).spawn(end);
    }
}
