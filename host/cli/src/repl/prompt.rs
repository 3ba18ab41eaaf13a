//! The prompt: reads inputs of one or more lines, with a history, from a terminal; and from
//! what is none, line by line.

use std::env;
use std::fs::DirBuilder;
use std::io::{self, BufRead, BufReader, IsTerminal as _, Read};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Config, Editor, Helper};
use sandpool::stdio;

use super::complete::is_complete;
use crate::language::Language;
use crate::report::{Failure, Kind};

/// The number of inputs that the history keeps.
const HISTORY: usize = 1000;

/// Reads inputs.
pub enum Prompt {
    Terminal(Box<Terminal>),
    Lines(Lines),
}

impl Prompt {
    pub fn new(language: Language) -> Result<Self, Failure> {
        Ok(match io::stdin().is_terminal() {
            true => Prompt::Terminal(Box::new(Terminal::new(language).map_err(failed)?)),
            false => Prompt::Lines(Lines::new(language).map_err(failed)?),
        })
    }

    /// Returns `true` if a person types.
    pub fn is_interactive(&self) -> bool {
        matches!(self, Prompt::Terminal(_))
    }

    /// Reads the next input that is not empty; nothing at the end.
    pub fn read(&mut self) -> Result<Option<String>, Failure> {
        loop {
            let input = match self {
                Prompt::Terminal(terminal) => terminal.read().map_err(failed)?,
                Prompt::Lines(lines) => lines.read().map_err(failed)?,
            };
            match input {
                Some(text) if text.trim().is_empty() => {}
                input => return Ok(input),
            }
        }
    }
}

fn failed(error: impl Into<anyhow::Error>) -> Failure {
    Failure::new(Kind::Pool, error.into().context("the input cannot be read"))
}

/// A terminal, whose lines are edited.
pub struct Terminal {
    editor: Editor<Rules, FileHistory>,
    prompt: &'static str,
    history: Option<PathBuf>,
}

impl Terminal {
    fn new(language: Language) -> rustyline::Result<Self> {
        let config = Config::builder()
            .max_history_size(HISTORY)?
            .history_ignore_dups(true)?
            .auto_add_history(true)
            .build();
        let mut editor = Editor::with_config(config)?;
        editor.set_helper(Some(Rules { language }));
        let history = history_file(language);
        if let Some(file) = &history {
            // The first time there is none.
            let _ = editor.load_history(file);
        }
        Ok(Terminal {
            editor,
            prompt: match language {
                Language::Python => ">>> ",
                Language::Javascript => "> ",
            },
            history,
        })
    }

    fn read(&mut self) -> rustyline::Result<Option<String>> {
        match self.editor.readline(self.prompt) {
            Ok(text) => {
                if let Some(file) = &self.history {
                    // A history that cannot be kept is not worth a message at each input.
                    let _ = self.editor.append_history(file);
                }
                Ok(Some(text))
            }
            // Ctrl-C gives up what was typed.
            Err(ReadlineError::Interrupted) => Ok(Some(String::new())),
            Err(ReadlineError::Eof) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Returns the file of the history, in a folder that exists.
fn history_file(language: Language) -> Option<PathBuf> {
    let named = |name| {
        env::var_os(name)
            .filter(|folder| !folder.is_empty())
            .map(PathBuf::from)
    };
    let home = || Some(named("HOME")?.join(".local/state"));
    let folder = named("XDG_STATE_HOME").or_else(home)?.join("sandpool");
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700).create(&folder).ok()?;
    Some(folder.join(format!("repl-{language}")))
}

/// A file or a pipe.
pub struct Lines {
    reader: BufReader<Box<dyn Read>>,
    language: Language,
}

impl Lines {
    fn new(language: Language) -> io::Result<Self> {
        Ok(Lines {
            reader: BufReader::new(Box::new(stdio::stdin()?)),
            language,
        })
    }

    fn read(&mut self) -> io::Result<Option<String>> {
        let mut text = String::new();
        loop {
            if self.reader.read_line(&mut text)? == 0 {
                return Ok((!text.is_empty()).then_some(text));
            }
            let line = text.trim_end_matches(['\n', '\r']);
            if is_complete(self.language, line) {
                text.truncate(line.len());
                return Ok(Some(text));
            }
        }
    }
}

/// Tells the editor when an input is complete.
struct Rules {
    language: Language,
}

impl Validator for Rules {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(match is_complete(self.language, context.input()) {
            true => ValidationResult::Valid(None),
            false => ValidationResult::Incomplete,
        })
    }
}

impl Completer for Rules {
    type Candidate = String;
}

impl Hinter for Rules {
    type Hint = String;
}

impl Highlighter for Rules {}

impl Helper for Rules {}
