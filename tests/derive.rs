//! The derive macros `ToValue` and `FromValue`: what a Rust type is in WIT, that what
//! goes in comes out, and that a real guest takes it. What is refused when it is
//! compiled is in the docs of the macros.

use std::fmt::Debug;
use std::marker::PhantomData;

use proptest::prelude::*;
use sandpool::value::ConvertError;
use sandpool::{FromValue, Queue, ToValue, Type, Value};

use crate::support::{one_worker, test};

/// As `demo:text` has them.
#[derive(Clone, Debug, PartialEq, ToValue, FromValue)]
enum Shape {
    Circle(f64),
    Rectangle(Rectangle),
    Triangle(f64, f64, f64),
    Point,
}

#[derive(Clone, Debug, PartialEq, ToValue, FromValue)]
struct Rectangle {
    width: f64,
    height: f64,
}

#[derive(Clone, Debug, Default, PartialEq, ToValue, FromValue)]
#[sandpool(flags)]
struct FindFlags {
    ignore_case: bool,
    whole_word: bool,
}

#[derive(Clone, Debug, PartialEq, ToValue, FromValue)]
struct FindOptions {
    flags: FindFlags,
    limit: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, ToValue, FromValue)]
struct Span {
    start: u32,
    end: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, ToValue, FromValue)]
enum LetterCase {
    Lower,
    Upper,
    Title,
}

#[derive(Debug, PartialEq, FromValue)]
struct Summary {
    bytes: u64,
    words: u8,
    longest_word: Option<String>,
}

#[test]
fn a_guest_takes_records_variants_enums_flags_and_options_and_gives_them_back() {
    let _test = test();
    let pool = one_worker();
    let text = pool.guest("text");
    let describe = |shape: Shape| -> String {
        let sentence = pool.apply(&text, "describe", (shape,));
        sentence.expect("described")
    };
    let sides = Rectangle {
        width: 2.0,
        height: 3.0,
    };
    assert!(describe(Shape::Circle(1.0)).contains("circle"));
    assert!(describe(Shape::Rectangle(sides)).contains("rectangle"));
    assert!(describe(Shape::Triangle(3.0, 4.0, 5.0)).contains("triangle"));
    assert!(describe(Shape::Point).contains("point"));

    let options = FindOptions {
        flags: FindFlags {
            ignore_case: true,
            ..FindFlags::default()
        },
        limit: Some(2),
    };
    let spans: Vec<Span> = pool
        .apply(&text, "find", ("Aaaa", "a", Some(options)))
        .expect("found");
    assert_eq!(
        spans,
        [Span { start: 0, end: 1 }, Span { start: 1, end: 2 }]
    );

    for (case, expected) in [
        (LetterCase::Lower, "one two"),
        (LetterCase::Upper, "ONE TWO"),
        (LetterCase::Title, "One Two"),
    ] {
        let changed: String = pool
            .apply(&text, "change-case", ("oNe tWo", case))
            .expect("changed");
        assert_eq!(changed, expected);
    }

    let summary: Summary = pool
        .apply(&text, "statistics", ("two words",))
        .expect("counted");
    assert_eq!(summary.words, 2, "of another width than the guest's");
    assert_eq!(summary.longest_word.as_deref(), Some("words"));
    let summary: Summary = pool.apply(&text, "statistics", ("",)).expect("counted");
    assert_eq!(summary.longest_word, None);
}

/// All kinds of fields at once.
#[derive(Clone, Debug, PartialEq, ToValue, FromValue)]
struct All {
    number: i16,
    r#type: String,
    nested: Option<Option<u8>>,
    list: Vec<Everything>,
    pair: (u32, char),
    bytes: Vec<u8>,
    done: Result<u8, String>,
    id: Id,
    ids: Vec<Id>,
    raw: Vec<Byte>,
    nothing: Nothing,
}

#[derive(Clone, Debug, PartialEq, ToValue, FromValue)]
enum Everything {
    Unit,
    Empty(),
    NoFields {},
    One(u64),
    Many(u8, String, Option<bool>),
    Named {
        left_side: u8,
        r#fn: Option<String>,
    },
    HTTPError(Option<u16>),
    Nested(Box<Everything>),
    #[sandpool(rename = "self")]
    Me,
}

#[derive(Clone, Debug, PartialEq, ToValue, FromValue)]
struct Id(u64);

#[derive(Clone, Debug, PartialEq, ToValue, FromValue)]
struct Byte(u8);

#[derive(Clone, Debug, PartialEq, ToValue, FromValue)]
struct Nothing;

#[derive(Clone, Debug, PartialEq, ToValue, FromValue)]
struct Pair<A, B>(A, B);

#[derive(Clone, Debug, PartialEq, ToValue, FromValue)]
enum Tree<T> {
    Leaf,
    Node { value: T, children: Vec<Tree<T>> },
}

fn everything() -> impl Strategy<Value = Everything> {
    let leaf = prop_oneof![
        Just(Everything::Unit),
        Just(Everything::Empty()),
        Just(Everything::NoFields {}),
        Just(Everything::Me),
        any::<u64>().prop_map(Everything::One),
        any::<(u8, String, Option<bool>)>().prop_map(|(a, b, c)| Everything::Many(a, b, c)),
        any::<(u8, Option<String>)>()
            .prop_map(|(left_side, r#fn)| Everything::Named { left_side, r#fn }),
        any::<Option<u16>>().prop_map(Everything::HTTPError),
    ];
    leaf.prop_recursive(3, 8, 1, |inner| {
        inner.prop_map(|it| Everything::Nested(Box::new(it)))
    })
}

prop_compose! {
    fn all()(
        number: i16,
        r#type: String,
        nested: Option<Option<u8>>,
        list in prop::collection::vec(everything(), 0..4),
        pair: (u32, char),
        bytes: Vec<u8>,
        done: Result<u8, String>,
        id: u64,
        ids: Vec<u64>,
        raw: Vec<u8>,
    ) -> All {
        All {
            number, r#type, nested, list, pair, bytes, done,
            id: Id(id),
            ids: ids.into_iter().map(Id).collect(),
            raw: raw.into_iter().map(Byte).collect(),
            nothing: Nothing,
        }
    }
}

fn round_trip<T: ToValue + FromValue + Clone + PartialEq + Debug>(value: T) {
    let back = T::from_value(value.clone().into_value());
    assert_eq!(back, Ok(value));
}

proptest! {
    #[test]
    fn what_goes_in_comes_out(value in all()) {
        round_trip(value);
    }

    #[test]
    fn flags_come_back_as_they_were_set(ignore_case: bool, whole_word: bool) {
        round_trip(FindFlags { ignore_case, whole_word });
    }

    #[test]
    fn type_parameters_are_what_they_are(a: Option<u8>, b: Vec<String>) {
        round_trip(Pair(a, b.clone()));
        let leaf = Tree::Node { value: a, children: vec![Tree::Leaf] };
        round_trip(Tree::Node { value: Some(1), children: vec![leaf, Tree::Leaf] });
    }
}

#[test]
fn names_are_those_of_wit() {
    let json = |value: Value| value.to_string();
    let named = Everything::Named {
        left_side: 1,
        r#fn: None,
    };
    assert_eq!(
        json(named.into_value()),
        r#"{"named":{"left-side":1,"fn":null}}"#
    );
    assert_eq!(json(Everything::Me.into_value()), r#""self""#);
    let error = Everything::HTTPError(Some(404));
    assert_eq!(json(error.into_value()), r#"{"http-error":404}"#);
    let many = Everything::Many(1, "a".into(), None);
    assert_eq!(json(many.into_value()), r#"{"many":[1,"a",null]}"#);
    assert_eq!(LetterCase::Title.into_value(), Value::Enum("title".into()));
    assert_eq!(
        Everything::Empty().into_value(),
        Value::Variant("empty".into(), None),
        "no payload is none, however Rust writes it"
    );
    assert_eq!(Id(7).into_value(), Value::U64(7), "a newtype is its field");
    let bytes = vec![Byte(1), Byte(2)];
    assert_eq!(bytes.clone().into_value(), Value::Bytes(vec![1, 2]));
    assert_eq!(bytes.as_slice().into_value(), Value::Bytes(vec![1, 2]));
    assert!(Nothing.into_value().is_unit());
}

#[test]
fn a_derived_value_is_of_the_type_that_it_is_derived_for() {
    let shape = Type::variant([
        ("circle", Some(Type::F64)),
        (
            "rectangle",
            Some(Type::record([("width", Type::F64), ("height", Type::F64)])),
        ),
        (
            "triangle",
            Some(Type::tuple([Type::F64, Type::F64, Type::F64])),
        ),
        ("point", None),
    ]);
    let sides = Rectangle {
        width: 1.0,
        height: 2.0,
    };
    for value in [
        Shape::Circle(1.0),
        Shape::Rectangle(sides),
        Shape::Triangle(1.0, 2.0, 3.0),
        Shape::Point,
    ] {
        assert_eq!(value.into_value().check(&shape), Ok(()));
    }
}

#[test]
fn an_error_names_the_place_however_deep_it_is() {
    let span = |end: Value| Value::record([("start", Value::U32(1)), ("end", end)]);
    let value = Value::List(vec![span(Value::U32(2)), span(Value::String("x".into()))]);
    let error = Vec::<Span>::from_value(value).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the value `\"x\"` is not a valid u32 at `[1].end`"
    );
    assert_eq!(error.path(), "[1].end");

    let said = |error: ConvertError| error.to_string();
    let half = Value::record([("start", Value::U32(1))]);
    assert_eq!(
        said(Span::from_value(half).unwrap_err()),
        "the field `end` is missing"
    );
    let value = Value::Variant(
        "rectangle".into(),
        Some(Box::new(Value::record([("width", Value::F64(1.0))]))),
    );
    assert_eq!(
        said(Shape::from_value(value).unwrap_err()),
        "the field `height` is missing at `.rectangle`"
    );
    let value = Value::Variant("square".into(), None);
    assert_eq!(
        said(Shape::from_value(value).unwrap_err()),
        "`square` is none of `circle`, `rectangle`, `triangle`, `point`"
    );
    let value = Value::Flags(vec!["whole-word".into(), "backwards".into()]);
    assert_eq!(
        said(FindFlags::from_value(value).unwrap_err()),
        "`backwards` is none of `ignore-case`, `whole-word`"
    );
    let value = Value::Variant("circle".into(), None);
    assert!(Shape::from_value(value).is_err(), "its payload is missing");
    let value = Value::Variant("point".into(), Some(Box::new(Value::U8(1))));
    assert!(Shape::from_value(value).is_err(), "it has no payload");
    let value = Value::Tuple(vec![Value::U8(1)]);
    assert_eq!(
        said(Pair::<u8, u8>::from_value(value).unwrap_err()),
        "the value `[1]` is not a valid tuple of 2"
    );
    assert!(Span::from_value(Value::U8(1)).is_err());
}

#[test]
fn fields_are_found_by_name_and_those_that_are_not_known_are_left_out() {
    let value = Value::record([
        ("end", Value::U8(2)),
        ("color", Value::String("red".into())),
        ("start", Value::U8(1)),
    ]);
    assert_eq!(Span::from_value(value), Ok(Span { start: 1, end: 2 }));
}

#[derive(Debug, PartialEq, ToValue, FromValue)]
struct Settings<M> {
    #[sandpool(rename = "max-items")]
    most: u32,
    #[sandpool(default)]
    depth: u8,
    #[sandpool(skip)]
    seen: bool,
    #[sandpool(skip)]
    marker: PhantomData<M>,
}

/// No value.
#[derive(Debug, PartialEq)]
struct Marker;

#[test]
fn fields_are_renamed_skipped_and_left_to_their_default() {
    let settings = Settings::<Marker> {
        most: 3,
        depth: 1,
        seen: true,
        marker: PhantomData,
    };
    let value = settings.into_value();
    let fields = [("max-items", Value::U32(3)), ("depth", Value::U8(1))];
    assert_eq!(value, Value::record(fields));
    let value = Value::record([("max-items", Value::U32(3))]);
    let settings = Settings::<Marker>::from_value(value).expect("it is one");
    assert_eq!(
        (settings.most, settings.depth, settings.seen),
        (3, 0, false)
    );
}

#[derive(ToValue)]
struct Borrowed<'a, T: Clone> {
    text: &'a str,
    items: &'a [T],
    one: &'a T,
}

#[test]
fn an_argument_may_borrow() {
    let text = String::from("a");
    let items = vec![1u8, 2];
    let value = Borrowed {
        text: &text,
        items: &items,
        one: &items[0],
    };
    assert_eq!(
        value.into_value(),
        Value::record([
            ("text", Value::String("a".into())),
            ("items", Value::Bytes(vec![1, 2])),
            ("one", Value::U8(1)),
        ])
    );
}

/// A queue, deep within an argument.
#[derive(ToValue)]
enum Job<'a> {
    #[expect(dead_code, reason = "the other case is tried")]
    Idle,
    Work {
        to: Option<&'a Queue<u32>>,
    },
}

#[test]
fn shared_objects_come_along_with_what_holds_them() {
    let queue = Queue::<u32>::new(1);
    let mut attachments = Vec::new();
    let job = Job::Work { to: Some(&queue) };
    job.attach_to(&mut attachments);
    assert_eq!(attachments.len(), 1);
    let name = attachments[0].name.clone();
    assert_eq!(
        job.into_value().to_string(),
        format!(r#"{{"work":{{"to":"{name}"}}}}"#)
    );
}

/// Types that a macro writes, in a place where the names of the derive macros' own
/// code mean something else.
macro_rules! written {
    ($name:ident { $($field:ident: $ty:ty),* }) => {
        #[derive(Clone, Debug, PartialEq, ToValue, FromValue)]
        struct $name {
            $($field: $ty),*
        }
    };
}

mod elsewhere {
    use sandpool as renamed;

    #[expect(dead_code, reason = "it only stands in the way")]
    pub struct Value;

    #[derive(Clone, Debug, PartialEq, renamed::ToValue, renamed::FromValue)]
    #[sandpool(crate = "renamed")]
    pub enum Option {
        Some(u8),
        None,
    }
}

written!(Written { fields: Vec<u8>, items: Option<u8>, value: (u8, bool), set: elsewhere::Option });

#[test]
fn names_of_the_users_own_do_not_stand_in_the_way() {
    round_trip(Written {
        fields: vec![1],
        items: None,
        value: (1, true),
        set: elsewhere::Option::Some(1),
    });
    round_trip(elsewhere::Option::None);
}

/// In percent, read by hand.
#[derive(Debug, PartialEq)]
struct Share(u8);

impl FromValue for Share {
    fn from_value(value: Value) -> Result<Self, ConvertError> {
        match u8::from_value(value)? {
            percent @ 0..=100 => Ok(Share(percent)),
            percent => Err(ConvertError::custom(format!("{percent} is more than all"))),
        }
    }
}

#[derive(Debug, PartialEq, FromValue)]
struct Shares {
    of_cpu: Share,
}

#[test]
fn errors_of_conversions_by_hand_are_told_as_ours_are() {
    let value = Value::record([("of-cpu", Value::U64(101))]);
    let error = Shares::from_value(value).unwrap_err();
    assert_eq!(error.to_string(), "101 is more than all at `.of-cpu`");
    let error = ConvertError::new(&Value::Bool(true), "percentage").in_element(2);
    assert_eq!(
        error.to_string(),
        "the value `true` is not a valid percentage at `[2]`"
    );
    let error = sandpool::Error::from(error);
    assert!(matches!(error, sandpool::Error::Convert(_)), "{error}");
}
