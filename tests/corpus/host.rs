//! The host's side of the corpus: the functions, the tools and the HTTP rules that its
//! pools give to every task.

use std::panic;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sandpool::value::ToValue;
use sandpool::{CallContext, HttpRule, Imports, MIB, Module, Pool, PoolBuilder, Value};
use serde_json::{Value as Json, json};

use crate::addresses::{INSIDE, SPELLINGS};
use crate::case::PATIENT;
use crate::guests::{self, LIBC, Passed};
use crate::server::Server;
use crate::support::{eventually, process};

/// The interface that components import.
const INTERFACE: &str = "corpus:host/functions@0.1.0";

/// A core module that passes numbers to the host, and returns those that come back. What
/// comes back of a float is compared bit by bit: `f64` and `f32` return the host's bits.
pub const NUMBERS: &str = r#"
(module
  (import "corpus" "i32" (func $i32 (param i32) (result i32)))
  (import "corpus" "i64" (func $i64 (param i64) (result i64)))
  (import "corpus" "f32" (func $f32 (param f32) (result f32)))
  (import "corpus" "f64" (func $f64 (param f64) (result f64)))
  (func (export "i32") (param i32) (result i32) (call $i32 (local.get 0)))
  (func (export "i64") (param i64) (result i64) (call $i64 (local.get 0)))
  (func (export "f32") (param i32) (result i32)
    (i32.reinterpret_f32 (call $f32 (f32.reinterpret_i32 (local.get 0)))))
  (func (export "f64") (param i64) (result i64)
    (i64.reinterpret_f64 (call $f64 (f64.reinterpret_i64 (local.get 0)))))
  (func (export "for ever") (loop $l (drop (call $i32 (i32.const 1))) (br $l))))
"#;

const fn passed(
    name: &'static str,
    params: &'static str,
    result: &'static str,
    flat: &'static str,
    flat_result: Option<&'static str>,
) -> Passed {
    Passed {
        name,
        params,
        result,
        flat,
        flat_result,
    }
}

/// The functions of the interface.
const FUNCTIONS: [Passed; 10] = [
    passed(
        "text",
        r#"(param "text" string)"#,
        "(result string)",
        "i32 i32",
        None,
    ),
    passed(
        "count-bytes",
        r#"(param "bytes" (list u8))"#,
        "(result u32)",
        "i32 i32",
        Some("i32"),
    ),
    passed(
        "count-texts",
        r#"(param "texts" (list string))"#,
        "(result u32)",
        "i32 i32",
        Some("i32"),
    ),
    passed(
        "floats",
        r#"(param "floats" (list f64))"#,
        "(result (list f64))",
        "i32 i32",
        None,
    ),
    passed(
        "bytes",
        r#"(param "count" u32)"#,
        "(result (list u8))",
        "i32",
        None,
    ),
    passed("wrong", "", "(result u32)", "", Some("i32")),
    passed("panic", r#"(param "with" string)"#, "", "i32 i32", Some("")),
    passed("wait", "", "(result (list u8))", "", None),
    passed("die", "", "", "", Some("")),
    passed(
        "again",
        r#"(param "depth" u32)"#,
        "(result u32)",
        "i32",
        Some("i32"),
    ),
];

/// A component that passes everything on to the host, and returns what comes back.
pub fn passing() -> String {
    guests::passing(INTERFACE, &FUNCTIONS)
}

/// A component that calls `text` with whatever lies where it is told, in each of the
/// encodings that a string may have, and returns the number of bytes that came back.
pub fn texts() -> String {
    let lowered = |name: &str, encoding: &str| {
        format!(
            r#"(core func ${name} (canon lower (func $host "text")
                (memory $memory) (realloc $realloc) string-encoding={encoding}))"#
        )
    };
    let lowered = [
        lowered("utf8", "utf8"),
        lowered("utf16", "utf16"),
        lowered("either", "latin1+utf16"),
    ];
    let lifted = ["utf8", "utf16", "either"].map(|name| {
        format!(
            r#"(func (export "{name}") (param "at" u32) (param "len" u32) (result u32)
                (canon lift (core func $i "{name}")))"#
        )
    });
    let calls = ["utf8", "utf16", "either"].map(|name| {
        format!(
            r#"(func (export "{name}") (param i32 i32) (result i32)
                (call ${name} (local.get 0) (local.get 1) (i32.const 16))
                (i32.load (i32.const 20)))"#
        )
    });
    let imports = ["utf8", "utf16", "either"]
        .map(|name| format!(r#"(import "host" "{name}" (func ${name} (param i32 i32 i32)))"#));
    let [lowered, lifted] = [lowered, lifted].map(|all| all.join("\n"));
    let [calls, imports] = [calls, imports].map(|all| all.join("\n"));
    format!(
        r#"(component
  (import "{INTERFACE}" (instance $host
    (export "text" (func (param "text" string) (result string)))))
  {LIBC} {lowered}
  (core module $m
    (import "libc" "memory" (memory 1))
    {imports}
    ;; 256: U+D800 by itself, as UTF-8 would have it; 264: an overlong slash;
    ;; 272: U+D800 by itself and then `x`, in UTF-16; 280: control codes and a zero
    (data (i32.const 256) "\ed\a0\80")
    (data (i32.const 264) "\c0\af")
    (data (i32.const 272) "\00\d8x\00")
    (data (i32.const 280) "\1b[2J\00\0d\0a\e2\80\ae")
    {calls})
  (core instance $h (export "utf8" (func $utf8)) (export "utf16" (func $utf16))
    (export "either" (func $either)))
  (core instance $i (instantiate $m
    (with "host" (instance $h)) (with "libc" (instance $libc))))
  {lifted})"#
    )
}

/// The pool that calls of the host enter again, and the module that they call in it.
type Own = Arc<Mutex<Option<(Pool, Module)>>>;

/// All that the tasks of the corpus can reach.
pub struct Host {
    pub server: Server,
    /// The calls of `wait` that have not returned.
    waiting: Arc<AtomicUsize>,
    own: Own,
}

impl Host {
    pub fn start() -> Self {
        Host {
            server: Server::start(),
            waiting: Arc::default(),
            own: Arc::default(),
        }
    }

    /// Gives the functions, the tools and the rules to a pool.
    pub fn give(&self, builder: PoolBuilder) -> PoolBuilder {
        let builder = builder
            .import("corpus", numbers())
            .import(INTERFACE, self.functions())
            .tool("echo", Ok)
            .tool("panic", |_| panic!("\u{1b}]0;tool\u{7}"))
            .tool("long", |_| Ok(Json::String("x".repeat(17 << 20))))
            .tool("fail", |args| Err(args.to_string()));
        self.rules()
            .into_iter()
            .fold(builder, |builder, rule| builder.http(rule))
    }

    /// The rules: a part of the server, and every address that nobody may reach, in every
    /// spelling, so that nothing but the address itself is in the way of a request.
    fn rules(&self) -> Vec<HttpRule> {
        let server = HttpRule::new(self.server.url(INSIDE)).methods(["GET", "POST"]);
        let secret = HttpRule::new("https://127.0.0.1:9/*").header("authorization", "s3cr3t");
        let mut rules = vec![server.allow_private(), secret.allow_private()];
        let spelled = SPELLINGS.map(|host| HttpRule::new(format!("http://{host}:9/*")));
        rules.extend(spelled);
        rules
    }

    /// Lets calls of the host enter this pool again.
    pub fn open(&self, pool: &Pool) {
        let module = pool.load_bytes(passing()).expect("known from the cache");
        *lock(&self.own) = Some((pool.clone(), module));
    }

    /// Lets go of the pool, and makes sure that nothing is under way any more, nor came
    /// where it should not.
    pub fn close(&self) {
        let over = || self.waiting.load(Ordering::SeqCst) == 0;
        eventually("every call is told that its task has ended", over);
        *lock(&self.own) = None;
        assert_eq!(
            self.server.strays(),
            [] as [String; 0],
            "came to the server"
        );
    }

    fn functions(&self) -> Imports {
        let (waiting, own) = (Arc::clone(&self.waiting), Arc::clone(&self.own));
        Imports::new()
            .func("text", |text: String| text)
            .func("count-bytes", |bytes: Vec<u8>| bytes.len() as u32)
            .func("count-texts", |texts: Vec<String>| texts.len() as u32)
            .func("floats", |floats: Vec<f64>| floats)
            .func("bytes", |count: u32| vec![7u8; count as usize])
            .func_dynamic("wrong", |_, _| Ok::<_, String>("no number".into_value()))
            .func("panic", panics)
            // Returns when its task has ended, and nobody waits for it any more.
            .func("wait", move |context: CallContext| {
                waiting.fetch_add(1, Ordering::SeqCst);
                let told = context.wait_cancelled(PATIENT);
                waiting.fetch_sub(1, Ordering::SeqCst);
                assert!(told, "the end of its task");
                vec![7u8; MIB as usize]
            })
            .func("die", |context: CallContext| {
                process::kill(context.worker_pid());
                assert!(context.wait_cancelled(PATIENT), "its worker is gone");
            })
            .func("again", move |depth: u32| enter_again(&own, depth))
    }
}

fn lock(own: &Own) -> std::sync::MutexGuard<'_, Option<(Pool, Module)>> {
    own.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Calls the pool from within one of its own tasks, which does the same, so many times.
/// Returns how often that went well.
fn enter_again(own: &Own, depth: u32) -> u32 {
    let known = lock(own).clone();
    match known {
        Some((pool, module)) if depth > 0 => {
            let call = pool.call(&module, "again").arg(depth - 1);
            let inner = call.timeout(PATIENT).apply::<u32>();
            1 + inner.expect("the inner call")
        }
        _ => 0,
    }
}

/// Panics, without the words of the process's hook: they would be the guest's.
fn panics(with: String) {
    panic::resume_unwind(Box::new(with));
}

fn numbers() -> Imports {
    Imports::new()
        .func("i32", |number: i32| number)
        .func("i64", |number: i64| number)
        .func("f32", |number: f32| number)
        .func("f64", |number: f64| number)
}

/// Text that is JSON, or pretends to be.
pub fn nested(depth: usize, closed: bool) -> String {
    let open = "[".repeat(depth);
    match closed {
        true => open + &"]".repeat(depth),
        false => open,
    }
}

/// Arguments whose numbers and keys stand at the edges of JSON.
pub fn edges() -> String {
    json!({ "": [i64::MIN, u64::MAX, -0.0, f64::MIN_POSITIVE], "\u{0}": { "__proto__": [] } })
        .to_string()
}

/// The value of a task that returned a text.
pub fn text(value: Option<&Value>) -> Option<&str> {
    match value {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}
