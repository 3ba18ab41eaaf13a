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

#[cfg(test)]
mod tests {
    use super::*;

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
