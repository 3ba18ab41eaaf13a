//! Any value reads back as it was written.

use proptest::prelude::*;

use super::*;

fn text() -> impl Strategy<Value = Text> + Clone {
    prop_oneof![
        3 => any::<String>().prop_map(Text::from),
        1 => "\\$[a-z]{0,4}".prop_map(Text::from),
        1 => prop::collection::vec(prop_oneof![any::<u16>(), 0xd7f0u16..0xe010], 0..6)
            .prop_map(|units| Text::from_utf16(&units)),
    ]
}

fn big_int() -> BoxedStrategy<BigInt> {
    digits("-?[0-9]{1,40}")
}

fn digits(pattern: &'static str) -> BoxedStrategy<BigInt> {
    pattern
        .prop_map(|digits| BigInt::new(&digits).unwrap())
        .boxed()
}

/// An integer as a script has it: one between 2^53 and 2^63 is no [`ScriptValue::BigInt`].
fn big_value() -> impl Strategy<Value = ScriptValue> {
    big_int().prop_map(|n| match n.as_str().parse::<i64>() {
        Ok(small) if small.unsigned_abs() > 1 << 53 => ScriptValue::Int(small),
        _ => ScriptValue::BigInt(n),
    })
}

/// Any double but NaN, which is unequal to itself.
fn float() -> impl Strategy<Value = f64> {
    any::<f64>().prop_filter("NaN", |x| !x.is_nan())
}

fn leaf() -> impl Strategy<Value = ScriptValue> {
    let number = || (1u32..=28, 0u32..24, 0u32..60, 0u32..1_000_000);
    prop_oneof![
        Just(ScriptValue::Null),
        Just(ScriptValue::Undefined),
        any::<bool>().prop_map(ScriptValue::Bool),
        any::<i64>().prop_map(ScriptValue::Int),
        (-9i64..9).prop_map(ScriptValue::Int),
        big_value(),
        float().prop_map(ScriptValue::Float),
        text().prop_map(ScriptValue::Text),
        prop::collection::vec(any::<u8>(), 0..9).prop_map(ScriptValue::Bytes),
        [float(), float()].prop_map(ScriptValue::Complex),
        "-?[0-9]{1,9}(\\.[0-9]{1,9})?(E[+-][0-9]{1,3})?".prop_map(ScriptValue::Decimal),
        [big_int(), digits("[1-9][0-9]{0,30}")]
            .prop_map(|parts| ScriptValue::Fraction(Box::new(parts))),
        number().prop_map(|(day, hour, minute, micros)| ScriptValue::DateTime(format!(
            "2024-02-{day:02}T{hour:02}:{minute:02}:59.{micros:06}+01:00"
        ))),
        number().prop_map(|(day, ..)| ScriptValue::Date(format!("1999-11-{day:02}"))),
        number().prop_map(|(_, h, m, _)| ScriptValue::Time(format!("{h:02}:{m:02}"))),
        any::<[i64; 3]>().prop_map(|[days, seconds, microseconds]| ScriptValue::TimeDelta {
            days,
            seconds,
            microseconds,
        }),
        any::<[u8; 16]>().prop_map(ScriptValue::Uuid),
        text().prop_map(ScriptValue::Path),
        [big_int(), big_int(), digits("-?[1-9]{1,20}")]
            .prop_map(|parts| ScriptValue::Range(Box::new(parts))),
        [text(), text()].prop_map(|parts| ScriptValue::Enum(Box::new(parts))),
        (text(), any::<u64>()).prop_map(|parts| ScriptValue::Handle(Box::new(parts))),
    ]
}

fn any_value() -> impl Strategy<Value = ScriptValue> {
    leaf().prop_recursive(4, 24, 4, |inner| {
        let items = prop::collection::vec(inner.clone(), 0..4);
        let fields = prop::collection::hash_map(text(), inner.clone(), 0..4);
        prop_oneof![
            items.clone().prop_map(ScriptValue::List),
            items.clone().prop_map(ScriptValue::Tuple),
            items.clone().prop_map(ScriptValue::Set),
            items.prop_map(ScriptValue::FrozenSet),
            prop::collection::vec((leaf(), inner.clone()), 0..4)
                .prop_map(|pairs| ScriptValue::Dict(read::without_repetitions(pairs))),
            fields.clone().prop_map(ScriptValue::from),
            (text(), fields).prop_map(|(class, fields)| {
                ScriptValue::Object(Box::new((class, fields.into_iter().collect())))
            }),
            inner.prop_map(|content| ScriptValue::Other(Box::new(("$later".into(), content)))),
        ]
    })
}

proptest! {
    #[test]
    fn a_value_reads_back_as_it_was_written(value in any_value()) {
        let written = value.to_string();
        prop_assert!(!written.chars().any(char::is_control), "{written}");
        prop_assert_eq!(ScriptValue::from_json(&written), Ok(value));
    }

    #[test]
    fn a_text_that_was_written_is_compact(value in any_value()) {
        let written = value.to_string();
        let mut out = Vec::new();
        compact(&written, &mut out).unwrap();
        prop_assert_eq!(String::from_utf8(out).unwrap(), written);
    }

    #[test]
    fn json_in_memory_goes_through(value in any_value()) {
        if let Ok(json) = serde_json::Value::from_script(value.clone()) {
            let written = value.to_string();
            prop_assert_eq!(ScriptValue::try_from(&json).unwrap().to_string().len(), written.len());
        }
    }

    #[test]
    fn types_of_rust_read_back(
        a in any::<(i64, u64, i128, String, Option<bool>)>(),
        b in prop::collection::vec(prop::collection::btree_map(any::<String>(), any::<Vec<u8>>(), 0..3), 0..3),
    ) {
        prop_assert_eq!(FromScript::from_script(a.clone().into()), Ok(a));
        prop_assert_eq!(FromScript::from_script(b.clone().into()), Ok(b));
    }
}
