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
use crate::shared::Shares;
use sandpool_protocol::frame::What;
use sandpool_protocol::limits::LimitName;
use sandpool_value::{Args, Function};

/// Tasks that are submitted together.
pub(crate) struct Batch {
    pub(crate) template: Arc<Template>,
    pub(crate) inputs: Inputs,
    pub(crate) submitted: Instant,
    pub(crate) sink: Arc<dyn Sink>,
    /// Set by whoever cancels them; looked at by the dispatcher.
    pub(crate) cancelled: Arc<AtomicBool>,
}

impl Batch {
    /// Tasks that are submitted now.
    pub(crate) fn new(
        template: &Arc<Template>,
        inputs: Inputs,
        sink: Arc<dyn Sink>,
        cancelled: &Arc<AtomicBool>,
    ) -> Arc<Self> {
        Self::since(Instant::now(), template, inputs, sink, cancelled)
    }

    /// Tasks that have waited since then.
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
    pub(crate) what: What,
    /// Encoded arguments of all of them, or the standard input of one command.
    raw: Vec<u8>,
    /// Long text or bytes of a single task, which stand within that: not copied.
    body: Vec<u8>,
    /// Where each one's bytes end.
    ends: SmallVec<[usize; 1]>,
    /// Where, in each one's bytes, those stand that are kept apart; at their end
    /// where that is not said.
    places: Vec<Places>,
    /// Objects among the arguments of those that have some, in their order.
    shares: Vec<(usize, Shares)>,
}

impl Inputs {
    /// One for a task that is never sent.
    pub(crate) fn nothing() -> Self {
        Self::one(What::Function(0), Vec::new())
    }

    fn one(what: What, raw: Vec<u8>) -> Self {
        let end = raw.len();
        Inputs {
            raw,
            ends: SmallVec::from_buf([end]),
            ..Self::none(what)
        }
    }

    fn none(what: What) -> Self {
        Inputs {
            what,
            raw: Vec::new(),
            body: Vec::new(),
            ends: SmallVec::new(),
            places: Vec::new(),
            shares: Vec::new(),
        }
    }

    /// None yet for the template's function.
    ///
    /// # Errors
    /// If it has none.
    pub(crate) fn of_function(template: &Template) -> Result<Self, Error> {
        let callable = template.callable.as_ref();
        let callable = callable.ok_or_else(|| wrong_kind(&template.worker_key.module))?;
        Ok(Self::none(What::Function(callable.index)))
    }

    /// A single one for the template's function.
    ///
    /// # Errors
    /// As [`Inputs::push`].
    pub(crate) fn function(template: &Template, args: Args) -> Result<Self, Error> {
        let mut inputs = Self::nothing();
        inputs.set(template, args)?;
        Ok(inputs)
    }

    /// As [`Inputs::function`], in the place and the room of what was here.
    ///
    /// # Errors
    /// As [`Inputs::push`]; what is here then is of no use.
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
        Ok(())
    }

    fn clear(&mut self) {
        self.raw.clear();
        self.body.clear();
        self.ends.clear();
        self.places.clear();
        self.shares.clear();
    }

    /// Appends a single one for the same function.
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
                // The body is a part like any other now.
                if places.body <= places.long {
                    places.long += one.body.len();
                }
                places.body = one.raw.len() + one.body.len();
                self.places.push(places);
            }
        }
        self.ends.push(self.raw.len());
        // Hardly ever any.
        if let Some((_, shares)) = one.shares.pop() {
            self.shares.push((place, shares));
        }
    }

    /// A single one for a function, in buffers that others can be appended to.
    pub(crate) fn copy_of(one: &mut Inputs) -> Self {
        let mut copy = Self::none(one.what.clone());
        copy.append(one);
        copy
    }

    /// These, which are gone here.
    pub(crate) fn take(&mut self) -> Self {
        let none = Self::none(self.what.clone());
        std::mem::replace(self, none)
    }

    pub(crate) fn is_function(&self) -> bool {
        matches!(self.what, What::Function(_))
    }

    /// One more for the template's function.
    ///
    /// # Errors
    /// What is wrong with the arguments.
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
        Ok(())
    }

    /// Notes what the next one is for, and the objects among its arguments; returns
    /// the function.
    fn share<'a>(&mut self, template: &'a Template, args: &Args) -> Result<&'a Function, Error> {
        let callable = template.callable.as_ref();
        let callable = callable.ok_or_else(|| wrong_kind(&template.worker_key.module))?;
        self.what = What::Function(callable.index);
        if !args.attachments.is_empty() {
            let shares = Shares::among(&args.attachments);
            self.shares.push((self.ends.len(), shares));
        }
        Ok(&callable.function)
    }

    /// Words and standard input for the template's command.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(crate) fn command(template: &Template, what: What, stdin: Vec<u8>) -> Result<Self, Error> {
        if template.callable.is_some() {
            return Err(Error::CommandInput {
                function: template.function.to_string(),
            });
        }
        check_size(template, stdin.len())?;
        Ok(Self::one(what, stdin))
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Bytes of all of them.
    pub(crate) fn bytes(&self) -> u64 {
        (self.raw.len() + self.body.len()) as u64
    }

    /// Bytes of one of them.
    pub(crate) fn bytes_of(&self, place: usize) -> u64 {
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
    /// Encoded arguments, or standard input, in pieces.
    pub(crate) fn raw(&self) -> [&[u8]; 5] {
        let inputs = &self.batch.inputs;
        pieces(
            inputs.raw(self.place),
            &inputs.body,
            self.template().long(),
            inputs.places(self.place),
        )
    }

    /// Bytes of these.
    pub(crate) fn raw_len(&self) -> usize {
        self.raw().iter().map(|piece| piece.len()).sum()
    }

    /// What it was given as arguments.
    pub(crate) fn shares(&self) -> Option<&Shares> {
        self.batch.inputs.shares(self.place)
    }
}

/// The bytes of a task with its long argument, and that of all tasks, in their
/// places.
pub(crate) fn pieces<'a>(
    raw: &'a [u8],
    body: &'a [u8],
    long: &'a [u8],
    at: Places,
) -> [&'a [u8]; 5] {
    // A body has its length before it, so one that stands where the other does comes
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

/// The tasks of a batch that no worker was there for yet.
pub(crate) struct Rest {
    batch: Arc<Batch>,
    /// Index of the task in the first place.
    first_index: u64,
    /// Place in the batch of the oldest of them.
    next: usize,
    /// Number of the task in the first place.
    first_id: u64,
}

impl Rest {
    /// All tasks of a batch, with indices from this one on.
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

    /// Number of the oldest.
    pub(crate) fn id(&self) -> u64 {
        self.first_id + self.next as u64
    }

    /// With tasks that have these numbers in the pool.
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
    /// A single one for a function.
    pub(crate) fn of_bytes(raw: Vec<u8>) -> Self {
        Self::one(What::Function(0), raw)
    }
}
