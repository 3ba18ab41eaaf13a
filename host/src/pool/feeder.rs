//! How a stream of calls is fed: a thread of its own pulls the inputs, makes
//! tasks of them and hands those to the pool, while there is room.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use super::call::{Call, Prepared};
use super::error::Error;
use super::imap::{Flow, IMap, Input, ToInput, never_sent};
use super::task::{Task, Template};
use crate::guard::panic_text;
use crate::outcome::Verdict;
use crate::value::{Args, FromValue};

impl Call {
    /// Runs a task for each input and yields the outcomes in the order of the
    /// inputs. Inputs are pulled as they are needed; see
    /// [`Pool::imap`](crate::Pool::imap). Arguments that this call has already
    /// come before those of each input; its words and its standard input are
    /// not used.
    ///
    /// # Errors
    /// If the pool takes no tasks, or the function cannot be called.
    pub fn imap<T: FromValue>(
        self,
        inputs: impl IntoIterator<Item: ToInput, IntoIter: Send + 'static>,
    ) -> Result<IMap<T>, Error> {
        start(
            self,
            inputs.into_iter().map(|input| input.into_input()),
            true,
        )
    }

    /// As [`Call::imap`], in the order in which the tasks end.
    ///
    /// # Errors
    /// As [`Call::imap`].
    pub fn imap_unordered<T: FromValue>(
        self,
        inputs: impl IntoIterator<Item: ToInput, IntoIter: Send + 'static>,
    ) -> Result<IMap<T>, Error> {
        start(
            self,
            inputs.into_iter().map(|input| input.into_input()),
            false,
        )
    }
}

fn start<T: FromValue>(
    mut call: Call,
    inputs: impl Iterator<Item = Input> + Send + 'static,
    ordered: bool,
) -> Result<IMap<T>, Error> {
    call.refuse_single_callbacks()?;
    call.refuse_map_callbacks()?;
    let chunksize = call.map_options.chunksize()?;
    let before = std::mem::take(&mut call.args);
    let shared = Arc::clone(&call.shared);
    let flow = Flow::new(&shared, ordered);
    let mut template = call.template()?;
    template.steers = Some(Arc::clone(flow.steers()));
    let template = Arc::new(template);
    let mut state = shared.lock();
    state.accepts_tasks()?;
    state.feeders += 1;
    state.flows.retain(|flow| flow.strong_count() > 0);
    state.flows.push(Arc::downgrade(&flow));
    drop(state);
    // From here on it is the end's duty to count the feeder out.
    let end = End(Arc::clone(&flow));
    let feeder = Feeder {
        flow: Arc::clone(&flow),
        template,
        before,
        chunksize,
        over: false,
    };
    thread::Builder::new()
        .name("sandpool-feeder".into())
        .spawn(move || feeder.feed(inputs, end))
        .map_err(|source| Error::System {
            what: "start a thread",
            source,
        })?;
    Ok(IMap::new(flow))
}

struct Feeder {
    flow: Arc<Flow>,
    template: Arc<Template>,
    /// Arguments that come before those of each input.
    before: Args,
    chunksize: usize,
    /// The pool takes no more, or nobody wants the outcomes.
    over: bool,
}

impl Feeder {
    fn feed(mut self, inputs: impl Iterator<Item = Input>, end: End) {
        // Not by `for`: the inputs may panic too, and their reader is told.
        let fed = catch_unwind(AssertUnwindSafe(|| {
            for input in inputs {
                self.take(input);
                if self.over {
                    break;
                }
            }
        }));
        if let Err(panic) = fed {
            let text = panic_text(panic.as_ref());
            self.take(Input::Invalid(format!("the inputs panicked: {text}")));
        }
        self.hand_over();
        drop(end);
    }

    /// Sends one input on its way.
    fn take(&mut self, input: Input) {
        let prepared = match input {
            Input::Args(args) => Prepared::function(&self.template, self.before.clone().then(args))
                .map_err(|error| error.to_string()),
            Input::Command { argv, stdin } => {
                Prepared::command(&self.template, argv, stdin).map_err(|error| error.to_string())
            }
            Input::Invalid(reason) => Err(reason),
        };
        let bytes = prepared
            .as_ref()
            .map_or(0, |prepared| prepared.raw.len() as u64);
        let index = self.flow.try_admit(bytes).or_else(|| {
            // What is held back here is what room is waited for.
            self.hand_over();
            self.flow.admit(bytes)
        });
        let Some(index) = index else {
            self.over = true;
            return;
        };
        let (prepared, invalid) = match prepared {
            Ok(prepared) => (prepared, None),
            Err(reason) => (Prepared::nothing(), Some(reason)),
        };
        let task = Task {
            id: 0,
            index,
            attempts: 0,
            retries: 0,
            workers_lost: 0,
            template: Arc::clone(&self.template),
            what: prepared.what,
            raw: prepared.raw,
            shares: prepared.shares,
            submitted: Instant::now(),
            sink: self.flow.sink(bytes),
            callback: None,
            cancelled: Arc::clone(self.flow.cancelled()),
        };
        if let Some(reason) = invalid {
            return never_sent(task, Verdict::InvalidArguments, reason);
        }
        if !self.flow.holds_back(task, self.chunksize) {
            self.hand_over();
        }
    }

    /// Hands the chunk to the pool, and says of each task why, if it takes none.
    fn hand_over(&mut self) {
        let mut chunk = self.flow.take_chunk();
        if chunk.is_empty() {
            return;
        }
        let Some(pool) = self.flow.pool() else {
            self.over = true;
            for task in chunk {
                never_sent(task, Verdict::Cancelled, "the pool was terminated".into());
            }
            return;
        };
        match pool.submit_waiting(&mut chunk) {
            // The iterator may have gone after these were admitted.
            Ok(()) if self.flow.is_abandoned() => pool.sweep_cancelled(),
            Ok(()) => {}
            Err(error) => {
                self.over = true;
                let verdict = match &error {
                    Error::Broken { .. } => Verdict::InternalError,
                    _ => Verdict::Cancelled,
                };
                for task in chunk {
                    never_sent(task, verdict, error.to_string());
                }
            }
        }
    }
}

/// Says that no more inputs come, however the feeder ended.
struct End(Arc<Flow>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.end();
        if let Some(pool) = self.0.pool() {
            pool.lock().feeders -= 1;
            pool.wake.ring();
        }
    }
}
