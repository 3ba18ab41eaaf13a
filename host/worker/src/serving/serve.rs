//! The worker's loop: claim a task, run it, publish its answer.

use std::sync::Arc;
use std::time::Instant;

use wasmtime::Store;

use super::instance::WorkerContext;
use super::stdin::GuestInput;
use crate::engine::call::Returned;
use crate::engine::code::Live;
use crate::engine::guest::Guest;
use crate::engine::snapshot;
use crate::engine::verdict;
use sandpool_protocol::Violation;
use sandpool_protocol::compact::{CompactTask, put_answer};
use sandpool_protocol::frame::{
    AnswerHeader, Callee, Payload, TaskEnd, TaskHeader, put_inline, split,
};
use sandpool_protocol::limits::LimitName;
use sandpool_protocol::ring::{LARGE_PAYLOAD, PUT_TOGETHER};
use sandpool_protocol::worker_end::WorkerEnd;
use sandpool_sys::Mapping;
use sandpool_value::{Value, encode_apart, raw as raw_of};

/// A worker that has loaded its artifact.
pub(super) struct Server {
    ring: WorkerEnd,
    context: WorkerContext,
    /// The last task whose header stood in the ring; see [`CompactTask`].
    last: Option<Order>,
    /// Where the next answer is put together, unless it is large.
    spare: Vec<u8>,
    /// When the last task ended, if the next begins with that.
    last_end: Option<Instant>,
    /// An instance that is kept for further tasks.
    kept: Option<Live>,
    /// An instance that is done with; freed when its answer is out.
    retired: Option<Live>,
}

/// Bytes of an error text: a guest chooses the names in it, and it has to fit
/// into the header of the answer, with the refusals.
const MAX_ERROR_LEN: usize = 8 * 1024;

fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(MAX_ERROR_LEN));
    text
}

/// The task, but for its arguments.
pub(super) struct Order {
    pub(super) header: TaskHeader,
    /// The name of the task for the guest.
    pub(super) name: Arc<str>,
}

/// The ending of a task, on the way to an answer.
struct CallResult {
    end: TaskEnd,
    message: Option<String>,
    /// Encoded, in two pieces.
    value: [Vec<u8>; 2],
}

impl CallResult {
    fn new(end: TaskEnd, message: Option<String>) -> Self {
        CallResult {
            end,
            message,
            value: Default::default(),
        }
    }
}

/// An answer, as it goes into the ring.
struct Answer {
    payload: Vec<u8>,
    /// The parts that follow the payload, if they are not copied into it.
    behind: Option<[Vec<u8>; 4]>,
}

impl Answer {
    fn publish(&self, ring: &mut WorkerEnd) -> bool {
        match &self.behind {
            None => ring.publish(&[&self.payload]),
            Some([head, body, stdout, stderr]) => {
                ring.publish(&[&self.payload, head, body, stdout, stderr])
            }
        }
    }
}

impl Server {
    pub(super) fn new(ring: WorkerEnd, context: WorkerContext) -> Self {
        Server {
            ring,
            context,
            last: None,
            spare: Vec::new(),
            last_end: None,
            kept: None,
            retired: None,
        }
    }

    /// Serves until the process is ended. Returns only when the host's own
    /// bytes make no sense, with the exit code.
    pub(super) fn serve(mut self) -> i32 {
        let link = Arc::clone(&self.context.link);
        let _timers = link.runtime().enter();
        let mut payload = Vec::new();
        loop {
            payload.clear();
            if !self.ring.claim(&mut payload) {
                self.last_end = None;
                self.ring.wait_for_task();
                continue;
            }
            if self.serve_one(&payload).is_err() {
                return 1;
            }
            if payload.capacity() > LARGE_PAYLOAD {
                // The memory that a task may use must not depend on earlier tasks.
                payload = Vec::new();
            }
        }
    }

    fn serve_one(&mut self, payload: &[u8]) -> Result<(), Violation> {
        match Payload::read(payload)? {
            Payload::Compact(bytes) => {
                let (compact, raw) = CompactTask::read(bytes)?;
                let mut order = self.last.take().ok_or(Violation("as no task before"))?;
                compact.renew(&mut order.header);
                self.serve_order(&order, raw);
                self.last = Some(order);
            }
            Payload::Inline(frame) => {
                let (header, raw) = split::<TaskHeader>(frame)?;
                let order = self.order(header);
                self.serve_order(&order, raw);
                self.last = Some(order);
            }
            Payload::InFile { id, .. } => {
                self.last_end = None;
                let frame = self.context.link.payload(id);
                let frame = frame.map_err(|_| Violation("a payload's file cannot be read"))?;
                let (header, raw) = split::<TaskHeader>(frame.bytes())?;
                self.serve_order(&self.order(header), raw);
            }
        }
        Ok(())
    }

    fn order(&self, header: TaskHeader) -> Order {
        let name = header
            .name
            .as_deref()
            .unwrap_or_else(|| match &header.callee {
                Callee::Function(index) => self
                    .context
                    .code
                    .function(*index)
                    .map_or("", |f| f.name.as_str()),
                Callee::Command { argv, .. } => argv.first().map_or("", String::as_str),
            });
        let name = name.into();
        Order { header, name }
    }

    fn serve_order(&mut self, order: &Order, raw: &[u8]) {
        let task = order.header.task;
        self.context.link.set_running(Some(task));
        if let Some(broker) = &self.context.broker {
            broker.begin(task);
        }
        if let Some(http) = self.context.link.http() {
            http.begin_task();
        }
        let answer = self.run(order, raw);
        self.context.link.set_running(None);
        if let Some(http) = self.context.link.http() {
            http.end_task();
        }
        let at_once = answer.publish(&mut self.ring);
        self.spare = answer.payload;
        if self.retired.take().is_some() || !at_once {
            self.last_end = None;
        }
    }

    /// Runs one task and returns its answer.
    fn run(&mut self, order: &Order, raw: &[u8]) -> Answer {
        // To read the clock takes as long as to call a small function.
        let started = self.last_end.unwrap_or_else(Instant::now);
        let header = &order.header;
        let is_function = matches!(header.callee, Callee::Function(_));
        // A command starts in an instance of its own, always; one that was
        // kept makes room for it.
        let mut live = match self.kept.take().filter(|_| is_function) {
            Some(live) => live,
            None => match self.instantiate(order, started, raw) {
                Ok(live) => live,
                Err((store, result)) => return self.answer(header, started, &store, result),
            },
        };
        if live.used > 0
            && let Err(error) = self.context.begin(&mut live.store, order, started)
        {
            let result = CallResult::new(TaskEnd::Trap, Some(error.to_string()));
            return self.answer(header, started, &live.store, result);
        }
        let called = match &header.callee {
            Callee::Function(index) => self.context.code.call(&mut live, *index, raw),
            Callee::Command { .. } => self
                .context
                .code
                .run_command(&mut live.store, live.instance),
        };
        let called = self.snapshot(&mut live, called);
        let sound = called.is_ok();
        let result = self.end(header, &live.store, called);
        let answer = self.answer(header, started, &live.store, result);
        live.used += 1;
        // An instance that trapped may be in any state: only sound instances are kept.
        if sound && is_function && live.used < self.context.setup.reuse {
            self.kept = Some(live);
        } else {
            self.retired = Some(live);
        }
        answer
    }

    /// Puts a snapshot of the instance in place of the value that the function returned, if
    /// the module is instrumented.
    fn snapshot(
        &self,
        live: &mut Live,
        called: wasmtime::Result<Returned>,
    ) -> wasmtime::Result<Returned> {
        match (&self.context.original, called) {
            (Some(original), Ok(Returned::Value(_))) => {
                let wasm = snapshot::take(&self.context.code, live, original.bytes())?;
                Ok(Returned::Value(Value::Bytes(wasm)))
            }
            (_, called) => called,
        }
    }

    /// Makes a new instance, and calls the pool's initializer in it.
    fn instantiate(
        &self,
        order: &Order,
        started: Instant,
        raw: &[u8],
    ) -> Result<Live, (Store<Guest>, CallResult)> {
        let header = &order.header;
        let stdin = match &header.callee {
            Callee::Function(_) => None,
            Callee::Command {
                inherit_stdin: true,
                ..
            } => Some(GuestInput::inherit(Arc::clone(&self.context.link))),
            Callee::Command { .. } => Some(GuestInput::bytes(raw.to_vec())),
        };
        let stdin = stdin.map(|stdin| Box::new(stdin) as _);
        let mut store = self.context.store(header, stdin, started);
        let made = self
            .context
            .begin(&mut store, order, started)
            .and_then(|()| self.context.code.instantiate(&mut store));
        let mut live = match made {
            Ok(instance) => Live::new(store, instance),
            Err(error) => {
                let (end, message) = verdict::of_error(&error, &store.data().bounds);
                return Err((store, CallResult::new(end, message)));
            }
        };
        if let Some(initializer) = &self.context.setup.initializer {
            let code = &self.context.code;
            let called = code.call(&mut live, initializer.function, &initializer.arguments);
            let failed = match called {
                Ok(Returned::Value(_)) => None,
                Ok(Returned::Error(None)) => Some("it returned an error".to_owned()),
                Ok(Returned::Error(Some(error))) => {
                    Some(String::from_utf8_lossy(&raw_of(&error)).into_owned())
                }
                Ok(Returned::Exit(code)) => Some(format!("it left with exit code {code}")),
                Err(error) => {
                    let (end, message) = verdict::of_error(&error, &live.store.data().bounds);
                    if end.is_a_limit() {
                        // The task's own, which another task may not have: no
                        // reason to break the pool.
                        return Err((live.store, CallResult::new(end, message)));
                    }
                    Some(message.unwrap_or_else(|| match end {
                        TaskEnd::Denied => "it called what was not granted".to_owned(),
                        end => format!("it ended with {end:?}"),
                    }))
                }
            };
            if let Some(message) = failed {
                return Err((
                    live.store,
                    CallResult::new(TaskEnd::Initializer, Some(message)),
                ));
            }
        }
        Ok(live)
    }

    /// Turns what a call came back with into an ending.
    fn end(
        &self,
        header: &TaskHeader,
        store: &Store<Guest>,
        called: wasmtime::Result<Returned>,
    ) -> CallResult {
        let bounds = &store.data().bounds;
        match called {
            Ok(Returned::Value(value)) => self.value(header, TaskEnd::Ok, value),
            Ok(Returned::Error(None)) => CallResult::new(TaskEnd::Error, None),
            Ok(Returned::Error(Some(value))) => self.value(header, TaskEnd::Error, value),
            Ok(Returned::Exit(0)) => self.value(header, TaskEnd::Ok, Value::unit()),
            Ok(Returned::Exit(code)) => CallResult::new(TaskEnd::Exit(code), None),
            Err(error) => {
                let (end, message) = verdict::of_error(&error, bounds);
                CallResult::new(end, message)
            }
        }
    }

    fn value(&self, header: &TaskHeader, end: TaskEnd, value: Value) -> CallResult {
        let value = encode_apart(value);
        let len = value.iter().map(Vec::len).sum::<usize>() as u64;
        if header.limits.result.is_some_and(|limit| len > limit) {
            return CallResult::new(TaskEnd::OutputLimit(LimitName::Result), None);
        }
        CallResult {
            end,
            message: None,
            value,
        }
    }

    fn answer(
        &mut self,
        header: &TaskHeader,
        started: Instant,
        store: &Store<Guest>,
        result: CallResult,
    ) -> Answer {
        let ended = Instant::now();
        self.last_end = Some(ended);
        let wasi = &self.context.wasi;
        let (stdout, stderr) = (wasi.stdout.take(), wasi.stderr.take());
        let bounds = &store.data().bounds;
        let fuel = if self.context.setup.engine.count_fuel {
            let given = header.limits.fuel.unwrap_or(u64::MAX);
            store.get_fuel().ok().map(|left| given.saturating_sub(left))
        } else {
            None
        };
        let answer = AnswerHeader {
            task: header.task,
            end: result.end,
            message: result.message.map(cut),
            run_time: ended.saturating_duration_since(started),
            peak_memory: bounds.peak_memory,
            fuel,
            refusals: bounds.refusals.clone(),
            value_len: result.value.iter().map(Vec::len).sum::<usize>() as u64,
            stdout_len: stdout.len() as u64,
            stderr_len: stderr.len() as u64,
        };
        let mut payload = std::mem::take(&mut self.spare);
        let [head, body] = result.value;
        let parts = [head, body, stdout, stderr];
        let raw: usize = parts.iter().map(Vec::len).sum();
        put_answer(&mut payload, &answer);
        if raw <= PUT_TOGETHER {
            parts
                .iter()
                .for_each(|part| payload.extend_from_slice(part));
            return Answer {
                payload,
                behind: None,
            };
        }
        if payload.len() + raw <= self.context.setup.most_in_ring {
            return Answer {
                payload,
                behind: Some(parts),
            };
        }
        put_inline(&mut payload, &answer, &[]);
        let [head, body, stdout, stderr] = &parts;
        Answer {
            payload: self.in_file(&[&payload[1..], head, body, stdout, stderr]),
            behind: None,
        }
    }

    /// Puts a frame into a memory file that the host makes.
    fn in_file(&self, parts: &[&[u8]]) -> Vec<u8> {
        let len: usize = parts.iter().map(|part| part.len()).sum();
        let room = self.context.link.room(len as u64);
        // Mapped, since this process may have no right to write files. Without
        // room there is no answer: the host sees a worker that leaves.
        let Ok(room) = room.and_then(|file| Mapping::new(&file, len)) else {
            std::process::exit(1);
        };
        let mut at = 0;
        for part in parts {
            room.copy_in(at, part);
            at += part.len();
        }
        Payload::in_file(0, len as u64)
    }
}
