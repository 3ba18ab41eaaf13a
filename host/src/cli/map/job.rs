//! What a map does for each input: call a function, or run a command.

use std::path::Path;

use sandpool::value::{self, ArgumentError, Function, LineFormat, ParseError, Type, Utf8, quoted};
use sandpool::{Call, Input, Module, Pool, ToInput, Value};

use super::inputs::Shape;
use super::template::Template;
use crate::cli::apply;
use crate::cli::report::{Failure, Kind};
use crate::cli::shell;

/// What is done for each input.
#[derive(Clone)]
pub enum Job {
    Call(Function),
    /// The words after the command's own name.
    Command(Template),
}

impl Job {
    /// What the command line asks for, of this module, for inputs of this shape.
    pub fn find(
        module: &Module,
        path: &Path,
        function: Option<&str>,
        template: &[String],
        shape: &Shape,
    ) -> Result<Job, Failure> {
        let shown = path.display().to_string();
        if !template.is_empty() {
            if !module.is_command() {
                return Err(no_command(module, &shown));
            }
            return Ok(Job::Command(Template::new(template, shape)?));
        }
        if let Some(asked) = function {
            return match apply::find(module, path, asked) {
                Ok(function) => Ok(Job::Call(function.clone())),
                Err(_) if module.is_command() && module.functions().is_empty() => {
                    Err(command_needs_template(&shown))
                }
                Err(failure) => Err(failure),
            };
        }
        match module.functions() {
            // What it gets needs no words.
            _ if module.is_command() && shape.on_stdin => {
                Ok(Job::Command(Template::new(&[], shape)?))
            }
            _ if module.is_command() => Err(command_needs_template(&shown)),
            [only] => Ok(Job::Call(only.clone())),
            [] => Err(Failure::unusable(format!(
                "`{shown}` exports nothing that can be called"
            ))),
            several => {
                let all: Vec<_> = several
                    .iter()
                    .map(|function| function.name.clone())
                    .collect();
                Err(
                    Failure::usage(format!("`{shown}` has several functions; say which"))
                        .hint(format!("it has {}", apply::names(&all))),
                )
            }
        }
    }

    /// The call that each input completes.
    pub fn call(&self, pool: &Pool, module: &Module) -> Call {
        match self {
            Job::Call(function) => pool.call(module, &function.full_name()),
            Job::Command(_) => pool.command(module),
        }
    }

    /// What is done, in words; what an input adds stands behind them in a log.
    pub fn describe(&self) -> String {
        match self {
            Job::Call(function) => function.full_name(),
            Job::Command(template) => template.describe().to_owned(),
        }
    }

    /// The task that a line asks for, the `number`th input.
    pub fn line(&self, line: &str, number: u64, format: LineFormat) -> Input {
        match self {
            Job::Call(function) => called(value::parse_line(line, function, format)),
            Job::Command(template) => template.command(&[line], number, Vec::new()),
        }
    }

    /// The task for values that are arguments, in order.
    pub fn texts(&self, texts: &[&str], number: u64) -> Input {
        match self {
            Job::Call(function) => called(value::parse_texts(texts.iter().copied(), [], function)),
            Job::Command(template) => template.command(texts, number, Vec::new()),
        }
    }

    /// The task for the cells of a row without a header, in order. Those behind
    /// the last parameter are left out where that was asked for.
    pub fn cells(&self, cells: &[&str], number: u64, ignore: bool) -> Input {
        let Job::Call(function) = self else {
            return self.texts(cells, number);
        };
        let params = &function.params;
        let taken = match ignore {
            true => cells.len().min(params.len()),
            false => cells.len(),
        };
        let mut cells = cells[..taken].to_vec();
        for (cell, param) in cells.iter_mut().zip(params) {
            // An empty cell is how a table leaves something out.
            if cell.is_empty() && matches!(param.ty, Type::Option(_)) {
                *cell = "null";
            }
        }
        self.texts(&cells, number)
    }

    /// The task for the cells of a row, of which the header names the parameters.
    /// Columns that name none are left out: they were refused unless that was
    /// asked for.
    pub fn row(&self, header: &[String], cells: &[&str], number: u64) -> Input {
        match self {
            Job::Call(function) => {
                let named = header.iter().map(String::as_str).zip(cells.iter().copied());
                // An empty cell is how a table leaves something out.
                let given = named.filter(|(column, cell)| {
                    let place = function.parameter(column);
                    place.is_some() && (!cell.is_empty() || !is_option(function, place))
                });
                called(value::parse_texts([].into_iter(), given, function))
            }
            Job::Command(template) => template.command(cells, number, Vec::new()),
        }
    }

    /// The task for bytes that are the argument, or what the command reads. A
    /// template's placeholders stand for `values`.
    pub fn contents(
        &self,
        bytes: Vec<u8>,
        name: &str,
        values: &[&str],
        number: u64,
        utf8: Utf8,
    ) -> Input {
        match self {
            Job::Call(function) => called(value::parse_contents(bytes, name, function, utf8)),
            Job::Command(template) => template.command(values, number, bytes),
        }
    }

    /// Whether what an input is called stands in the words that a command gets.
    pub fn has_values(&self) -> bool {
        match self {
            Job::Call(_) => false,
            Job::Command(template) => template.has_values(),
        }
    }

    /// Whether bytes that are no text can be the argument.
    pub fn takes_bytes(&self) -> bool {
        match self {
            Job::Call(function) => function
                .params
                .first()
                .is_some_and(|param| param.ty.is_bytes()),
            Job::Command(_) => false,
        }
    }

    /// That the function takes as many arguments as an input has values. They
    /// come from `origin`.
    pub fn takes_values(&self, values: usize, origin: &str) -> Result<(), Failure> {
        let Job::Call(function) = self else {
            return Ok(());
        };
        let params = &function.params;
        let needed = params
            .iter()
            .rposition(|param| !matches!(param.ty, Type::Option(_)))
            .map_or(0, |last| last + 1);
        if (needed..=params.len()).contains(&values) {
            return Ok(());
        }
        let arguments = match values {
            1 => "one argument".to_owned(),
            several => format!("{several} arguments"),
        };
        let failure = Failure::unusable(format!(
            "{origin} gives {arguments}, which does not fit {}",
            quoted(&function.signature())
        ));
        Err(match origin {
            "`:::`" => failure.hint(
                "each `:::` is one parameter's values; with `--from jsonl` a value is a whole call",
            ),
            _ => failure,
        })
    }

    /// That rows of so many cells, without a header, fit the parameters.
    pub fn takes_cells(&self, cells: usize, origin: &str, ignore: bool) -> Result<(), Failure> {
        let most = match self {
            Job::Call(function) if ignore => function.params.len(),
            _ => cells,
        };
        let fits = self.takes_values(cells.min(most), origin);
        match self {
            Job::Call(function) if cells > function.params.len() => {
                fits.map_err(|failure| failure.hint(IGNORE_COLUMNS))
            }
            _ => fits,
        }
    }

    /// That the function can be called with columns of these names. Those that
    /// name no parameter are told together, once for all rows, unless they are to
    /// be ignored.
    pub fn takes_columns(&self, columns: &[String], ignore: bool) -> Result<(), Failure> {
        let Job::Call(function) = self else {
            return Ok(());
        };
        let unknown: Vec<_> = columns
            .iter()
            .filter(|column| function.parameter(column).is_none())
            .cloned()
            .collect();
        if !ignore && !unknown.is_empty() {
            return Err(unknown_columns(unknown, function).hint(IGNORE_COLUMNS));
        }
        self.has_all_columns(function, columns)
            .map_err(|error| Failure::new(Kind::Unusable, error))
    }

    fn has_all_columns(
        &self,
        function: &Function,
        columns: &[String],
    ) -> Result<(), ArgumentError> {
        let mut named = vec![false; function.params.len()];
        for column in columns {
            let Some(place) = function.parameter(column) else {
                continue;
            };
            if std::mem::replace(&mut named[place], true) {
                return Err(ArgumentError::Twice {
                    parameter: function.params[place].name.clone(),
                    function: function.signature(),
                });
            }
        }
        let missing = function
            .params
            .iter()
            .zip(named)
            .find(|(param, named)| !named && !matches!(param.ty, Type::Option(_)));
        match missing {
            Some((param, _)) => Err(ArgumentError::Missing {
                parameter: param.name.clone(),
                function: function.signature(),
            }),
            None => Ok(()),
        }
    }

    /// That there is somebody to read stdin.
    pub fn takes_stdin(&self) -> Result<(), Failure> {
        match self {
            Job::Command(_) => Ok(()),
            Job::Call(_) => Err(Failure::usage(
                "`--stdin-each` is for commands; a function has arguments",
            )),
        }
    }
}

impl Template {
    fn command(&self, values: &[&str], number: u64, stdin: Vec<u8>) -> Input {
        let argv = self.fill(values, number);
        match argv.iter().any(|word| word.contains('\0')) {
            true => Input::Invalid("an argument cannot hold a NUL character".into()),
            false => Input::Command { argv, stdin },
        }
    }
}

const IGNORE_COLUMNS: &str = "`--ignore-columns` leaves out the columns that no parameter takes";

fn unknown_columns(columns: Vec<String>, function: &Function) -> Failure {
    let params = function.params.iter();
    let available: Vec<_> = params.map(|param| param.name.clone()).collect();
    let has = match available.as_slice() {
        [] => "it has none".to_owned(),
        available => format!("it has {}", apply::names(available)),
    };
    let parameters = match columns.len() {
        1 => "parameter",
        _ => "parameters",
    };
    Failure::unusable(format!(
        "{} has no {parameters} {}: {has}",
        quoted(&function.signature()),
        apply::names(&columns)
    ))
}

fn called(values: Result<Vec<Value>, ArgumentError>) -> Input {
    let error = match values {
        Ok(values) => return values.into_input(),
        Err(error) => error,
    };
    Input::Invalid(match &error {
        ArgumentError::Unfit { problem, .. } if matches!(**problem, ParseError::NotText { .. }) => {
            format!("{error} ({})", apply::NOT_TEXT)
        }
        // A file's name, most likely.
        ArgumentError::Unfit { problem, .. } if is_no_bytes(problem) => {
            format!("{error} (`--from files` takes a file's contents)")
        }
        error => error.to_string(),
    })
}

fn is_no_bytes(problem: &ParseError) -> bool {
    match problem {
        ParseError::Mismatch(mismatch) => {
            let expected = mismatch.expected.as_str();
            mismatch.path.is_empty() && matches!(expected, "list<u8>" | "option<list<u8>>")
        }
        _ => false,
    }
}

fn is_option(function: &Function, place: Option<usize>) -> bool {
    place.is_some_and(|place| matches!(function.params[place].ty, Type::Option(_)))
}

fn no_command(module: &Module, shown: &str) -> Failure {
    let first = module
        .functions()
        .first()
        .map_or("FUNCTION", |function| &function.name);
    let (quoted, first) = (shell::quote(shown), shell::quote(first));
    Failure::unusable(format!(
        "`{shown}` is no command, so words after `--` mean nothing to it"
    ))
    .hint(format!("`sandpool map {quoted} {first}`"))
}

fn command_needs_template(shown: &str) -> Failure {
    Failure::unusable(format!(
        "`{shown}` is a command, and what it gets for a line stands after `--`"
    ))
    .hint(format!(
        "`sandpool map {} -- {{}}` gives it the line as its only word",
        shell::quote(shown)
    ))
}
