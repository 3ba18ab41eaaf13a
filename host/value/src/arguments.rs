//! Matches the arguments of a call to the function's parameters, by position and by
//! keyword.

use std::io;

use super::text::{cut, listed, quoted};
use super::{Function, Mismatch, Param, ParseError, Type, Value};

/// The length in characters of a signature in a message.
const SHOWN_SIGNATURE: usize = 240;

/// The error of arguments that do not fit the function's parameters. Nothing was sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArgumentError {
    /// An argument is not of its parameter's type.
    #[error("{}", unfit(problem, parameter, function))]
    Unfit {
        /// The parameter's name.
        parameter: String,
        /// The function's signature.
        function: String,
        /// The problem with the argument; the error's message includes it.
        problem: Box<ParseError>,
    },
    /// The file given for an argument could not be read.
    #[error(
        "cannot read {} for parameter {} of `{function}`",
        quoted(file),
        quoted(parameter)
    )]
    File {
        /// The file as it was named; `-` is standard input.
        file: String,
        /// The parameter's name.
        parameter: String,
        /// The function's signature.
        function: String,
        /// The reason.
        source: io::Error,
    },
    /// There are more arguments than parameters.
    #[error("{given} arguments for `{function}`, which takes {takes}")]
    TooMany {
        /// The number of arguments.
        given: usize,
        /// The number of parameters.
        takes: usize,
        /// The function's signature.
        function: String,
    },
    /// A parameter that is no option has no argument.
    #[error(
        "there is no argument for parameter {} of `{function}`",
        quoted(parameter)
    )]
    Missing {
        /// The parameter's name.
        parameter: String,
        /// The function's signature.
        function: String,
    },
    /// No parameter has the name of a keyword.
    #[error(
        "`{function}` has no parameter {}{}",
        quoted(keyword),
        there_are(available)
    )]
    UnknownKeyword {
        /// The keyword.
        keyword: String,
        /// The function's signature.
        function: String,
        /// The names of the parameters.
        available: Vec<String>,
    },
    /// A parameter has two arguments.
    #[error("parameter {} of `{function}` is given twice", quoted(parameter))]
    Twice {
        /// The parameter's name.
        parameter: String,
        /// The function's signature.
        function: String,
    },
    /// A line of input is not JSON.
    #[error("{line} is not valid JSON: {reason}")]
    NotJson {
        /// The line, in backticks, cut.
        line: String,
        /// The parser's message.
        reason: String,
    },
}

fn unfit(problem: &ParseError, parameter: &str, function: &str) -> String {
    let (head, reason) = problem.parts();
    let mut text = format!("{head} for parameter {} of `{function}`", quoted(parameter));
    if let Some(reason) = reason {
        text.push_str(": ");
        text.push_str(reason);
    }
    text
}

fn there_are(names: &[String]) -> String {
    if names.is_empty() {
        ": it has none".to_owned()
    } else {
        format!(": it has {}", listed(names.iter().map(String::as_str)))
    }
}

/// Returns a signature for a message.
pub(super) fn signature(function: &Function) -> String {
    cut(&function.signature(), SHOWN_SIGNATURE)
}

/// Returns the error for an argument that does not fit its parameter.
pub(super) fn unfit_argument(
    problem: ParseError,
    param: &Param,
    function: &Function,
) -> ArgumentError {
    let parameter = param.name.clone();
    let function = signature(function);
    match problem {
        ParseError::File { file, source } => ArgumentError::File {
            file,
            parameter,
            function,
            source,
        },
        problem => ArgumentError::Unfit {
            parameter,
            function,
            problem: Box::new(problem),
        },
    }
}

/// Matches arguments to the parameters and makes a value of each. An option that is left
/// out is `none`.
pub(super) fn place<T>(
    positional: impl ExactSizeIterator<Item = T>,
    keywords: impl IntoIterator<Item = (impl AsRef<str>, T)>,
    function: &Function,
    read: impl Fn(T, &Type) -> Result<Value, ParseError>,
) -> Result<Vec<Value>, ArgumentError> {
    let params = &function.params;
    if positional.len() > params.len() {
        return Err(ArgumentError::TooMany {
            given: positional.len(),
            takes: params.len(),
            function: signature(function),
        });
    }
    let read = |given, param: &Param| {
        read(given, &param.ty).map_err(|problem| unfit_argument(problem, param, function))
    };
    let mut args = Vec::with_capacity(params.len());
    for (given, param) in positional.zip(params) {
        args.push(read(given, param)?);
    }
    let mut keywords = keywords.into_iter().peekable();
    if keywords.peek().is_none() && args.len() == params.len() {
        return Ok(args);
    }

    let mut slots: Vec<Option<Value>> = args.into_iter().map(Some).collect();
    slots.resize(params.len(), None);
    for (keyword, given) in keywords {
        let keyword = keyword.as_ref();
        let Some(index) = function.parameter(keyword) else {
            return Err(ArgumentError::UnknownKeyword {
                keyword: keyword.to_owned(),
                function: signature(function),
                available: params.iter().map(|param| param.name.clone()).collect(),
            });
        };
        let (Some(slot), Some(param)) = (slots.get_mut(index), params.get(index)) else {
            continue;
        };
        if slot.is_some() {
            return Err(ArgumentError::Twice {
                parameter: param.name.clone(),
                function: signature(function),
            });
        }
        *slot = Some(read(given, param)?);
    }
    slots
        .into_iter()
        .zip(params)
        .map(|(slot, param)| match (slot, &param.ty) {
            (Some(value), _) => Ok(value),
            (None, Type::Option(_)) => Ok(Value::none()),
            (None, _) => Err(ArgumentError::Missing {
                parameter: param.name.clone(),
                function: signature(function),
            }),
        })
        .collect()
}

/// Matches values to the parameters, and converts those of close types.
pub(super) fn bind(
    positional: Vec<Value>,
    keywords: Vec<(String, Value)>,
    function: &Function,
) -> Result<Vec<Value>, ArgumentError> {
    place(positional.into_iter(), keywords, function, |value, ty| {
        value.coerce(ty).map_err(|e: Mismatch| e.into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_texts::check;

    #[test]
    fn each_error_says_what_is_wrong_and_its_cause_once() {
        let (parameter, function) = (|| "n".to_owned(), || "f: func(n: u8)".to_owned());
        check([
            (
                ArgumentError::Unfit {
                    parameter: parameter(),
                    function: function(),
                    problem: Box::new(Mismatch::of("`x`".into(), &Type::U8).into()),
                },
                "`x` is not a valid u8 for parameter `n` of `f: func(n: u8)`",
            ),
            (
                ArgumentError::File {
                    file: "x".into(),
                    parameter: parameter(),
                    function: function(),
                    source: io::ErrorKind::NotFound.into(),
                },
                "cannot read `x` for parameter `n` of `f: func(n: u8)` <- entity not found",
            ),
            (
                ArgumentError::TooMany {
                    given: 2,
                    takes: 1,
                    function: function(),
                },
                "2 arguments for `f: func(n: u8)`, which takes 1",
            ),
            (
                ArgumentError::Missing {
                    parameter: parameter(),
                    function: function(),
                },
                "there is no argument for parameter `n` of `f: func(n: u8)`",
            ),
            (
                ArgumentError::UnknownKeyword {
                    keyword: "k".into(),
                    function: function(),
                    available: vec![parameter()],
                },
                "`f: func(n: u8)` has no parameter `k`: it has `n`",
            ),
            (
                ArgumentError::Twice {
                    parameter: parameter(),
                    function: function(),
                },
                "parameter `n` of `f: func(n: u8)` is given twice",
            ),
            (
                ArgumentError::NotJson {
                    line: "`{`".into(),
                    reason: "it ends early".into(),
                },
                "`{` is not valid JSON: it ends early",
            ),
        ]);
    }

    fn function() -> Function {
        let param = |name: &str, ty| Param {
            name: name.into(),
            ty,
        };
        Function {
            name: "f".into(),
            interface: None,
            params: vec![
                param("n", Type::U32),
                param("top-k", Type::S64),
                param("tag", Type::option(Type::String)),
            ],
            result: None,
        }
    }

    fn message(positional: Vec<Value>, keywords: Vec<(&str, Value)>) -> String {
        let keywords = keywords.into_iter().map(|(n, v)| (n.to_owned(), v));
        bind(positional, keywords.collect(), &function())
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn arguments_go_by_position_and_by_keyword() {
        let args = bind(
            vec![Value::U8(1)],
            vec![("top_k".into(), Value::S32(5))],
            &function(),
        );
        assert_eq!(args.unwrap(), [Value::U32(1), Value::S64(5), Value::none()]);
    }

    #[test]
    fn errors_name_the_parameter_and_the_function() {
        let of = "`f: func(n: u32, top-k: s64, tag: option<string>)`";
        assert_eq!(
            message(vec![Value::S8(-1)], vec![]),
            format!(
                "`-1` is not a valid u32 for parameter `n` of {of}: the range is 0 to 4294967295"
            )
        );
        assert_eq!(
            message(vec![], vec![("n", Value::U8(1))]),
            format!("there is no argument for parameter `top-k` of {of}")
        );
        assert_eq!(
            message(vec![Value::U8(1)], vec![("n", Value::U8(1))]),
            format!("parameter `n` of {of} is given twice")
        );
        assert_eq!(
            message(vec![], vec![("x", Value::U8(1))]),
            format!("{of} has no parameter `x`: it has `n`, `top-k`, `tag`")
        );
        assert_eq!(
            message(vec![Value::U8(1); 4], vec![]),
            format!("4 arguments for {of}, which takes 3")
        );
    }
}
