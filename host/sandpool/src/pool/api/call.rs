//! One call, built step by step and checked before it is sent.

mod snapshot;
mod template;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::grants::Grants;
use super::handle::{AsyncResult, Cell, TaskRef};
use super::map::MapOptions;
use crate::module::Module;
use crate::outcome::Outcome;
use crate::pool::error::{Error, SettingError};
use crate::pool::host_calls::{Imports, Tool, Tools};
use crate::pool::keys::WorkerKey;
use crate::pool::scheduler::Entry;
use crate::pool::state::Shared;
use crate::pool::tasks::{Batch, Callback, GivenHandles, Inputs, Retries, Task, value_of};
use crate::shared::{Share, Shares};
use sandpool_protocol::frame::Callee;
use sandpool_protocol::limits::{Limit, Origin, TaskLimits};
use sandpool_value::{Args, FromValue, ToArgs, ToValue, Value};
pub(super) use snapshot::snapshot_for_pool;

/// The standard input of a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Stdin {
    /// No input: the first read finds its end (default).
    #[default]
    Empty,
    /// These bytes.
    Bytes(Vec<u8>),
    /// The host's own standard input, from the guest's first read on.
    Inherit,
}

/// One call of a function or run of a command, made by [`Pool::call`](crate::Pool::call)
/// and [`Pool::command`](crate::Pool::command).
///
/// Limits that are not set here are the pool's. Setters of limits take a value, or `None`
/// for no limit; [`TaskLimits`](crate::TaskLimits) says what each limit covers, and what it
/// does not.
///
/// The call is sent by its last method: [`apply`](Call::apply), [`outcome`](Call::outcome),
/// [`apply_async`](Call::apply_async), or, for many tasks, [`map`](Call::map),
/// [`imap`](Call::imap) and their variants.
#[must_use = "a call does nothing until it is applied"]
pub struct Call {
    pub(super) shared: Arc<Shared>,
    module: Module,
    /// The name of the function; `None` for a command.
    function: Option<String>,
    pub(super) args: Args,
    argv: Vec<String>,
    stdin: Stdin,
    limits: TaskLimits,
    retries: Option<Retries>,
    grants: Option<Grants>,
    shares: Shares,
    imports: Vec<(String, Imports)>,
    tools: Option<Tools>,
    tenant: Option<String>,
    /// The key of the session that the call belongs to.
    session: Option<Arc<WorkerKey>>,
    name: Option<String>,
    callback: Option<Callback>,
    error_callback: Option<Callback>,
    pub(super) map_options: MapOptions,
}

impl Call {
    pub(super) fn new(shared: Arc<Shared>, module: &Module, function: Option<&str>) -> Self {
        Call {
            module: module.clone(),
            function: function.map(str::to_owned),
            args: Args::default(),
            argv: vec![module.name().to_owned()],
            stdin: Stdin::Empty,
            limits: shared.config.task_limits.clone(),
            retries: None,
            grants: None,
            shares: Shares::default(),
            imports: Vec::new(),
            tools: None,
            tenant: shared.config.tenant.clone(),
            session: None,
            name: None,
            callback: None,
            error_callback: None,
            map_options: MapOptions::default(),
            shared,
        }
    }

    /// Makes this a call in a session, whose limits it has unless it sets its own.
    pub(super) fn in_session(self, session: &Arc<WorkerKey>, limits: &TaskLimits) -> Self {
        Call {
            session: Some(Arc::clone(session)),
            limits: limits.clone(),
            ..self
        }
    }

    /// Adds a positional argument.
    pub fn arg(mut self, value: impl ToValue) -> Self {
        self.args.arg(value);
        self
    }

    /// Adds positional arguments, and keywords where `args` has some.
    pub fn args(mut self, args: impl ToArgs) -> Self {
        self.args = self.args.then(args.into_args());
        self
    }

    /// Adds positional arguments that are values already.
    pub fn values(mut self, values: Vec<Value>) -> Self {
        self.args.positional.extend(values);
        self
    }

    /// Adds an argument by the name of its parameter.
    pub fn kwarg(mut self, name: &str, value: impl ToValue) -> Self {
        self.args.kwarg(name, value);
        self
    }

    /// Adds words for the command, after its own name.
    pub fn argv<W: Into<String>>(mut self, words: impl IntoIterator<Item = W>) -> Self {
        self.argv.extend(words.into_iter().map(Into::into));
        self
    }

    /// Sets the standard input of the command \[[`Stdin::Empty`]\].
    pub fn stdin(mut self, stdin: Stdin) -> Self {
        self.stdin = stdin;
        self
    }

    /// Limits the wall time, from the moment a worker takes the task.
    pub fn timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.limits.timeout = Limit::set(limit.into(), Origin::Call);
        self
    }

    /// Sets the rule by which a task that did not end well is run again \[not at all\]. The
    /// outcome is that of its last run, so the caller, or the reader of outcomes in order,
    /// waits longer.
    pub fn retries(mut self, retries: Retries) -> Self {
        self.retries = Some(retries);
        self
    }

    /// Limits the CPU time of the worker during the task.
    pub fn cpu_time(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.limits.cpu_time = Limit::set(limit.into(), Origin::Call);
        self
    }

    /// Limits the linear memory, in bytes.
    pub fn memory(mut self, limit: impl Into<Option<u64>>) -> Self {
        self.limits.memory = Limit::set(limit.into(), Origin::Call);
        self
    }

    /// Limits the encoded result, in bytes.
    pub fn result_limit(mut self, limit: impl Into<Option<u64>>) -> Self {
        self.limits.result = Limit::set(limit.into(), Origin::Call);
        self
    }

    /// Limits the standard output, in bytes.
    pub fn stdout_limit(mut self, limit: impl Into<Option<u64>>) -> Self {
        self.limits.stdout = Limit::set(limit.into(), Origin::Call);
        self
    }

    /// Limits the standard error, in bytes.
    pub fn stderr_limit(mut self, limit: impl Into<Option<u64>>) -> Self {
        self.limits.stderr = Limit::set(limit.into(), Origin::Call);
        self
    }

    /// Limits the log and progress messages, in bytes.
    pub fn log_limit(mut self, limit: impl Into<Option<u64>>) -> Self {
        self.limits.log = Limit::set(limit.into(), Origin::Call);
        self
    }

    /// Limits the memory that one host call, or the result, may make the worker allocate,
    /// in bytes.
    pub fn host_call_memory(mut self, limit: impl Into<Option<u64>>) -> Self {
        self.limits.host_calls = Limit::set(limit.into(), Origin::Call);
        self
    }

    /// Limits the encoded arguments of one call of a function or tool of the host, in bytes.
    pub fn host_call_arguments(mut self, limit: impl Into<Option<u64>>) -> Self {
        self.limits.host_call_arguments = Limit::set(limit.into(), Origin::Call);
        self
    }

    /// Limits the encoded result of one call of a function or tool of the host, in bytes.
    pub fn host_call_results(mut self, limit: impl Into<Option<u64>>) -> Self {
        self.limits.host_call_results = Limit::set(limit.into(), Origin::Call);
        self
    }

    /// Limits the units of fuel. The pool must count fuel: see
    /// [`PoolBuilder::fuel`](crate::PoolBuilder::fuel).
    pub fn fuel(mut self, limit: impl Into<Option<u64>>) -> Self {
        self.limits.fuel = Limit::set(limit.into(), Origin::Call);
        self
    }

    /// Limits the number of HTTP requests.
    pub fn http_requests(mut self, limit: impl Into<Option<u64>>) -> Self {
        self.limits.http_requests = Limit::set(limit.into(), Origin::Call);
        self
    }

    /// Limits the bytes of the bodies of all HTTP requests, and of those of all responses.
    pub fn http_bytes(mut self, limit: impl Into<Option<u64>>) -> Self {
        self.limits.http_bytes = Limit::set(limit.into(), Origin::Call);
        self
    }

    /// Grants only a part of the pool's grants \[all of them\]. Workers are bound to their
    /// grants for life, so a call with fewer grants than the pool's runs in a process of
    /// its own.
    pub fn grants(mut self, grants: Grants) -> Self {
        self.grants = Some(grants);
        self
    }

    /// Grants a queue, a side of a pipe or a managed object to this call's tasks, which
    /// open it by this name. An object that is an argument is granted by that.
    ///
    /// A task that waits for another one keeps its worker: tasks that wait for each other
    /// need a worker each, or they wait until their deadlines.
    pub fn share(mut self, name: impl Into<String>, object: &impl Share) -> Self {
        self.shares.add(name.into(), object.handle());
        self
    }

    /// Replaces functions that the pool gives for an import ([`PoolBuilder::import`], by the
    /// same name), or denies some ([`Imports::deny`], [`Imports::denied`]), for this call.
    /// Functions that are not named stay those of the pool; naming one that the module does not
    /// import is an error of the call. Workers are shared with other calls.
    ///
    /// [`PoolBuilder::import`]: crate::PoolBuilder::import
    pub fn import(mut self, name: &str, imports: Imports) -> Self {
        self.imports.push((name.to_owned(), imports));
        self
    }

    /// Gives a tool to this call's tasks, beside those of the pool or in place of the one with
    /// its name.
    pub fn tool(mut self, tool: Tool) -> Self {
        self.own_tools().add(tool);
        self
    }

    /// Leaves this call's tasks only those of the tools so far that have these names.
    pub fn only_tools<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        self.own_tools().keep(&names);
        self
    }

    fn own_tools(&mut self) -> &mut Tools {
        let of_pool = &self.shared.config.tools;
        self.tools.get_or_insert_with(|| Tools::clone(of_pool))
    }

    /// Keeps this call's tasks away from the workers of every other tenant.
    pub fn tenant(mut self, key: impl Into<String>) -> Self {
        self.tenant = Some(key.into());
        self
    }

    /// Sets a name for the task, which its guest can ask for \[the function's name\].
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets a function that is called in the parent, on the pool's callback thread, when
    /// the task has ended, whatever its verdict. The result is handed over after it.
    pub fn callback(mut self, callback: impl FnOnce(&Outcome<Value>) + Send + 'static) -> Self {
        self.callback = Some(Box::new(callback));
        self
    }

    /// Sets a function that is called instead of the [`callback`](Call::callback) when the
    /// task has not ended `ok`.
    pub fn error_callback(
        mut self,
        callback: impl FnOnce(&Outcome<Value>) + Send + 'static,
    ) -> Self {
        self.error_callback = Some(Box::new(callback));
        self
    }

    /// Sets a function for `map_async` and `starmap_async` that is called once, with all
    /// outcomes, when the last task has ended.
    pub fn map_callback(
        mut self,
        callback: impl FnOnce(&[Outcome<Value>]) + Send + 'static,
    ) -> Self {
        self.map_options.callback = Some(Box::new(callback));
        self
    }

    /// Sets a function that is called instead of the [`map_callback`](Call::map_callback)
    /// when some tasks have not ended `ok`.
    pub fn map_error_callback(
        mut self,
        callback: impl FnOnce(&[Outcome<Value>]) + Send + 'static,
    ) -> Self {
        self.map_options.error_callback = Some(Box::new(callback));
        self
    }

    /// Sets the number of items that are handed to the pool at once \[all of a `map`, 1 of
    /// an `imap`\]. It does not decide which worker runs which task, and workers are sent
    /// as many tasks ahead as they can use in any case.
    ///
    /// In a `map`, workers begin with the first chunk while the next is made of its items.
    /// If an item then does not fit the function, or the pool takes no more tasks, those
    /// that were begun are cancelled; without chunks nothing is begun. In an `imap`, items
    /// wait until a chunk is full.
    pub fn chunksize(mut self, items: usize) -> Self {
        self.map_options.chunksize = Some(items);
        self
    }

    /// Refuses callbacks of a single task for a map, which has one callback for all: a
    /// callback that nobody would call is a mistake.
    pub(super) fn refuse_single_callbacks(&self) -> Result<(), Error> {
        match self.callback.is_some() || self.error_callback.is_some() {
            true => Err(SettingError::CallbackOfOneTask.into()),
            false => Ok(()),
        }
    }

    pub(super) fn refuse_map_callbacks(&self) -> Result<(), Error> {
        match self.map_options.has_callback() {
            true => Err(SettingError::CallbackOfMap.into()),
            false => Ok(()),
        }
    }

    /// Runs the task and waits for its value.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Failed`], which holds the outcome, if the task does not end `ok`,
    /// and other errors if it cannot be sent.
    pub fn apply<T: FromValue>(self) -> Result<T, Error> {
        self.outcome().and_then(value_of)
    }

    /// Runs the task and waits for its outcome: the verdict and all other facts.
    ///
    /// # Errors
    ///
    /// Returns an error if the task cannot be sent. A task that fails is no error here.
    pub fn outcome(self) -> Result<Outcome<Value>, Error> {
        if let Some(session) = &self.session
            && self.shared.serves(session.id)
        {
            // It would run after the call that this thread serves, and is not sent.
            return Err(Error::WouldDeadlock);
        }
        self.apply_async::<Value>()?.into_outcome()
    }

    /// Sends the task and returns at once.
    ///
    /// # Errors
    ///
    /// Returns an error if the pool takes no tasks, or the arguments do not fit.
    pub fn apply_async<T: FromValue>(mut self) -> Result<AsyncResult<T>, Error> {
        self.refuse_map_callbacks()?;
        let callback = merge(self.callback.take(), self.error_callback.take());
        let by_callback = callback.is_some();
        let args = std::mem::take(&mut self.args);
        let argv = std::mem::take(&mut self.argv);
        let stdin = std::mem::take(&mut self.stdin);
        let shared = Arc::clone(&self.shared);
        let template = self.template()?;
        let handles = GivenHandles::take(&template, &args)?;
        let inputs = match &template.callable {
            Some(_) => Inputs::function(&template, args)?,
            None => {
                let callee = Callee::Command {
                    argv,
                    inherit_stdin: stdin == Stdin::Inherit,
                };
                let stdin = match stdin {
                    Stdin::Bytes(bytes) => bytes,
                    Stdin::Empty | Stdin::Inherit => Vec::new(),
                };
                Inputs::command(&template, callee, stdin)?
            }
        };
        let cell = Arc::new(Cell::default());
        let cancelled = Arc::new(AtomicBool::new(false));
        let key = template.worker_key.id;
        let sink = Arc::clone(&cell) as _;
        let batch = Batch::new(&Arc::new(template), inputs, sink, &cancelled);
        let task = Task {
            callback,
            ..Task::new(batch, 0, 0)
        };
        let id = shared.submit(Entry::One(task))?;
        handles.keep_given();
        let pool = Arc::downgrade(&shared);
        Ok(AsyncResult::new(
            cell,
            TaskRef {
                pool,
                key,
                id,
                cancelled,
                by_callback,
            },
        ))
    }
}

fn merge(callback: Option<Callback>, error_callback: Option<Callback>) -> Option<Callback> {
    match (callback, error_callback) {
        (callback, None) => callback,
        (callback, Some(on_error)) => Some(Box::new(move |outcome: &Outcome<Value>| {
            if !outcome.is_ok() {
                on_error(outcome);
            } else if let Some(callback) = callback {
                callback(outcome);
            }
        })),
    }
}
