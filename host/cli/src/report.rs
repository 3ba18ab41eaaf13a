//! The command's error messages and exit codes.
//!
//! The form is the same everywhere: one line that begins with `error:`, its
//! causes indented beneath it, then a blank line and `hint:` where there is
//! one. All of it goes to stderr and through [`sanitize`].

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use sandpool::value::{LookupError, with_causes};
use sandpool::{Error, LoadError, Outcome, Refusal, Verdict, stdio};

use super::flags::settings;
use super::{sanitize, screen, ulimit};

/// A closed stdout is how `| head` says that it has had enough.
pub const QUIET_END: u8 = 0;
/// A task did not end ok.
pub const TASK_FAILED: u8 = 1;
/// The pool itself failed.
pub const POOL_FAILED: u8 = 4;
/// Stopped by Ctrl-C, SIGTERM or SIGHUP.
pub const INTERRUPTED: u8 = 130;

/// Why the command cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The command line asks for something that cannot be.
    Usage,
    /// There is no such module.
    NotFound,
    /// The module, the function or the arguments cannot be used.
    Unusable,
    /// sandpool or the machine beneath it failed.
    Pool,
    /// Stopped by Ctrl-C, SIGTERM or SIGHUP.
    Interrupted,
}

impl Kind {
    /// The exit code of every command but `run`.
    pub fn code(self) -> u8 {
        match self {
            Kind::Usage => 2,
            Kind::NotFound | Kind::Unusable => 3,
            Kind::Pool => 4,
            Kind::Interrupted => INTERRUPTED,
        }
    }

    /// The exit code of `run`, whose own are those of timeout(1).
    pub fn run_code(self) -> u8 {
        match self {
            Kind::Usage | Kind::Pool => 125,
            Kind::Unusable => 126,
            Kind::NotFound => 127,
            Kind::Interrupted => INTERRUPTED,
        }
    }
}

/// An end of the command that it did not want.
#[derive(Debug)]
pub struct Failure {
    pub kind: Kind,
    error: anyhow::Error,
    hint: Option<String>,
}

impl Failure {
    pub fn new(kind: Kind, error: impl Into<anyhow::Error>) -> Self {
        Failure {
            kind,
            error: error.into(),
            hint: None,
        }
    }

    pub fn usage(text: impl Into<String>) -> Self {
        Failure::new(Kind::Usage, anyhow::Error::msg(text.into()))
    }

    pub fn unusable(text: impl Into<String>) -> Self {
        Failure::new(Kind::Unusable, anyhow::Error::msg(text.into()))
    }

    /// The end that an interrupt brings, which needs no words.
    pub fn interrupted() -> Self {
        Failure::new(Kind::Interrupted, anyhow::Error::msg("interrupted"))
    }

    /// The same, as the cause of what this text says.
    #[must_use]
    pub fn context(mut self, text: String) -> Self {
        self.error = self.error.context(text);
        self
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same, where it has none.
    #[must_use]
    pub fn hint_if_none(mut self, hint: impl Into<String>) -> Self {
        self.hint.get_or_insert_with(|| hint.into());
        self
    }

    /// Says it on stderr.
    pub fn say(&self) {
        if self.kind == Kind::Interrupted {
            return;
        }
        let chain = self.error.chain();
        let mut texts: Vec<String> = chain
            .map(|error| settings::in_flags(&error.to_string()))
            .collect();
        // An error of another crate may hold its cause's text already.
        texts.dedup_by(|cause, text| text.ends_with(cause.as_str()));
        let mut texts = texts.into_iter();
        let text = texts.next().unwrap_or_default();
        let limit = ulimit::behind(&self.error);
        say_error(&text, texts.chain(limit), self.hint.as_deref());
    }
}

/// The library's setting for imports that nobody gives, and the flag that sets it.
const UNKNOWN_IMPORTS: &str = "the setting `unknown_imports`";
const DENY_THEM: &str = "`--unknown-imports deny`";

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        let kind = match &error {
            error if error.is_not_found() => Kind::NotFound,
            error if error.is_internal() => Kind::Pool,
            _ => Kind::Unusable,
        };
        let hint = error.hint().map(|hint| match error.has_unknown_imports() {
            true => {
                let hint = hint.replace(UNKNOWN_IMPORTS, DENY_THEM);
                format!("{hint}; `sandpool inspect` lists the imports of a module")
            }
            false => hint,
        });
        let error = anyhow::Error::msg(settings::load_error(&error));
        Failure {
            hint,
            ..Failure::new(kind, error)
        }
    }
}

impl From<LookupError> for Failure {
    fn from(error: LookupError) -> Self {
        Failure::new(Kind::Unusable, error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::Function(_)
            | Error::Arguments(_)
            | Error::ArgumentsTooLarge { .. }
            | Error::Unsupported { .. }
            | Error::Unlinked { .. }
            | Error::WrongKind { .. } => Kind::Unusable,
            // Whatever the setting or the grant is: it came from the command line.
            Error::Setting(_) | Error::Grant(_) | Error::CommandInput { .. } => Kind::Usage,
            Error::Terminated => Kind::Interrupted,
            _ => Kind::Pool,
        };
        match &error {
            Error::ArgumentsTooLarge { limit, .. } => {
                let text = settings::by_flag(&error.to_string(), limit);
                Failure::new(kind, anyhow::Error::msg(text))
            }
            Error::Sandbox { missing } => Failure::new(
                kind,
                anyhow::anyhow!("`--sandbox strict` cannot be kept; missing layers: {missing}"),
            ),
            // One line that names the directory and what is wrong with it.
            Error::Grant(error) => Failure::new(kind, anyhow::Error::msg(with_causes(error))),
            _ => Failure::new(kind, error),
        }
    }
}

/// Says what became of a task that did not end ok.
pub fn say_outcome<T>(outcome: &Outcome<T>) {
    let text = outcome_text(outcome);
    let text = match outcome.verdict {
        // The task's own words need no preface.
        Verdict::Error => text,
        verdict => format!("{}: {text}", verdict.name()),
    };
    let refused = refused_line(outcome);
    say(Text::Error(&text), &refused, grant_hint(outcome));
}

/// Says what a task was refused that did not end ok, where the rest needs no words.
pub fn say_refusals<T>(outcome: &Outcome<T>) {
    if let Some(refused) = outcome.refused() {
        let text = format!("the task was refused {refused}");
        say(Text::Note(&text), &[], grant_hint(outcome));
    }
}

fn refused_line<T>(outcome: &Outcome<T>) -> Vec<String> {
    let refused = outcome.refused();
    refused
        .map(|refused| format!("refused: {refused}"))
        .into_iter()
        .collect()
}

/// Returns a hint that grants the last refusal. Nothing in it is the guest's: hints are
/// there to be pasted into a shell.
fn grant_hint<T>(outcome: &Outcome<T>) -> Option<&'static str> {
    let hint = |refusal: &Refusal| match refusal.what.as_str() {
        "file" => Some("`--dir HOST::GUEST` lets the task read the directory HOST, as GUEST"),
        "HTTP request" => Some("`--http 'METHODS URL'` lets the task make requests"),
        "HTTP limit" => Some("`--http-requests N` and `--http-bytes SIZE` raise the limits"),
        "write access" => Some("`--dir HOST::GUEST:rw` lets the task write to the directory"),
        // Such a verdict says it already.
        "memory" if outcome.verdict != Verdict::MemoryLimit => {
            Some("`--memory SIZE` raises the limit")
        }
        _ => None,
    };
    outcome.refusals.iter().rev().find_map(hint)
}

/// Why a task did not end ok, in one line where the library made it one.
pub fn outcome_text<T>(outcome: &Outcome<T>) -> String {
    match (&outcome.error, &outcome.limit) {
        (Some(error), Some(limit)) => settings::by_flag(error, limit),
        // A task's own words stay as they are.
        (Some(error), None) if outcome.verdict == Verdict::Error => error.clone(),
        (Some(error), None) => settings::in_flags(error),
        (None, Some(limit)) => settings::hit(limit),
        (None, None) => format!(
            "`{}` ended with the verdict {}",
            outcome.function, outcome.verdict
        ),
    }
}

/// As [`outcome_text`], with what the task was refused.
pub fn outcome_line<T>(outcome: &Outcome<T>) -> String {
    let text = outcome_text(outcome);
    match outcome.refused() {
        Some(refused) => format!("{text} (refused: {refused})"),
        None => text,
    }
}

/// Writes an error with its causes and its hint to stderr.
pub fn say_error(text: &str, causes: impl IntoIterator<Item = String>, hint: Option<&str>) {
    let causes = causes.into_iter();
    let causes: Vec<_> = causes.map(|cause| format!("because {cause}")).collect();
    say(Text::Error(text), &causes, hint);
}

/// The first line of a message.
enum Text<'a> {
    Error(&'a str),
    Note(&'a str),
}

/// Writes a message to stderr: its text, what belongs to it beneath, and a hint.
fn say(text: Text<'_>, beneath: &[String], hint: Option<&str>) {
    let colour = use_colour();
    let paint = |code: &str, word: &str| match colour {
        true => format!("\u{1b}[{code}m{word}\u{1b}[0m"),
        false => word.to_owned(),
    };
    let mut message = match text {
        Text::Error(text) => format!("{} {}\n", paint("1;31", "error:"), indented(text)),
        Text::Note(text) => format!("sandpool: {}\n", indented(text)),
    };
    for line in beneath {
        message.push_str(&format!("  {}\n", indented(line)));
    }
    if let Some(hint) = hint {
        message.push_str(&format!(
            "\n{} {}\n",
            paint("1;36", "hint:"),
            indented(hint)
        ));
    }
    say_raw(&message);
}

/// Writes a note of ours to stderr: no error, and nothing that a script reads.
pub fn note(text: &str) {
    say_raw(&format!("sandpool: {}\n", indented(text)));
}

/// Shows a guest's output on stderr, line by line, made harmless.
///
/// # Errors
/// If stderr cannot be written. One whose reader has left is none.
pub fn show_guest_output(bytes: &[u8]) -> io::Result<()> {
    let lines = sanitize::lines(bytes);
    if lines.is_empty() {
        return Ok(());
    }
    match try_to_say(&format!("{}\n", lines.join("\n"))) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        said => said,
    }
}

/// In one piece, so that lines of several threads do not mix. When stderr is gone
/// there is nobody left to tell.
fn say_raw(message: &str) {
    let _ = try_to_say(message);
}

fn try_to_say(message: &str) -> io::Result<()> {
    screen::beside_bar(|| stdio::write_stderr(message.as_bytes()))
}

/// A text of several lines (a backtrace) stays one message: what follows its
/// first line is indented, so that none of it can pass for a line of ours.
fn indented(text: &str) -> String {
    let lines: Vec<_> = text.trim_end().lines().map(sanitize::tabbed).collect();
    lines.join("\n    ")
}

/// As [`note`], of something that is worth a look.
pub fn warn(text: &str) {
    let text = indented(text);
    let text = if use_colour() { yellow(&text) } else { text };
    say_raw(&format!("sandpool: {text}\n"));
}

/// Returns whether what is on stderr can be drawn over.
pub fn draws() -> bool {
    is_drawn_over(&io::stderr())
}

fn is_drawn_over(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Returns whether stderr has colours: see no-color.org.
pub fn use_colour() -> bool {
    has_colours(&io::stderr())
}

fn has_colours(stream: &impl IsTerminal) -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    is_drawn_over(stream) && !set("NO_COLOR")
}

pub fn red(text: &str) -> String {
    format!("\u{1b}[31m{text}\u{1b}[0m")
}

fn yellow(text: &str) -> String {
    format!("\u{1b}[33m{text}\u{1b}[0m")
}

/// Turns a failed write to stdout into the end of the command.
pub fn stdout_failure(error: io::Error) -> Failure {
    let error = anyhow::Error::new(error).context("stdout cannot be written");
    Failure::new(Kind::Pool, error)
}

/// Turns output of a guest's that could not be shown into the end of the command.
pub fn stderr_failure(error: io::Error) -> Failure {
    let error = anyhow::Error::new(error).context("stderr cannot be written");
    Failure::new(Kind::Pool, error)
}

/// Writes to stdout and flushes; when the reader has gone away that is a quiet
/// end, and `Some` holds its exit code.
pub fn print(bytes: &[u8]) -> Result<Option<ExitCode>, Failure> {
    match stdio::write_stdout(bytes) {
        Ok(()) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            Ok(Some(ExitCode::from(QUIET_END)))
        }
        Err(error) => Err(stdout_failure(error)),
    }
}

/// Prints the help or the version that was asked for, or says what is wrong with the
/// command line, which then has this exit code.
///
/// clap would print it itself, up to where a non-blocking stream is full.
pub fn print_words_of_clap(words: &clap::Error, usage: u8) -> Result<ExitCode, Failure> {
    let text = words.render();
    let styled = |colours| match colours {
        true => text.ansi().to_string(),
        false => text.to_string(),
    };
    if words.use_stderr() {
        say_raw(&styled(use_colour()));
        return Ok(ExitCode::from(usage));
    }
    let text = styled(has_colours(&io::stdout()));
    Ok(print(text.as_bytes())?.unwrap_or(ExitCode::SUCCESS))
}

#[cfg(test)]
mod tests {
    use sandpool::{GrantError, SettingError};

    use super::*;

    #[test]
    fn exit_codes_are_those_that_readme_promises() {
        let kinds = [
            Kind::Usage,
            Kind::NotFound,
            Kind::Unusable,
            Kind::Pool,
            Kind::Interrupted,
        ];
        assert_eq!(kinds.map(Kind::code), [2, 3, 3, 4, 130]);
        assert_eq!(kinds.map(Kind::run_code), [125, 127, 126, 125, 130]);
    }

    #[test]
    fn what_the_command_line_asks_for_in_vain_is_a_matter_of_usage() {
        let of = |error: Error| {
            let failure = Failure::from(error);
            (failure.kind, format!("{:#}", failure.error))
        };
        assert_eq!(
            of(SettingError::Chunksize.into()),
            (Kind::Usage, "a chunk has at least 1 item, not `0`".into())
        );
        let grant = GrantError::Directory {
            host: "/x".into(),
            source: io::ErrorKind::NotFound.into(),
        };
        let text = "`/x` cannot be granted: entity not found";
        assert_eq!(of(grant.into()), (Kind::Usage, text.into()));
        assert_eq!(of(Error::NoWorkerBinary).0, Kind::Pool);
        assert_eq!(of(Error::Terminated).0, Kind::Interrupted);
    }

    #[test]
    fn no_line_of_a_guest_can_pass_for_one_of_ours() {
        assert_eq!(
            indented("one\nhint: rm -rf\n\u{1b}[2J\n"),
            "one\n    hint: rm -rf\n    \\u{1b}[2J"
        );
    }
}
