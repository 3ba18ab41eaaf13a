//! A case: a task or a module, and what must become of it.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use sandpool::value::{Args, ToArgs};
use sandpool::{AsyncResult, Call, LimitName, Module, Outcome, Pool, Stdin, Verdict};

/// The wall time of tasks that never end by themselves. All others have as much
/// as a slow machine may take.
pub const SHORT: Duration = Duration::from_millis(100);

/// Nothing takes so long, on whatever machine: what does hangs.
pub const PATIENT: Duration = Duration::from_secs(120);

/// A module that a case needs. Cases with the same text share it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// WebAssembly text, or bytes that pretend to be WebAssembly.
    Bytes(Vec<u8>),
    /// WebAssembly text for the pool that denies unknown imports at the call.
    Denied(Vec<u8>),
    /// One of `guest-tasks/`.
    Guest(&'static str),
}

/// The use of the case's module.
enum Does {
    Load,
    Call(String, Args),
    Run(Vec<String>),
    Scenario(Arc<Steps>),
}

/// The steps of a scenario.
type Steps = dyn Fn(&Pool, &Module) + Send + Sync;

/// A case that was begun.
pub enum Begun {
    /// It was about loading, and is over.
    Loaded(Result<(), String>),
    Task(AsyncResult),
    Scenario(JoinHandle<()>),
}

/// One attempt at mischief.
pub struct Case {
    pub name: &'static str,
    pub source: Source,
    does: Does,
    tune: fn(Call) -> Call,
    verdict: Verdict,
    limit: Option<LimitName>,
    says: &'static str,
    check: fn(&Outcome),
}

/// A case with a module in text.
pub fn wat(name: &'static str, text: impl Into<String>) -> Case {
    Case::new(name, Source::Bytes(text.into().into_bytes()))
}

/// A case with bytes that need not be a module.
pub fn bytes(name: &'static str, bytes: impl Into<Vec<u8>>) -> Case {
    Case::new(name, Source::Bytes(bytes.into()))
}

/// A case with a module in text whose unknown imports are denied at the call.
pub fn denied(name: &'static str, text: impl Into<String>) -> Case {
    Case::new(name, Source::Denied(text.into().into_bytes()))
}

/// A case with a guest of `guest-tasks/`.
pub fn guest(name: &'static str, guest: &'static str) -> Case {
    Case::new(name, Source::Guest(guest))
}

impl Case {
    fn new(name: &'static str, source: Source) -> Self {
        Case {
            name,
            source,
            does: Does::Load,
            tune: |call| call,
            verdict: Verdict::Ok,
            limit: None,
            says: "",
            check: |_| (),
        }
    }

    /// Calls a function. A case that calls and runs nothing is about loading.
    pub fn calls(mut self, function: impl Into<String>, args: impl ToArgs) -> Self {
        self.does = Does::Call(function.into(), args.into_args());
        self
    }

    /// Runs the command.
    pub fn runs(mut self, argv: &[&str]) -> Self {
        self.does = Does::Run(argv.iter().map(|&word| word.to_owned()).collect());
        self
    }

    /// Takes several steps that depend on each other, on a thread of its own. They panic
    /// if they go wrong.
    pub fn plays(mut self, scenario: impl Fn(&Pool, &Module) + Send + Sync + 'static) -> Self {
        self.does = Does::Scenario(Arc::new(scenario));
        self
    }

    /// Sets limits of the call.
    pub fn with(mut self, tune: fn(Call) -> Call) -> Self {
        self.tune = tune;
        self
    }

    /// Sets the expected verdict.
    pub fn ends(mut self, verdict: Verdict) -> Self {
        self.verdict = verdict;
        self
    }

    /// It never ends by itself.
    pub fn never_ends(self) -> Self {
        self.with(|call| call.timeout(SHORT))
            .hits(Verdict::Timeout, LimitName::Timeout)
    }

    /// A limit ends it, which the outcome names.
    pub fn hits(mut self, verdict: Verdict, limit: LimitName) -> Self {
        self.limit = Some(limit);
        self.ends(verdict)
    }

    /// It traps, and the text says how.
    pub fn traps(mut self, says: &'static str) -> Self {
        self.says = says;
        self.ends(Verdict::Trap)
    }

    /// A function of the host fails it, and the text says how.
    pub fn fails(mut self, says: &'static str) -> Self {
        self.says = says;
        self.ends(Verdict::Error)
    }

    /// The module cannot be loaded, and the text says why.
    pub fn refused(mut self, says: &'static str) -> Self {
        self.says = says;
        self.ends(Verdict::InvalidModule)
    }

    /// Adds a check of the outcome; panics if it does not.
    pub fn and(mut self, check: fn(&Outcome)) -> Self {
        self.check = check;
        self
    }

    /// Returns whether its module is to be loaded before it begins.
    pub fn needs_module(&self) -> bool {
        !matches!(self.does, Does::Load)
    }

    /// Begins it; `module` is there if it needs one.
    pub fn begin(&self, pool: &Pool, module: Option<&Module>) -> Begun {
        let Some(module) = module else {
            return Begun::Loaded(self.load(pool));
        };
        let call = match &self.does {
            Does::Call(function, args) => pool.call(module, function).args(args.clone()),
            Does::Run(argv) => pool.command(module).argv(argv).stdin(Stdin::Empty),
            Does::Load => return Begun::Loaded(self.load(pool)),
            Does::Scenario(scenario) => {
                let (scenario, pool, module) = (Arc::clone(scenario), pool.clone(), module.clone());
                let thread = thread::Builder::new().name(self.name.to_owned());
                let spawned = thread.spawn(move || scenario(&pool, &module));
                return Begun::Scenario(spawned.expect("a thread"));
            }
        };
        let sent = (self.tune)(call).apply_async();
        Begun::Task(sent.unwrap_or_else(|error| panic!("{}: {error}", self.name)))
    }

    /// Waits for its end, and returns whether that is what it must be.
    pub fn end(&self, begun: Begun) -> Result<(), String> {
        match begun {
            Begun::Loaded(judged) => judged,
            Begun::Task(result) => self.judge(&end(self.name, &result)),
            // The text of the panic was printed, with the name of its thread.
            Begun::Scenario(thread) => {
                let ended = thread.join();
                ended.map_err(|_| format!("{}: see its panic above", self.name))
            }
        }
    }

    /// Loads the module, which must fail as it should.
    fn load(&self, pool: &Pool) -> Result<(), String> {
        let Source::Bytes(bytes) = &self.source else {
            unreachable!("a guest can be loaded");
        };
        match pool.load_bytes(bytes) {
            Ok(_) => Err(format!("{}: it was loaded", self.name)),
            Err(error) => {
                let limit = error.limit().map(|hit| hit.name);
                self.compare(error.verdict(), limit, Some(&error.to_string()))
            }
        }
    }

    /// Returns whether the outcome is what it must be.
    fn judge(&self, outcome: &Outcome) -> Result<(), String> {
        let limit = outcome.limit.as_ref().map(|hit| hit.name);
        // The words of the guest's own error are its own.
        let own_words = outcome.error_value.is_some();
        let error = outcome.error.as_deref().filter(|_| !own_words);
        self.compare(outcome.verdict, limit, error)?;
        let shown = outcome.to_string();
        if shown.contains(steers) {
            return Err(format!(
                "{}: shown it is no harmless text: {shown:?}",
                self.name
            ));
        }
        let checked = panic::catch_unwind(AssertUnwindSafe(|| (self.check)(outcome)));
        checked.map_err(|_| format!("{}: see its panic above: {shown}", self.name))
    }

    fn compare(
        &self,
        verdict: Verdict,
        limit: Option<LimitName>,
        error: Option<&str>,
    ) -> Result<(), String> {
        let Case { name, says, .. } = self;
        let error = error.unwrap_or_default();
        if (verdict, limit) != (self.verdict, self.limit) {
            let must = (self.verdict, self.limit);
            return Err(format!(
                "{name}: {verdict} {limit:?}, not {must:?}: {error}"
            ));
        }
        if !error.contains(says) {
            return Err(format!("{name}: it does not say `{says}`: {error}"));
        }
        harmless(error).map_err(|why| format!("{name}: {why}"))
    }
}

/// Waits for the end of a task.
pub fn end(name: &str, result: &AsyncResult) -> Outcome {
    let outcome = result.outcome(Some(PATIENT));
    outcome.unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn steers(c: char) -> bool {
    c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c)
}

/// Our own words stay on one line of sensible length, and steer no terminal,
/// whatever names the guest chose.
fn harmless(text: &str) -> Result<(), String> {
    match text {
        text if text.contains(steers) => Err(format!("its text is no harmless one: {text:?}")),
        text if text.len() > 8192 => Err(format!("its text has {} bytes", text.len())),
        _ => Ok(()),
    }
}
