//! Tools: functions of the host that a guest calls by name, with JSON.

use sandpool::{Error, SettingError, Tool, Verdict};
use serde_json::{Value as Json, json};

use super::guests;
use crate::support::{TestPool, open, pool, test};

fn with_tools() -> (TestPool, sandpool::Module) {
    let search = Tool::new("search", |args: Json| -> Result<Json, String> {
        let query = args["query"].as_str().ok_or("`query` is missing")?;
        Ok(json!({ "found": query.len() }))
    });
    let search = search
        .description("Searches.")
        .schema(json!({ "type": "object" }));
    let builder = pool().processes(1).tools([search]);
    let builder = builder.tool("broken", |_| panic!("no"));
    let pool = open(builder);
    let module = pool.wat(&guests::tools());
    (pool, module)
}

#[test]
fn a_guest_calls_a_tool_by_name_with_json() {
    let _test = test();
    let (pool, module) = with_tools();
    let call = |name: &str, arguments: &str| {
        let call = pool.call(&module, "call").args((name, arguments));
        call.outcome().expect("sent")
    };
    let outcome = call("search", r#"{"query": "sandpool"}"#);
    let found = outcome.value.as_ref().and_then(|value| match value {
        sandpool::Value::String(text) => serde_json::from_str::<Json>(text).ok(),
        _ => None,
    });
    assert_eq!(found, Some(json!({ "found": 8 })), "{outcome}");
    let outcome = call("search", "{}");
    assert_eq!(outcome.error.as_deref(), Some("`query` is missing"));
    let outcome = call("search", "{");
    let error = outcome.error.as_deref().unwrap_or_default();
    assert!(
        error.starts_with("the arguments of tool `search` are no JSON: "),
        "{error}"
    );
    let outcome = call("broken", "{}");
    assert_eq!(outcome.verdict, Verdict::Error, "{outcome}");
    assert_eq!(outcome.error.as_deref(), Some("`tool broken` panicked: no"));
}

#[test]
fn a_tool_that_is_not_granted_is_an_err_and_a_refusal() {
    let _test = test();
    let (pool, module) = with_tools();
    let call = pool
        .call(&module, "call")
        .args(("search", r#"{"query": "x"}"#));
    let outcome = call.only_tools(["broken"]).outcome().expect("sent");
    assert_eq!(outcome.verdict, Verdict::Error, "{outcome}");
    assert_eq!(
        outcome.error.as_deref(),
        Some("tool `search` is not granted")
    );
    let refusal = outcome.refusals.first().expect("listed");
    assert_eq!(
        (refusal.what.as_str(), refusal.detail.as_str()),
        ("tool", "search")
    );
    // Without any tool the module loads all the same.
    let bare = open(crate::support::pool().processes(1));
    let module = bare.wat(&guests::tools());
    let outcome = bare.call(&module, "call").args(("search", "{}")).outcome();
    let outcome = outcome.expect("sent");
    assert_eq!(
        outcome.error.as_deref(),
        Some("tool `search` is not granted")
    );
    assert_eq!(bare.apply::<u32>(&module, "count", ()).expect("called"), 0);
}

#[test]
fn a_guest_learns_which_tools_there_are() {
    let _test = test();
    let (pool, module) = with_tools();
    assert_eq!(pool.apply::<u32>(&module, "count", ()).expect("called"), 2);
    let own = Tool::new("a tool of this call", |_| Ok(Json::Null));
    let call = pool.call(&module, "first").tool(own);
    assert_eq!(
        call.apply::<String>().expect("called"),
        "a tool of this call"
    );
}

#[test]
fn tools_whose_texts_take_more_than_a_mebibyte_are_refused() {
    let _test = test();
    let large = || Tool::new("large", |_| Ok(Json::Null)).description(&"x".repeat(1 << 20));
    let refused = |error: Error| {
        let is_too_large = matches!(error, Error::Setting(SettingError::ToolsTooLarge { .. }));
        assert!(is_too_large, "{error}");
    };
    refused(
        pool()
            .processes(1)
            .tools([large()])
            .build()
            .expect_err("refused"),
    );
    let (pool, module) = with_tools();
    let call = pool.call(&module, "count").tool(large());
    refused(call.outcome().expect_err("refused"));
}

#[test]
fn arguments_that_are_nested_too_deeply_are_an_err_that_says_so() {
    let _test = test();
    let (pool, module) = with_tools();
    for (levels, error) in [
        (127, "`query` is missing"),
        (
            128,
            "the arguments of tool `search` are nested more than 127 levels deep",
        ),
    ] {
        let json = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        let call = pool.call(&module, "call").args(("search", json));
        let outcome = call.outcome().expect("sent");
        assert_eq!(outcome.error.as_deref(), Some(error), "{levels}");
    }
}
