//! Finds the function that a user means by a name.
//!
//! `fib`, `arith#fib` and `demo:math/arith#fib`, with or without the interface's version,
//! as long as only one function is meant.

use std::collections::HashMap;

use super::Function;
use super::nearest::nearest;
use super::text::{listed, quoted};

/// The error of a name that does not mean exactly one function.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// No function has this name.
    #[error("the module has no function {}", quoted(asked))]
    Unknown {
        /// The name asked for.
        asked: String,
        /// The available names, each by the shortest name that finds it.
        available: Vec<String>,
        /// The function with the nearest name, if one is near.
        suggestion: Option<String>,
    },
    /// More than one function has this name.
    #[error(
        "{} may mean {}",
        quoted(asked),
        listed(candidates.iter().map(String::as_str))
    )]
    Ambiguous {
        /// The name asked for.
        asked: String,
        /// The full names of the functions that it may mean.
        candidates: Vec<String>,
    },
    /// The name means a resource that has no constructor.
    #[error(
        "{} is the resource {}, which has no constructor",
        quoted(asked),
        quoted(resource)
    )]
    OfResource {
        /// The name asked for.
        asked: String,
        /// The resource.
        resource: String,
    },
}

impl LookupError {
    /// Returns advice for the user, as one line.
    pub fn hint(&self) -> String {
        match self {
            Self::Unknown {
                suggestion: Some(name),
                ..
            } => format!("did you mean {}?", quoted(name)),
            Self::Unknown { available, .. } if available.is_empty() => {
                "it exports no functions".to_owned()
            }
            Self::Unknown { available, .. } => {
                format!("it has {}", listed(available.iter().map(String::as_str)))
            }
            Self::Ambiguous { .. } => "name its interface too: INTERFACE#FUNCTION".to_owned(),
            Self::OfResource { .. } => "call the function that returns it, in a session".to_owned(),
        }
    }
}

/// Finds the function that is meant by `fib`, `arith#fib`, `math/arith#fib`,
/// `demo:math/arith#fib` or `demo:math/arith@1.0.0#fib`, and returns its index. Functions of
/// resources are also found by their short names: `counter.next`, and `counter` for its
/// constructor.
///
/// The more exact match wins: the full name, then the name as written, then `word_count`
/// for `word-count`. An export of the module itself comes before an equal name in an
/// interface.
///
/// # Errors
///
/// Returns an error if no function, or more than one, is meant.
pub fn find_function(functions: &[Function], asked: &str) -> Result<usize, LookupError> {
    let mut best = 0;
    let mut found: Vec<usize> = Vec::new();
    for (index, function) in functions.iter().enumerate() {
        let closeness = closeness(function, asked);
        if closeness > best {
            best = closeness;
            found.clear();
        }
        if closeness > 0 && closeness == best {
            found.push(index);
        }
    }
    match found.as_slice() {
        [] => Err(unknown(functions, asked)),
        [index] => Ok(*index),
        many => Err(LookupError::Ambiguous {
            asked: asked.to_owned(),
            candidates: many
                .iter()
                .map(|index| functions[*index].full_name())
                .collect(),
        }),
    }
}

/// Returns the closeness of a name to a function; 0 is no match.
fn closeness(function: &Function, asked: &str) -> u8 {
    // A core module may export names with `#` in them.
    if function.interface.is_none() && function.name == asked {
        return 5;
    }
    let (interface, name) = match asked.rsplit_once('#') {
        Some((interface, name)) => (Some(interface), name),
        None => (None, asked),
    };
    let short = function.short_name();
    let exactly = function.name == name || short == name;
    if !exactly && !same_name(&function.name, name) && !same_name(short, name) {
        return 0;
    }
    let Some(interface) = interface else {
        return match (&function.interface, exactly) {
            (_, true) => 3,
            (None, false) => 2,
            (Some(_), false) => 1,
        };
    };
    let Some((of, version)) = function.interface_and_version() else {
        return 0;
    };
    let (asked_of, asked_version) = match interface.split_once('@') {
        Some((of, version)) => (of, Some(version)),
        None => (interface, None),
    };
    if (asked_version.is_some() && asked_version != version) || !is_suffix(of, asked_of) {
        return 0;
    }
    match (of == asked_of, exactly) {
        (true, true) => 4,
        (false, true) => 3,
        (true, false) => 2,
        (false, false) => 1,
    }
}

/// Returns `true` if two names differ only in `-` and `_`.
pub(super) fn same_name(name: &str, asked: &str) -> bool {
    let dashed = |b: u8| if b == b'_' { b'-' } else { b };
    name.len() == asked.len() && name.bytes().map(dashed).eq(asked.bytes().map(dashed))
}

/// Returns `true` if an interface's name ends in the `asked` text, at a boundary.
fn is_suffix(interface: &str, asked: &str) -> bool {
    interface
        .strip_suffix(asked)
        .is_some_and(|rest| rest.is_empty() || (!asked.is_empty() && rest.ends_with([':', '/'])))
}

fn unknown(functions: &[Function], asked: &str) -> LookupError {
    // A method of its own calls the function that drops a resource.
    let is_drop = |function: &&Function| function.name.starts_with("[resource-drop]");
    let functions: Vec<&Function> = functions.iter().filter(|it| !is_drop(it)).collect();
    let mut bearers: HashMap<&str, usize> = HashMap::new();
    for function in &functions {
        *bearers.entry(function.short_name()).or_default() += 1;
    }
    let available: Vec<String> = functions
        .iter()
        .map(|function| {
            if bearers.get(function.short_name()) == Some(&1) {
                function.short_name().to_owned()
            } else {
                function.full_name()
            }
        })
        .collect();
    let name = asked.rsplit_once('#').map_or(asked, |(_, name)| name);
    let suggestion = nearest(name, functions.iter().map(|f| f.short_name()))
        .and_then(|near| functions.iter().position(|f| f.short_name() == near))
        .map(|index| available[index].clone());
    LookupError::Unknown {
        asked: asked.to_owned(),
        available,
        suggestion,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_texts::check;

    #[test]
    fn each_error_says_what_is_wrong() {
        check([
            (
                LookupError::Unknown {
                    asked: "f".into(),
                    available: Vec::new(),
                    suggestion: None,
                },
                "the module has no function `f`",
            ),
            (
                LookupError::Ambiguous {
                    asked: "f".into(),
                    candidates: vec!["a#f".into(), "b#f".into()],
                },
                "`f` may mean `a#f`, `b#f`",
            ),
            (
                LookupError::OfResource {
                    asked: "f".into(),
                    resource: "r".into(),
                },
                "`f` is the resource `r`, which has no constructor",
            ),
        ]);
    }

    fn function(interface: Option<&str>, name: &str) -> Function {
        Function {
            name: name.into(),
            interface: interface.map(Into::into),
            params: Vec::new(),
            result: None,
        }
    }

    fn some_functions() -> Vec<Function> {
        vec![
            function(None, "main"),
            function(Some("demo:math/arith@1.0.0"), "fib"),
            function(Some("demo:math/arith@1.0.0"), "word-count"),
            function(Some("demo:math/arith@1.0.0"), "sum"),
            function(Some("demo:text/arith@1.0.0"), "sum"),
            function(Some("demo:text/arith@2.0.0"), "main"),
            function(None, "odd#name"),
        ]
    }

    #[test]
    fn every_unique_suffix_finds_a_function() {
        let functions = some_functions();
        for asked in [
            "fib",
            "arith#fib",
            "math/arith#fib",
            "demo:math/arith#fib",
            "demo:math/arith@1.0.0#fib",
            "arith@1.0.0#fib",
        ] {
            assert_eq!(find_function(&functions, asked), Ok(1), "{asked}");
        }
        assert_eq!(find_function(&functions, "text/arith#sum"), Ok(4));
        assert_eq!(find_function(&functions, "odd#name"), Ok(6));
    }

    #[test]
    fn snake_case_finds_kebab_case() {
        let functions = some_functions();
        assert_eq!(find_function(&functions, "word_count"), Ok(2));
        assert_eq!(find_function(&functions, "arith#word_count"), Ok(2));
    }

    #[test]
    fn an_export_of_the_module_itself_comes_first() {
        assert_eq!(find_function(&some_functions(), "main"), Ok(0));
    }

    #[test]
    fn an_exact_name_wins() {
        let functions = [function(None, "a-b"), function(None, "a_b")];
        assert_eq!(find_function(&functions, "a_b"), Ok(1));
        assert_eq!(find_function(&functions, "a-b"), Ok(0));
    }

    #[test]
    fn a_name_that_means_two_names_them() {
        let error = find_function(&some_functions(), "sum").unwrap_err();
        assert_eq!(
            error.to_string(),
            "`sum` may mean `demo:math/arith@1.0.0#sum`, `demo:text/arith@1.0.0#sum`"
        );
    }

    #[test]
    fn a_typo_gets_a_suggestion() {
        let error = find_function(&some_functions(), "fbi").unwrap_err();
        assert_eq!(error.to_string(), "the module has no function `fbi`");
        assert_eq!(error.hint(), "did you mean `fib`?");
        let error = find_function(&some_functions(), "ith#fib").unwrap_err();
        assert_eq!(error.hint(), "did you mean `fib`?");
        let error = find_function(&some_functions()[..1], "zzz").unwrap_err();
        assert_eq!(error.hint(), "it has `main`");
    }
}
