//! Reads the requests of a worker's task: to shared objects, and for functions and tools of
//! the host. Runs under the pool's lock.
//!
//! Everything is checked: a task reaches only objects that it or its pool was granted, asks
//! one question at a time, and puts on credit only as much as it was allowed.

use std::sync::Arc;

use super::ReadProgress;
use super::answers::Answers;
use super::task_calls::TaskCalls;
use crate::pool::host_calls::{CallTarget, HostCall};
use crate::pool::tasks::Task;
use crate::shared::object::{Object, Owner, ReplySink, Requester};
use crate::shared::{SharedError, Shares};
use sandpool_protocol::Violation;
use sandpool_protocol::exchange::{Exchange, StreamReader, Way};
use sandpool_protocol::request::{Asks, CREDIT_ITEM, Item, Kind, Op, QueueOp, Reply, Request};
use sandpool_protocol::sleep;

/// The number of requests that are read from one worker, and of bytes that are read of
/// them, before others have their turn.
const AT_ONCE: usize = 2048;
const BYTES_AT_ONCE: usize = 4 * 1024 * 1024;

/// The host's end of one worker's exchange.
pub(crate) struct Requests {
    answers: Arc<Answers>,
    reader: StreamReader,
    /// A request of the next task, held until the answer of the current one is taken.
    held: Option<Request>,
    /// The running task's identity to the objects.
    party: Owner,
    /// The objects that the running task has opened, by number from `first` on.
    opened: Vec<Arc<dyn Object>>,
    /// The lowest number of the running task's objects: lower ones were another task's.
    first: u32,
    /// The last call, which may be given up.
    question: Question,
    calls: TaskCalls,
    /// The queue that hands the task items before it asks. The next field is the queue into
    /// which the task may put on credit.
    ahead_of: Option<Arc<dyn Object>>,
    credit_of: Option<Arc<dyn Object>>,
}

/// The state of the last call.
enum Question {
    /// The call does not wait, or was given up already.
    None,
    /// The call was answered at once, which the worker may learn too late.
    Answered,
    Asked(u64, Arc<dyn Object>),
}

/// The objects and calls around a worker's requests.
pub(crate) struct Grantor<'a> {
    /// The objects that the pool grants to all tasks.
    pub(crate) shares: &'a Shares,
    pub(crate) worker_pid: u32,
    /// The calls of the host that were asked for, to be run once the lock is released.
    pub(crate) calls: &'a mut Vec<HostCall>,
}

impl Requests {
    pub(crate) fn new(exchange: Exchange) -> Self {
        Requests {
            answers: Arc::new(Answers::new(exchange)),
            reader: StreamReader::new(Way::ToHost),
            held: None,
            party: Owner::new(),
            opened: Vec::new(),
            first: 0,
            question: Question::None,
            calls: TaskCalls::default(),
            ahead_of: None,
            credit_of: None,
        }
    }

    /// Returns `true` if requests wait. Costs one load.
    pub(crate) fn has_more(&self) -> bool {
        self.held.is_some() || self.reader.has_more(self.answers.exchange())
    }

    /// Returns `true` if requests wait or a backlog can be written.
    pub(crate) fn has_news(&self) -> bool {
        self.has_more() || self.answers.may_write_on()
    }

    pub(crate) fn announce_sleep(&self) {
        sleep::announce(self.answers.exchange().host_sleeps());
    }

    pub(crate) fn announce_awake(&self) {
        sleep::announce_awake(self.answers.exchange().host_sleeps());
    }

    /// Writes as much of the backlog of replies as there is room for; returns `true` if it
    /// wrote any.
    pub(crate) fn write_on(&self) -> Result<bool, Violation> {
        self.answers.write_on()
    }

    /// Reads the requests of this task, and has each answered by its object or by a call of
    /// the host.
    pub(crate) fn read(
        &mut self,
        task: &Task,
        granted: &mut Grantor<'_>,
    ) -> Result<ReadProgress, Violation> {
        let mut posted = Vec::new();
        let mut bytes = 0;
        for _ in 0..AT_ONCE {
            let Some(request) = self.next(&mut bytes)? else {
                self.post(&mut posted)?;
                return Ok(match self.has_more() {
                    true => ReadProgress::More,
                    false => ReadProgress::All,
                });
            };
            if request.task != task.id {
                self.post(&mut posted)?;
                self.held = Some(request);
                return Ok(ReadProgress::Next);
            }
            match request.asks {
                // Checked before many of them are collected.
                Asks::Post { item } if item.len() > CREDIT_ITEM => {
                    return Err(Violation("it puts more on credit than it may"));
                }
                Asks::Post { item } => posted.push(item),
                asks => {
                    self.post(&mut posted)?;
                    self.dispatch(asks, task, granted)?;
                }
            }
        }
        self.post(&mut posted)?;
        Ok(ReadProgress::More)
    }

    /// Returns the next request, if it is there as a whole and others need not have their
    /// turn first. Adds the number of bytes read to `bytes`.
    fn next(&mut self, bytes: &mut usize) -> Result<Option<Request>, Violation> {
        if let Some(held) = self.held.take() {
            return Ok(Some(held));
        }
        loop {
            if let Some(message) = self.reader.message()? {
                let request = postcard::from_bytes(message);
                return request
                    .map(Some)
                    .map_err(|_| Violation("a request cannot be read"));
            }
            let exchange = self.answers.exchange();
            if *bytes >= BYTES_AT_ONCE || !self.reader.has_more(exchange) {
                return Ok(None);
            }
            *bytes += self.reader.fill(exchange)?;
            // The worker may wait for room.
            self.answers.wake();
        }
    }

    /// Puts the items that were put on credit.
    fn post(&mut self, items: &mut Vec<Item>) -> Result<(), Violation> {
        if items.is_empty() {
            return Ok(());
        }
        let queue = self.credit_of.as_ref().and_then(|object| object.queue());
        let queue = queue.ok_or(Violation("it puts on credit that it does not have"))?;
        queue.posted(&self.reply_sink(), std::mem::take(items))
    }

    fn reply_sink(&self) -> Arc<dyn ReplySink> {
        Arc::clone(&self.answers) as _
    }

    fn dispatch(
        &mut self,
        asks: Asks,
        task: &Task,
        granted: &mut Grantor<'_>,
    ) -> Result<(), Violation> {
        self.calls.were_answered();
        match asks {
            Asks::Open { kind, name } => {
                self.check_its_turn()?;
                let reply = self.open(kind, &name, task, granted.shares);
                self.answers.reply(reply);
            }
            Asks::Call { object, op, wait } => {
                self.check_its_turn()?;
                self.call(object, op, wait)?;
            }
            Asks::GiveUp => match std::mem::replace(&mut self.question, Question::None) {
                Question::Asked(id, object) => object.give_up(id),
                Question::Answered => {}
                Question::None => return Err(Violation("it gives up what it never asked")),
            },
            // The caller collects these.
            Asks::Post { .. } => {}
            Asks::Function {
                function,
                arguments,
            } => {
                self.check_call(arguments.len(), task)?;
                let function = task.template().imports.function(function);
                let function =
                    function.ok_or(Violation("it calls a function that it was not given"))?;
                if function.is_denied() {
                    self.answers.reply(Reply::CallDenied);
                    return Ok(());
                }
                let target = CallTarget::Function(Arc::clone(function), arguments);
                self.call_host(target, task, granted);
            }
            Asks::Tool { name, arguments } => {
                self.check_call(name.len().saturating_add(arguments.len()), task)?;
                match task.template().tools.find(&name) {
                    None => self.answers.reply(Reply::Tool(None)),
                    Some(tool) => {
                        let target = CallTarget::Tool(Arc::clone(tool), arguments);
                        self.call_host(target, task, granted);
                    }
                }
            }
            Asks::Tools => {
                self.check_its_turn()?;
                let tools = task.template().tools.entries();
                self.answers.reply(Reply::Tools(tools));
            }
        }
        Ok(())
    }

    /// Checks a call of the host whose arguments take this many bytes.
    fn check_call(&mut self, bytes: usize, task: &Task) -> Result<(), Violation> {
        self.check_its_turn()?;
        // A call cannot be given up.
        self.question = Question::None;
        let most = task.template().limits.host_call_arguments.value;
        match most.is_some_and(|most| bytes as u64 > most) {
            true => Err(Violation("it calls with longer arguments than it may")),
            false => Ok(()),
        }
    }

    /// Hands over a call of the host, whose reply will come from another thread.
    fn call_host(&mut self, target: CallTarget, task: &Task, granted: &mut Grantor<'_>) {
        let facts = self.calls.begin(task, granted.worker_pid);
        let requester = Requester::new(self.party, self.reply_sink());
        self.answers.expect(Some(requester.id));
        granted.calls.push(HostCall {
            question: requester.id,
            facts,
            target,
            results: task.template().limits.host_call_results,
            sink: Arc::clone(&self.answers) as _,
        });
    }

    /// Returns `true` if the running task waits for a call of the host that waits for a task
    /// of this pool.
    pub(crate) fn waits_for_pool(&self) -> bool {
        self.calls.wait_for_pool() && self.answers.is_awaited()
    }

    /// Takes the text of the call of the host that failed, if one did.
    pub(crate) fn take_failure(&self) -> Option<String> {
        self.calls.take_failure()
    }

    fn check_its_turn(&self) -> Result<(), Violation> {
        match self.answers.is_awaited() {
            true => Err(Violation("it asks before it was answered")),
            false => Ok(()),
        }
    }

    fn open(&mut self, kind: Kind, name: &str, task: &Task, granted: &Shares) -> Reply {
        let own = task.shares().and_then(|own| own.find(kind, name));
        let of_the_call = || task.template().shares.find(kind, name);
        let of_the_pool = || granted.find(kind, name);
        let Some(object) = own.or_else(of_the_call).or_else(of_the_pool) else {
            return Reply::Failed(SharedError::Denied);
        };
        let same = |known: &Arc<dyn Object>| Arc::ptr_eq(known, object);
        let place = self.opened.iter().position(same).unwrap_or_else(|| {
            self.opened.push(Arc::clone(object));
            self.opened.len() - 1
        });
        Reply::Number(i64::from(self.first) + place as i64)
    }

    fn call(&mut self, number: u32, op: Op, wait: bool) -> Result<(), Violation> {
        let place = number.checked_sub(self.first).map(|place| place as usize);
        let Some(object) = place.and_then(|place| self.opened.get(place)) else {
            // An instance that is kept may have handles of an earlier task.
            self.question = match wait {
                true => Question::Answered,
                false => Question::None,
            };
            self.answers.reply(Reply::Failed(SharedError::Closed));
            return Ok(());
        };
        let object = Arc::clone(object);
        self.turn_to(&object, &op);
        let requester = Requester::new(self.party, self.reply_sink());
        self.answers.expect(Some(requester.id));
        self.question = match wait {
            true => Question::Asked(requester.id, Arc::clone(&object)),
            false => Question::None,
        };
        object.ask(op, wait, &requester)
    }

    /// Notes the queue of this call: one queue at a time hands items ahead, and one gives
    /// credit.
    fn turn_to(&mut self, object: &Arc<dyn Object>, op: &Op) {
        let of = match op {
            Op::Queue(QueueOp::Get(_)) => &mut self.ahead_of,
            Op::Queue(QueueOp::Put(_)) => &mut self.credit_of,
            _ => return,
        };
        let before = of.replace(Arc::clone(object));
        if let Some(before) = before
            && !Arc::ptr_eq(&before, object)
            && let Some(queue) = before.queue()
        {
            let sink = self.reply_sink();
            match op {
                Op::Queue(QueueOp::Get(_)) => queue.end_prefetch(&sink),
                _ => queue.end_credit(&sink),
            }
        }
    }

    /// Ends the task's requests. Items that it was handed and has not received go back, its
    /// waiting call is given up, and the objects that it holds are released if it `died`.
    pub(crate) fn end(&mut self, died: bool) {
        self.answers.expect(None);
        self.question = Question::None;
        self.calls.end();
        let sink = self.reply_sink();
        if let Some(before) = self.ahead_of.take()
            && let Some(queue) = before.queue()
        {
            queue.end_prefetch(&sink);
        }
        if !self.opened.is_empty() {
            self.first = self.first.wrapping_add(self.opened.len() as u32);
            for object in self.opened.drain(..) {
                object.leave(self.party, died);
            }
            self.party = Owner::new();
        }
        // Last, since a task that waits to put may still be given credit.
        if let Some(before) = self.credit_of.take()
            && let Some(queue) = before.queue()
        {
            queue.end_credit(&sink);
        }
    }
}
