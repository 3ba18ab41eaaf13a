//! Reads values from WAVE, by the type that is wanted.
//!
//! The parser is wasm-wave's. Its syntax tree is interpreted here, since the type decides:
//! `none` is an option, or the case of that name; a number is refused if its type does not
//! hold it; errors name the place.

use wasm_wave::ast::{Node, NodeType};
use wasm_wave::lex::{Keyword, Lexer, Token};
use wasm_wave::parser::ParserError;
use wasm_wave::untyped::UntypedValue;

use super::coerce::{flags, missing_field, no_such_case, unknown_field};
use super::number::{is_number, read_number};
use super::text::quoted;
use super::{Mismatch, ParseError, Type, Value};

/// Reads a value of the type from WAVE. Names of cases that are words of WAVE (`none`,
/// `some`, `ok`, `true`) may be written without their `%` wherever a case is wanted.
///
/// # Errors
///
/// Returns an error if the text is no WAVE, or of another type.
pub fn from_wave(text: &str, ty: &Type) -> Result<Value, ParseError> {
    let error = match UntypedValue::parse(text) {
        Ok(parsed) => return Ok(read(parsed.node(), text, ty)?),
        Err(error) => error,
    };
    // `none(3)` is no WAVE, and a case of that name is written so all the same.
    if let Some(escaped) = with_escapes(text)
        && let Ok(parsed) = UntypedValue::parse(&escaped)
    {
        return Ok(read(parsed.node(), &escaped, ty)?);
    }
    Err(ParseError::syntax(text, ty, &reason(&error, text)))
}

/// Returns the reason why the text is no WAVE, with the invalid piece.
fn reason(error: &ParserError, text: &str) -> String {
    match text.get(error.span()) {
        Some(piece) if !piece.is_empty() => format!("{} {}", error.kind(), quoted(piece)),
        _ => error.kind().to_string(),
    }
}

/// Returns the text with a `%` before each word of WAVE's that can only be a case: `none(`,
/// and `some` without a payload.
fn with_escapes(text: &str) -> Option<String> {
    let mut tokens = Lexer::new(text).spanned().peekable();
    let mut escaped = String::new();
    let mut copied = 0;
    while let Some((token, span)) = tokens.next() {
        let opens = matches!(tokens.peek(), Some((Ok(Token::ParenOpen), _)));
        if token != Ok(Token::LabelOrKeyword) {
            continue;
        }
        let is_case = match Keyword::decode(&text[span.clone()]) {
            Some(Keyword::Some) => !opens,
            Some(Keyword::Ok | Keyword::Err) | None => false,
            Some(_) => opens,
        };
        if is_case {
            escaped.push_str(&text[copied..span.start]);
            escaped.push('%');
            copied = span.start;
        }
    }
    escaped.push_str(&text[copied..]);
    (escaped.len() > text.len()).then_some(escaped)
}

fn read(node: &Node, text: &str, ty: &Type) -> Result<Value, Mismatch> {
    let shown = || quoted(&text[node.span()]);
    let mismatch = || Mismatch::of(shown(), ty);
    let because = |error: ParserError| mismatch().because(error.kind().to_string());
    match (ty, node.ty()) {
        (Type::Bool, NodeType::BoolTrue) => Ok(Value::Bool(true)),
        (Type::Bool, NodeType::BoolFalse) => Ok(Value::Bool(false)),
        (Type::Char, NodeType::Char) => node.as_char(text).map(Value::Char).map_err(because),
        (Type::String, NodeType::String | NodeType::MultilineString) => node
            .as_str(text)
            .map(|text| Value::String(text.into_owned()))
            .map_err(because),
        (ty, NodeType::Number) if is_number(ty) => {
            let number = &text[node.span()];
            let float = |x: f64| match ty {
                Type::F32 => Some(Value::F32(x as f32)),
                Type::F64 => Some(Value::F64(x)),
                _ => None,
            };
            match number {
                "nan" => float(f64::NAN).ok_or_else(mismatch),
                "inf" => float(f64::INFINITY).ok_or_else(mismatch),
                "-inf" => float(f64::NEG_INFINITY).ok_or_else(mismatch),
                number => read_number(number, ty).unwrap_or_else(|| Err(mismatch())),
            }
        }
        (Type::List(element), NodeType::List) => {
            let items = node.as_list().map_err(because)?;
            let items = items
                .enumerate()
                .map(|(index, item)| read(item, text, element).map_err(|e| e.in_element(index)))
                .collect::<Result<Vec<_>, _>>()?;
            Value::List(items).coerce(ty)
        }
        (Type::Tuple(types), NodeType::Tuple) => {
            let items = node.as_tuple().map_err(because)?;
            if items.len() != types.len() {
                let reason = format!("it has {}, not {}", items.len(), types.len());
                return Err(mismatch().because(reason));
            }
            items
                .zip(types.iter())
                .enumerate()
                .map(|(index, (item, ty))| read(item, text, ty).map_err(|e| e.in_element(index)))
                .collect::<Result<_, _>>()
                .map(Value::Tuple)
        }
        (Type::Record(types), NodeType::Record) => {
            let fields: Vec<_> = node.as_record(text).map_err(because)?.collect();
            read_record(&fields, text, types, ty)
        }
        // `{}` is what flags look like that are none, and a record of options.
        (Type::Record(types), NodeType::Flags) if is_empty(node, text) => {
            read_record(&[], text, types, ty)
        }
        (Type::Variant(cases), _) => {
            let (case, payload) = case(node, text).ok_or_else(mismatch)?;
            let Some((_, wanted)) = cases.iter().find(|(name, _)| name == case) else {
                return Err(no_such_case(case, ty));
            };
            let payload =
                read_payload(payload, text, wanted.as_ref()).map_err(|e| e.in_field(case))?;
            Ok(Value::Variant(case.to_owned(), payload))
        }
        (Type::Enum(cases), _) => match case(node, text) {
            Some((case, None)) if cases.iter().any(|name| name == case) => {
                Ok(Value::Enum(case.to_owned()))
            }
            Some((case, None)) => Err(no_such_case(case, ty)),
            _ => Err(mismatch()),
        },
        (Type::Flags(_), NodeType::Flags) => {
            let names = node.as_flags(text).map_err(because)?;
            // The `%` that escapes a word of WAVE's is no part of a name.
            let names = names.map(|name| name.strip_prefix('%').unwrap_or(name).to_owned());
            flags(names.collect(), ty)
        }
        (Type::Option(_), NodeType::OptionNone) => Ok(Value::none()),
        (Type::Option(some), NodeType::OptionSome) => {
            let payload = node.as_option().ok().flatten().ok_or_else(mismatch)?;
            Ok(Value::some(read(payload, text, some)?))
        }
        (Type::Option(some), _) if can_be_bare(some) => Ok(Value::some(read(node, text, some)?)),
        (Type::Result { ok, err }, NodeType::ResultOk | NodeType::ResultErr) => {
            let payload = |payload, ty: &Option<_>, case| {
                read_payload(payload, text, ty.as_deref()).map_err(|e| e.in_field(case))
            };
            Ok(Value::Result(match node.as_result().map_err(because)? {
                Ok(given) => Ok(payload(given, ok, "ok")?),
                Err(given) => Err(payload(given, err, "err")?),
            }))
        }
        (Type::Result { ok: Some(ok), .. }, _) if can_be_bare(ok) => {
            let payload = read(node, text, ok)?;
            Ok(Value::Result(Ok(Some(Box::new(payload)))))
        }
        _ => Err(mismatch()),
    }
}

/// Returns `true` if the payload of an option or of `ok` may be written without its
/// `some(...)`.
fn can_be_bare(payload: &Type) -> bool {
    !matches!(payload, Type::Option(_) | Type::Result { .. })
}

fn is_empty(node: &Node, text: &str) -> bool {
    node.as_flags(text)
        .is_ok_and(|mut names| names.next().is_none())
}

/// Returns the node as a case and its payload, if it can be one. Words of WAVE's own are
/// names of cases where a case is wanted.
fn case<'a>(node: &'a Node, text: &'a str) -> Option<(&'a str, Option<&'a Node>)> {
    match node.ty() {
        NodeType::Label | NodeType::VariantWithPayload => node.as_variant(text).ok(),
        NodeType::OptionSome | NodeType::OptionNone => {
            let payload = node.as_option().ok()?;
            Some((payload.map_or("none", |_| "some"), payload))
        }
        NodeType::ResultOk | NodeType::ResultErr => Some(match node.as_result().ok()? {
            Ok(payload) => ("ok", payload),
            Err(payload) => ("err", payload),
        }),
        NodeType::BoolTrue => Some(("true", None)),
        NodeType::BoolFalse => Some(("false", None)),
        NodeType::Number => match &text[node.span()] {
            word @ ("inf" | "nan") => Some((word, None)),
            _ => None,
        },
        _ => None,
    }
}

fn read_payload(
    payload: Option<&Node>,
    text: &str,
    ty: Option<&Type>,
) -> Result<Option<Box<Value>>, Mismatch> {
    match (payload, ty) {
        (None, None) => Ok(None),
        (Some(payload), Some(ty)) => Ok(Some(Box::new(read(payload, text, ty)?))),
        (None, Some(ty)) => {
            Err(Mismatch::new("nothing".into(), ty.to_string()).because("a payload is missing"))
        }
        (Some(payload), None) => {
            Err(Mismatch::new(quoted(&text[payload.span()]), "payload")
                .because("this case has none"))
        }
    }
}

fn read_record(
    fields: &[(&str, &Node)],
    text: &str,
    types: &[(String, Type)],
    ty: &Type,
) -> Result<Value, Mismatch> {
    let known = |name: &str| types.iter().any(|(known, _)| known == name);
    if let Some((name, _)) = fields.iter().find(|(name, _)| !known(name)) {
        return Err(unknown_field(name, types, ty));
    }
    let mut out = Vec::with_capacity(types.len());
    for (name, field_type) in types {
        let given = fields.iter().find(|(given, _)| given == name);
        let value = match (given, field_type) {
            (Some((_, node)), _) => read(node, text, field_type).map_err(|e| e.in_field(name))?,
            (None, Type::Option(_)) => Value::none(),
            (None, _) => return Err(missing_field(name, ty)),
        };
        out.push((name.clone(), value));
    }
    Ok(Value::Record(out))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::strategies::typed_value;
    use super::super::to_wave;
    use super::*;

    #[test]
    fn values_read_and_print_as_wave() {
        for (ty, text) in [
            (Type::option(Type::U8), "some(3)"),
            (
                Type::record([("a", Type::S8), ("b", Type::Char)]),
                "{a: -1, b: 'x'}",
            ),
            (Type::flags(["r", "w"]), "{r, w}"),
            (Type::tuple([Type::F64, Type::Bool]), "(nan, true)"),
            (Type::result(None, Some(Type::String)), "err(\"no\")"),
            (Type::list(Type::U8), "[1, 2]"),
            (Type::enumeration(["east", "west"]), "west"),
        ] {
            assert_eq!(to_wave(&from_wave(text, &ty).unwrap()), text);
        }
        let bytes = from_wave("[1, 2]", &Type::list(Type::U8)).unwrap();
        assert_eq!(bytes, Value::Bytes(vec![1, 2]));
    }

    #[test]
    fn what_is_no_wave_is_an_error() {
        assert!(from_wave("south", &Type::enumeration(["east"])).is_err());
        assert!(from_wave(&"[".repeat(100_000), &Type::list(Type::U8)).is_err());
        assert!(from_wave("x", &Type::Unsupported("stream".into())).is_err());
    }

    #[test]
    fn cases_may_have_the_names_of_waves_own_words() {
        let words = [
            "none", "some", "ok", "err", "true", "false", "inf", "nan", "null",
        ];
        let bare = Type::variant(words.map(|word| (word, None)));
        let full = Type::variant(words.map(|word| (word, Some(Type::U8))));
        let flags = Type::flags(words);
        for word in words {
            let read = |text: String, ty: &Type| from_wave(&text, ty).unwrap();
            let one = Value::Variant(word.into(), None);
            assert_eq!(read(word.into(), &bare), one);
            assert_eq!(read(format!("%{word}"), &bare), one);
            let list = read(format!("[{word}, %{word}]"), &Type::list(bare.clone()));
            assert_eq!(list, Value::List(vec![one.clone(), one]));
            let payload = Some(Box::new(Value::U8(3)));
            let one = Value::Variant(word.into(), payload);
            assert_eq!(read(format!("{word}(3)"), &full), one);
            assert_eq!(read(format!("%{word}(3)"), &full), one);
            assert_eq!(
                read(format!("{{%{word}}}"), &flags),
                read(format!("{{{word}}}"), &flags)
            );
        }
        // The option's own words come first.
        let option = Type::option(bare);
        assert_eq!(from_wave("none", &option).unwrap(), Value::none());
        let some = Value::some(Value::Variant("none".into(), None));
        assert_eq!(from_wave("some(none)", &option).unwrap(), some);
    }

    #[test]
    fn a_number_that_does_not_fit_and_a_field_that_there_is_not_are_refused() {
        let message = |text, ty: &Type| from_wave(text, ty).unwrap_err().to_string();
        let floats = Type::record([("a", Type::list(Type::F64))]);
        assert_eq!(
            message("{a: [1, 1e400]}", &floats),
            "`1e400` is not a valid f64 at `.a[1]`: it is out of range"
        );
        assert!(message("{a: [9007199254740993]}", &floats).contains("exactly"));
        assert!(message("{a: [], b: 1}", &floats).contains("no field `b`"));
        assert!(message("{}", &floats).contains("`a` is missing"));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back((ty, value) in typed_value()) {
            prop_assert_eq!(from_wave(&to_wave(&value), &ty).unwrap(), value);
        }
    }
}
