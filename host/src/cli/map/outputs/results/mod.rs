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
//! `naming` makes a name of an input, and refuses what would lead out of DIR; `taken`
//! refuses a name that another input has; `tree` puts files below DIR, each at once.

mod files;
mod folders;
pub mod naming;
pub mod taken;
mod tree;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sandpool::{Value, value};

use super::Output;
use crate::cli::map::finished::{Finished, Stored};
use crate::cli::map::inputs::Shape;
use crate::cli::map::joblog::past::Marks;
use crate::cli::report::{Failure, Kind};
use files::Files;
use folders::Folders;
use naming::{Form, Naming, Pattern};
use tree::Tree;

/// Where the results of a map go, besides where they are printed.
#[derive(Clone)]
pub struct Results {
    folder: PathBuf,
    tree: Arc<Tree>,
    /// What an input's result is called; its index, if this is not there.
    pattern: Option<Arc<Pattern>>,
}

impl Results {
    /// Makes the folder for all results. One with something in it is only taken if a
    /// run is gone on with, or if results are named after inputs: else what is there
    /// would be mixed with what comes.
    pub fn open(asked: &Path, shape: &Shape, goes_on: bool) -> Result<Self, Failure> {
        let pattern = match asked.to_str() {
            Some(text) => Pattern::read(text, shape)?,
            None => None,
        };
        let folder = match &pattern {
            Some(pattern) => pattern.folder().to_owned(),
            None => asked.to_owned(),
        };
        let shown = folder.display();
        let opened = Tree::open(&folder).map_err(|error| {
            let text = format!("the folder for results, `{shown}`, cannot be made");
            Failure::new(Kind::Unusable, anyhow::Error::new(error).context(text))
        });
        let (tree, is_empty) = opened?;
        if pattern.is_none() && !is_empty && !goes_on {
            return Err(Failure::unusable(format!(
                "the folder for results, `{shown}`, is not empty"
            ))
            .hint("name another, or remove it first"));
        }
        Ok(Results {
            tree: Arc::new(tree),
            folder,
            pattern: pattern.map(Arc::new),
        })
    }

    /// What makes names of inputs.
    pub fn naming(&self) -> Naming {
        Naming::new(self.pattern.clone())
    }

    /// Whether there is something of this name already.
    pub fn has(&self, name: &str) -> bool {
        self.tree.has(name)
    }

    /// Whether something that is no folder stands where this name needs one.
    pub fn is_barred(&self, name: &str) -> bool {
        self.tree.is_barred(name)
    }

    /// What an error calls a result of this name.
    pub fn shown(&self, name: &str) -> String {
        naming::shown(&self.folder, name)
    }

    /// Writes results there, and hands each task on to `next`.
    pub fn output(&self, next: Box<dyn Output>, how: How) -> Box<dyn Output> {
        let of_files = matches!(&self.pattern, Some(pattern) if pattern.form() == Form::File);
        match of_files {
            true => Box::new(Files::new(self.clone(), next, how)),
            false => Box::new(Folders::new(self.clone(), next, how)),
        }
    }
}

/// How results are written into files.
pub struct How {
    /// Whether what a command writes to stdout is its result.
    pub is_command: bool,
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
    /// Takes a result out of a task whose file it is in, if it is bytes and those are
    /// left out.
    fn take_bytes(&self, task: &mut Finished, file: impl FnOnce() -> String) {
        let outcome = &mut task.outcome;
        let is_text = |bytes: &Vec<u8>| std::str::from_utf8(bytes).is_ok();
        if self.left_out != LeftOut::Bytes || !outcome.is_ok() {
            return;
        }
        let is_taken = match self.is_command {
            true => outcome.stdout.take_if(|stdout| !is_text(stdout)).is_some(),
            false => outcome.value.take_if(|value| is_bytes(value)).is_some(),
        };
        if is_taken {
            task.stored = Some(Stored::File(file()));
        }
    }
}

/// Whether a value is a list of bytes, or an option that has one.
fn is_bytes(value: &Value) -> bool {
    match value {
        Value::Option(Some(value)) => is_bytes(value),
        value => matches!(value, Value::Bytes(_)),
    }
}

/// Text and bytes as they are, an option's as well; else JSON.
fn contents(value: &Value) -> Vec<u8> {
    match value {
        Value::Option(Some(value)) => contents(value),
        value => value::raw(value),
    }
}
