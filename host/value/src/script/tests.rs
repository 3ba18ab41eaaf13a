//! Every form in both directions, and hostile texts.

mod round_trips;
mod to_rust;

use proptest::prelude::*;

use super::*;

fn read(text: &str) -> ScriptValue {
    ScriptValue::from_json(text).unwrap()
}

fn error(text: &str) -> String {
    ScriptValue::from_json(text).unwrap_err().to_string()
}

fn big(digits: &str) -> BigInt {
    BigInt::new(digits).unwrap()
}

#[test]
fn each_form_is_read_and_written() {
    use ScriptValue as V;
    const LARGE: &str = "123456789012345678901234567890";
    for (value, text) in [
        (V::Null, "null"),
        (V::Undefined, r#"{"$undefined":true}"#),
        (V::Bool(true), "true"),
        (V::Int(-7), "-7"),
        (V::Int(1 << 53), "9007199254740992"),
        (V::Int((1 << 53) + 1), r#"{"$int":"9007199254740993"}"#),
        (V::Int(i64::MIN), r#"{"$int":"-9223372036854775808"}"#),
        (V::BigInt(big("5")), r#"{"$int":"5"}"#),
        (
            V::BigInt(big(LARGE)),
            r#"{"$int":"123456789012345678901234567890"}"#,
        ),
        (V::Float(3.0), "3.0"),
        (V::Float(-0.0), "-0.0"),
        (V::Float(1e300), "1e+300"),
        (V::Float(f64::INFINITY), r#"{"$float":"Infinity"}"#),
        (V::Float(f64::NEG_INFINITY), r#"{"$float":"-Infinity"}"#),
        (V::Text("é\n\u{7f}\u{9b}".into()), r#""é\n\u007f\u009b""#),
        (
            V::Text(Text::from_utf16(&[0x22, 0xd800, 0x9b, 0xe9, 0xdfff])),
            r#""\"\ud800\u009bé\udfff""#,
        ),
        (V::Bytes(b"hi".to_vec()), r#"{"$bytes":"aGk="}"#),
        (V::List(vec![V::Null, V::Int(1)]), "[null,1]"),
        (V::Tuple(vec![V::Int(1)]), r#"{"$tuple":[1]}"#),
        (V::Set(vec![V::Int(1)]), r#"{"$set":[1]}"#),
        (V::FrozenSet(vec![]), r#"{"$frozenset":[]}"#),
        (V::Dict(vec![]), "{}"),
        (
            V::Dict(vec![("b".into(), V::Int(1)), ("a".into(), V::Null)]),
            r#"{"b":1,"a":null}"#,
        ),
        (
            V::Dict(vec![("$a".into(), V::Int(1))]),
            r#"{"$dict":[["$a",1]]}"#,
        ),
        (
            V::Dict(vec![(V::Int(1), "x".into()), (V::Null, "y".into())]),
            r#"{"$dict":[[1,"x"],[null,"y"]]}"#,
        ),
        (
            V::Complex([1.0, f64::INFINITY]),
            r#"{"$complex":[1.0,{"$float":"Infinity"}]}"#,
        ),
        (V::Decimal("1.50".into()), r#"{"$decimal":"1.50"}"#),
        (
            V::Fraction(Box::new([big(LARGE), big("-7")])),
            r#"{"$fraction":[{"$int":"123456789012345678901234567890"},-7]}"#,
        ),
        (
            V::DateTime("2024-02-29T12:00:00.5+01:00".into()),
            r#"{"$datetime":"2024-02-29T12:00:00.5+01:00"}"#,
        ),
        (V::Date("2024-02-29".into()), r#"{"$date":"2024-02-29"}"#),
        (V::Time("12:00".into()), r#"{"$time":"12:00"}"#),
        (
            V::TimeDelta {
                days: -1,
                seconds: 86_399,
                microseconds: 999_999,
            },
            r#"{"$timedelta":[-1,86399,999999]}"#,
        ),
        (
            V::Uuid([0xab; 16]),
            r#"{"$uuid":"abababab-abab-abab-abab-abababababab"}"#,
        ),
        (V::Path("a/b".into()), r#"{"$path":"a/b"}"#),
        (
            V::Range(Box::new([big("0"), big(LARGE), big("-1")])),
            r#"{"$range":[0,{"$int":"123456789012345678901234567890"},-1]}"#,
        ),
        (
            V::Enum(Box::new(["Colour".into(), "RED".into()])),
            r#"{"$enum":["Colour","RED"]}"#,
        ),
        (
            V::Object(Box::new(("P".into(), vec![("x".into(), V::Int(1))]))),
            r#"{"$object":["P",{"x":1}]}"#,
        ),
        (
            V::Object(Box::new(("P".into(), vec![("$tuple".into(), V::Int(1))]))),
            r#"{"$object":["P",{"$dict":[["$tuple",1]]}]}"#,
        ),
        (
            V::Handle(Box::new(("queue".into(), u64::MAX))),
            r#"{"$handle":["queue",{"$int":"18446744073709551615"}]}"#,
        ),
        (
            V::Other(Box::new(("$later".into(), V::List(vec![])))),
            r#"{"$later":[]}"#,
        ),
    ] {
        assert_eq!(value.to_string(), text);
        assert_eq!(read(text), value, "{text}");
    }
    assert_eq!(
        read("\n{ \"$tuple\" :\t[ 1 ,[ ]]\r} ").to_string(),
        r#"{"$tuple":[1,[]]}"#
    );
    assert_eq!(V::Float(f64::NAN).to_string(), r#"{"$float":"NaN"}"#);
    let V::Float(nan) = read(r#"{"$float":"NaN"}"#) else {
        panic!("no float");
    };
    assert!(nan.is_nan());
}

#[test]
fn a_key_that_repeats_has_its_first_place_and_its_last_value() {
    assert_eq!(
        read(r#"{"a":1,"b":2,"\u0061":3}"#).to_string(),
        r#"{"a":3,"b":2}"#
    );
    let keys: String = (0..20).map(|n| format!("\"{}\":{n},", n % 10)).collect();
    let object = read(&format!("{{{keys}\"x\":null}}"));
    assert_eq!(object.get("3"), Some(&ScriptValue::Int(13)));
    assert!(object.to_string().starts_with(r#"{"0":10,"1":11,"#));
    assert_eq!(read(r#"{"$set":1,"$set":[]}"#), ScriptValue::Set(vec![]));
    assert_eq!(
        read(r#"{"$dict":[["a",1],[1,2],["a",3],[1.0,4]]}"#).to_string(),
        r#"{"$dict":[["a",3],[1,2],[1.0,4]]}"#
    );
}

#[test]
fn what_is_not_of_its_form_is_refused_with_its_place() {
    for (text, expected) in [
        (
            r#"[0,{"$int":"x"}]"#,
            "`$int` at byte 3 does not hold the digits of an integer as text",
        ),
        (
            r#"{"$int":5}"#,
            "`$int` at byte 0 does not hold the digits of an integer as text",
        ),
        (
            r#"{"$undefined":false}"#,
            "`$undefined` at byte 0 does not hold `true`",
        ),
        (
            r#"{"$float":"inf"}"#,
            "`$float` at byte 0 does not hold `NaN`, `Infinity` or `-Infinity`",
        ),
        (
            r#"{"$bytes":"a"}"#,
            "`$bytes` at byte 0 does not hold base64",
        ),
        (
            r#"{"$tuple":{"$tuple":[]}}"#,
            "`$tuple` at byte 0 does not hold a list",
        ),
        (
            r#"{"$dict":[[1]]}"#,
            "`$dict` at byte 0 does not hold a list of pairs of key and value",
        ),
        (
            r#"{"$complex":[1]}"#,
            "`$complex` at byte 0 does not hold a list of two floats",
        ),
        (
            r#"{"$decimal":1}"#,
            "`$decimal` at byte 0 does not hold a decimal number as text",
        ),
        (
            r#"{"$fraction":[1,{"$int":"0"}]}"#,
            "`$fraction` at byte 0 does not hold a list of two integers, the second not 0",
        ),
        (
            r#"{"$timedelta":[1,2,{"$int":"9223372036854775808"}]}"#,
            "`$timedelta` at byte 0 does not hold a list of three integers of 64 bits",
        ),
        (r#"{"$uuid":"0"}"#, "`$uuid` at byte 0 does not hold a UUID"),
        (r#"{"$path":null}"#, "`$path` at byte 0 does not hold text"),
        (
            r#"{"$range":[0,1,0]}"#,
            "`$range` at byte 0 does not hold a list of three integers, the third not 0",
        ),
        (
            r#"{"$enum":["a"]}"#,
            "`$enum` at byte 0 does not hold a list of a class and a name",
        ),
        (
            r#"{"$object":["P",{"$dict":[[1,2]]}]}"#,
            "`$object` at byte 0 does not hold a list of a class and an object of its fields",
        ),
        (
            r#"{"$handle":["queue",-1]}"#,
            "`$handle` at byte 0 does not hold a list of a kind and a number",
        ),
        ("[1,]", "not JSON at byte 3: a value is missing before `]`"),
    ] {
        assert_eq!(error(text), expected, "{text}");
    }
}

#[test]
fn hostile_texts_are_refused_in_one_line_or_read() {
    for open in ["[", "{\"a\":", r#"{"$tuple":["#, r#"{"$dict":[[1,"#] {
        assert!(error(&open.repeat(100_000)).starts_with("the value is more than 200 levels"));
    }
    let deepest = r#"{"$tuple":["#.repeat(100) + &"]}".repeat(100);
    assert_eq!(read(&deepest).to_string(), deepest);
    let many = format!("{{{}\"x\":1}}", "\"x\":1,".repeat(200_000));
    assert_eq!(read(&many).to_string(), r#"{"x":1}"#);
    let digits = "9".repeat(1_000_000);
    assert_eq!(
        read(&digits).to_string(),
        format!("{{\"$int\":\"{digits}\"}}")
    );
    assert_eq!(
        read(&format!("1e{digits}")),
        ScriptValue::Float(f64::INFINITY)
    );
    assert_eq!(read(&format!("-1e-{digits}")).to_string(), "-0.0");
    let zeros = format!(r#"{{"$int":"{}"}}"#, "0".repeat(1_000_000));
    assert_eq!(read(&zeros).to_string(), r#"{"$int":"0"}"#);
    let name = format!("{{\"${}\":1}}", "\\u001b".repeat(100_000));
    assert_eq!(read(&name).to_string(), name);
}

proptest! {
    #[test]
    fn no_text_panics(text in r#"([\[\]{}:,"0-9.e-]|"\$(int|dict|set|object|range|date)":|"a"|null|\\ud[8c]00|\[|\{){0,12}"#) {
        if let Ok(value) = ScriptValue::from_json(&text) {
            let written = value.to_string();
            prop_assert_eq!(ScriptValue::from_json(&written).unwrap().to_string(), written);
        }
    }
}
