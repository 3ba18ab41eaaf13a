//! How a stream of calls is fed: a thread of its own pulls the inputs, makes them
//! ready and puts them where the pool gets them, while there is room.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use super::stream_state::{Put, StreamState};
use crate::guard::panic_text;
use crate::outcome::Verdict;
use crate::pool::api::Call;
use crate::pool::api::IMap;
use crate::pool::api::Steers;
use crate::pool::api::{Input, ToInput};
use crate::pool::error::Error;
use crate::pool::tasks::outcome;
use crate::pool::tasks::{Batch, Inputs};
use crate::pool::tasks::{Task, Template};
use sandpool_protocol::frame::What;
use sandpool_sys::thread_error;
use sandpool_value::{Args, FromValue};

impl Call {
    /// Runs a task for each input and yields the outcomes in the order of the
    /// inputs. Inputs are pulled as they are needed; see
    /// [`Pool::imap`](crate::Pool::imap). Arguments that this call has already are
    /// those of every task: by position they come before those of each input; by
    /// keyword they are left out of the parameters that an input gives, in their
    /// order, and are held once, however large they are. Words and standard input of
    /// this call are not used.
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
    call: Call,
    inputs: impl Iterator<Item = Input> + Send + 'static,
    ordered: bool,
) -> Result<IMap<T>, Error> {
    call.refuse_single_callbacks()?;
    call.refuse_map_callbacks()?;
    let chunksize = call.map_options.chunksize()?;
    let shared = Arc::clone(&call.shared);
    let steers = Arc::new(Steers::default());
    let (template, before) = call.template_of_many()?;
    let template = Arc::new(Template {
        steers: Some(Arc::clone(&steers)),
        ..template
    });
    let stream = StreamState::new(&shared, &template, steers, ordered, chunksize);
    let mut state = shared.lock();
    state.accepts_tasks()?;
    state.feeders += 1;
    state.streams.retain(|stream| stream.strong_count() > 0);
    state.streams.push(Arc::downgrade(&stream));
    drop(state);
    // From here on it is the end's duty to count the feeder out.
    let end = End(Arc::clone(&stream));
    let feeder = Feeder {
        stream: Arc::clone(&stream),
        template,
        before,
        input: Inputs::nothing(),
        over: false,
    };
    thread::Builder::new()
        .name("sandpool-feeder".into())
        .spawn(move || feeder.feed(inputs, end))
        .map_err(thread_error)
        .map_err(Error::system("start a thread"))?;
    Ok(IMap::new(stream))
}

struct Feeder {
    stream: Arc<StreamState>,
    template: Arc<Template>,
    /// Arguments that come before those of each input.
    before: Args,
    /// Where an input is made ready.
    input: Inputs,
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
        hand_over(&self.stream);
        drop(end);
    }

    /// Sends one input on its way.
    fn take(&mut self, input: Input) {
        let goes_on = match self.make_ready(input) {
            Ok(()) => self.put(),
            Err(error) => self.refuse(&error),
        };
        self.over = !goes_on;
    }

    /// Checks an input and encodes it.
    fn make_ready(&mut self, input: Input) -> Result<(), Error> {
        match input {
            Input::Args(args) => {
                let args = match self.before.is_empty() {
                    true => args,
                    false => self.before.clone().then(args),
                };
                self.input.set(&self.template, args)
            }
            Input::Command { argv, stdin } => {
                let words = std::iter::once(self.template.function.to_string()).chain(argv);
                let what = What::Command {
                    argv: words.collect(),
                    inherit_stdin: false,
                };
                self.input = Inputs::command(&self.template, what, stdin)?;
                Ok(())
            }
            Input::Invalid(reason) => Err(Error::Setting { what: reason }),
        }
    }

    /// Puts the input where the pool gets it; says whether that takes more.
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

    /// Says what is wrong with an input; says whether further ones are wanted.
    fn refuse(&self, error: &Error) -> bool {
        let stream = &self.stream;
        let mut takes_more = true;
        let index = stream.admit(0, |_, index| index, || takes_more = hand_over(stream));
        let Some(index) = index else {
            return false;
        };
        let sink = Arc::clone(stream) as _;
        let batch = Batch::new(&self.template, Inputs::nothing(), sink, stream.cancelled());
        let task = Task::new(batch, 0, index);
        outcome::never_ran(task, Verdict::InvalidArguments, error.to_string()).deliver();
        takes_more
    }
}

/// Hands what waits to the pool, and says of each input why, if it takes none;
/// says whether it takes more.
fn hand_over(stream: &Arc<StreamState>) -> bool {
    let Some(pool) = stream.pool() else {
        stream.refuse(Verdict::Cancelled, "the pool was terminated");
        return false;
    };
    let Err(error) = pool.take_over(stream) else {
        return true;
    };
    let verdict = match &error {
        Error::Broken { .. } => Verdict::InternalError,
        _ => Verdict::Cancelled,
    };
    stream.refuse(verdict, &error.to_string());
    false
}

/// Says that no more inputs come, however the feeder ended.
struct End(Arc<StreamState>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.end();
        if let Some(pool) = self.0.pool() {
            pool.lock().feeders -= 1;
            pool.wake.ring();
        }
    }
}
