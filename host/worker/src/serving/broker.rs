//! The worker's end of its exchange: asks the host for what guests ask of
//! shared objects, and for its functions and tools.
//!
//! Most calls are a question and an answer. Two are spared the wait: an item
//! that was handed ahead is claimed, and an item is put on credit; see
//! [`exchange`](sandpool_protocol::exchange).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::engine::broker::Broker;
use sandpool_protocol::exchange::{Exchange, StreamReader, StreamWriter, Way, Word, framed};
use sandpool_protocol::request::{
    Answer, Asks, CREDIT_ITEM, ConnectionOp, DictOp, Item, Kind, ListOp, MAX_ITEM, Op, QueueOp,
    Reply, Request, ValueOp,
};
use sandpool_protocol::shared_error::SharedError;
use sandpool_protocol::sleep::{self, Spin, has_to_be_woken};
use sandpool_sys::EventFd;

/// The client of the host's broker, one for each worker whose module imports shared objects
/// or functions of the host.
pub(super) struct BrokerClient {
    exchange: Exchange,
    bell: Arc<EventFd>,
    /// Only the thread that runs guests is ever here.
    state: Mutex<BrokerState>,
}

struct BrokerState {
    requests: StreamWriter,
    answers: StreamReader,
    spin: Spin,
    task: u64,
    /// The queue that may be put into on credit.
    credit: Option<u32>,
    /// The queue that items were handed ahead from, and the items.
    ahead: Option<(u32, VecDeque<Item>)>,
}

impl BrokerClient {
    pub(super) fn new(exchange: Exchange, bell: Arc<EventFd>, spin: Spin) -> Self {
        BrokerClient {
            exchange,
            bell,
            state: Mutex::new(BrokerState {
                requests: StreamWriter::new(Way::ToHost),
                answers: StreamReader::new(Way::ToWorker),
                spin,
                task: 0,
                credit: None,
                ahead: None,
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BrokerState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a task begins, and forgets the credit and the items of the last one.
    pub(super) fn begin(&self, task: u64) {
        let mut state = self.lock();
        state.task = task;
        state.credit = None;
        state.ahead = None;
    }

    /// Sends a request, and waits for room where it takes some.
    fn send(&self, state: &mut BrokerState, asks: Asks) {
        let task = state.task;
        let bytes = framed(&Request { task, asks });
        let mut left = &bytes[..];
        loop {
            let written = state.requests.write(&self.exchange, left);
            left = &left[written.unwrap_or_else(|_| leave())..];
            if has_to_be_woken(self.exchange.host_sleeps()) {
                self.bell.ring();
            }
            if left.is_empty() {
                return;
            }
            let requests = &state.requests;
            sleep::sleep(self.exchange.worker_sleeps(), None, || {
                requests.may_write_on(&self.exchange)
            });
        }
    }

    /// Returns the next answer, or `None` if it has not come by `deadline`.
    fn receive(&self, state: &mut BrokerState, deadline: Option<Instant>) -> Option<Answer> {
        let BrokerState { answers, spin, .. } = state;
        loop {
            if answers.fill(&self.exchange).is_err() {
                leave();
            }
            match answers.message() {
                Ok(Some(message)) => {
                    return Some(postcard::from_bytes(message).unwrap_or_else(|_| leave()));
                }
                Ok(None) => {}
                Err(_) => leave(),
            }
            if answers.is_in_the_middle() && has_to_be_woken(self.exchange.host_sleeps()) {
                // The rest did not fit, and there is room for it now.
                self.bell.ring();
            }
            let left = match deadline {
                None => None,
                Some(deadline) => Some(deadline.checked_duration_since(Instant::now())?),
            };
            let answers = &*answers;
            sleep::look_then_sleep(self.exchange.worker_sleeps(), spin, left, || {
                answers.has_more(&self.exchange)
            });
        }
    }

    /// Asks and waits for the answer, until `deadline` at most.
    fn ask(&self, state: &mut BrokerState, object: u32, op: Op, until: Until) -> Answer {
        let wait = until != Until::Now;
        self.send(state, Asks::Call { object, op, wait });
        let deadline = match until {
            Until::Then(deadline) => Some(deadline),
            Until::Now | Until::Ever => None,
        };
        if let Some(answer) = self.receive(state, deadline) {
            return answer;
        }
        self.send(state, Asks::GiveUp);
        // An answer comes, whether the request was given up or had been answered.
        let last = self.receive(state, None);
        last.unwrap_or_else(|| leave())
    }

    fn reply(&self, state: &mut BrokerState, object: u32, op: Op, until: Until) -> Reply {
        let may_give_credit = matches!(op, Op::Queue(QueueOp::Put(_)));
        match self.ask(state, object, op, until) {
            Answer::Reply { reply, credit } => {
                if may_give_credit {
                    state.credit = (credit > 0).then_some(object);
                }
                reply
            }
            Answer::Handed(_) => leave(),
        }
    }
}

impl BrokerClient {
    /// Asks the host itself, and waits for its reply as long as that takes.
    fn ask_host(&self, asks: Asks) -> Reply {
        let mut state = self.lock();
        self.send(&mut state, asks);
        match self.receive(&mut state, None) {
            Some(Answer::Reply { reply, .. }) => reply,
            _ => leave(),
        }
    }
}

/// The end of a wait.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    Now,
    Then(Instant),
    Ever,
}

impl Until {
    fn after(timeout: Option<u64>) -> Self {
        match timeout {
            None => Until::Ever,
            Some(0) => Until::Now,
            Some(nanos) => {
                let then = Instant::now().checked_add(Duration::from_nanos(nanos));
                then.map_or(Until::Ever, Until::Then)
            }
        }
    }
}

/// Ends this process: the host's own bytes make no sense, so there is no host to work for.
fn leave() -> ! {
    std::process::exit(1)
}

impl Broker for BrokerClient {
    fn open(&self, kind: Kind, name: &str) -> Result<u32, SharedError> {
        let mut state = self.lock();
        let name = name.to_owned();
        self.send(&mut state, Asks::Open { kind, name });
        let answer = self.receive(&mut state, None);
        match answer {
            Some(Answer::Reply {
                reply: Reply::Number(number),
                ..
            }) => u32::try_from(number).map_err(|_| SharedError::Denied),
            Some(Answer::Reply {
                reply: Reply::Failed(error),
                ..
            }) => Err(error),
            _ => leave(),
        }
    }

    fn call(&self, object: u32, op: Op, timeout: Option<u64>) -> Reply {
        if !fits(&op) {
            return Reply::Failed(SharedError::TooLarge);
        }
        self.reply(&mut self.lock(), object, op, Until::after(timeout))
    }

    fn put(&self, object: u32, item: Item, timeout: Option<u64>) -> Reply {
        let mut state = self.lock();
        let credit = state.credit == Some(object) && item.len() <= CREDIT_ITEM;
        if credit && self.exchange.claim(Word::Credit, 1) {
            self.send(&mut state, Asks::Post { item });
            return Reply::Number(1);
        }
        drop(state);
        self.call(object, Op::Queue(QueueOp::Put(vec![item])), timeout)
    }

    fn get(&self, object: u32, most: u32, timeout: Option<u64>) -> Reply {
        let mut state = self.lock();
        if let Some((queue, items)) = &mut state.ahead
            && *queue == object
            && most as usize <= items.len()
            && self.exchange.claim(Word::Handed, most)
        {
            return Reply::Items(items.drain(..most as usize).collect());
        }
        // Too little is left of what was handed ahead, or it was taken back:
        // the host takes back the rest and begins with it.
        state.ahead = None;
        let op = Op::Queue(QueueOp::Get(most));
        let handed = match self.ask(&mut state, object, op, Until::after(timeout)) {
            Answer::Reply { reply, .. } => return reply,
            Answer::Handed(items) => items,
        };
        let mut items = VecDeque::from(handed);
        let owed = items.len().min(most as usize);
        // The host does not take back items that were asked for.
        if !self.exchange.claim(Word::Handed, owed as u32) {
            leave();
        }
        let rest = items.split_off(owed);
        state.ahead = Some((object, rest));
        Reply::Items(items.into())
    }

    fn function(&self, function: u32, arguments: Vec<u8>) -> Reply {
        let arguments = Item::from(arguments);
        self.ask_host(Asks::Function {
            function,
            arguments,
        })
    }

    fn tool(&self, name: String, arguments: String) -> Reply {
        self.ask_host(Asks::Tool { name, arguments })
    }

    fn tools(&self) -> Reply {
        self.ask_host(Asks::Tools)
    }
}

/// Returns `true` if the host takes an operation of this size in one request.
fn fits(op: &Op) -> bool {
    size(op) <= MAX_ITEM
}

/// Returns the number of bytes of an operation, about.
fn size(op: &Op) -> usize {
    let of_items = |items: &[Item]| items.iter().map(|item| item.len() + 8).sum();
    match op {
        Op::Connection(ConnectionOp::Send(item))
        | Op::List(ListOp::Set(_, item))
        | Op::Value(ValueOp::Set(item)) => item.len(),
        Op::Queue(QueueOp::Put(items)) | Op::List(ListOp::Extend(items)) => of_items(items),
        Op::Dict(op) => match op {
            DictOp::Get(key) | DictOp::Delete(key) | DictOp::Contains(key) => key.len(),
            DictOp::Set(key, value) => key.len() + value.len(),
            DictOp::Update(items) => {
                let sizes = items
                    .iter()
                    .map(|(key, value)| key.len() + value.len() + 16);
                sizes.sum()
            }
            DictOp::CompareAndSet {
                key,
                expected,
                replacement,
            } => {
                let len = |item: &Option<Item>| item.as_ref().map_or(0, |item| item.len());
                key.len() + len(expected) + len(replacement)
            }
            DictOp::Keys | DictOp::Items | DictOp::Len => 0,
        },
        _ => 0,
    }
}
