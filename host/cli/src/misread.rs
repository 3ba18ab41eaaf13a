//! Explanations for command lines that clap cannot read, where clap's own words would
//! mislead.

use std::ffi::OsString;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::command_line;
use super::report::Failure;
use super::shell;

/// The error with tips that are true here, or what is said in its place.
pub fn explain(mut error: clap::Error, words: &[OsString]) -> Result<clap::Error, Failure> {
    match error.kind() {
        ErrorKind::UnknownArgument => {
            // Removes clap's advice to put the word behind `--`: a flag that is misspelt, or of
            // another subcommand, is no argument there either.
            error.remove(ContextKind::Suggested);
            let unknown = match error.get(ContextKind::InvalidArg) {
                Some(ContextValue::String(unknown)) => unknown.clone(),
                _ => return Ok(error),
            };
            let tips: Vec<StyledStr> = tips(&unknown, &error, words)
                .into_iter()
                .map(Into::into)
                .collect();
            if !tips.is_empty() {
                error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
            }
            Ok(error)
        }
        ErrorKind::InvalidUtf8 => match words.iter().find(|word| word.to_str().is_none()) {
            Some(word) => Err(Failure::usage(format!(
                "the word `{}` is not UTF-8; only file names may be other bytes",
                shell::quote_os(word)
            ))),
            None => Ok(error),
        },
        _ => Ok(error),
    }
}

fn tips(unknown: &str, error: &clap::Error, words: &[OsString]) -> Vec<String> {
    let mut tips = Vec::new();
    let asked = words.get(1).and_then(|word| word.to_str());
    if let Some(flag) = unknown.strip_prefix("--") {
        let owners = owners(flag);
        if !owners.is_empty() {
            tips.push(format!("`{unknown}` is a flag of {}", owners.join(", ")));
        }
    }
    // One that is like it is meant.
    if !tips.is_empty() || error.get(ContextKind::SuggestedArg).is_some() {
        return tips;
    }
    tips.extend(match asked {
        Some("apply") => Some(
            "an argument that begins with a dash must stand after `--`, with all arguments after it"
                .to_owned(),
        ),
        Some("map") => Some(
            "an input that begins with a dash must stand after `:::`, or in a file given by `--input`"
                .to_owned(),
        ),
        Some("run") => Some("an argument for the guest must stand after MODULE".to_owned()),
        _ => None,
    });
    tips
}

/// The subcommands that have this flag.
fn owners(flag: &str) -> Vec<String> {
    let command = command_line();
    command
        .get_subcommands()
        .filter(|command| {
            command
                .get_arguments()
                .any(|arg| arg.get_long() == Some(flag))
        })
        .map(|command| format!("`sandpool {}`", command.get_name()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(line: &str) -> String {
        let words: Vec<OsString> = line.split(' ').map(Into::into).collect();
        let error = command_line()
            .try_get_matches_from(&words)
            .expect_err("it is no command line");
        let error = explain(error, &words).expect("it is said by clap");
        error.render().to_string()
    }

    #[test]
    fn no_tip_sends_a_flag_to_where_it_is_none() {
        for line in [
            "sandpool apply m f --raww",
            "sandpool apply m f --frobnicate",
            "sandpool map m f --frobnicate",
            "sandpool run --frobnicate m",
            "sandpool inspect m --kwarg",
            "sandpool doctor --frobnicate",
        ] {
            let message = message(line);
            assert!(!message.contains("use '-- --"), "{message}");
        }
    }

    #[test]
    fn a_tip_says_where_a_flag_or_a_word_belongs() {
        let tip = |line: &str| {
            let message = message(line);
            let tips = message
                .lines()
                .filter_map(|line| line.trim().strip_prefix("tip: "));
            tips.collect::<Vec<_>>().join("; ")
        };
        assert!(tip("sandpool inspect m --kwarg").contains("is a flag of `sandpool apply`"));
        assert!(tip("sandpool apply m f --raww").contains("'--raw'"));
        assert!(tip("sandpool apply m f -x").contains("after `--`"));
        assert!(tip("sandpool map m f -x").contains("after `:::`"));
        assert!(tip("sandpool run -x m").contains("after MODULE"));
        assert_eq!(tip("sandpool doctor -x"), "");
    }
}
