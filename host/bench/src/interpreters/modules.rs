//! Interpreters that are modules of sandpool: its own, and one that the user names.

use std::path::{Path, PathBuf};

use sandpool::value::ToArgs;
use sandpool::{Isolation, Module, Pool, Session, Type};

use super::cases::{Keeping, Language, Snippet};
use crate::figure::{ErrorLine, Measured};
use crate::pools::kept;

/// A module of the user's own that is measured too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Also {
    /// Its part of the figures' names.
    pub name: String,
    pub file: PathBuf,
}

impl Also {
    /// Reads `NAME=FILE`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (name, file) = text
            .split_once('=')
            .ok_or("it is not NAME=FILE, such as old=old.wasm")?;
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if name.is_empty() || !name.chars().all(is_word) {
            return Err(format!(
                "the name `{name}` is not made of letters, digits and dashes"
            ));
        }
        if super::is_taken(name) {
            return Err(format!("the name `{name}` is that of another contender"));
        }
        if file.is_empty() {
            return Err("there is no file after `=`".into());
        }
        Ok(Also {
            name: name.to_owned(),
            file: file.into(),
        })
    }
}

/// A module that evaluates text: `eval(source, input)`.
pub struct Evaluator {
    // Closed before the pool in which it is open.
    session: Session,
    fresh: Place,
    kept: Place,
    /// False for an older module, whose input is a text in any case.
    is_input_optional: bool,
}

/// A pool with the module. Each pool loads it, so that each has what the library does when
/// it loads this module.
struct Place {
    pool: Pool,
    module: Module,
}

impl Place {
    fn new(isolation: Isolation, module: &Path) -> Measured<Self> {
        // With the user's cache: these modules take seconds to compile, and are meant to be
        // compiled once.
        let pool = Pool::builder().processes(1).isolation(isolation);
        let pool = pool.build().error_line()?;
        let module = pool.load(module).error_line()?;
        Ok(Place { pool, module })
    }
}

impl Evaluator {
    /// Loads a module by its file, or by its name.
    pub fn load(module: &Path) -> Measured<Self> {
        let fresh = Place::new(Isolation::Process, module)?;
        let kept = Place::new(kept(), module)?;
        let session = fresh.pool.session(&fresh.module).open().error_line()?;
        let function = fresh.module.find("eval").error_line()?;
        let input = function.params.get(1).map(|param| &param.ty);
        Ok(Evaluator {
            is_input_optional: matches!(input, Some(Type::Option(_))),
            session,
            fresh,
            kept,
        })
    }

    /// Returns the language that the module knows.
    pub fn language(&self) -> Measured<Language> {
        let knows = |source| self.eval(Keeping::Kept, source, None).as_deref() == Ok("2");
        match () {
            () if knows("len([1, 2])") => Ok(Language::Python),
            () if knows("[1, 2].length") => Ok(Language::JavaScript),
            () => Err("it evaluates neither Python nor JavaScript".into()),
        }
    }

    /// Runs a snippet for the first time. Returns its value as JSON.
    pub fn prepare(&self, keeping: Keeping, snippet: &Snippet) -> Measured<String> {
        if let Some(setup) = snippet.setup {
            self.eval(keeping, setup, None)?;
        }
        self.run(keeping, snippet)
    }

    /// Runs a snippet by one blocking call. Returns its value as JSON.
    pub fn run(&self, keeping: Keeping, snippet: &Snippet) -> Measured<String> {
        match snippet.call {
            Some([function, arguments]) => self.call(keeping, "call", (function, arguments)),
            None => self.eval(keeping, snippet.source, snippet.input.as_deref()),
        }
    }

    fn eval(&self, keeping: Keeping, source: &str, input: Option<&str>) -> Measured<String> {
        match self.is_input_optional {
            true => self.call(keeping, "eval", (source, input)),
            false => self.call(keeping, "eval", (source, input.unwrap_or_default())),
        }
    }

    fn call(&self, keeping: Keeping, function: &str, args: impl ToArgs) -> Measured<String> {
        match keeping {
            Keeping::Fresh => self.fresh.call(function, args),
            Keeping::Kept => self.kept.call(function, args),
            Keeping::Session => self.session.call(function, args).error_line(),
        }
    }
}

impl Place {
    fn call(&self, function: &str, args: impl ToArgs) -> Measured<String> {
        self.pool.apply(&self.module, function, args).error_line()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_of_the_users_own_is_a_name_and_a_file() {
        let also = Also::parse("boa=old/script=1.wasm").expect("a name and a file");
        assert_eq!(also.name, "boa");
        assert_eq!(also.file, Path::new("old/script=1.wasm"));
        for wrong in [
            "boa",
            "=boa.wasm",
            "boa=",
            "a/b=boa.wasm",
            "a b=boa.wasm",
            "sandpool=boa.wasm",
            "node-process=boa.wasm",
        ] {
            assert!(Also::parse(wrong).is_err(), "{wrong}");
        }
    }
}
