//! Requests of guests: to the objects that they share, and for functions and tools of the
//! host. They and the replies travel through an [`exchange`](super::exchange).

use serde::{Deserialize, Serialize};

use crate::shared_error::SharedError;

/// The largest size in bytes of one item, key or value.
pub const MAX_ITEM: usize = 64 * 1024 * 1024;

/// The largest size in bytes of an item that may be put on credit.
pub const CREDIT_ITEM: usize = 4096;

/// The largest size in bytes of one request or answer, with all its items.
pub const MAX_REQUEST: usize = MAX_ITEM + 1024 * 1024;

/// Bytes as they lie in a queue, a list or a dictionary.
pub type Item = serde_bytes::ByteBuf;

/// One request of a guest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// The running task, so that a request of the next task is not taken for one of a task
    /// that has just ended.
    pub task: u64,
    pub asks: Asks,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Asks {
    /// Asks for the number of the object that was granted under this name.
    Open { kind: Kind, name: String },
    /// Makes a call, which is answered. Without `wait` it is answered at once.
    Call { object: u32, op: Op, wait: bool },
    /// Puts an item that there is room for, on credit. Not answered.
    Post { item: Item },
    /// Ends the wait of the waiting call. It is answered even so.
    GiveUp,
    /// Calls a function of the host.
    Function {
        /// The place of the function among those of all imports in the module's description,
        /// one after the other.
        function: u32,
        /// The encoded arguments.
        arguments: Item,
    },
    /// Calls a tool of the host. The arguments are JSON.
    Tool { name: String, arguments: String },
    /// Asks for the list of the tools that were granted.
    Tools,
}

/// The kinds of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    Queue,
    Connection,
    Dict,
    List,
    Value,
    Lock,
    RLock,
    Semaphore,
    Event,
    Condition,
    Barrier,
}

impl Kind {
    /// Returns the name of the kind in refusals.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Queue => "queue",
            Kind::Connection => "pipe",
            Kind::Dict => "dict",
            Kind::List => "list",
            Kind::Value => "value",
            Kind::Lock => "lock",
            Kind::RLock => "rlock",
            Kind::Semaphore => "semaphore",
            Kind::Event => "event",
            Kind::Condition => "condition",
            Kind::Barrier => "barrier",
        }
    }
}

/// One step on an object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Op {
    Queue(QueueOp),
    Connection(ConnectionOp),
    Dict(DictOp),
    List(ListOp),
    Value(ValueOp),
    Lock(LockOp),
    Semaphore(SemaphoreOp),
    Event(EventOp),
    Condition(ConditionOp),
    Barrier(BarrierOp),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum QueueOp {
    /// Answered with the number of items that went in.
    Put(Vec<Item>),
    /// Answered with up to this many items.
    Get(u32),
    Size,
    MaxSize,
    Full,
    Close,
    TaskDone,
    Join,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ConnectionOp {
    Send(Item),
    Receive,
    Poll,
    Close,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum DictOp {
    Get(String),
    Set(String, Item),
    Delete(String),
    Keys,
    Items,
    Len,
    Contains(String),
    Update(Vec<(String, Item)>),
    CompareAndSet {
        key: String,
        expected: Option<Item>,
        replacement: Option<Item>,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ListOp {
    Extend(Vec<Item>),
    Get(i64),
    Set(i64, Item),
    Pop(Option<i64>),
    Len,
    Items,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ValueOp {
    Get,
    Set(Item),
    Add(i64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LockOp {
    Acquire,
    Release,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SemaphoreOp {
    Acquire,
    Release,
    /// Answered with the number of free permits; for hosts.
    Permits,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventOp {
    Set,
    Clear,
    IsSet,
    Wait,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConditionOp {
    Acquire,
    Release,
    Wait,
    /// Wakes this many; `u32::MAX` for all.
    Notify(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BarrierOp {
    Wait,
    Reset,
    Abort,
    Parties,
    Waiting,
    Broken,
}

/// An object's reply.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Reply {
    Done,
    Number(i64),
    Flag(bool),
    Item(Item),
    MaybeItem(Option<Item>),
    Items(Vec<Item>),
    Names(Vec<String>),
    Pairs(Vec<(String, Item)>),
    /// A lock is held now; tells whether its last holder abandoned it.
    Acquired {
        abandoned: bool,
    },
    Failed(SharedError),
    /// The function or the tool of the host failed, which ends the task. The host keeps the
    /// text to itself until then.
    CallFailed,
    /// The function of the host was not granted to this call.
    CallDenied,
    /// A tool's own answer, JSON or an error text; `None` if the tool was not granted.
    Tool(Option<Result<String, String>>),
    Tools(Vec<ToolEntry>),
}

/// A tool of the host, as guests see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolEntry {
    pub name: String,
    pub description: Option<String>,
    /// A JSON schema of the arguments.
    pub schema: Option<String>,
}

/// A message to the worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    /// The answer to a call. After a put, `credit` further items may be put into that queue
    /// without waiting.
    Reply { reply: Reply, credit: u32 },
    /// The answer to a get: items that are the guest's once it claims them, and go back
    /// otherwise.
    Handed(Vec<Item>),
}
