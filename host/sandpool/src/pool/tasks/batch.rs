//! A batch: tasks that are submitted together. The task of one call, or all tasks of
//! a map.
//!
//! The template that they share is kept once, and the arguments of all of them lie in
//! one buffer. A `Task` is only made when a worker is there for it, so a million
//! waiting tasks take little more memory than their arguments.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use smallvec::SmallVec;

use super::constants::Places;
use super::task::{Sink, Task, Template, wrong_kind};
use crate::pool::error::Error;
use crate::pool::trace::TaskSpans;
use crate::shared::Shares;
use sandpool_protocol::frame::Callee;
use sandpool_protocol::limits::LimitName;
use sandpool_value::{Args, Function};

/// The tasks that are submitted together.
pub(crate) struct Batch {
    pub(crate) template: Arc<Template>,
    pub(super) inputs: Inputs,
    pub(crate) submitted: Instant,
    pub(crate) sink: Arc<dyn Sink>,
    /// Set by whoever cancels the tasks; read by the dispatcher.
    pub(super) cancelled: Arc<AtomicBool>,
}

impl Batch {
    /// Returns a batch of tasks that are submitted now.
    pub(crate) fn new(
        template: &Arc<Template>,
        inputs: Inputs,
        sink: Arc<dyn Sink>,
        cancelled: &Arc<AtomicBool>,
    ) -> Arc<Self> {
        Self::since(Instant::now(), template, inputs, sink, cancelled)
    }

    /// Returns a batch of tasks that were submitted at `submitted`.
    pub(crate) fn since(
        submitted: Instant,
        template: &Arc<Template>,
        inputs: Inputs,
        sink: Arc<dyn Sink>,
        cancelled: &Arc<AtomicBool>,
    ) -> Arc<Self> {
        Arc::new(Batch {
            template: Arc::clone(template),
            inputs,
            submitted,
            sink,
            cancelled: Arc::clone(cancelled),
        })
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

/// The checked arguments, or command lines, of the tasks of a batch.
pub(crate) struct Inputs {
    pub(super) callee: Callee,
    /// The encoded arguments of all tasks, or the standard input of one command.
    raw: Vec<u8>,
    /// A long text or byte list among the arguments of a single task: kept apart, not
    /// copied.
    body: Vec<u8>,
    /// The position in `raw` where the bytes of each task end.
    ends: SmallVec<[usize; 1]>,
    /// The positions, in each task's bytes, of the arguments that are kept apart. A task
    /// without an entry has them at its end.
    places: Vec<Places>,
    /// The shared objects among the arguments of each task that has any, in the order of
    /// tasks.
    shares: Vec<(usize, Shares)>,
    /// The spans of the tasks, for `tracing`.
    pub(super) spans: TaskSpans,
}

impl Inputs {
    /// Returns the inputs of a task that is never sent.
    pub(crate) fn nothing() -> Self {
        Self::one(Callee::Function(0), Vec::new())
    }

    fn one(callee: Callee, raw: Vec<u8>) -> Self {
        let end = raw.len();
        Inputs {
            raw,
            ends: SmallVec::from_buf([end]),
            ..Self::none(callee)
        }
    }

    fn none(callee: Callee) -> Self {
        Inputs {
            callee,
            raw: Vec::new(),
            body: Vec::new(),
            ends: SmallVec::new(),
            places: Vec::new(),
            shares: Vec::new(),
            spans: TaskSpans::default(),
        }
    }

    /// Returns inputs for the template's function, without any task yet.
    ///
    /// # Errors
    ///
    /// Returns an error if the template is a command's.
    pub(crate) fn of_function(template: &Template) -> Result<Self, Error> {
        let callable = template.callable.as_ref();
        let callable = callable.ok_or_else(|| wrong_kind(&template.worker_key.module))?;
        Ok(Self::none(Callee::Function(callable.index)))
    }

    /// Returns the inputs of a single task of the template's function.
    ///
    /// # Errors
    ///
    /// Returns an error as [`Inputs::push`] does.
    pub(crate) fn function(template: &Template, args: Args) -> Result<Self, Error> {
        let mut inputs = Self::nothing();
        inputs.set(template, args)?;
        Ok(inputs)
    }

    /// Replaces the inputs by those of a single task, as [`Inputs::function`] makes them,
    /// and reuses their buffers.
    ///
    /// # Errors
    ///
    /// Returns an error as [`Inputs::push`] does; the inputs are of no use then.
    pub(crate) fn set(&mut self, template: &Template, args: Args) -> Result<(), Error> {
        self.clear();
        let function = self.share(template, &args)?;
        match &template.constants {
            Some(constants) => {
                let body = Some(&mut self.body);
                let places = constants.encode_into(args, &mut self.raw, body)?;
                self.places.push(places);
            }
            None => self.body = args.encode_apart_for(function, &mut self.raw)?,
        }
        check_size(template, self.raw.len() + self.body.len())?;
        self.ends.push(self.raw.len());
        self.begin_span(template);
        Ok(())
    }

    fn clear(&mut self) {
        self.raw.clear();
        self.body.clear();
        self.ends.clear();
        self.places.clear();
        self.shares.clear();
        self.spans.clear();
    }

    /// Appends the inputs of a single task of the same function.
    pub(crate) fn append(&mut self, one: &mut Inputs) {
        let place = self.ends.len();
        match one.places.pop() {
            None => {
                self.raw.extend_from_slice(&one.raw);
                self.raw.extend_from_slice(&one.body);
            }
            Some(mut places) => {
                let [before, behind] = [&one.raw[..places.body], &one.raw[places.body..]];
                for piece in [before, &one.body, behind] {
                    self.raw.extend_from_slice(piece);
                }
                // From here on the body is a part like any other.
                if places.body <= places.long {
                    places.long += one.body.len();
                }
                places.body = one.raw.len() + one.body.len();
                self.places.push(places);
            }
        }
        self.ends.push(self.raw.len());
        self.spans.append(&mut one.spans);
        // Hardly any task has shared objects.
        if let Some((_, shares)) = one.shares.pop() {
            self.shares.push((place, shares));
        }
    }

    /// Copies the inputs of a single task of a function into buffers that others can be
    /// appended to.
    pub(crate) fn copy_of(one: &mut Inputs) -> Self {
        let mut copy = Self::none(one.callee.clone());
        copy.append(one);
        copy
    }

    /// Takes the inputs out and leaves none.
    pub(crate) fn take(&mut self) -> Self {
        let none = Self::none(self.callee.clone());
        std::mem::replace(self, none)
    }

    pub(crate) fn is_function(&self) -> bool {
        matches!(self.callee, Callee::Function(_))
    }

    /// Adds a task of the template's function.
    ///
    /// # Errors
    ///
    /// Returns an error if the arguments do not fit the function.
    pub(crate) fn push(&mut self, template: &Template, args: Args) -> Result<(), Error> {
        let function = self.share(template, &args)?;
        let before = self.raw.len();
        match &template.constants {
            Some(constants) => {
                let places = constants.encode_into(args, &mut self.raw, None)?;
                self.places.push(places);
            }
            None => args.encode_for(function, &mut self.raw)?,
        }
        check_size(template, self.raw.len() - before)?;
        self.ends.push(self.raw.len());
        self.begin_span(template);
        Ok(())
    }

    /// Begins the span of the last task.
    #[inline]
    fn begin_span(&mut self, template: &Template) {
        let name = template.name.as_deref();
        self.spans.begin(&template.caller, &template.function, name);
    }

    /// Notes the function of the next task and the shared objects among its arguments;
    /// returns the function.
    fn share<'a>(&mut self, template: &'a Template, args: &Args) -> Result<&'a Function, Error> {
        let callable = template.callable.as_ref();
        let callable = callable.ok_or_else(|| wrong_kind(&template.worker_key.module))?;
        self.callee = Callee::Function(callable.index);
        if !args.attachments.is_empty() {
            let shares = Shares::among(&args.attachments);
            self.shares.push((self.ends.len(), shares));
        }
        Ok(&callable.function)
    }

    /// Returns the words and the standard input for the template's command.
    ///
    /// # Errors
    ///
    /// Returns an error if the words or the standard input are invalid or too large.
    pub(crate) fn command(
        template: &Template,
        callee: Callee,
        stdin: Vec<u8>,
    ) -> Result<Self, Error> {
        if template.callable.is_some() {
            return Err(Error::CommandInput {
                function: template.function.to_string(),
            });
        }
        check_size(template, stdin.len())?;
        let mut inputs = Self::one(callee, stdin);
        inputs.begin_span(template);
        Ok(inputs)
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Returns the number of bytes of all tasks.
    pub(crate) fn bytes(&self) -> u64 {
        (self.raw.len() + self.body.len()) as u64
    }

    /// Returns the number of bytes of one task.
    pub(super) fn bytes_of(&self, place: usize) -> u64 {
        (self.raw(place).len() + self.body.len()) as u64
    }

    fn raw(&self, place: usize) -> &[u8] {
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.raw[start..self.ends[place]]
    }

    fn places(&self, place: usize) -> Places {
        let end = self.raw(place).len();
        let at_the_end = Places {
            long: end,
            body: end,
        };
        self.places.get(place).copied().unwrap_or(at_the_end)
    }

    fn shares(&self, place: usize) -> Option<&Shares> {
        let found = self.shares.binary_search_by_key(&place, |(of, _)| *of);
        Some(&self.shares[found.ok()?].1)
    }
}

pub(crate) fn check_size(template: &Template, own: usize) -> Result<(), Error> {
    let size = (own + template.long().len()) as u64;
    let limits = &template.limits;
    match limits.arguments.value {
        Some(limit) if size > limit => {
            let hit = limits.hit(LimitName::Arguments);
            hit.map_or(Ok(()), |limit| {
                Err(Error::ArgumentsTooLarge { size, limit })
            })
        }
        _ => Ok(()),
    }
}

impl Task {
    /// Returns the encoded arguments, or the standard input, in pieces.
    pub(crate) fn raw(&self) -> [&[u8]; 5] {
        let inputs = &self.batch.inputs;
        pieces(
            inputs.raw(self.place),
            &inputs.body,
            self.template().long(),
            inputs.places(self.place),
        )
    }

    /// Returns the number of bytes of [`Task::raw`].
    pub(crate) fn raw_len(&self) -> usize {
        self.raw().iter().map(|piece| piece.len()).sum()
    }

    /// Returns the shared objects among the task's arguments.
    pub(crate) fn shares(&self) -> Option<&Shares> {
        self.batch.inputs.shares(self.place)
    }
}

/// Splits the bytes of a task so that its own long argument and that of all tasks stand in
/// their positions.
pub(super) fn pieces<'a>(
    raw: &'a [u8],
    body: &'a [u8],
    long: &'a [u8],
    at: Places,
) -> [&'a [u8]; 5] {
    // A body has its length before it. So where both have the same position, the body comes
    // first.
    match at.body <= at.long {
        true => [
            &raw[..at.body],
            body,
            &raw[at.body..at.long],
            long,
            &raw[at.long..],
        ],
        false => [
            &raw[..at.long],
            long,
            &raw[at.long..at.body],
            body,
            &raw[at.body..],
        ],
    }
}

/// The tasks of a batch that no worker was free for yet.
pub(crate) struct Rest {
    batch: Arc<Batch>,
    /// The index of the batch's first task.
    first_index: u64,
    /// The position in the batch of the oldest remaining task.
    next: usize,
    /// The number of the batch's first task.
    first_id: u64,
}

impl Rest {
    /// Returns all tasks of a batch. The first has the index `first_index`.
    pub(crate) fn all(batch: Arc<Batch>, first_index: u64) -> Self {
        Rest {
            batch,
            first_index,
            next: 0,
            first_id: 0,
        }
    }

    pub(crate) fn batch(&self) -> &Batch {
        &self.batch
    }

    pub(crate) fn len(&self) -> usize {
        self.batch.inputs.len() - self.next
    }

    /// Returns the number of the oldest remaining task.
    pub(crate) fn id(&self) -> u64 {
        self.first_id + self.next as u64
    }

    /// Gives the tasks their numbers in the pool.
    pub(crate) fn numbered_from(self, id: u64) -> Self {
        Rest {
            first_id: id,
            ..self
        }
    }
}

impl Iterator for Rest {
    type Item = Task;

    fn next(&mut self) -> Option<Task> {
        if self.len() == 0 {
            return None;
        }
        let place = self.next;
        self.next += 1;
        let task = Task::new(
            Arc::clone(&self.batch),
            place,
            self.first_index + place as u64,
        );
        Some(task.numbered(self.first_id + place as u64))
    }
}

#[cfg(test)]
impl Inputs {
    /// Returns the inputs of a single task of a function.
    pub(crate) fn of_bytes(raw: Vec<u8>) -> Self {
        Self::one(Callee::Function(0), raw)
    }
}
