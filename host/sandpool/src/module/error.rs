//! The error of a module that cannot be loaded.

#[cfg(test)]
mod tests;

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

use super::import_error::ImportError;
use crate::outcome::Verdict;
use sandpool_protocol::limits::{LimitHit, LimitName, PoolLimits};
use sandpool_protocol::settings::WasmFeature;
use sandpool_sys::in_force::{Scarce, naming_limit};
use sandpool_sys::is_explained;
use sandpool_value::{Printable, quoted};

/// The error of a module that cannot be loaded.
///
/// Its text names the module and the problem. The operating system's error behind it, if
/// there is one, is its [`source`](Error::source):
/// [`with_causes`](crate::value::with_causes) prints both.
#[derive(Debug)]
pub struct LoadError {
    path: String,
    problem: Problem,
}

// By hand: the problem is no cause of this error but a part of it, and has the cause.
impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot load `{}`: {}", self.path, self.problem)
    }
}

impl Error for LoadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.problem.source()
    }
}

/// The problem with a module, or with the process that compiles it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    /// No file at the path.
    #[error("the file does not exist")]
    NotFound,
    /// A file that cannot be read.
    #[error("it cannot be read")]
    Read {
        /// The operating system's error.
        source: io::Error,
        /// True if others could read it: the host lacks something.
        is_internal: bool,
    },
    /// A system call that is refused, of which neither module nor file is to blame.
    #[error(transparent)]
    System {
        /// The error, which explains itself.
        source: io::Error,
    },
    /// Something that is no regular file.
    #[error("it is {kind}, not a regular file")]
    NotRegular {
        /// The kind of file, with its article.
        kind: &'static str,
    },
    /// A module that cannot be compiled or run.
    #[error("{}", Printable(reason))]
    Invalid {
        /// The compiler's words, which hold names that the module chose.
        reason: String,
    },
    /// An import that does not fit the functions that the pool gives for it.
    #[error("{0}")]
    Import(ImportError),
    /// A limit that the module, or compiling it, ran past.
    #[error("{hit}")]
    Limit {
        /// The limit.
        hit: LimitHit,
    },
    /// A limit of time, hit by a compiler that is not optimised.
    #[error(
        "{hit}; this program was built without optimisation, which makes compiling many times \
         slower: set `opt-level = 2` under `[profile.dev.package.\"*\"]` in its Cargo.toml"
    )]
    Slow {
        /// The limit.
        hit: LimitHit,
    },
    /// A limit that the module would run past.
    #[error("it {hit}")]
    Wants {
        /// The limit.
        hit: LimitHit,
    },
    /// The death of a compiler.
    #[error("the compiler process {how}")]
    CompilerDied {
        /// The way it ended.
        how: String,
    },
    /// A compiler that was killed by somebody else.
    #[error("the compiler process {how}")]
    CompilerKilled {
        /// The way it ended, and who did it.
        how: String,
        /// True if another may live.
        again: bool,
    },
    /// A compiler that the system has no room for now.
    #[error("the compiler process cannot be started")]
    NoRoom {
        /// The operating system's error.
        source: io::Error,
    },
    /// A compiler that lacks something of the system's now.
    #[error("the compiler process could not work: {}", Printable(message))]
    Starved {
        /// The compiler's words, and the limit behind it.
        message: String,
    },
    /// A refusal by the operating system of something that a compiler needs.
    #[error("the compiler process cannot be used")]
    Refused {
        /// The operating system's error.
        source: io::Error,
    },
    /// A program that cannot be started.
    #[error(
        "the compiler process cannot be used: `{}` cannot be started",
        printable(program)
    )]
    NotStarted {
        /// The worker binary.
        program: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// A program that is not sandpool.
    #[error(
        "the compiler process cannot be used: `{}` is no sandpool: it {how}",
        printable(program)
    )]
    NoSandpool {
        /// The worker binary.
        program: PathBuf,
        /// The way it ended.
        how: String,
    },
    /// A compiler of another build.
    #[error("the compiler process cannot be used: {difference}")]
    OtherBuild {
        /// A line that names both builds.
        difference: String,
    },
    /// A compiler that gave up.
    #[error("the compiler process cannot be used: {}", Printable(message))]
    GaveUp {
        /// The compiler's words.
        message: String,
    },
    /// A compiler that was refused memory.
    #[error("the compiler process cannot be used: it was refused memory: {limit}")]
    NoMemory {
        /// The limit that this process lives under.
        limit: String,
    },
    /// A description that is too long.
    #[error("the compiler process cannot be used: it wrote a description of more than 1 MiB")]
    LongDescription,
    /// A description that cannot be read.
    #[error(
        "the compiler process cannot be used: its description makes no sense: {}",
        Printable(reason)
    )]
    BadDescription {
        /// The fault in it.
        reason: String,
    },
    /// A compiler that speaks of a limit that it does not have.
    #[error("the compiler process cannot be used: it names a limit of tasks, `{}`", name.name())]
    ForeignLimit {
        /// The limit.
        name: LimitName,
    },
    /// A compiler that cannot be killed.
    #[error("the compiler process cannot be used: process {pid} cannot be killed")]
    NotKilled {
        /// Its process id.
        pid: u32,
        /// The operating system's error.
        source: io::Error,
    },
    /// The end of the pool.
    #[error("the compiler process cannot be used: the pool was terminated")]
    Terminated,
    /// A name that is no file's, of a module that is in none of the folders.
    #[error(
        "no module of this name is installed: it is in none of {}; `cargo xtask guests` makes \
         those of sandpool, and a file in the working directory is `./{name}`",
        in_list(folders)
    )]
    NoBuiltIn {
        /// The name.
        name: String,
        /// The folders.
        folders: Vec<PathBuf>,
    },
    /// A function, to be called for a snapshot, that did not end well.
    #[error(
        "no snapshot can be taken of it: {} ended with {verdict}{}",
        quoted(function),
        behind(error)
    )]
    Snapshot {
        /// The function.
        function: String,
        /// The verdict of its call.
        verdict: Verdict,
        /// The error of its outcome.
        error: Option<String>,
        /// The limit that ended it.
        hit: Option<Box<LimitHit>>,
    },
    /// A function that cannot be called for a snapshot.
    #[error(
        "no snapshot can be taken of it: {} cannot be called",
        quoted(function)
    )]
    SnapshotNotSent {
        /// The function.
        function: String,
        /// The pool's error.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A refusal of the thread that waits for an asynchronous load.
    #[error("the compiler process cannot be used: the thread that waits for it cannot be started")]
    NoWaiter {
        /// The operating system's error.
        source: io::Error,
    },
    /// A panic of the thread that waits for an asynchronous load.
    #[error("the compiler process cannot be used: the thread that waits for it panicked")]
    WaiterPanicked,
}

fn printable(path: &std::path::Path) -> String {
    Printable(&path.to_string_lossy()).to_string()
}

/// Returns paths in a sentence.
fn in_list(paths: &[PathBuf]) -> String {
    let quoted: Vec<_> = paths
        .iter()
        .map(|path| format!("`{}`", printable(path)))
        .collect();
    quoted.join(", ")
}

/// Returns the error of an outcome, to stand behind its verdict.
fn behind(error: &Option<String>) -> String {
    let printable = |error: &String| format!(": {}", Printable(error));
    error.as_ref().map_or_else(String::new, printable)
}

impl Problem {
    /// Classifies an error of reading the module into memory.
    pub(super) fn of_reading(error: io::Error) -> Self {
        match is_explained(&error) {
            true => Problem::System { source: error },
            false => Problem::read(error),
        }
    }

    /// An error of the file itself.
    pub(super) fn read(error: io::Error) -> Self {
        Problem::Read {
            is_internal: Scarce::of(&error).is_some()
                || error.kind() == io::ErrorKind::FileTooLarge,
            source: naming_limit(error),
        }
    }

    /// Returns `true` if another attempt may succeed: something outside kept the compiler
    /// from its work.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Problem::CompilerKilled { again, .. } => *again,
            Problem::NoRoom { .. } | Problem::Starved { .. } => true,
            _ => false,
        }
    }

    /// Returns `true` if sandpool itself failed, rather than the module being invalid.
    fn is_internal(&self) -> bool {
        match self {
            Problem::NotFound
            | Problem::NotRegular { .. }
            | Problem::Invalid { .. }
            | Problem::Import(_)
            | Problem::Limit { .. }
            | Problem::Slow { .. }
            | Problem::Wants { .. }
            | Problem::CompilerDied { .. }
            | Problem::NoBuiltIn { .. }
            | Problem::SnapshotNotSent { .. } => false,
            Problem::Snapshot { verdict, .. } => *verdict == Verdict::InternalError,
            Problem::Read { is_internal, .. } => *is_internal,
            Problem::System { .. }
            | Problem::CompilerKilled { .. }
            | Problem::NoRoom { .. }
            | Problem::Starved { .. }
            | Problem::Refused { .. }
            | Problem::NotStarted { .. }
            | Problem::NoSandpool { .. }
            | Problem::OtherBuild { .. }
            | Problem::GaveUp { .. }
            | Problem::NoMemory { .. }
            | Problem::LongDescription
            | Problem::BadDescription { .. }
            | Problem::ForeignLimit { .. }
            | Problem::NotKilled { .. }
            | Problem::Terminated
            | Problem::NoWaiter { .. }
            | Problem::WaiterPanicked => true,
        }
    }

    /// A compiler's complaint. That a module wants more tables, memories or
    /// instances than there are to be had is one that wasmtime makes in words.
    pub(crate) fn sorted(self, limits: &PoolLimits) -> Self {
        const WORDS: [(&str, LimitName); 6] = [
            ("core module instances, which exceeds", LimitName::Instances),
            ("memories, which exceeds", LimitName::Memories),
            ("tables, which exceeds", LimitName::Tables),
            ("defined memories count of", LimitName::Memories),
            ("defined tables count of", LimitName::Tables),
            ("has a minimum element size of", LimitName::TableElements),
        ];
        let Problem::Invalid { reason: text } = &self else {
            return self;
        };
        let said = WORDS.iter().find(|(words, _)| text.contains(words));
        match said.and_then(|(_, name)| limits.hit(*name)) {
            Some(hit) => Problem::Wants { hit },
            None => self,
        }
    }
}

impl LoadError {
    pub(crate) fn new(path: String, problem: Problem) -> Self {
        LoadError { path, problem }
    }

    /// Returns the path, or `module` for bytes.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns `true` if the file does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self.problem, Problem::NotFound)
    }

    /// Returns `true` if sandpool itself failed, rather than the module being invalid.
    pub fn is_internal(&self) -> bool {
        self.problem.is_internal()
    }

    /// Returns the limit that the compilation ran past, or would run past.
    pub fn limit(&self) -> Option<&LimitHit> {
        match &self.problem {
            Problem::Limit { hit } | Problem::Slow { hit } | Problem::Wants { hit } => Some(hit),
            Problem::Snapshot { hit, .. } => hit.as_deref(),
            _ => None,
        }
    }

    /// Returns the verdict of the call that was to leave a snapshot.
    pub(super) fn verdict_of_snapshot(&self) -> Option<Verdict> {
        match &self.problem {
            Problem::Snapshot { verdict, .. } => Some(*verdict),
            Problem::SnapshotNotSent { .. } => Some(Verdict::InvalidArguments),
            _ => None,
        }
    }

    /// Returns the WebAssembly features that the module needs, and that are off and can be
    /// turned on.
    pub fn features(&self) -> Vec<WasmFeature> {
        let Problem::Invalid { reason: text } = &self.problem else {
            return Vec::new();
        };
        let needs = text.split_once("it needs the WebAssembly feature");
        let names = needs.and_then(|(_, needs)| needs.split_once(", which "));
        // The names between backticks.
        let names = names.map_or("", |(names, _)| names).split('`');
        let names = names.skip(1).step_by(2);
        names.filter_map(|name| name.parse().ok()).collect()
    }

    /// Returns `true` if the module imports functions that sandpool does not provide.
    #[doc(hidden)]
    pub fn has_unknown_imports(&self) -> bool {
        let text = "imports functions that sandpool does not provide";
        matches!(&self.problem, Problem::Invalid { reason } if reason.contains(text))
    }

    /// Returns advice for the user, in one line, if there is any.
    pub fn hint(&self) -> Option<String> {
        match &self.problem {
            Problem::Invalid { reason } if reason.contains("exports no function") => Some(
                "a task module exports functions (a component or a core module), or is a command"
                    .into(),
            ),
            _ if self.has_unknown_imports() => Some(
                "guests can import WASI and the interfaces of `sandpool:task`; the setting \
                 `unknown_imports` loads it all the same, and refuses its calls of other functions"
                    .into(),
            ),
            _ => None,
        }
    }
}
