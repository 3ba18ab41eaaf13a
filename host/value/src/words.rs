//! Reads arguments from words of a command line.
//!
//! A word is read by its parameter's type: text as it is and never unquoted, a character as
//! it is, everything else as JSON or else as WAVE. `@FILE` stands for a file's contents,
//! `@-` for those of standard input, `@@` for a literal `@`. An option is `null`, or a
//! value of its inner type.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;

use super::arguments::place;
use super::json::{BYTES, one_char};
use super::text::{quoted, shortened};
use super::{ArgumentError, Function, Mismatch, ParseError, Type, Value, from_json_str, from_wave};

/// Reads the contents of a file that a word names; `-` is standard input. A name
/// is bytes, and need not be text.
type ReadFile<'a> = &'a dyn Fn(&OsStr) -> io::Result<Vec<u8>>;

/// The treatment of bytes that are not UTF-8 where text is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Utf8 {
    /// They are refused.
    #[default]
    Strict,
    /// Each invalid piece is replaced by U+FFFD.
    Lossy,
}

impl Utf8 {
    /// Returns the bytes as text; `None` if they are refused.
    pub fn read(self, bytes: Vec<u8>) -> Option<String> {
        match (String::from_utf8(bytes), self) {
            (Ok(text), _) => Some(text),
            (Err(_), Utf8::Strict) => None,
            (Err(error), Utf8::Lossy) => {
                Some(String::from_utf8_lossy(error.as_bytes()).into_owned())
            }
        }
    }
}

/// Reads one word as a value of the type.
///
/// A file's contents are the bytes of a `list<u8>` and the text of a `string` as they are.
/// For any other type they are read like a word, without white space at the end (a text
/// file's last newline), and `@` has no meaning in them.
///
/// # Errors
///
/// Returns an error if the word is not of the type, or its file cannot be read.
pub fn parse_word(
    word: &OsStr,
    ty: &Type,
    read_file: ReadFile<'_>,
    utf8: Utf8,
) -> Result<Value, ParseError> {
    let not_text = || ParseError::NotText {
        file: word.to_string_lossy().into_owned(),
    };
    let text = || utf8.read(word.as_bytes().to_vec()).ok_or_else(not_text);
    match word.as_bytes().strip_prefix(b"@") {
        // The character itself: it needs no escape, having no file's length.
        Some(b"") if *ty == Type::Char => Ok(Value::Char('@')),
        Some(b"") => Err(ParseError::NoFileName),
        Some([b'@', ..]) => plain(&text()?[1..], ty),
        Some(file) => {
            let file = OsStr::from_bytes(file);
            let shown = || file.to_string_lossy().into_owned();
            let contents = read_file(file).map_err(|source| ParseError::File {
                file: shown(),
                source,
            })?;
            from_file(contents, ty, &shown(), utf8)
        }
        None => plain(&text()?, ty),
    }
}

/// Reads words and keywords as the arguments of a function. Options at the end may be left
/// out.
///
/// # Errors
///
/// Returns an error if they do not fit the parameters; see [`ArgumentError`].
pub fn parse_words<W: AsRef<OsStr>>(
    words: &[W],
    kwargs: &[(String, W)],
    function: &Function,
    read_file: ReadFile<'_>,
    utf8: Utf8,
) -> Result<Vec<Value>, ArgumentError> {
    let keywords = kwargs.iter().map(|(name, word)| (name, word));
    place(words.iter(), keywords, function, |word, ty| {
        parse_word(word.as_ref(), ty, read_file, utf8)
    })
}

/// Reads texts as [`parse_words`] reads words, but `@` has no meaning in them: they come
/// from data (a table's cells, names of files), and data must not choose which files are
/// read.
///
/// # Errors
///
/// Returns an error if they do not fit the parameters; see [`ArgumentError`].
pub fn parse_texts<'a>(
    texts: impl ExactSizeIterator<Item = &'a str>,
    named: impl IntoIterator<Item = (&'a str, &'a str)>,
    function: &Function,
) -> Result<Vec<Value>, ArgumentError> {
    place(texts, named, function, plain)
}

/// Reads a file's contents as the first argument of a function, as `@FILE` in
/// [`parse_words`] does; `name` is for errors.
///
/// # Errors
///
/// Returns an error if they do not fit the parameter, or the function needs another
/// argument.
pub fn parse_contents(
    contents: Vec<u8>,
    name: &str,
    function: &Function,
    utf8: Utf8,
) -> Result<Vec<Value>, ArgumentError> {
    const NO_KEYWORDS: [(&str, Vec<u8>); 0] = [];
    place(
        [contents].into_iter(),
        NO_KEYWORDS,
        function,
        |contents, ty| from_file(contents, ty, name, utf8),
    )
}

fn from_file(contents: Vec<u8>, ty: &Type, file: &str, utf8: Utf8) -> Result<Value, ParseError> {
    if ty.is_bytes() {
        return Ok(Value::Bytes(contents));
    }
    if let Type::Option(some) = ty
        && (some.is_bytes() || **some == Type::String)
    {
        return Ok(Value::some(from_file(contents, some, file, utf8)?));
    }
    let text = utf8.read(contents).ok_or_else(|| ParseError::NotText {
        file: file.to_owned(),
    })?;
    match ty {
        Type::String => Ok(Value::String(text)),
        ty => plain(text.trim_end(), ty),
    }
}

/// Reads a word in which `@` has no meaning.
fn plain(text: &str, ty: &Type) -> Result<Value, ParseError> {
    match ty {
        Type::String => Ok(Value::String(text.to_owned())),
        Type::Char => one_char(text)
            .map(Value::Char)
            .ok_or_else(|| Mismatch::of(quoted(text), ty).into()),
        // The form of Python and of spreadsheets.
        Type::Bool if matches!(text, "True" | "TRUE") => Ok(Value::Bool(true)),
        Type::Bool if matches!(text, "False" | "FALSE") => Ok(Value::Bool(false)),
        Type::Enum(cases) if cases.iter().any(|case| case == text) => {
            Ok(Value::Enum(text.to_owned()))
        }
        Type::Variant(cases) if cases.iter().any(|(case, ty)| case == text && ty.is_none()) => {
            Ok(Value::Variant(text.to_owned(), None))
        }
        Type::Option(_) if text == "null" => Ok(Value::none()),
        Type::Option(some) => {
            if matches!(**some, Type::Option(_))
                && let Ok(value) = from_json_str(text, ty)
            {
                return Ok(value);
            }
            match plain(text, some) {
                Ok(value) => Ok(Value::some(value)),
                // `none` and `some(3)`, where the type leaves room for them.
                Err(error) => from_wave(text, ty).map_err(|_| error),
            }
        }
        Type::F32 | Type::F64 if matches!(text, "NaN" | "Infinity" | "-Infinity") => {
            from_json_str(&format!("\"{text}\""), ty)
        }
        ty => {
            let json = match from_json_str(text, ty) {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            from_wave(text, ty).map_err(|wave| neither(text, ty, json, wave))
        }
    }
}

/// Returns the error for a word that is neither JSON nor WAVE of the type.
fn neither(text: &str, ty: &Type, json: ParseError, wave: ParseError) -> ParseError {
    let mismatch = || Mismatch::of(quoted(text), ty);
    let is_bracketed = text.starts_with(['[', '{', '"']);
    match (json, wave) {
        // It is JSON, only not of the type: that reader's message is the one.
        (mismatch @ ParseError::Mismatch(_), _) => mismatch,
        // A name of a file, most likely.
        _ if ty.is_bytes() && !is_bracketed => mismatch().because(BYTES).into(),
        (_, mismatch @ ParseError::Mismatch(_)) => mismatch,
        _ if !ty.is_compound() && !matches!(ty, Type::Enum(_)) => mismatch().into(),
        (ParseError::Syntax { reason: json, .. }, ParseError::Syntax { reason: wave, .. })
            if is_bracketed =>
        {
            mismatch()
                .because(format!("as JSON, {json}; as WAVE, {wave}"))
                .into()
        }
        (_, ParseError::Syntax { reason, .. }) => mismatch()
            .because(format!(
                "it is neither JSON nor WAVE: {}",
                shortened(&reason)
            ))
            .into(),
        (json, _) => json,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Param;
    use super::*;

    fn no_files(file: &OsStr) -> io::Result<Vec<u8>> {
        match file.as_bytes() {
            b"text" => Ok(b"gr\xc3\xbcn\n".to_vec()),
            b"bytes" => Ok(vec![0, 255]),
            b"number" => Ok(b"30\n".to_vec()),
            b"\xff" => Ok(b"latin".to_vec()),
            b"-" => Ok(b"stdin".to_vec()),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn word(text: &str, ty: &Type) -> Result<Value, ParseError> {
        parse_word(OsStr::new(text), ty, &no_files, Utf8::Strict)
    }

    fn text(text: &str) -> Value {
        Value::String(text.into())
    }

    #[test]
    fn text_is_taken_as_it_is() {
        for given in ["\"quoted\"", "null", "3", "", " a "] {
            assert_eq!(word(given, &Type::String).unwrap(), text(given));
        }
        assert_eq!(word("'", &Type::Char).unwrap(), Value::Char('\''));
        assert_eq!(word("@", &Type::Char).unwrap(), Value::Char('@'));
        assert!(word("ab", &Type::Char).is_err());
    }

    #[test]
    fn other_types_are_json_or_else_wave() {
        let pair = Type::record([("a", Type::S8), ("b", Type::F64)]);
        let expected = Value::record([("a", Value::S8(-1)), ("b", Value::F64(2.0))]);
        assert_eq!(word(r#"{"a":-1,"b":2}"#, &pair).unwrap(), expected);
        assert_eq!(word("{a: -1, b: 2}", &pair).unwrap(), expected);
        assert_eq!(word("-7", &Type::S8).unwrap(), Value::S8(-7));
        let wind = Type::enumeration(["east", "none"]);
        assert_eq!(word("none", &wind).unwrap(), Value::Enum("none".into()));
        assert_eq!(
            word("-Infinity", &Type::F64).unwrap(),
            Value::F64(f64::NEG_INFINITY)
        );
        assert_eq!(word("inf", &Type::F32).unwrap(), Value::F32(f32::INFINITY));
    }

    #[test]
    fn an_option_is_null_or_its_value() {
        let number = Type::option(Type::U8);
        assert_eq!(word("null", &number).unwrap(), Value::none());
        assert_eq!(word("3", &number).unwrap(), Value::some(Value::U8(3)));
        assert_eq!(word("some(3)", &number).unwrap(), Value::some(Value::U8(3)));
        assert_eq!(word("none", &number).unwrap(), Value::none());
        let maybe = Type::option(Type::String);
        assert_eq!(word("null", &maybe).unwrap(), Value::none());
        assert_eq!(word("none", &maybe).unwrap(), Value::some(text("none")));
        let nested = Type::option(number);
        assert_eq!(
            word(r#"{"some":null}"#, &nested).unwrap(),
            Value::some(Value::none())
        );
    }

    fn function(types: &[(&str, Type)]) -> Function {
        let param = |(name, ty): &(&str, Type)| Param {
            name: (*name).into(),
            ty: ty.clone(),
        };
        Function {
            name: "f".into(),
            interface: None,
            params: types.iter().map(param).collect(),
            result: None,
        }
    }

    #[test]
    fn data_cannot_name_a_file() {
        let f = function(&[("a", Type::String), ("b", Type::option(Type::U8))]);
        let read = |texts: &[&'static str]| {
            parse_texts(texts.iter().copied(), [], &f).map_err(|error| error.to_string())
        };
        assert_eq!(read(&["@text"]).unwrap(), [text("@text"), Value::none()]);
        assert_eq!(
            parse_texts([].into_iter(), [("b", "7"), ("a", "@@")], &f).unwrap(),
            [text("@@"), Value::some(Value::U8(7))]
        );
        assert!(read(&["x", "@number"]).is_err());
        assert!(
            read(&["x", "1", "2"])
                .unwrap_err()
                .starts_with("3 arguments")
        );
    }

    #[test]
    fn contents_are_the_one_argument() {
        let bytes = function(&[("data", Type::list(Type::U8))]);
        let read = |contents: &[u8], function| {
            parse_contents(contents.to_vec(), "file", function, Utf8::Strict)
        };
        assert_eq!(
            read(&[0, 255], &bytes).unwrap(),
            [Value::Bytes(vec![0, 255])]
        );
        let number = function(&[("n", Type::U8)]);
        assert_eq!(read(b"30\n", &number).unwrap(), [Value::U8(30)]);
        let pair = function(&[("a", Type::U8), ("b", Type::U8)]);
        assert!(read(b"1", &pair).is_err());
    }

    #[test]
    fn at_reads_a_file() {
        assert_eq!(word("@text", &Type::String).unwrap(), text("grün\n"));
        let bytes = Type::list(Type::U8);
        assert_eq!(word("@bytes", &bytes).unwrap(), Value::Bytes(vec![0, 255]));
        assert_eq!(
            word("@-", &Type::option(bytes)).unwrap(),
            Value::some(Value::Bytes(b"stdin".to_vec()))
        );
        assert_eq!(word("@number", &Type::U8).unwrap(), Value::U8(30));
        assert_eq!(word("@@x", &Type::String).unwrap(), text("@x"));
        assert_eq!(word("@@", &Type::String).unwrap(), text("@"));
        let message = |given| word(given, &Type::String).unwrap_err().to_string();
        assert_eq!(message("@bytes"), "`bytes` is not UTF-8 text");
        assert_eq!(message("@none"), "cannot read `none`");
        assert!(message("@").contains("@@"));
    }

    #[test]
    fn what_is_not_utf8_is_refused_or_replaced_and_names_of_files_are_bytes() {
        let read =
            |word: &[u8], utf8| parse_word(OsStr::from_bytes(word), &Type::String, &no_files, utf8);
        assert_eq!(read(b"@\xff", Utf8::Strict).unwrap(), text("latin"));
        assert_eq!(read(b"@bytes", Utf8::Lossy).unwrap(), text("\0\u{fffd}"));
        assert_eq!(read(b"a\xff", Utf8::Lossy).unwrap(), text("a\u{fffd}"));
        let error = read(b"a\xff", Utf8::Strict).unwrap_err();
        assert_eq!(error.to_string(), "`a\u{fffd}` is not UTF-8 text");
        let option = Type::option(Type::String);
        let lossy = parse_word(OsStr::new("@bytes"), &option, &no_files, Utf8::Lossy);
        assert_eq!(lossy.unwrap(), Value::some(text("\0\u{fffd}")));
    }

    #[test]
    fn cases_may_have_the_names_of_keywords() {
        let words = [
            "none", "some", "ok", "err", "true", "false", "null", "inf", "nan",
        ];
        let bare = Type::variant(words.map(|word| (word, None)));
        let full = Type::variant(words.map(|word| (word, Some(Type::U8))));
        let cases = Type::enumeration(words);
        for case in words {
            let one = Value::Variant(case.into(), None);
            assert_eq!(word(case, &bare).unwrap(), one);
            assert_eq!(word(&format!("\"{case}\""), &bare).unwrap(), one);
            let list = word(&format!("[{case}]"), &Type::list(bare.clone()));
            assert_eq!(list.unwrap(), Value::List(vec![one]));
            let one = Value::Variant(case.into(), Some(Box::new(Value::U8(3))));
            assert_eq!(word(&format!("{case}(3)"), &full).unwrap(), one);
            assert_eq!(word(&format!("{{\"{case}\":3}}"), &full).unwrap(), one);
            assert_eq!(word(case, &cases).unwrap(), Value::Enum(case.into()));
            let list = word(&format!("[{case}]"), &Type::list(cases.clone()));
            assert_eq!(list.unwrap(), Value::List(vec![Value::Enum(case.into())]));
            if case != "null" {
                let option = word(case, &Type::option(bare.clone())).unwrap();
                assert_eq!(option, Value::some(Value::Variant(case.into(), None)));
            }
        }
    }

    #[test]
    fn numbers_are_whole_or_refused() {
        assert_eq!(word("1.0", &Type::U8).unwrap(), Value::U8(1));
        assert_eq!(word("4294967295", &Type::I32).unwrap(), Value::S32(-1));
        let message = |given, ty: &Type| word(given, ty).unwrap_err().to_string();
        assert_eq!(message("1.5", &Type::U8), "`1.5` is not a valid u8");
        assert_eq!(
            message("4294967296", &Type::I32),
            "`4294967296` is not a valid i32: the range is -2147483648 to 4294967295"
        );
        assert_eq!(
            message("1e400", &Type::F64),
            "`1e400` is not a valid f64: it is out of range"
        );
        assert!(word("[1e400]", &Type::list(Type::F64)).is_err());
        for given in ["True", "TRUE", "true"] {
            assert_eq!(word(given, &Type::Bool).unwrap(), Value::Bool(true));
        }
    }

    #[test]
    fn errors_name_the_word_the_type_and_the_parameter() {
        let fib = Function {
            name: "fib".into(),
            interface: None,
            params: vec![Param {
                name: "n".into(),
                ty: Type::U32,
            }],
            result: Some(Type::U64),
        };
        let message = |given: &str| {
            parse_words(&[given.to_owned()], &[], &fib, &no_files, Utf8::Strict)
                .unwrap_err()
                .to_string()
        };
        let of = "for parameter `n` of `fib: func(n: u32) -> u64`";
        assert_eq!(message("x"), format!("`x` is not a valid u32 {of}"));
        assert_eq!(message("@gone"), format!("cannot read `gone` {of}"));
        assert_eq!(
            message("-1"),
            format!("`-1` is not a valid u32 {of}: the range is 0 to 4294967295")
        );
        let kwargs = [("n".to_owned(), "30".to_owned())];
        assert_eq!(
            parse_words(&[], &kwargs, &fib, &no_files, Utf8::Strict).unwrap(),
            [Value::U32(30)]
        );
        assert!(parse_words(&["1".to_owned()], &kwargs, &fib, &no_files, Utf8::Strict).is_err());
    }

    #[test]
    fn a_compound_that_is_neither_says_both_reasons() {
        let ty = Type::list(Type::U32);
        let message = word("[1,", &ty).unwrap_err().to_string();
        assert!(message.starts_with("`[1,` is not a valid list<u32>: as JSON, "));
        assert!(message.contains("; as WAVE, "));
    }
}
