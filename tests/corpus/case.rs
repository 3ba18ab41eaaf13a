//! A case: a task or a module, and what must become of it.

use std::time::Duration;

use sandpool::value::{Args, ToArgs};
use sandpool::{Call, LimitName, Module, Outcome, Pool, Stdin, Verdict};

/// The wall time of tasks that never end by themselves. All others have as much
/// as a slow machine may take.
pub const SHORT: Duration = Duration::from_millis(100);

/// A module that a case needs. Cases with the same text share it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// WebAssembly text, or bytes that pretend to be WebAssembly.
    Bytes(Vec<u8>),
    /// One of `guest-tasks/`.
    Guest(&'static str),
}

/// The use of the case's module.
#[derive(Clone, Debug)]
enum Does {
    Load,
    Call(String, Args),
    Run(Vec<String>),
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

    /// Returns whether it is about a task, and needs its module loaded before.
    pub fn needs_module(&self) -> bool {
        !matches!(self.does, Does::Load)
    }

    /// The call, with the case's limits.
    pub fn call(&self, pool: &Pool, module: &Module) -> Call {
        let call = match &self.does {
            Does::Call(function, args) => pool.call(module, function).args(args.clone()),
            Does::Run(argv) => pool.command(module).argv(argv).stdin(Stdin::Empty),
            Does::Load => unreachable!("`{}` is about loading", self.name),
        };
        (self.tune)(call)
    }

    /// Loads the module, which must fail as it should.
    pub fn load(&self, pool: &Pool) -> Result<(), String> {
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
    pub fn judge(&self, outcome: &Outcome) -> Result<(), String> {
        let limit = outcome.limit.as_ref().map(|hit| hit.name);
        let own_words = outcome.verdict == Verdict::Error;
        let error = outcome.error.as_deref().filter(|_| !own_words);
        self.compare(outcome.verdict, limit, error)?;
        let shown = outcome.to_string();
        if shown.contains(steers) {
            return Err(format!(
                "{}: shown it is no harmless text: {shown:?}",
                self.name
            ));
        }
        (self.check)(outcome);
        Ok(())
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
