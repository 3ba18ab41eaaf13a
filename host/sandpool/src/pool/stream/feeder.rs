//! Feeds a stream of calls: a thread of its own pulls the inputs, encodes them and puts
//! them where the pool draws from, while there is room.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use super::input::Input;
use super::stream_state::{Put, StreamState};
use crate::guard::panic_text;
use crate::outcome::Verdict;
use crate::pool::error::Error;
use crate::pool::scheduler::TaskSource;
use crate::pool::state::Shared;
use crate::pool::tasks::{Batch, Inputs, Task, Template, outcome};
use sandpool_protocol::frame::Callee;
use sandpool_sys::thread_error;
use sandpool_value::{Args, with_causes};

/// Starts the thread that feeds a stream from `inputs`. The arguments `before` come before
/// those of each input.
///
/// # Errors
///
/// Returns an error if the pool takes no tasks, or the thread cannot be started.
pub(crate) fn start_feeder(
    pool: &Shared,
    stream: &Arc<StreamState>,
    before: Args,
    inputs: impl Iterator<Item = Input> + Send + 'static,
) -> Result<(), Error> {
    pool.lend_own_place();
    let mut state = pool.lock();
    state.life.accepts_tasks()?;
    let source: Arc<dyn TaskSource> = Arc::clone(stream) as _;
    state.sources.add(&source);
    drop(state);
    // From here on dropping `end` counts the feeder out.
    let end = EndOnDrop(Arc::clone(stream));
    let feeder = Feeder {
        template: Arc::clone(stream.template()),
        stream: Arc::clone(stream),
        before,
        input: Inputs::nothing(),
        over: false,
    };
    thread::Builder::new()
        .name("sandpool-feeder".into())
        .spawn(move || feeder.feed(inputs, end))
        .map(drop)
        .map_err(thread_error)
        .map_err(Error::system("start a thread"))
}

struct Feeder {
    stream: Arc<StreamState>,
    template: Arc<Template>,
    /// The arguments that come before those of each input.
    before: Args,
    /// The buffers in which an input is encoded.
    input: Inputs,
    /// The pool takes no more, or nobody wants the outcomes.
    over: bool,
}

impl Feeder {
    fn feed(mut self, inputs: impl Iterator<Item = Input>, end: EndOnDrop) {
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
            let text = panic_text(panic);
            self.take(Input::Invalid(format!("the inputs panicked: {text}")));
        }
        hand_over(&self.stream);
        drop(end);
    }

    /// Encodes one input and puts it where the pool draws from.
    fn take(&mut self, input: Input) {
        let goes_on = match self.make_ready(input) {
            Ok(()) => self.put(),
            Err(reason) => self.refuse(reason),
        };
        self.over = !goes_on;
    }

    /// Checks an input and encodes it.
    ///
    /// # Errors
    /// A line that says what is wrong with it.
    fn make_ready(&mut self, input: Input) -> Result<(), String> {
        match input {
            Input::Args(args) => {
                let args = match self.before.is_empty() {
                    true => args,
                    false => self.before.clone().then(args),
                };
                let ready = self.input.set(&self.template, args);
                ready.map_err(|error| with_causes(&error))
            }
            Input::Command { argv, stdin } => {
                let words = std::iter::once(self.template.function.to_string()).chain(argv);
                let callee = Callee::Command {
                    argv: words.collect(),
                    inherit_stdin: false,
                };
                let ready = Inputs::command(&self.template, callee, stdin);
                self.input = ready.map_err(|error| with_causes(&error))?;
                Ok(())
            }
            Input::Invalid(reason) => Err(reason),
        }
    }

    /// Puts the input where the pool draws from; returns `true` if more are wanted.
    fn put(&mut self) -> bool {
        let Feeder { stream, input, .. } = self;
        let mut takes_more = true;
        let put = stream.admit(
            input.bytes(),
            |state, index| stream.put(state, input, index),
            || takes_more = hand_over(stream),
        );
        match put {
            None => false,
            Some(Put::Waits) => takes_more,
            Some(Put::Due) => hand_over(stream),
            Some(Put::Unseen) => {
                if let Some(pool) = stream.pool() {
                    pool.wake.ring();
                }
                takes_more
            }
        }
    }

    /// Delivers an outcome for an invalid input; returns `true` if more are wanted.
    fn refuse(&self, reason: String) -> bool {
        let stream = &self.stream;
        let mut takes_more = true;
        let index = stream.admit(0, |_, index| index, || takes_more = hand_over(stream));
        let Some(index) = index else {
            return false;
        };
        let sink = Arc::clone(stream) as _;
        let batch = Batch::new(&self.template, Inputs::nothing(), sink, stream.cancelled());
        let task = Task::new(batch, 0, index);
        outcome::never_ran(task, Verdict::InvalidArguments, reason).deliver();
        takes_more
    }
}

/// Hands the waiting inputs to the pool; returns `true` if more are wanted. If the pool
/// takes none, delivers an outcome with the reason for each input.
fn hand_over(stream: &Arc<StreamState>) -> bool {
    let Some(pool) = stream.pool() else {
        stream.refuse(Verdict::Cancelled, "the pool was terminated");
        return false;
    };
    let Err(error) = take_over(&pool, stream) else {
        return true;
    };
    let verdict = match &error {
        Error::Broken { .. } => Verdict::InternalError,
        _ => Verdict::Cancelled,
    };
    stream.refuse(verdict, &with_causes(&error));
    false
}

/// Puts the stream's waiting inputs into the pool's queue, even if the pool was closed
/// after the stream began, and waits while the queue is full. On an error the stream keeps
/// the rest.
///
/// # Errors
///
/// Returns an error if the pool takes no more tasks.
fn take_over(pool: &Shared, stream: &Arc<StreamState>) -> Result<(), Error> {
    loop {
        let mut state = pool.lock();
        while pool.room(&state) == 0 && state.life.goes_on() && stream.has_pending() {
            state = pool.wait(state);
        }
        if !state.life.goes_on() {
            return state.life.accepts_tasks();
        }
        let room = pool.room(&state);
        let tasks = stream.take_pending(room);
        let is_all = tasks.is_empty() || room == usize::MAX;
        pool.enqueue(state, tasks.into_iter());
        if is_all {
            return Ok(());
        }
    }
}

/// Announces, when dropped, that no more inputs come, however the feeder ended.
struct EndOnDrop(Arc<StreamState>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.end();
        if let Some(pool) = self.0.pool() {
            pool.lock().sources.end_one();
            pool.wake.ring();
        }
    }
}
