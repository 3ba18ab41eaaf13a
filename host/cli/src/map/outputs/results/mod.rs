//! `--results`: what came of each task, in files of its own.
//!
//! ```text
//! --results DIR               DIR/0/value, stdout, stderr, outcome.json: a folder for
//!                             each task, named by its index
//! --results 'DIR/{/.}/'       the same, named after the input
//! --results 'DIR/{/.}.png'    a file for each task that ended ok: the value's bytes, or
//!                             what a command wrote to stdout, and nothing else
//! ```
//!
//! `naming` makes a name of an input, and refuses what would lead out of DIR; `used_names`
//! refuses a name that another input has; `tree` puts files below DIR, each at once.

mod files;
mod folders;
pub mod naming;
mod tree;
pub mod used_names;

use std::borrow::Cow;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sandpool::{Outcome, Value, value};

use super::opened::Opened;
use super::{Output, ResultForm};
use crate::map::inputs::Shape;
use crate::map::joblog::past::Marks;
use crate::map::ledger::{Finished, Stored};
use crate::report::{Failure, Kind};
use files::FileOutput;
use folders::Folders;
use naming::{Naming, Pattern, ResultLayout};
use tree::Tree;

/// Where the results of a map go, besides where they are printed.
#[derive(Clone)]
pub struct Results {
    folder: PathBuf,
    tree: Arc<Tree>,
    /// The pattern of the results' names; a result is named by its index if there is
    /// none.
    pattern: Option<Arc<Pattern>>,
    place: Arc<str>,
}

impl Results {
    /// Makes the folder for all results. A folder that is not empty is refused, unless a run
    /// is continued or results are named after inputs: old files would mix with new ones.
    pub fn open(asked: &Path, shape: &Shape, goes_on: bool) -> Result<Self, Failure> {
        let (pattern, folder) = read(asked, shape)?;
        let shown = folder.display();
        let opened = Tree::open(&folder).map_err(|error| {
            let text = format!("the folder for results, `{shown}`, cannot be created");
            Failure::new(Kind::Unusable, anyhow::Error::new(error).context(text))
        });
        let (tree, is_empty) = opened?;
        if pattern.is_none() && !is_empty && !goes_on {
            return Err(Failure::unusable(format!(
                "the folder for results, `{shown}`, is not empty"
            ))
            .hint("name another folder, or remove this one first"));
        }
        // By the name that it has everywhere.
        let real = fs::canonicalize(&folder).unwrap_or_else(|_| folder.clone());
        Ok(Results {
            place: format!("{real:?}, as {asked:?}").into(),
            tree: Arc::new(tree),
            folder,
            pattern: pattern.map(Arc::new),
        })
    }

    /// The same, but makes nothing: `None` if the folder is not there yet.
    pub fn find(asked: &Path, shape: &Shape, goes_on: bool) -> Result<Option<Self>, Failure> {
        let (_, folder) = read(asked, shape)?;
        match folder.symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            _ => Results::open(asked, shape, goes_on).map(Some),
        }
    }

    /// Returns the maker of names.
    pub fn naming(&self) -> Naming {
        Naming::new(self.pattern.clone())
    }

    /// Returns whether there is something of this name already.
    pub fn has(&self, name: &str) -> bool {
        self.tree.has(name)
    }

    /// Returns whether something that is no folder stands where this name needs one.
    pub fn is_barred(&self, name: &str) -> bool {
        self.tree.is_barred(name)
    }

    /// Returns the size of the files of a result of this name; `None` if they are not
    /// there.
    pub fn bytes_of(&self, name: &str) -> Option<u64> {
        match self.has_files() {
            true => self.tree.size(name),
            false => folders::bytes_in(&self.tree, name),
        }
    }

    /// Where results are and what they are called, for a log.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The folder that they are in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Has all that was written survive a machine that stops now.
    pub fn sync(&self) -> Result<(), Failure> {
        self.tree.sync().map_err(|error| {
            let text = format!("results cannot be written to `{}`", self.folder.display());
            Failure::new(Kind::Pool, anyhow::Error::new(error).context(text))
        })
    }

    /// Returns whether a result is a file, and no folder.
    fn has_files(&self) -> bool {
        matches!(&self.pattern, Some(pattern) if pattern.layout() == ResultLayout::File)
    }

    /// Returns the name of a result in errors.
    pub fn shown(&self, name: &str) -> String {
        naming::shown(&self.folder, name)
    }

    /// Writes results there, and hands each task on to `next`.
    pub fn output(&self, next: Box<dyn Output>, how: How) -> Box<dyn Output> {
        match self.has_files() {
            true => Box::new(FileOutput::new(self.clone(), next, how)),
            false => Box::new(Folders::new(self.clone(), next, how)),
        }
    }
}

/// Reads the pattern of names, and the folder of the results.
fn read(asked: &Path, shape: &Shape) -> Result<(Option<Pattern>, PathBuf), Failure> {
    let text = asked.to_str();
    let pattern = text.map(|text| Pattern::read(text, shape)).transpose()?;
    let pattern = pattern.flatten();
    let folder = pattern.as_ref().map_or(asked, Pattern::folder).to_owned();
    Ok((pattern, folder))
}

/// The way in which results are written into files.
pub struct How {
    pub form: ResultForm,
    /// Of which results the other output says where they are, instead of what they are.
    pub left_out: LeftOut,
    /// The tasks that may have left files in an earlier run.
    pub begun: Marks,
}

/// Results that stand in their files, and nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftOut {
    All,
    /// A value that is a list of bytes, or what a command has written that is no text.
    Bytes,
    Nothing,
}

impl How {
    /// Returns whether what a command writes to stdout is its result.
    fn is_command(&self) -> bool {
        self.form == ResultForm::Stdout
    }

    /// Returns the value of a task, as its file is to have it. Of a script, text and bytes
    /// are themselves and not the JSON that they came as.
    fn value<'a>(&self, outcome: &'a Outcome<Value>) -> Option<Cow<'a, Value>> {
        let value = outcome.value.as_ref()?;
        let opened = match (self.form, value) {
            (ResultForm::Json, Value::String(json)) => Opened::of_script(json),
            _ => None,
        };
        Some(match opened.and_then(Opened::as_value) {
            Some(value) => Cow::Owned(value),
            None => Cow::Borrowed(value),
        })
    }

    /// Takes a result out of a task whose file it is in, if it is bytes and those are
    /// left out.
    fn take_bytes(&self, task: &mut Finished, file: impl FnOnce() -> String) {
        let outcome = &mut task.outcome;
        let is_text = |bytes: &Vec<u8>| std::str::from_utf8(bytes).is_ok();
        if self.left_out != LeftOut::Bytes || !outcome.is_ok() {
            return;
        }
        let is_taken = match self.is_command() {
            true => outcome
                .stdout
                .as_ref()
                .is_some_and(|stdout| !is_text(stdout)),
            false => self.value(outcome).is_some_and(|value| is_bytes(&value)),
        };
        if is_taken {
            match self.is_command() {
                true => outcome.stdout = None,
                false => outcome.value = None,
            }
            task.stored = Some(Stored::File(file()));
        }
    }
}

/// Returns whether a value is a list of bytes, or an option that has one.
fn is_bytes(value: &Value) -> bool {
    match value {
        Value::Option(Some(value)) => is_bytes(value),
        value => matches!(value, Value::Bytes(_)),
    }
}

/// Returns the length of the [`contents`].
fn length(value: &Value) -> u64 {
    let length = match value {
        Value::Option(Some(value)) => return length(value),
        Value::Bytes(bytes) => bytes.len(),
        Value::String(text) => text.len(),
        value => value::raw(value).len(),
    };
    length as u64
}

/// Text and bytes as they are, an option's as well; else JSON.
fn contents(value: &Value) -> Vec<u8> {
    match value {
        Value::Option(Some(value)) => contents(value),
        value => value::raw(value),
    }
}
