//! What a map does for each input: call a function, or run a command.

use std::path::Path;

use sandpool::value::{self, Function, LineFormat};
use sandpool::{Call, Input, Module, Pool, ToInput};

use super::template::Template;
use crate::cli::apply;
use crate::cli::report::Failure;
use crate::cli::shell;

/// What is done for each input.
pub enum Job {
    Call(Function),
    /// The words after the command's own name.
    Command(Template),
}

impl Job {
    /// What the command line asks for, of this module.
    pub fn find(
        module: &Module,
        path: &Path,
        function: Option<&str>,
        template: &[String],
    ) -> Result<Job, Failure> {
        let shown = path.display().to_string();
        if !template.is_empty() {
            if !module.is_command() {
                return Err(no_command(module, &shown));
            }
            return Ok(Job::Command(Template::new(template.to_vec())));
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

    /// The task that a line asks for.
    pub fn input(&self, line: &str, format: LineFormat) -> Input {
        match self {
            Job::Call(function) => match value::parse_line(line, function, format) {
                Ok(values) => values.into_input(),
                Err(error) => Input::Invalid(error.to_string()),
            },
            Job::Command(_) if line.contains('\0') => {
                Input::Invalid("an argument cannot hold a NUL character".into())
            }
            Job::Command(template) => Input::Command {
                argv: template.fill(line),
                stdin: Vec::new(),
            },
        }
    }
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
