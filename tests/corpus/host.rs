//! The host's side of the corpus: the functions, the tools and the HTTP rules that its
//! pools give to every task.

use std::panic;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sandpool::value::ToValue;
use sandpool::{CallContext, HttpRule, Imports, MIB, Module, Pool, PoolBuilder};
use serde_json::Value as Json;

use crate::addresses::{INSIDE, SPELLINGS};
use crate::callers::{INTERFACE, passing};
use crate::case::PATIENT;
use crate::server::Server;
use crate::support::{eventually, process};

/// The pool that calls of the host enter again, and the module that they call in it.
type Own = Arc<Mutex<Option<(Pool, Module)>>>;

/// All that the tasks of the corpus can reach.
pub struct Host {
    pub server: Server,
    functions: Functions,
}

impl Host {
    pub fn start() -> Self {
        Host {
            server: Server::start(),
            functions: Functions::default(),
        }
    }

    /// Gives the functions, the tools and the rules to a pool.
    pub fn give(&self, builder: PoolBuilder) -> PoolBuilder {
        let builder = self.functions.give(builder);
        let builder = builder
            .tool("echo", Ok)
            .tool("panic", |_| {
                panic::resume_unwind(Box::new("\u{1b}]0;tool\u{7}"))
            })
            .tool("long", |_| Ok(Json::String("x".repeat(17 << 20))))
            .tool("fail", |args| Err(args.to_string()));
        let rules = self.rules().into_iter();
        rules.fold(builder, PoolBuilder::http)
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
        self.functions.open(pool);
    }

    /// Lets go of the pool, and asserts that nothing is under way any more, nor came where
    /// it should not.
    pub fn close(&self) {
        self.functions.close();
        let strays = self.server.strays();
        assert_eq!(strays, [] as [String; 0], "came to the server");
    }
}

/// The functions of the host.
#[derive(Default)]
pub struct Functions {
    /// The number of calls of `wait` that have not returned.
    waiting: Arc<AtomicUsize>,
    own: Own,
}

impl Functions {
    /// Gives the functions to a pool.
    pub fn give(&self, builder: PoolBuilder) -> PoolBuilder {
        let builder = builder.import("corpus", numbers());
        builder.import(INTERFACE, self.imports())
    }

    /// Lets calls of the host enter this pool again.
    pub fn open(&self, pool: &Pool) {
        let module = pool.load_bytes(passing()).expect("known from the cache");
        *lock(&self.own) = Some((pool.clone(), module));
    }

    /// Lets go of the pool, and asserts that no call is under way any more.
    pub fn close(&self) {
        let over = || self.waiting.load(Ordering::SeqCst) == 0;
        eventually("every call is told that its task has ended", over);
        *lock(&self.own) = None;
    }

    fn imports(&self) -> Imports {
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

fn lock(own: &Own) -> MutexGuard<'_, Option<(Pool, Module)>> {
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
            inner.map_or(0, |times| times + 1)
        }
        _ => 0,
    }
}

/// Panics, without the words of the process's hook, which would be the guest's.
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
