//! Reads arguments from a line of input.
//!
//! A line is JSON. If the function has one parameter of a compound type, the line is that
//! argument; else an array spreads over the parameters, an object gives keywords, and a
//! scalar is the one argument. A function whose only parameter is a `string` takes lines as
//! they are, unless JSON is asked for.

use serde_json::Value as Json;

use super::arguments::{place, unfit_argument};
use super::json::parse_json;
use super::{ArgumentError, Function, Param, ParseError, Type, Value, from_json, from_json_str};

/// The format of lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LineFormat {
    /// As the function suggests: plain text for a lone `string`, else JSON.
    #[default]
    Auto,
    /// JSON, always.
    Jsonl {
        /// True if an array or object is spread over the parameters even if the only
        /// one is of a compound type.
        spread: bool,
    },
}

/// Reads a line, without its newline, as the arguments of a function. Options at the end
/// may be left out.
///
/// # Errors
///
/// Returns an error if the line is not JSON, or does not fit the parameters.
pub fn parse_line(
    line: &str,
    function: &Function,
    how: LineFormat,
) -> Result<Vec<Value>, ArgumentError> {
    let spread = how == LineFormat::Jsonl { spread: true };
    if let [param] = function.params.as_slice() {
        if param.ty == Type::String && how == LineFormat::Auto {
            return Ok(vec![Value::String(line.to_owned())]);
        }
        let whole = if spread {
            !line.trim_start().starts_with(['[', '{'])
        } else {
            param.ty.is_compound() || !line.trim_start().starts_with(['[', '{'])
        };
        if whole {
            return match from_json_str(line, &param.ty) {
                Ok(value) => Ok(vec![value]),
                Err(problem) => Err(wrong(line, problem, param, function)),
            };
        }
    }
    // The type is for a message that is not shown.
    let json = parse_json(line, &Type::String).map_err(|problem| not_json(line, &problem))?;
    spread_over(json, function)
}

fn spread_over(json: Json, function: &Function) -> Result<Vec<Value>, ArgumentError> {
    const NO_KEYWORDS: [(&str, Json); 0] = [];
    let read = |json: Json, ty: &Type| from_json(&json, ty);
    match json {
        Json::Array(items) => place(items.into_iter(), NO_KEYWORDS, function, read),
        Json::Object(entries) => place([].into_iter(), entries, function, read),
        // A `null` line calls a function without parameters once.
        Json::Null if function.params.is_empty() => Ok(Vec::new()),
        scalar => place([scalar].into_iter(), NO_KEYWORDS, function, read),
    }
}

fn wrong(line: &str, problem: ParseError, param: &Param, function: &Function) -> ArgumentError {
    match problem {
        problem @ ParseError::Syntax { .. } => not_json(line, &problem),
        problem => unfit_argument(problem, param, function),
    }
}

fn not_json(line: &str, problem: &ParseError) -> ArgumentError {
    let (_, reason) = problem.parts();
    ArgumentError::NotJson {
        line: super::quoted(line),
        reason: reason.unwrap_or_default().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSONL: LineFormat = LineFormat::Jsonl { spread: false };
    const SPREAD: LineFormat = LineFormat::Jsonl { spread: true };

    fn function(types: &[Type]) -> Function {
        Function {
            name: "f".into(),
            interface: None,
            params: types
                .iter()
                .zip(["a", "b", "c"])
                .map(|(ty, name)| Param {
                    name: name.into(),
                    ty: ty.clone(),
                })
                .collect(),
            result: None,
        }
    }

    fn read(line: &str, types: &[Type]) -> Vec<Value> {
        parse_line(line, &function(types), LineFormat::Auto).unwrap()
    }

    fn message(line: &str, types: &[Type]) -> String {
        parse_line(line, &function(types), LineFormat::Auto)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_scalar_is_the_one_argument() {
        assert_eq!(read("30", &[Type::U32]), [Value::U32(30)]);
        assert_eq!(read(" [30] ", &[Type::U32]), [Value::U32(30)]);
        assert_eq!(read(r#"{"a":30}"#, &[Type::U32]), [Value::U32(30)]);
    }

    #[test]
    fn arrays_spread_and_objects_give_keywords() {
        let types = [Type::U32, Type::option(Type::Bool)];
        let both = [Value::U32(1), Value::some(Value::Bool(true))];
        assert_eq!(read("[1,true]", &types), both);
        assert_eq!(read(r#"{"b":true,"a":1}"#, &types), both);
        assert_eq!(read("[1]", &types), [Value::U32(1), Value::none()]);
        assert_eq!(read("1", &types), [Value::U32(1), Value::none()]);
    }

    #[test]
    fn one_compound_parameter_takes_the_whole_line() {
        let list = [Type::list(Type::U32)];
        let value = Value::List(vec![Value::U32(1), Value::U32(2)]);
        assert_eq!(read("[1,2]", &list), std::slice::from_ref(&value));
        let record = [Type::record([("a", Type::U8)])];
        let expected = Value::record([("a", Value::U8(1))]);
        assert_eq!(read(r#"{"a":1}"#, &record), [expected]);
        assert_eq!(read("null", &[Type::option(Type::U8)]), [Value::none()]);
        let spread = parse_line("[[1,2]]", &function(&list), SPREAD).unwrap();
        assert_eq!(spread, std::slice::from_ref(&value));
        let spread = parse_line(r#"{"a":[1,2]}"#, &function(&list), SPREAD).unwrap();
        assert_eq!(spread, [value]);
    }

    #[test]
    fn a_lone_string_takes_plain_lines() {
        let text = |text: &str| [Value::String(text.into())];
        assert_eq!(read(r#""x""#, &[Type::String]), text(r#""x""#));
        assert_eq!(read("[1", &[Type::String]), text("[1"));
        let f = function(&[Type::String]);
        assert_eq!(parse_line(r#""x""#, &f, JSONL).unwrap(), text("x"));
        assert_eq!(parse_line(r#"["x"]"#, &f, JSONL).unwrap(), text("x"));
    }

    #[test]
    fn a_function_without_parameters_is_called_for_each_line() {
        for line in ["[]", "{}", "null"] {
            assert_eq!(read(line, &[]), []);
        }
        assert!(message("1", &[]).starts_with("1 arguments for `f: func()`"));
    }

    #[test]
    fn errors_say_what_is_wrong() {
        assert!(message("x", &[Type::U32]).starts_with("`x` is not valid JSON: "));
        assert_eq!(
            message("-1", &[Type::U32]),
            "`-1` is not a valid u32 for parameter `a` of `f: func(a: u32)`: the range is 0 to 4294967295"
        );
        assert!(message("[1,2,3]", &[Type::U32, Type::U32]).starts_with("3 arguments for"));
    }
}
