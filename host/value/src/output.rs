//! The display of a function's result.

use super::{Type, Value, write_json};

/// Unwraps a function's result: returns its `ok`, or any value that is no result, as `Ok`;
/// its `err` as `Err`. A missing payload is [`Value::unit`].
///
/// # Errors
///
/// Returns the payload of the function's `err`.
pub fn unwrap_result(value: Value, ty: &Option<Type>) -> Result<Value, Value> {
    let payload = |payload: Option<Box<Value>>| payload.map_or(Value::unit(), |value| *value);
    match (value, ty) {
        (Value::Result(Ok(ok)), Some(Type::Result { .. })) => Ok(payload(ok)),
        (Value::Result(Err(err)), Some(Type::Result { .. })) => Err(payload(err)),
        (value, _) => Ok(value),
    }
}

/// Returns the value for `--raw`: text and bytes as they are, nothing for no result, else
/// JSON. No newline is added.
pub fn raw(value: &Value) -> Vec<u8> {
    match value {
        Value::String(text) => text.as_bytes().to_vec(),
        Value::Bytes(bytes) => bytes.clone(),
        Value::Char(c) => c.to_string().into_bytes(),
        value if value.is_unit() => Vec::new(),
        value => {
            let mut out = Vec::new();
            // Writing to a Vec cannot fail.
            let _ = write_json(value, &mut out);
            out
        }
    }
}

/// Returns the text of the error that a function returned: of the failure of a script
/// (`sandpool:script`), its type and its message; of anything else, the value as [`raw`]
/// shows it.
pub fn error_text(value: &Value) -> String {
    match failure(value) {
        Some(("", message)) => message.to_owned(),
        Some((ty, "")) => ty.to_owned(),
        Some((ty, message)) => format!("{ty}: {message}"),
        None => String::from_utf8_lossy(&raw(value)).into_owned(),
    }
}

/// Returns the type and the message of a script's failure, if the value is one.
fn failure(value: &Value) -> Option<(&str, &str)> {
    let Value::Record(fields) = value else {
        return None;
    };
    let fields = fields.iter().map(|(name, value)| (name.as_str(), value));
    match fields.collect::<Vec<_>>().as_slice() {
        [
            ("type", Value::String(ty)),
            ("message", Value::String(message)),
            ("traceback", Value::String(_)),
        ] => Some((ty, message)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_failure_of_a_script_is_told_by_its_type_and_its_message() {
        let failure = |ty: &str, message: &str| {
            let field = |name: &str, text: &str| (name.to_owned(), Value::String(text.into()));
            error_text(&Value::Record(vec![
                field("type", ty),
                field("message", message),
                field("traceback", "Traceback ..."),
            ]))
        };
        assert_eq!(failure("ValueError", "no"), "ValueError: no");
        assert_eq!(failure("KeyboardInterrupt", ""), "KeyboardInterrupt");
        assert_eq!(failure("", "no"), "no");
        assert_eq!(error_text(&Value::String("plain".into())), "plain");
        let other = Value::Record(vec![("type".into(), Value::U8(1))]);
        assert_eq!(error_text(&other), r#"{"type":1}"#);
    }

    #[test]
    fn only_the_functions_own_result_is_unwrapped() {
        let ty = Some(Type::result(Some(Type::U8), None));
        let ok = Value::Result(Ok(Some(Box::new(Value::U8(1)))));
        assert_eq!(unwrap_result(ok.clone(), &ty), Ok(Value::U8(1)));
        let err = Value::Result(Err(None));
        assert_eq!(unwrap_result(err, &ty), Err(Value::unit()));
        let inner = Value::List(vec![ok]);
        let list = Some(Type::list(Type::result(Some(Type::U8), None)));
        assert_eq!(unwrap_result(inner.clone(), &list), Ok(inner));
    }

    #[test]
    fn raw_is_text_and_bytes_as_they_are() {
        assert_eq!(raw(&Value::String("a\"b".into())), b"a\"b");
        assert_eq!(raw(&Value::Bytes(vec![0, 255])), [0, 255]);
        assert_eq!(raw(&Value::unit()), b"");
        assert_eq!(raw(&Value::U8(3)), b"3");
    }
}
