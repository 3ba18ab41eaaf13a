//! The job of a map for each input: call a function, or run a command.

use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use sandpool::value::{
    self, ArgumentError, Function, LineFormat, ParseError, Partial, Type, Utf8, quoted, with_causes,
};
use sandpool::{Call, Input, Module, Pool, ToInput, Value};

use super::inputs::{Shape, fingerprint};
use super::joblog::identity::COMMAND;
use super::outputs::ResultForm;
use super::outputs::results::naming::Naming;
use super::script::Script;
use super::template::Template;
use crate::apply;
use crate::parse::Keyword;
use crate::report::{Failure, Kind};
use crate::shell;

/// The job for each input.
#[derive(Clone)]
pub enum Job {
    /// A function, with the arguments that are equal for all inputs.
    Call(Arc<Partial>),
    /// A script, for the function of an interpreter that runs it.
    Script(Arc<Script>),
    /// The words after the command's own name.
    Command(Template),
}

/// The name of the job that runs a script, in a log.
const SCRIPT: &str = "script";

/// A job whose results may be named after inputs.
#[derive(Clone)]
pub struct Named {
    pub job: Job,
    pub naming: Naming,
}

impl Deref for Named {
    type Target = Job;

    fn deref(&self) -> &Job {
        &self.job
    }
}

/// The arguments that are equal for all inputs, as they stand in the command line.
#[derive(Clone, Copy)]
pub struct Constants<'a> {
    pub words: &'a [Keyword],
    pub utf8: Utf8,
}

impl Job {
    /// Finds the job that the command line asks for, of this module, for inputs of this
    /// shape.
    pub fn find(
        module: &Module,
        path: &Path,
        function: Option<&str>,
        template: &[String],
        constants: Constants<'_>,
        shape: &Shape,
    ) -> Result<Job, Failure> {
        let job = Job::without_constants(module, path, function, template, shape)?;
        if constants.words.is_empty() {
            return Ok(job);
        }
        let Job::Call(function) = job else {
            return Err(Failure::usage(
                "`--kwarg` is for functions: constant words of a command stand in its TEMPLATE, \
                 after `--`",
            ));
        };
        let words = apply::pairs(constants.words);
        let utf8 = constants.utf8;
        let partial = Partial::of_words(&words, function.whole(), &apply::read_file, utf8)
            .map_err(unfit_constant)?;
        Ok(Job::Call(Arc::new(partial)))
    }

    fn without_constants(
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
                Ok(function) => Ok(Job::of(function)),
                Err(_) if module.is_command() && module.functions().is_empty() => {
                    Err(command_needs_template(&shown))
                }
                Err(failure) => Err(failure),
            };
        }
        match module.functions() {
            // A command that gets its input on stdin needs no words.
            _ if module.is_command() && shape.on_stdin => {
                Ok(Job::Command(Template::new(&[], shape)?))
            }
            _ if module.is_command() => Err(command_needs_template(&shown)),
            [only] => Ok(Job::of(only)),
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

    fn of(function: &Function) -> Self {
        Job::Call(Arc::new(Partial::none(function)))
    }

    /// Returns the call that each input completes.
    pub fn call(&self, pool: &Pool, module: &Module) -> Call {
        match self {
            Job::Call(function) => {
                let call = pool.call(module, &function.whole().full_name());
                let keywords = function.keywords();
                keywords.fold(call, |call, (name, value)| call.kwarg(name, value.clone()))
            }
            Job::Script(script) => script.call(pool, module),
            Job::Command(_) => pool.command(module),
        }
    }

    /// Describes the job, in words; in a log, the input's part follows.
    pub fn describe(&self) -> String {
        match self {
            Job::Call(function) => function.whole().full_name(),
            Job::Script(_) => SCRIPT.to_owned(),
            Job::Command(template) => template.describe().to_owned(),
        }
    }

    /// Returns the kind of job, for a log.
    pub fn kind(&self) -> &'static str {
        match self {
            Job::Call(_) => "function",
            Job::Script(_) => SCRIPT,
            Job::Command(_) => COMMAND,
        }
    }

    /// Returns the script, if the job is one.
    pub fn script(&self) -> Option<&Script> {
        match self {
            Job::Script(script) => Some(script),
            Job::Call(_) | Job::Command(_) => None,
        }
    }

    /// Returns the form of a task's result.
    pub fn result_form(&self) -> ResultForm {
        match self {
            Job::Call(_) => ResultForm::Value,
            Job::Script(_) => ResultForm::Json,
            Job::Command(_) => ResultForm::Stdout,
        }
    }

    /// Returns a fingerprint of the arguments that are equal for all inputs, if there are
    /// some.
    pub fn constants(&self) -> Option<u64> {
        let Job::Call(function) = self else {
            return None;
        };
        let parts: Vec<Vec<u8>> = function
            .keywords()
            .flat_map(|(name, value)| {
                let value = value::encode_args(std::slice::from_ref(value));
                [name.as_bytes().to_vec(), value]
            })
            .collect();
        (!parts.is_empty()).then(|| fingerprint(parts.iter().map(Vec::as_slice)))
    }

    /// Returns the task for a line, the `number`th input.
    pub fn line(&self, line: &str, number: u64, format: LineFormat) -> Input {
        match self {
            Job::Call(function) => {
                let values = value::parse_line(line, function.rest(), format);
                called(values, function)
            }
            Job::Script(script) => script.json(line),
            Job::Command(template) => template.command(&[line], number, Vec::new()),
        }
    }

    /// Returns the task for text that is the only argument, whatever it says.
    pub fn text(&self, text: &str, number: u64) -> Input {
        match self {
            Job::Script(script) => script.text(text),
            Job::Call(_) | Job::Command(_) => self.texts(&[text], number),
        }
    }

    /// Returns the task for values that are arguments, in order.
    pub fn texts(&self, texts: &[&str], number: u64) -> Input {
        match self {
            Job::Call(function) => {
                let values = value::parse_texts(texts.iter().copied(), [], function.rest());
                called(values, function)
            }
            Job::Script(script) => script.words(texts),
            Job::Command(template) => template.command(texts, number, Vec::new()),
        }
    }

    /// Returns the task for the cells of a row without a header, in order. Those behind the
    /// last parameter are left out if `ignore` is set.
    pub fn cells(&self, cells: &[&str], number: u64, ignore: bool) -> Input {
        let function = match self {
            Job::Call(function) => function,
            Job::Script(script) => return script.cells(cells),
            Job::Command(_) => return self.texts(cells, number),
        };
        let params = &function.rest().params;
        let taken = match ignore {
            true => cells.len().min(params.len()),
            false => cells.len(),
        };
        let mut cells = cells[..taken].to_vec();
        for (cell, param) in cells.iter_mut().zip(params) {
            // An empty cell is a table's way to leave a value out.
            if cell.is_empty() && matches!(param.ty, Type::Option(_)) {
                *cell = "null";
            }
        }
        self.texts(&cells, number)
    }

    /// Returns the task for the cells of a row whose header names the parameters. Columns
    /// that name no parameter are left out: they were refused unless they are to be
    /// ignored.
    pub fn row(&self, header: &[String], cells: &[&str], number: u64) -> Input {
        match self {
            Job::Call(function) => {
                let rest = function.rest();
                let named = header.iter().map(String::as_str).zip(cells.iter().copied());
                // An empty cell is a table's way to leave a value out.
                let given = named.filter(|(column, cell)| {
                    let place = rest.parameter(column);
                    // A column that is fixed for all calls is an error, not left out.
                    let is_known = place.is_some() || function.whole().parameter(column).is_some();
                    is_known && (!cell.is_empty() || !is_option(rest, place))
                });
                called(value::parse_texts([].into_iter(), given, rest), function)
            }
            Job::Script(script) => script.row(header, cells),
            Job::Command(template) => template.command(cells, number, Vec::new()),
        }
    }

    /// Returns the task for bytes that are the argument, or the command's stdin. A
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
            Job::Call(function) => {
                let values = value::parse_contents(bytes, name, function.rest(), utf8);
                called(values, function)
            }
            Job::Script(script) => script.contents(bytes, name, utf8),
            Job::Command(template) => template.command(values, number, bytes),
        }
    }

    /// Returns `true` if the input's values stand in the words that a command gets.
    pub fn has_values(&self) -> bool {
        match self {
            Job::Call(_) | Job::Script(_) => false,
            Job::Command(template) => template.has_values(),
        }
    }

    /// Returns `true` if bytes that are no text can be the argument.
    pub fn takes_bytes(&self) -> bool {
        match self {
            Job::Call(function) => function
                .rest()
                .params
                .first()
                .is_some_and(|param| param.ty.is_bytes()),
            Job::Script(_) | Job::Command(_) => false,
        }
    }

    /// Checks that the function takes as many arguments as an input has values. The values
    /// come from `origin`.
    pub fn takes_values(&self, values: usize, origin: &str) -> Result<(), Failure> {
        let Job::Call(function) = self else {
            return Ok(());
        };
        let params = &function.rest().params;
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
        let beside = if function.is_none() {
            ""
        } else {
            " beside `--kwarg`"
        };
        let failure = Failure::unusable(format!(
            "{origin} gives {arguments}{beside}, which does not fit {}",
            quoted(&function.whole().signature())
        ));
        Err(match origin {
            "`:::`" => failure.hint(
                "each `:::` is one parameter's values; with `--from jsonl` a value is a whole call",
            ),
            _ => failure,
        })
    }

    /// Checks that rows of `cells` cells, without a header, fit the parameters.
    pub fn takes_cells(&self, cells: usize, origin: &str, ignore: bool) -> Result<(), Failure> {
        let most = match self {
            Job::Call(function) if ignore => function.rest().params.len(),
            _ => cells,
        };
        let fits = self.takes_values(cells.min(most), origin);
        match self {
            Job::Call(function) if cells > function.rest().params.len() => {
                fits.map_err(|failure| failure.hint(IGNORE_COLUMNS))
            }
            _ => fits,
        }
    }

    /// Checks that the function can be called with columns of these names. Columns that
    /// name no parameter are reported together, once for all rows, unless they are to be
    /// ignored.
    pub fn takes_columns(&self, columns: &[String], ignore: bool) -> Result<(), Failure> {
        let Job::Call(function) = self else {
            return Ok(());
        };
        let unknown: Vec<_> = columns
            .iter()
            .filter(|column| function.whole().parameter(column).is_none())
            .cloned()
            .collect();
        if !ignore && !unknown.is_empty() {
            return Err(unknown_columns(unknown, function.rest()).hint(IGNORE_COLUMNS));
        }
        has_all_columns(function, columns)
            .map_err(|error| Failure::new(Kind::Unusable, function.explain(error)))
    }

    /// Checks that the job reads stdin.
    pub fn takes_stdin(&self) -> Result<(), Failure> {
        match self {
            Job::Command(_) => Ok(()),
            Job::Call(_) => Err(Failure::usage(
                "`--stdin-each` is for commands; this module exports functions, which take arguments",
            )),
            Job::Script(_) => Err(Failure::usage(
                "`--stdin-each` is for commands; the input of a script is its variable `input`",
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

/// Checks that each parameter that a call gives has a column, and no other parameter has
/// one.
fn has_all_columns(function: &Partial, columns: &[String]) -> Result<(), ArgumentError> {
    let rest = function.rest();
    let mut named = vec![false; rest.params.len()];
    for column in columns {
        let Some(place) = rest.parameter(column) else {
            if function.whole().parameter(column).is_some() {
                return Err(ArgumentError::UnknownKeyword {
                    keyword: column.clone(),
                    function: rest.signature(),
                    available: rest.params.iter().map(|param| param.name.clone()).collect(),
                });
            }
            continue;
        };
        if std::mem::replace(&mut named[place], true) {
            return Err(ArgumentError::Twice {
                parameter: rest.params[place].name.clone(),
                function: rest.signature(),
            });
        }
    }
    let missing = rest
        .params
        .iter()
        .zip(named)
        .find(|(param, named)| !named && !matches!(param.ty, Type::Option(_)));
    match missing {
        Some((param, _)) => Err(ArgumentError::Missing {
            parameter: param.name.clone(),
            function: rest.signature(),
        }),
        None => Ok(()),
    }
}

fn unfit_constant(error: ArgumentError) -> Failure {
    let is_no_text = match &error {
        ArgumentError::Unfit { problem, .. } => matches!(**problem, ParseError::NotText { .. }),
        _ => false,
    };
    let failure = Failure::new(Kind::Unusable, error);
    match is_no_text {
        true => failure.hint(apply::NOT_TEXT),
        false => failure,
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

fn called(values: Result<Vec<Value>, ArgumentError>, function: &Partial) -> Input {
    let error = match values {
        Ok(values) => return values.into_input(),
        Err(error) => function.explain(error),
    };
    Input::Invalid(match &error {
        ArgumentError::Unfit { problem, .. } if matches!(**problem, ParseError::NotText { .. }) => {
            format!("{error} ({})", apply::NOT_TEXT)
        }
        // A file's name, most likely.
        ArgumentError::Unfit { problem, .. } if is_no_bytes(problem) => {
            format!("{error} (`--from files` takes a file's contents)")
        }
        error => with_causes(error),
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
        "`{shown}` is not a command, so it takes no words after `--`"
    ))
    .hint(format!("`sandpool map {quoted} {first}`"))
}

fn command_needs_template(shown: &str) -> Failure {
    Failure::unusable(format!(
        "`{shown}` is a command; give its arguments for each line after `--`"
    ))
    .hint(format!(
        "`sandpool map {} -- {{}}` passes the line as the only argument",
        shell::quote(shown)
    ))
}
