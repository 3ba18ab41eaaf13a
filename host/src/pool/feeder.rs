//! How a stream of calls is fed: a thread of its own pulls the inputs, makes
//! tasks of them and hands those to the pool, while there is room.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use super::call::Call;
use super::error::Error;
use super::flow::Flow;
use super::imap::IMap;
use super::input::{Input, ToInput};
use super::lot::{Inputs, Lot};
use super::settle;
use super::steering::Steers;
use super::task::{Task, Template};
use crate::guard::panic_text;
use crate::outcome::Verdict;
use crate::protocol::frame::What;
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
    let steers = Arc::new(Steers::default());
    let template = Arc::new(Template {
        steers: Some(Arc::clone(&steers)),
        ..call.template()?
    });
    let flow = Flow::new(&shared, Arc::clone(&template), steers, ordered);
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
        let inputs = match input {
            Input::Args(args) => {
                let args = self.before.clone().then(args);
                Inputs::function(&self.template, args)
            }
            Input::Command { argv, stdin } => {
                let words = std::iter::once(self.template.function.to_string()).chain(argv);
                let what = What::Command {
                    argv: words.collect(),
                    inherit_stdin: false,
                };
                Inputs::command(&self.template, what, stdin)
            }
            Input::Invalid(reason) => Err(Error::Setting { what: reason }),
        };
        let bytes = inputs.as_ref().map_or(0, Inputs::bytes);
        let index = self.flow.try_admit(bytes).or_else(|| {
            // What is held back here is what room is waited for.
            self.hand_over();
            self.flow.admit(bytes)
        });
        let Some(index) = index else {
            self.over = true;
            return;
        };
        let (inputs, invalid) = match inputs {
            Ok(inputs) => (inputs, None),
            Err(error) => (Inputs::nothing(), Some(error.to_string())),
        };
        let sink = Arc::clone(&self.flow) as _;
        let lot = Lot::new(&self.template, inputs, sink, self.flow.cancelled());
        let task = Task::new(lot, 0, index);
        if let Some(reason) = invalid {
            return settle::never_ran(task, Verdict::InvalidArguments, reason).deliver();
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
                let reason = "the pool was terminated".into();
                settle::never_ran(task, Verdict::Cancelled, reason).deliver();
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
                    settle::never_ran(task, verdict, error.to_string()).deliver();
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
