//! `sandpool warm`: compiles modules beforehand, so that no first use waits for that.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use sandpool::value::with_causes;
use sandpool::{LoadError, Pool};

use super::flags::{self, ModuleFlags};
use super::interrupt::Interruption;
use super::language::Language;
use super::report::{self, Failure, Kind};

const EXAMPLES: &str = "\
Compiled modules are kept in the cache, which `sandpool doctor` shows. They are kept apart by
what they are compiled for: here that is `--wasm`; `--fuel` and `--interrupt epoch` of other
commands compile anew.

Exit codes: 0 ok, 2 usage, 3 a module cannot be used, 4 sandpool failed or the cache cannot be
used, 130 interrupted.

Examples:
  sandpool warm                       python and javascript
  sandpool warm python math.wasm";

/// Compile modules beforehand, so that their first use does not wait
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Warm {
    /// The modules: files, or names such as `python` [default: the interpreters that are
    /// installed]
    #[arg(value_name = "MODULE")]
    modules: Vec<PathBuf>,
    #[command(flatten)]
    flags: ModuleFlags,
}

impl Warm {
    pub fn run(self) -> Result<ExitCode, Failure> {
        if self.flags.no_cache {
            return Err(Failure::usage(
                "`--no-cache` keeps nothing that could be compiled beforehand",
            ));
        }
        let builder = self.flags.apply(Pool::builder().processes(1));
        if let Err(trouble) = builder.probe_cache() {
            let text = with_causes(&trouble);
            return Err(Failure::new(Kind::Pool, anyhow::Error::msg(text)));
        }
        let modules = match self.modules.is_empty() {
            true => self.installed(|name| builder.find_module(name))?,
            false => self.modules.clone(),
        };
        let pool = flags::build(builder)?;
        let interruption = Interruption::watch(&pool)?;
        let ended = modules.iter().try_for_each(|path| self.warm(&pool, path));
        pool.terminate();
        ended.map_err(|failure| interruption.explain(failure))?;
        Ok(ExitCode::SUCCESS)
    }

    /// Returns the interpreters that are installed.
    fn installed(
        &self,
        find: impl Fn(&str) -> Result<PathBuf, LoadError>,
    ) -> Result<Vec<PathBuf>, Failure> {
        let mut installed = Vec::new();
        let mut missing = None;
        for language in Language::ALL {
            match find(language.module()) {
                Ok(_) => installed.push(language.module().into()),
                Err(error) => missing = Some(error),
            }
        }
        match missing {
            Some(error) if installed.is_empty() => Err(error.into()),
            Some(error) => {
                self.note(&with_causes(&error));
                Ok(installed)
            }
            None => Ok(installed),
        }
    }

    fn warm(&self, pool: &Pool, path: &Path) -> Result<(), Failure> {
        let begun = Instant::now();
        pool.load(path)?;
        let (shown, took) = (path.display(), begun.elapsed());
        self.note(&format!(
            "`{shown}` is ready, after {:.1} s",
            took.as_secs_f64()
        ));
        Ok(())
    }

    fn note(&self, text: &str) {
        if !self.flags.quiet {
            report::note(text);
        }
    }
}
