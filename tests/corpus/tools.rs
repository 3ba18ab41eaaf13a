//! Tasks that call tools of the host by names that nobody knows, and with text that is no
//! JSON, or too much of it.

use sandpool::{LimitName, MIB, Outcome, Value, Verdict};

use serde_json::json;

use crate::case::{Case, wat};
use crate::guests;

/// Text that is JSON, or pretends to be.
fn nested(depth: usize, closed: bool) -> String {
    let open = "[".repeat(depth);
    match closed {
        true => open + &"]".repeat(depth),
        false => open,
    }
}

/// Arguments whose numbers and keys stand at the edges of JSON.
fn edges() -> String {
    json!({ "": [i64::MIN, u64::MAX, -0.0, f64::MIN_POSITIVE], "\u{0}": { "__proto__": [] } })
        .to_string()
}

/// The value of a task that returned a text.
fn text(value: Option<&Value>) -> Option<&str> {
    match value {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

/// The call failed, and the guest was told why.
fn told(outcome: &Outcome, says: &str) {
    let told = text(outcome.error_value.as_ref());
    assert!(told.is_some_and(|told| told.contains(says)), "{outcome}");
}

/// The call of a tool that is not there failed, and is a refusal.
fn unknown(outcome: &Outcome) {
    told(outcome, "is not granted");
    let refused = outcome.refusals.iter().map(|refusal| refusal.what.as_str());
    assert_eq!(refused.collect::<Vec<_>>(), ["tool"]);
}

pub fn cases() -> Vec<Case> {
    let tool = |name, tool: &str, arguments: String| {
        wat(name, guests::tools()).calls("call", (tool.to_owned(), arguments))
    };
    let no_json = |name, arguments: String| {
        tool(name, "echo", arguments)
            .ends(Verdict::Error)
            .and(|outcome| told(outcome, "are no JSON"))
    };
    let too_deep = |name, arguments: String| {
        tool(name, "echo", arguments)
            .ends(Verdict::Error)
            .and(|outcome| told(outcome, "nested more than 127 levels deep"))
    };
    let nobody = |name, called: String| {
        tool(name, &called, "{}".to_owned())
            .ends(Verdict::Error)
            .and(unknown)
    };
    vec![
        nobody("a tool that is not there", "system".to_owned()),
        nobody("a tool without a name", String::new()),
        nobody(
            "a tool whose name is evil",
            "echo\u{0}\u{1b}[2J\n".to_owned(),
        ),
        nobody("a tool with a name without end", "echo".repeat(50_000)),
        no_json("arguments of a tool that are nothing", String::new()),
        no_json(
            "arguments of a tool that end too early",
            "{\"a\":".to_owned(),
        ),
        no_json("arguments of a tool that go on", "{} {}".to_owned()),
        no_json("a number that is none of JSON's", "NaN".to_owned()),
        no_json("a number beyond all measure", "1e999999".to_owned()),
        no_json("half of a pair in JSON", r#""\ud800""#.to_owned()),
        too_deep("ten thousand open brackets", nested(10_000, false)),
        too_deep("ten thousand lists in each other", nested(10_000, true)),
        tool("numbers and keys at the edges of JSON", "echo", edges())
            .and(|outcome| assert_eq!(text(outcome.value.as_ref()), Some(edges().as_str()))),
        tool(
            "arguments of a tool of a mebibyte and more",
            "echo",
            format!("\"{}\"", "x".repeat(MIB as usize)),
        )
        .hits(Verdict::OutputLimit, LimitName::HostCallArguments),
        tool("a tool that fails with the guest's text", "fail", edges())
            .ends(Verdict::Error)
            .and(|outcome| told(outcome, "__proto__")),
        tool("a tool that panics", "panic", "{}".to_owned())
            .fails(r"`tool panic` panicked: \u{1b}]0;tool\u{7}"),
        tool("a tool that answers with too much", "long", "{}".to_owned())
            .fails("returned more than 16MiB"),
        wat("tools that a task may not have", guests::tools())
            .calls("count", ())
            .with(|call| call.only_tools(["nobody"]))
            .and(|outcome| assert_eq!(outcome.value, Some(Value::U32(0)))),
    ]
}
