//! `--http` and `--http-header`: the requests that a task may make, and the headers that it
//! is spared from knowing.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use sandpool::value::with_causes;
use sandpool::{HttpRule, PoolBuilder};

use super::task::own_variable;
use crate::parse::{self, OrNone};
use crate::report::Failure;

/// The grants and limits of outgoing HTTP.
#[derive(Args, Debug)]
pub struct HttpFlags {
    /// Number of HTTP requests of a task [default: 100]
    #[arg(long, value_name = "N", value_parser = count, help_heading = "Limits (`none` lifts one)")]
    http_requests: Option<OrNone<u64>>,
    /// Bytes of the bodies of a task's HTTP requests, and of the responses [default:
    /// 16MiB each]
    #[arg(long, value_name = "SIZE", value_parser = parse::size, help_heading = "Limits (`none` lifts one)")]
    http_bytes: Option<OrNone<u64>>,
    /// Let the guest make HTTP requests, as in 'GET,POST https://api.example.com/v1/*'.
    /// `*.` may stand for one label of the host, `*` behind a `/` for the rest of the path.
    /// The address must be a public one, unless the word `private` follows
    #[arg(long, value_name = "METHODS URL [private]", value_parser = rule, help_heading = "Grants")]
    http: Vec<HttpRule>,
    /// Put a header on the requests that `--http` allows with this URL; its value is that
    /// of a variable here or a file's content, which the guest cannot read (but a server
    /// that repeats the headers of requests shows it)
    #[arg(long, value_name = "URL: NAME=env:VAR|file:PATH", value_parser = header, help_heading = "Grants")]
    http_header: Vec<Header>,
}

/// A header for the rules with this pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Header {
    pattern: String,
    name: String,
    source: Source,
}

/// The place where a header's value is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    Variable(String),
    File(PathBuf),
}

fn count(text: &str) -> Result<OrNone<u64>, String> {
    match text {
        "none" => Ok(OrNone(None)),
        number => {
            let number = number.parse();
            let number = number.map_err(|_| "it is a whole number, or `none`")?;
            Ok(OrNone(Some(number)))
        }
    }
}

fn rule(text: &str) -> Result<HttpRule, String> {
    text.parse::<HttpRule>()
        .map_err(|error| with_causes(&error))
}

fn header(text: &str) -> Result<Header, String> {
    const SHAPE: &str = "a header is `URL: NAME=env:VARIABLE` or `URL: NAME=file:PATH`";
    let (pattern, header) = text.split_once(": ").ok_or(SHAPE)?;
    let (name, value) = header.trim().split_once('=').ok_or(SHAPE)?;
    let source = match value.split_once(':') {
        Some(("env", name)) if !name.is_empty() => Source::Variable(name.to_owned()),
        Some(("file", path)) if !path.is_empty() => Source::File(path.into()),
        _ => {
            return Err(format!(
                "{SHAPE}; other users can read a command line, so the value itself cannot stand \
                 there"
            ));
        }
    };
    Ok(Header {
        pattern: pattern.trim().to_owned(),
        name: name.trim().to_owned(),
        source,
    })
}

impl HttpFlags {
    /// Returns the limits that were set, as flags.
    pub(super) fn limits(&self) -> [Option<String>; 2] {
        let told =
            |flag: &str, value: Option<OrNone<u64>>| value.map(|value| format!("{flag} {value}"));
        [
            told("--http-requests", self.http_requests),
            told("--http-bytes", self.http_bytes),
        ]
    }

    /// Returns the grants as flags; of a header only its name.
    pub(super) fn grants(&self) -> impl Iterator<Item = String> {
        let rules = self.http.iter().map(|rule| format!("--http '{rule}'"));
        let headers = self.http_header.iter();
        let headers =
            headers.map(|header| format!("--http-header '{}: {}'", header.pattern, header.name));
        rules.chain(headers)
    }

    /// Sets limits and grants.
    pub(super) fn apply(&self, mut builder: PoolBuilder) -> Result<PoolBuilder, Failure> {
        if let Some(OrNone(limit)) = self.http_requests {
            builder = builder.http_requests(limit);
        }
        if let Some(OrNone(limit)) = self.http_bytes {
            builder = builder.http_bytes(limit);
        }
        let mut rules = self.http.clone();
        for header in &self.http_header {
            let value = header.value()?;
            let mut is_used = false;
            let of_rule = rules
                .iter_mut()
                .filter(|rule| rule.pattern() == header.pattern);
            for rule in of_rule {
                *rule = rule.clone().header(&header.name, value.clone());
                is_used = true;
            }
            if !is_used {
                return Err(Failure::usage(format!(
                    "`--http-header` is for `{}`, which no `--http` allows",
                    header.pattern
                )));
            }
        }
        Ok(rules.into_iter().fold(builder, PoolBuilder::http))
    }
}

impl Header {
    fn value(&self) -> Result<String, Failure> {
        match &self.source {
            Source::Variable(name) => own_variable(name, "--http-header"),
            Source::File(path) => {
                let text = fs::read_to_string(path).map_err(|error| {
                    let path = path.display();
                    Failure::usage(format!(
                        "`{path}`, named with `--http-header`, cannot be read: {error}"
                    ))
                })?;
                Ok(text.trim_end_matches(['\r', '\n']).to_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_names_a_rule_and_the_place_of_its_value() {
        let read = header("https://api.example.com/v1/*: Authorization=env:TOKEN");
        let expected = Header {
            pattern: "https://api.example.com/v1/*".into(),
            name: "Authorization".into(),
            source: Source::Variable("TOKEN".into()),
        };
        assert_eq!(read, Ok(expected));
        let file = header("https://a.b:8443/: x=file:/run/secrets/a=b");
        assert_eq!(
            file.map(|header| header.source),
            Ok(Source::File("/run/secrets/a=b".into()))
        );
        for wrong in ["", "x=env:Y", "https://a.b/: x", "https://a.b/: x=env:"] {
            assert!(header(wrong).is_err(), "{wrong}");
        }
        let refused = header("https://a.b/: x=secret").unwrap_err();
        assert!(refused.contains("cannot stand there"), "{refused}");
    }
}
