use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::*;
use crate::strategies::typed_value;

/// Asserts that a value comes back, whichever way it is read.
#[track_caller]
fn comes_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T) {
    let item = write::to_vec(&value).expect("it is taken");
    let text = String::from_utf8_lossy(&item).into_owned();
    let read: T = read::from_slice(&item).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(read, value, "{text}");
    let read: T = from_json(&item).expect("it is given back");
    assert_eq!(read, value, "{text}");
}

fn written<T: Serialize>(value: T) -> String {
    String::from_utf8(write::to_vec(&value).expect("it is taken")).expect("it is text")
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Unit;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Wrapped<T>(T);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Pair<T>(T, T);

/// Its one field has the key by which an option is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Some_<T> {
    some: T,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Case<T> {
    None,
    Some(T),
    Both(T, T),
    Named { some: T },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Deep<T> {
    #[serde(rename = "some")]
    Tuple(T, T),
    #[serde(rename = "some-struct")]
    Struct { some: T },
}

#[test]
fn an_option_of_nothing_is_not_nothing() {
    comes_back(Some(None::<u8>));
    comes_back(Some(()));
    comes_back(None::<()>);
    comes_back(Some(Some(None::<u8>)));
    comes_back(Some(Some(Some(1))));
    comes_back(vec![None, Some(None), Some(Some(1))]);
    comes_back(Some(Unit));
    comes_back(Some(Wrapped(())));
    comes_back(Some(Wrapped(None::<u8>)));
    comes_back(Some(Box::new(None::<String>)));
    comes_back(Some(Json::Null));
    comes_back(Some(json!({"some": null})));
    comes_back(Some(json!({"some": {"some": 1}})));
    comes_back(Some(json!({"some": 1, "more": 2})));
    comes_back((Some(()), [Some(None::<u8>), None]));
    comes_back(Ok::<Option<()>, Option<()>>(Some(())));
    comes_back(Err::<(), Option<Option<u8>>>(Some(None)));
    comes_back(BTreeMap::from([
        ("a".to_owned(), Some(())),
        ("b".to_owned(), None),
    ]));
    comes_back(Some(std::marker::PhantomData::<u8>));
}

#[test]
fn what_looks_like_an_option_within_one_is_told_apart() {
    comes_back(Some(Some_ { some: 1 }));
    comes_back(Some(Some_ { some: Some(()) }));
    comes_back(Some(Some_ {
        some: Some_ { some: None::<u8> },
    }));
    comes_back(Some(BTreeMap::from([("some".to_owned(), 1)])));
    comes_back(Some(Some(HashMap::from([("some".to_owned(), Some(()))]))));
    for case in [
        Case::None,
        Case::Some(None),
        Case::Some(Some(())),
        Case::Both(None, Some(())),
        Case::Named { some: Some(()) },
    ] {
        comes_back(case.clone());
        comes_back(Some(case.clone()));
        comes_back(Some(Some(case.clone())));
        comes_back(vec![Some(Case::Some(Some(case)))]);
    }
    comes_back(Some(Deep::Tuple(Some(()), None)));
    comes_back(Some(Deep::Struct { some: Some(()) }));
    comes_back(Some(Pair(Some(()), None)));
}

#[test]
fn numbers_come_back_whatever_they_are() {
    comes_back((u64::MAX, i64::MIN, u128::MAX, i128::MIN));
    comes_back(Some(Some(u128::MAX)));
    comes_back((f64::MAX, f64::MIN_POSITIVE, -0.0, f32::MAX, 0.1f32));
    comes_back(vec![Some(f64::INFINITY), Some(f64::NEG_INFINITY), None]);
    comes_back((f32::INFINITY, "NaN".to_owned(), "some".to_owned()));
    let item = write::to_vec(&Some(f64::NAN)).unwrap();
    assert!(from_json::<Option<f64>>(&item).unwrap().unwrap().is_nan());
    assert!(from_json::<Option<f32>>(&item).unwrap().unwrap().is_nan());
    comes_back(BTreeMap::from([(1u8, Some(())), (2, None)]));
    comes_back(HashMap::from([(true, Some(())), (false, None)]));
    comes_back(BTreeMap::from([(i128::MIN, 'x'), (3, '"')]));
    comes_back(BTreeMap::from([(Wrapped_("some".into()), Some(()))]));
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Wrapped_(String);

#[test]
fn items_are_json_as_guests_know_it() {
    assert_eq!(written(Some(None::<u8>)), r#"{"some":null}"#);
    assert_eq!(written(Some(Some(1))), r#"{"some":1}"#);
    assert_eq!(written((Some(1), None::<u8>, ())), "[1,null,null]");
    assert_eq!(written(f32::NAN), r#""NaN""#);
    assert_eq!(written(Case::Both(1, 2)), r#"{"both":[1,2]}"#);
    assert_eq!(written(Case::Named { some: 1 }), r#"{"named":{"some":1}}"#);
    assert_eq!(
        written(Wrapped("é\u{1}\"")),
        serde_json::to_string("é\u{1}\"").unwrap()
    );
    let read = |text: &str| from_json::<Option<Option<u8>>>(text.as_bytes());
    // A guest may leave the object out where nothing is lost.
    assert_eq!(read("1"), Ok(Some(Some(1))));
    assert_eq!(read(" { \"some\" : null } "), Ok(Some(None)));
    assert_eq!(read("null"), Ok(None));
}

#[test]
fn what_cannot_come_back_is_not_taken() {
    assert!(write::to_vec(&BTreeMap::from([((1, 2), 3)])).is_err());
    assert!(write::to_vec(&BTreeMap::from([(None::<u8>, 3)])).is_err());
    let nested = |levels| (0..levels).fold(json!(1), |inner, _| json!([inner]));
    comes_back(nested(DEEPEST));
    assert!(write::to_vec(&nested(DEEPEST + 1)).is_err());
    let nested = |levels| (0..levels).fold(json!("some"), |inner, _| json!({"some": inner}));
    comes_back(nested(DEEPEST));
    assert!(write::to_vec(&nested(DEEPEST + 1)).is_err());
    // The option's own object is one more.
    assert!(write::to_vec(&Some(nested(DEEPEST))).is_err());
}

#[test]
fn what_is_no_json_of_the_type_is_refused() {
    for text in [
        "",
        " ",
        "\"some",
        "[\"some\"",
        "[\"some\",]",
        "{\"some\":}",
        "{\"some\":1,}",
        "{some:1}",
        "\"some\" 1",
        "[\"some\" 1]",
        "{\"some\" 1}",
        "[\"some\",nul]",
        "[\"some\",01]",
        "{\"some\":1",
    ] {
        assert!(read::from_slice::<Json>(text.as_bytes()).is_err(), "{text}");
    }
    let deep = format!("{}\"some\"{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(from_json::<Json>(deep.as_bytes()).is_err());
    let deep = format!("{}1{}", "{\"some\":".repeat(100_000), "}".repeat(100_000));
    assert!(from_json::<Option<Json>>(deep.as_bytes()).is_err());
    assert!(from_json::<Option<()>>(b"{\"some\":1}").is_err());
    assert!(from_json::<(u8, u8)>(b"[1,2,\"some\"]").is_err());
    assert!(from_json::<u8>(b"\"NaN\"").is_err());
}

/// Any JSON, with the words that mean something here.
fn any_json() -> impl Strategy<Value = Json> {
    let text = || prop_oneof!["some|NaN|Infinity|-Infinity", any::<String>()];
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        text().prop_map(Json::from),
    ];
    leaf.prop_recursive(5, 32, 3, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Json::from),
            prop::collection::btree_map(text(), inner, 0..3)
                .prop_map(|entries| Json::Object(entries.into_iter().collect())),
        ]
    })
}

proptest! {
    /// Without options it is serde_json's, in both directions.
    #[test]
    fn json_is_json(value in any_json()) {
        let text = serde_json::to_vec(&value).unwrap();
        prop_assert_eq!(&write::to_vec(&value).unwrap(), &text);
        prop_assert_eq!(&read::from_slice::<Json>(&text).unwrap(), &value);
        let pretty = serde_json::to_vec_pretty(&value).unwrap();
        prop_assert_eq!(&read::from_slice::<Json>(&pretty).unwrap(), &value);
    }

    #[test]
    fn options_of_json_come_back(values in prop::collection::vec(prop::option::of(any_json()), 0..4)) {
        comes_back(values.clone());
        comes_back(Some(Some(values)));
    }

    /// A value says its type nowhere: it is read as JSON, and then by its type.
    #[test]
    fn any_value_comes_back_by_its_type((ty, value) in typed_value()) {
        let bare: Json = from_json(&to_json(&value).unwrap()).unwrap();
        let some: Option<Json> = from_json(&to_json(&Some(&value)).unwrap()).unwrap();
        for json in [bare, some.unwrap()] {
            let read = sandpool_value::from_json(&json, &ty);
            prop_assert_eq!(read.unwrap(), value.clone());
        }
    }

    #[test]
    fn nested_types_come_back(
        value in any::<Vec<(Option<Option<bool>>, Result<Option<()>, Option<String>>, Option<f64>)>>()
    ) {
        comes_back(value.clone());
        comes_back(Some((Some(()), Some(value), None::<Option<()>>)));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let _ = read::from_slice::<Option<Case<Option<Json>>>>(&bytes);
    }
}
