//! The functions that a host gives for one import of a module.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::block_on::Runtime;
use super::context::CallContext;
use super::function::{AsyncHostFunction, HostFunction, Signature};
use sandpool_value::{ToValue, Value};

/// A function of the host, ready to be called: takes decoded arguments, and returns a value, or
/// the reason why the closure could not be called.
pub(super) type Run = dyn Fn(CallContext, Vec<Value>) -> Result<Value, String> + Send + Sync;

/// The functions that the host gives for one import: an interface of a component
/// (`acme:kv/store`), or a module that a core module imports (`env`). See
/// [`PoolBuilder::import`](crate::PoolBuilder::import).
///
/// ```
/// use std::collections::HashMap;
/// use sandpool::Imports;
///
/// let colors = HashMap::from([("sky", "blue")]);
/// let store = Imports::new()
///     .func("lookup", move |key: String| -> Option<String> {
///         colors.get(key.as_str()).map(|color| (*color).to_owned())
///     })
///     .func("divide", |a: u32, b: u32| -> Result<u32, String> {
///         a.checked_div(b).ok_or_else(|| "division by zero".to_owned())
///     });
/// # drop(store);
/// ```
///
/// A closure that returns a [`Result`] gives WIT's `result` where the import has one; elsewhere
/// its `Err` ends the task with the verdict [`Error`](crate::Verdict::Error). So does a panic,
/// which is also reported on stderr.
///
/// Types are checked when a module is loaded, as far as Rust's types tell them: integers by
/// their width (an `i32` of a core module is an `i32` or a `u32`, an `i64` likewise), and the parts of lists, options, results and tuples. Structs and enums by the
/// derive macros, and [`Value`], are looked at in each call; what does not fit then ends the
/// task with `error`.
///
/// Closures run on threads of the pool, several at a time, but one for each task. The task's
/// wall time goes on meanwhile. A closure that never returns costs its task a `timeout`, and
/// the pool one thread for as long as it lives: see
/// [`PoolBuilder::host_call_threads`](crate::PoolBuilder::host_call_threads). Arguments come
/// from the guest: they are of their types, and may be anything else.
#[derive(Clone, Default)]
#[must_use = "imports do nothing until they are given to a pool or a call"]
pub struct Imports {
    pub(super) functions: BTreeMap<String, Entry>,
    /// `true` if all functions without an entry are denied.
    pub(super) denies_rest: bool,
    /// `true` if a function that the module does not import is an error.
    pub(super) is_exact: bool,
}

/// A function, or its denial.
#[derive(Clone)]
pub(super) enum Entry {
    Given {
        /// The types; `None` for a dynamic function, which takes what comes.
        signature: Option<Signature>,
        run: Arc<Run>,
    },
    Denied,
}

impl std::fmt::Debug for Imports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Imports")
            .field("functions", &self.functions.keys())
            .field("denies_rest", &self.denies_rest)
            .field("is_exact", &self.is_exact)
            .finish()
    }
}

impl Imports {
    /// Returns imports without any function.
    pub fn new() -> Self {
        Imports::default()
    }

    /// Returns imports that deny every function that is not added to them: for
    /// [`Call::import`](crate::Call::import), which narrows the functions of the pool.
    pub fn denied() -> Self {
        Imports {
            denies_rest: true,
            ..Imports::default()
        }
    }

    /// Adds a function. Its name is WIT's: `look-up`. A function of this name that was added
    /// before is replaced. The closure's first parameter may be a [`CallContext`].
    pub fn func<Args>(self, name: &str, function: impl HostFunction<Args>) -> Self {
        fn signature<Args, F: HostFunction<Args>>(_: &F) -> Signature {
            F::signature()
        }
        let signature = Some(signature(&function));
        let run = move |context: CallContext, arguments: Vec<Value>| {
            let called = function.run(context, arguments);
            called.map_err(|error| error.to_string())
        };
        let run = Arc::new(run);
        self.with(name, Entry::Given { signature, run })
    }

    /// Adds a function that returns a future, which is driven on a thread of the pool until it
    /// is ready, or dropped there when its task has ended. If this method is called within a
    /// tokio runtime, the future runs within that one: its timers and sockets work as long as
    /// the runtime is driven, a current-thread runtime only while somebody is in `block_on`.
    pub fn func_async<Args>(self, name: &str, function: impl AsyncHostFunction<Args>) -> Self {
        fn signature<Args, F: AsyncHostFunction<Args>>(_: &F) -> Signature {
            F::signature()
        }
        let signature = Some(signature(&function));
        let runtime = Runtime::current();
        let run = move |context: CallContext, arguments: Vec<Value>| {
            let cancellation = context.clone();
            let driven = runtime.block_on(&cancellation, || async {
                match function.begin(context, arguments) {
                    Ok(begun) => Ok(begun.await),
                    Err(error) => Err(error.to_string()),
                }
            });
            // Nobody waits for the reply then.
            driven.unwrap_or_else(|| Err("its task has ended".to_owned()))
        };
        let run = Arc::new(run);
        self.with(name, Entry::Given { signature, run })
    }

    /// Adds a function that takes and returns values of any type. A result is converted to the
    /// type of the import; one that does not fit ends the task with `error`.
    pub fn func_dynamic<E: ToValue>(
        self,
        name: &str,
        function: impl Fn(CallContext, Vec<Value>) -> Result<Value, E> + Send + Sync + 'static,
    ) -> Self {
        let run = move |context: CallContext, arguments: Vec<Value>| {
            Ok(function(context, arguments).into_value())
        };
        let (signature, run) = (None, Arc::new(run));
        self.with(name, Entry::Given { signature, run })
    }

    /// Denies a function, for [`Call::import`](crate::Call::import). A guest that calls it gets
    /// an `err` where the result is a `result` with a text as its error; otherwise its task ends
    /// with the verdict [`Denied`](crate::Verdict::Denied).
    pub fn deny(self, name: &str) -> Self {
        self.with(name, Entry::Denied)
    }

    /// Makes it an error if a function that is given or denied here is not imported by a module
    /// that imports others of these \[no error\]. Toolchains leave out the functions that a module does not call, so
    /// this suits only modules that call all of them.
    pub fn exact(mut self) -> Self {
        self.is_exact = true;
        self
    }

    fn with(mut self, name: &str, entry: Entry) -> Self {
        self.functions.insert(name.to_owned(), entry);
        self
    }

    /// Returns these imports with the functions of `other` in place of those that it names.
    pub(super) fn overlaid(&self, other: &Imports) -> Imports {
        let mut functions = match other.denies_rest {
            true => BTreeMap::new(),
            false => self.functions.clone(),
        };
        functions.extend(other.functions.clone());
        Imports {
            functions,
            denies_rest: self.denies_rest || other.denies_rest,
            is_exact: self.is_exact || other.is_exact,
        }
    }

    /// Returns the entry of a function.
    pub(super) fn entry(&self, name: &str) -> Option<&Entry> {
        let found = self.functions.get(name);
        found.or(self.denies_rest.then_some(&Entry::Denied))
    }
}
