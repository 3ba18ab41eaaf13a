//! Command lines that make exactly one call: what `--dry-run` prints. Pasted into a
//! shell, or piped to one, they do what would have been done.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::ArgMatches;
use clap::parser::ValueSource;
use sandpool::value::Function;
use sandpool::{TaskLimits, Value};

use super::parse::OrNone;
use super::{command_line, outcome, shell};

/// The command line, as it was given.
pub struct Given(ArgMatches);

/// Flags that say nothing of what a call is.
const NOT_HANDED_ON: [&str; 6] = [
    "dry-run",
    "quiet",
    "processes",
    "nice",
    "max-tasks-per-process",
    "start-timeout",
];

impl Given {
    pub fn new(matches: ArgMatches) -> Self {
        Given(matches)
    }

    /// The flags of its subcommand, with their values.
    fn flags(&self) -> Vec<(String, Option<OsString>)> {
        let mut given = Vec::new();
        let Some((name, matches)) = self.0.subcommand() else {
            return given;
        };
        let command = command_line();
        let subcommand = command.find_subcommand(name);
        for argument in subcommand
            .into_iter()
            .flat_map(clap::Command::get_arguments)
        {
            let (Some(flag), id) = (argument.get_long(), argument.get_id().as_str()) else {
                continue;
            };
            if matches.value_source(id) != Some(ValueSource::CommandLine) {
                continue;
            }
            let values = matches.get_raw(id).into_iter().flatten();
            match argument.get_action().takes_values() {
                true => given.extend(values.map(|value| (flag.into(), Some(value.into())))),
                false => given.push((flag.into(), None)),
            }
        }
        given
    }

    /// Those flags that another subcommand takes as well, each behind a space.
    fn handed_on_to(&self, name: &str) -> String {
        let command = command_line();
        let subcommand = command.find_subcommand(name);
        let arguments = subcommand
            .into_iter()
            .flat_map(clap::Command::get_arguments);
        let flags: Vec<_> = arguments.filter_map(clap::Arg::get_long).collect();
        let mut line = String::new();
        for (flag, value) in &self.flags() {
            if NOT_HANDED_ON.contains(&flag.as_str()) || !flags.contains(&flag.as_str()) {
                continue;
            }
            line.push_str(&format!(" --{flag}"));
            let Some(value) = value else { continue };
            // A share of the median means nothing to one call.
            let shared = flag == "timeout" && value.as_encoded_bytes().ends_with(b"%");
            let value = if shared { OsStr::new("none") } else { value };
            // A value that begins with a dash would be taken for a flag.
            let dashed = value.as_encoded_bytes().starts_with(b"-");
            line.push(if dashed { '=' } else { ' ' });
            line.push_str(&shell::quote_os(value));
        }
        line
    }

    fn has(&self, flag: &str) -> bool {
        self.flags().iter().any(|(given, _)| given == flag)
    }

    /// Returns whether an argument by name is what is on stdin.
    fn reads_stdin(&self) -> bool {
        let is_stdin = |value: &OsString| value.as_encoded_bytes().ends_with(b"=@-");
        let mut flags = self.flags().into_iter();
        flags.any(|(flag, value)| flag == "kwarg" && value.as_ref().is_some_and(is_stdin))
    }
}

/// A command line, but for its words: they stand behind it.
#[derive(Default)]
pub struct ReplayCommand {
    start: String,
    /// The word that goes to stdin, because it cannot stand on a command line.
    stdin: Option<Vec<u8>>,
    /// The part of the call that was read from stdin, so that there is no line.
    read_from_stdin: Option<&'static str>,
    words: Vec<String>,
    /// By the names of their parameters, as flags.
    keywords: Vec<String>,
}

const CONSTANT_FROM_STDIN: &str = "a constant argument (`--kwarg`) was read from stdin";

/// The longest word that a command line takes, with room for its quotes.
const LONGEST_WORD: usize = 96 << 10;

/// More on stdin is not written out: nobody would paste it.
const LONGEST_STDIN: usize = 64 << 10;

impl ReplayCommand {
    /// A call of a function.
    pub fn apply(given: &Given, module: &Path, function: &Function) -> Self {
        let flags = given.handed_on_to("apply");
        let (module, function) = (shell::quote_os(module.as_os_str()), function.full_name());
        ReplayCommand {
            start: format!("sandpool apply{flags} {module} {}", shell::quote(&function)),
            read_from_stdin: given.reads_stdin().then_some(CONSTANT_FROM_STDIN),
            ..ReplayCommand::default()
        }
    }

    /// A run of a script, which was read from a file or else from stdin.
    pub fn script(given: &Given, interpreter: &Path, script: Option<&Path>) -> Self {
        let flags = given.handed_on_to("apply");
        let interpreter = shell::quote_os(interpreter.as_os_str());
        let mut file = OsString::from("@");
        file.push(script.unwrap_or(Path::new("-")));
        let file = shell::quote_os(&file);
        ReplayCommand {
            start: format!("sandpool apply{flags} --raw {interpreter} run {file}"),
            read_from_stdin: script.is_none().then_some("the script was read from stdin"),
            ..ReplayCommand::default()
        }
    }

    /// A run of a command.
    pub fn run(given: &Given, module: &Path) -> Self {
        let mut flags = given.handed_on_to("run");
        if !given.has("timeout") {
            // Where `map` has a limit and `run` has none.
            let timeout = OrNone(TaskLimits::default().timeout.value);
            flags.push_str(&format!(" --timeout {timeout}"));
        }
        ReplayCommand {
            start: format!(
                "sandpool run{flags} {}",
                shell::quote_os(module.as_os_str())
            ),
            ..ReplayCommand::default()
        }
    }

    /// The line with these words behind it.
    pub fn with_words(&self, words: &[OsString]) -> String {
        line_of(&self.start, &[], words)
    }

    /// The line that calls with these values, some of them by the names of their
    /// parameters.
    ///
    /// # Errors
    /// Says why there is none.
    pub fn with_values<'a>(
        &self,
        values: impl Iterator<Item = (Option<&'a str>, &'a Value)>,
    ) -> Result<String, &'static str> {
        if let Some(why) = self.read_from_stdin {
            return Err(why);
        }
        let mut line = ReplayCommand {
            start: self.start.clone(),
            ..ReplayCommand::default()
        };
        for (name, value) in values {
            line.add(name, value)?;
        }
        let call = line_of(&line.start, &line.keywords, &line.words);
        match line.stdin {
            Some(stdin) => piped(&stdin, &call),
            None => Ok(call),
        }
    }

    /// The line that runs a command with these words and this on stdin.
    ///
    /// # Errors
    /// Says why there is none.
    pub fn with_stdin(&self, argv: &[String], stdin: &[u8]) -> Result<String, &'static str> {
        let mut line = self.start.clone();
        for word in argv {
            line.push(' ');
            line.push_str(&shell::quote(word));
        }
        match stdin {
            // Or it would read what is behind it, where lines are piped to a shell.
            [] => Ok(format!("{line} < /dev/null")),
            stdin => piped(stdin, &line),
        }
    }

    /// Adds the word that `apply` reads as this value, by its parameter's name if it
    /// has one.
    fn add(&mut self, name: Option<&str>, value: &Value) -> Result<(), &'static str> {
        let word = self.word_for(value)?;
        match name {
            Some(name) => self.keywords.push(format!("{name}={word}")),
            None => self.words.push(word),
        }
        Ok(())
    }

    fn word_for(&mut self, value: &Value) -> Result<String, &'static str> {
        // A word that says `null` is nothing, and stdin is what it holds.
        let is_null = |value: &Value| matches!(value, Value::String(text) if text == "null");
        let some_null = matches!(value, Value::Option(Some(value)) if is_null(value));
        let word = word(value);
        if !some_null && word.len() <= LONGEST_WORD && !word.contains('\0') {
            return Ok(word);
        }
        if self.stdin.replace(contents(value)).is_some() {
            return Err(
                "several of its arguments are too long, or contain bytes that no word can contain",
            );
        }
        Ok("@-".into())
    }
}

/// The line with words behind it.
fn line_of(start: &str, keywords: &[String], words: &[impl AsRef<OsStr>]) -> String {
    // Or it would be taken for a flag.
    let is_flag = |word: &OsStr| {
        let is_number = word
            .to_str()
            .is_some_and(|word| word.parse::<f64>().is_ok());
        word.as_encoded_bytes().starts_with(b"-") && !is_number
    };
    let mut line = start.to_owned();
    for keyword in keywords {
        line.push_str(" --kwarg ");
        line.push_str(&shell::quote(keyword));
    }
    if words.iter().any(|word| is_flag(word.as_ref())) {
        line.push_str(" --");
    }
    for word in words {
        line.push(' ');
        line.push_str(&shell::quote_os(word.as_ref()));
    }
    line
}

fn piped(stdin: &[u8], line: &str) -> Result<String, &'static str> {
    match stdin.len() <= LONGEST_STDIN {
        true => Ok(format!("{} | {line}", shell::printf(stdin))),
        false => Err("its stdin is too long for a command line"),
    }
}

fn word(value: &Value) -> String {
    match value {
        Value::String(text) if text.starts_with('@') => format!("@{text}"),
        // As JSON, so that in an option it is not taken for nothing.
        Value::Enum(text) if text == "null" => json(value),
        Value::String(text) | Value::Enum(text) => text.clone(),
        Value::Char(c) => c.to_string(),
        Value::Option(Some(value)) if !matches!(**value, Value::Option(_)) => word(value),
        value => json(value),
    }
}

/// Returns the contents of a file that `apply` reads as this value.
fn contents(value: &Value) -> Vec<u8> {
    match value {
        Value::String(text) => text.clone().into_bytes(),
        Value::Bytes(bytes) => bytes.to_vec(),
        Value::Char(c) => c.to_string().into_bytes(),
        Value::Option(Some(value)) if !matches!(**value, Value::Option(_)) => contents(value),
        value => json(value).into_bytes(),
    }
}

fn json(value: &Value) -> String {
    let mut json = Vec::new();
    outcome::put_value(value, &mut json);
    String::from_utf8(json).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(words: &[&str]) -> Given {
        Given::new(command_line().try_get_matches_from(words).unwrap())
    }

    #[test]
    fn flags_that_the_other_subcommand_takes_are_handed_on() {
        let words = [
            "sandpool",
            "map",
            "m",
            "-j2",
            "--timeout",
            "1s",
            "-o",
            "x",
            "--wasm",
            "gc",
        ];
        let words = [
            &words[..],
            &["--dir", "a b::/b", "--env", "A", "--env=B=-1"],
        ]
        .concat();
        let given = given(&words);
        let expected = " --wasm gc --timeout 1s --dir 'a b::/b' --env A --env B=-1";
        let mut flags: Vec<_> = given
            .handed_on_to("run")
            .split(" --")
            .map(str::to_owned)
            .collect();
        let mut expected: Vec<_> = expected.split(" --").map(str::to_owned).collect();
        flags.sort();
        expected.sort();
        assert_eq!(flags, expected);
    }

    #[test]
    fn a_run_has_the_limit_that_it_would_have_had() {
        let line = |words: &[&str]| ReplayCommand::run(&given(words), Path::new("m")).start;
        assert_eq!(
            line(&["sandpool", "map", "m"]),
            "sandpool run --timeout 10s m"
        );
        let words = ["sandpool", "map", "m", "--timeout", "200%"];
        assert_eq!(line(&words), "sandpool run --timeout none m");
    }

    fn line(values: &[Value]) -> Result<String, &'static str> {
        let line = ReplayCommand {
            start: "call".into(),
            ..ReplayCommand::default()
        };
        line.with_values(values.iter().map(|value| (None, value)))
    }

    #[test]
    fn values_behind_a_keyword_are_keywords() {
        let line = ReplayCommand {
            start: "call --kwarg b=1".into(),
            ..ReplayCommand::default()
        };
        let values = [Value::S8(-1), Value::String("it's".into())];
        let named = [None, Some("c")].into_iter().zip(&values);
        assert_eq!(
            line.with_values(named).unwrap(),
            r"call --kwarg b=1 --kwarg 'c=it'\''s' -1"
        );
    }

    #[test]
    fn values_are_words_as_apply_reads_them() {
        let text = |text: &str| Value::String(text.into());
        let shown = |values: &[Value]| line(values).unwrap();
        assert_eq!(
            shown(&[Value::U8(3), text("it's"), Value::none()]),
            r"call 3 'it'\''s' null"
        );
        assert_eq!(shown(&[Value::S8(-3)]), "call -3");
        assert_eq!(shown(&[text("-x"), Value::S8(1)]), "call -- -x 1");
        assert_eq!(shown(&[Value::some(text("@x"))]), "call @@x");
        assert_eq!(shown(&[Value::List(vec![Value::U8(1)])]), "call '[1]'");
        assert_eq!(shown(&[text("null"), text("\u{1b}")]), r"call null $'\x1b'");
        let case = Value::some(Value::Enum("null".into()));
        assert_eq!(shown(&[case]), r#"call '"null"'"#);
    }

    #[test]
    fn what_no_word_can_hold_comes_on_stdin() {
        let text = |text: &str| Value::String(text.into());
        let shown = |values: &[Value]| line(values).unwrap();
        assert_eq!(
            shown(&[Value::some(text("null")), Value::U8(1)]),
            "printf %b 'null' | call @- 1"
        );
        assert_eq!(shown(&[text("a\0")]), r"printf %b 'a\0000' | call @-");
        assert!(line(&[text("\0"), text("\0")]).is_err());
        assert!(line(&[text(&"x".repeat(LONGEST_WORD + 1))]).is_err());
    }
}
