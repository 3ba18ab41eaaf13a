//! Rust's types are read from values of scripts.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde_json::Value as Json;

use super::*;

fn read<T: FromScript>(json: &str) -> Result<T, String> {
    T::from_script(ScriptValue::from_json(json).unwrap()).map_err(|e| e.to_string())
}

#[test]
fn integers_are_read_if_they_fit() {
    assert_eq!(read::<u8>("255"), Ok(255));
    assert_eq!(read(r#"{"$int":"7"}"#), Ok(7i64));
    assert_eq!(read(r#"{"$int":"18446744073709551615"}"#), Ok(u64::MAX));
    assert_eq!(read("-0.0"), Ok(0i32));
    assert_eq!(read(r#"{"$int":"7"}"#), Ok(BigInt::from(7)));
    assert_eq!(
        read::<u8>("256").unwrap_err(),
        "the value `256` is not a valid u8"
    );
    assert_eq!(
        read::<i64>("1.5").unwrap_err(),
        "the value `1.5` is not a valid i64"
    );
    assert!(read::<i64>("1e16").is_err() && read::<i64>("true").is_err());
}

#[test]
fn floats_are_read_if_nothing_is_lost() {
    assert_eq!((read("0.1"), read("3")), (Ok(0.1f64), Ok(3f64)));
    assert_eq!(read(r#"{"$float":"-Infinity"}"#), Ok(f32::NEG_INFINITY));
    assert!(read::<f64>(r#"{"$float":"NaN"}"#).unwrap().is_nan());
    assert!(read::<f64>("9007199254740993").is_err() && read::<f32>("0.1").is_err());
}

#[test]
fn values_that_hold_others_are_read() {
    assert_eq!(read("[1,2]"), Ok(vec![1, 2]));
    assert_eq!(read(r#"{"$set":[2,1]}"#), Ok(BTreeSet::from([1, 2])));
    assert_eq!(
        read(r#"{"$frozenset":["a"]}"#),
        Ok(HashSet::from(["a".to_owned()]))
    );
    assert_eq!(read(r#"{"$bytes":"AQI="}"#), Ok(vec![1u8, 2]));
    assert_eq!(read("[1,2]"), Ok(vec![1u8, 2]));
    assert_eq!(read(r#"{"$undefined":true}"#), Ok(None::<bool>));
    assert_eq!(read("null"), Ok(()));
    assert_eq!(read(r#"[null,[true]]"#), Ok(((), Box::new((true,)))));
    assert_eq!(
        read(r#"{"$dict":[[1,"a"],[1.0,"b"]]}"#),
        Ok(HashMap::from([(1, "b".to_owned())]))
    );
    let fields = BTreeMap::from([("x".to_owned(), Some(1)), ("y".to_owned(), None)]);
    assert_eq!(read(r#"{"$object":["P",{"x":1,"y":null}]}"#), Ok(fields));
    assert_eq!(
        read::<Json>(r#"{"a":[1,{"$tuple":[]}]}"#),
        Ok(serde_json::json!({"a": [1, {"$tuple": []}]}))
    );
}

#[test]
fn an_error_names_the_place() {
    for (error, expected) in [
        (
            read::<HashMap<String, Vec<u8>>>(r#"{"a":[1,300]}"#).unwrap_err(),
            "the value `300` is not a valid u8 at `.a[1]`",
        ),
        (
            read::<(bool, bool)>("[true]").unwrap_err(),
            "the value `[true]` is not a valid tuple of 2",
        ),
        (
            read::<(bool, String)>(r#"{"$tuple":[true,null]}"#).unwrap_err(),
            "the value `null` is not a valid string at `[1]`",
        ),
        (
            read::<String>(r#""a\ud800""#).unwrap_err(),
            r#"the value `"a\ud800"` is not a valid string without lone surrogates"#,
        ),
        (
            read::<Vec<bool>>(r#"{"$uuid":"01234567-89ab-cdef-0123-456789abcdef"}"#).unwrap_err(),
            r#"the value `{"$uuid":"01234567-89ab-cdef-0123-456789abcdef"}` is not a valid list"#,
        ),
    ] {
        assert_eq!(error, expected);
    }
    let long = read::<bool>(&format!("[{}1]", "1,".repeat(100_000))).unwrap_err();
    assert!(long.len() < 130, "{long}");
    assert!(read::<Json>(&("[".repeat(150) + &"]".repeat(150))).is_err());
    assert!(read::<Json>(r#""\udc00""#).is_err());
}
