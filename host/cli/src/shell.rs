//! Lines that a user can paste into a shell.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use sandpool::value::{Function, Type};

use super::sanitize;

/// A word as the shell reads it: quoted where it has to be.
pub fn quote(word: &str) -> Cow<'_, str> {
    match quote_os(OsStr::new(word)) {
        // Without a change it is the same text.
        quoted if quoted == word => Cow::Borrowed(word),
        quoted => Cow::Owned(quoted),
    }
}

/// The same for a word that need not be text, as names of files are.
pub fn quote_os(word: &OsStr) -> String {
    let bytes = word.as_bytes();
    match std::str::from_utf8(bytes) {
        // A `#` begins a comment only at the start of a word.
        Ok(word) if !word.is_empty() && !word.starts_with('#') && word.chars().all(is_plain) => {
            word.to_owned()
        }
        // Within single quotes nothing means anything.
        Ok(word) if sanitize::line(word) == word => format!("'{}'", word.replace('\'', r"'\''")),
        _ => escaped(bytes),
    }
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_./,:=@%+#".contains(c)
}

/// `$'a\x1b\n'`, as bash, zsh and ksh read it: what a terminal would obey, or a
/// person not see, stands in it as the bytes that it is.
fn escaped(bytes: &[u8]) -> String {
    let mut word = String::from("$'");
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' => word.push_str(r"\\"),
                '\'' => word.push_str(r"\'"),
                '\n' => word.push_str(r"\n"),
                '\t' => word.push_str(r"\t"),
                c if sanitize::is_shown(c) => word.push(c),
                c => put_bytes(c.encode_utf8(&mut [0; 4]).as_bytes(), &mut word),
            }
        }
        put_bytes(chunk.invalid(), &mut word);
    }
    word.push('\'');
    word
}

fn put_bytes(bytes: &[u8], word: &mut String) {
    for byte in bytes {
        // Always two digits, so that none that follows is taken for a third.
        word.push_str(&format!("\\x{byte:02x}"));
    }
}

/// A command that prints these bytes, whatever they are: NUL, which no word can
/// hold, too. Nothing in it steers a terminal.
pub fn printf(bytes: &[u8]) -> String {
    let mut line = String::from("printf %b '");
    let octal = |bytes: &[u8], line: &mut String| {
        for byte in bytes {
            line.push_str(&format!("\\0{byte:03o}"));
        }
    };
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\n' => line.push_str(r"\n"),
                '\t' => line.push_str(r"\t"),
                '\\' => line.push_str(r"\\"),
                c if c != '\'' && sanitize::is_shown(c) => line.push(c),
                c => octal(c.encode_utf8(&mut [0; 4]).as_bytes(), &mut line),
            }
        }
        octal(chunk.invalid(), &mut line);
    }
    line.push('\'');
    line
}

/// A function's name and a word for each of its parameters.
pub fn call(function: &Function) -> String {
    call_by(&function.name, function)
}

/// The same, with the name that finds the function among its namesakes.
pub fn call_by(name: &str, function: &Function) -> String {
    let mut line = quote(name).into_owned();
    for param in &function.params {
        line.push(' ');
        line.push_str(&quote(&sample_word(&param.ty)));
    }
    line
}

/// A word that `apply` reads as a value of the type.
fn sample_word(ty: &Type) -> String {
    match ty {
        Type::String => "text".into(),
        Type::Char => "x".into(),
        ty if ty.is_bytes() => "@FILE".into(),
        // WAVE, which is shorter to type than a quoted string within quotes.
        Type::Enum(cases) if !cases.is_empty() => cases[0].clone(),
        Type::Option(some) => match **some {
            // Read as its payload would be, unless it could be `null` itself.
            Type::Option(_) => "null".into(),
            ref some => sample_word(some),
        },
        ty => sample_json(ty, 0),
    }
}

/// A value of the type as JSON. Types come from a guest: what is nested deeper
/// than anyone would paste is cut short.
fn sample_json(ty: &Type, depth: u8) -> String {
    if depth > 8 {
        return "...".into();
    }
    let json = |ty: &Type| sample_json(ty, depth + 1);
    let string = |text: &str| serde_json::Value::from(text).to_string();
    let case = |name: &str, payload: Option<&Type>| match payload {
        Some(payload) => format!("{{{}:{}}}", string(name), json(payload)),
        None => string(name),
    };
    match ty {
        Type::Bool => "true".into(),
        Type::F32 | Type::F64 => "1.5".into(),
        Type::Char => string("x"),
        Type::String => string("text"),
        ty if ty.is_bytes() => "{\"base64\":\"aGk=\"}".into(),
        Type::List(element) => format!("[{}]", json(element)),
        Type::Record(fields) => {
            let fields: Vec<_> = fields
                .iter()
                .map(|(name, ty)| format!("{}:{}", string(name), json(ty)))
                .collect();
            format!("{{{}}}", fields.join(","))
        }
        Type::Tuple(types) => format!("[{}]", types.iter().map(json).collect::<Vec<_>>().join(",")),
        Type::Variant(cases) => cases
            .first()
            .map_or("null".into(), |(name, ty)| case(name, ty.as_ref())),
        Type::Enum(cases) => cases.first().map_or("null".into(), |name| string(name)),
        Type::Flags(names) => format!(
            "[{}]",
            names.first().map_or(String::new(), |name| string(name))
        ),
        Type::Option(_) => "null".into(),
        Type::Result { ok, .. } => {
            format!("{{\"ok\":{}}}", ok.as_deref().map_or("null".into(), json))
        }
        Type::Own(_) | Type::Borrow(_) | Type::Unsupported(_) => "...".into(),
        // Integers of every width.
        _ => "7".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_read_them_otherwise() {
        assert_eq!(quote("target/guests/math.wasm"), "target/guests/math.wasm");
        assert_eq!(
            quote("demo:math/arith@1.0.0#fib"),
            "demo:math/arith@1.0.0#fib"
        );
        assert_eq!(quote(""), "''");
        assert_eq!(quote("it's"), r"'it'\''s'");
        assert_eq!(quote("$(reboot)"), "'$(reboot)'");
        assert_eq!(quote("\u{1b}[2J"), r"$'\x1b[2J'");
        assert_eq!(
            quote("it's\\\n\ta\u{9b}\u{202e}ü"),
            r"$'it\'s\\\n\ta\xc2\x9b\xe2\x80\xaeü'"
        );
        assert_eq!(quote_os(OsStr::from_bytes(b"a\xffb")), r"$'a\xffb'");
    }

    #[test]
    fn bytes_are_printed_as_they_are_and_shown_harmlessly() {
        assert_eq!(
            printf(b"a'\\\n\t\0\xff\xc2\x9b\xc3\xa9"),
            r"printf %b 'a\0047\\\n\t\0000\0377\0302\0233é'"
        );
    }

    #[test]
    fn every_type_has_a_sample() {
        let rectangle = Type::record([("width", Type::F64), ("height", Type::F64)]);
        let shape = Type::variant([("rectangle", Some(rectangle)), ("point", None)]);
        assert_eq!(sample_word(&Type::U32), "7");
        assert_eq!(sample_word(&Type::list(Type::U8)), "@FILE");
        assert_eq!(sample_word(&Type::option(Type::String)), "text");
        assert_eq!(
            sample_word(&shape),
            r#"{"rectangle":{"width":1.5,"height":1.5}}"#
        );
        assert_eq!(sample_word(&Type::enumeration(["lower", "upper"])), "lower");
        assert_eq!(sample_word(&Type::flags(["r", "w"])), r#"["r"]"#);
        assert_eq!(
            sample_word(&Type::tuple([Type::Bool, Type::String])),
            r#"[true,"text"]"#
        );
    }
}
