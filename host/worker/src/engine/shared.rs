//! The interfaces for shared objects: `queue`, `pipe` and `manager`.
//!
//! Guests' calls become requests here, and replies become results. The [`Broker`] knows
//! where the objects are.

use wasmtime::component::Resource;
use wasmtime_wasi::WasiView;

use super::bindings::sandpool::task::manager::{self, Acquired};
use super::bindings::sandpool::task::shared::{self, Error};
use super::bindings::sandpool::task::{pipe, queue};
use super::broker::{Broker, Opened};
use super::guest::Guest;
use sandpool_protocol::request::{
    BarrierOp, ConditionOp, ConnectionOp, DictOp, EventOp, Item, Kind, ListOp, LockOp, Op, QueueOp,
    Reply, SemaphoreOp, ValueOp,
};
use sandpool_protocol::shared_error::SharedError;

type Answer<T> = wasmtime::Result<Result<T, Error>>;

impl Guest {
    fn open(&mut self, kind: Kind, name: &str) -> Answer<Resource<Opened>> {
        let found = match &self.broker {
            Some(broker) => broker.open(kind, name),
            None => Err(SharedError::Denied),
        };
        match found {
            Ok(object) => Ok(Ok(self.ctx().table.push(Opened(object))?)),
            Err(error) => {
                if error == SharedError::Denied {
                    self.bounds.deny(kind.name(), name.to_owned());
                }
                Ok(Err(error.into()))
            }
        }
    }

    fn number(&mut self, object: &Resource<Opened>) -> wasmtime::Result<u32> {
        Ok(self.ctx().table.get(object)?.0)
    }

    fn ask(
        &mut self,
        object: &Resource<Opened>,
        op: Op,
        timeout: Option<u64>,
    ) -> wasmtime::Result<Reply> {
        let object = self.number(object)?;
        Ok(match &self.broker {
            Some(broker) => broker.call(object, op, timeout),
            None => Reply::Failed(SharedError::Denied),
        })
    }

    fn ask_queue(
        &mut self,
        object: &Resource<Opened>,
        ask: impl Fn(&dyn Broker, u32) -> Reply,
    ) -> wasmtime::Result<Reply> {
        let object = self.number(object)?;
        Ok(match &self.broker {
            Some(broker) => ask(&**broker, object),
            None => Reply::Failed(SharedError::Denied),
        })
    }

    fn close(&mut self, object: Resource<Opened>) -> wasmtime::Result<()> {
        self.ctx().table.delete(object)?;
        Ok(())
    }
}

impl From<SharedError> for Error {
    fn from(error: SharedError) -> Self {
        match error {
            SharedError::Denied => Error::Denied,
            SharedError::Full => Error::Full,
            SharedError::Empty => Error::Empty,
            SharedError::EndOfFile => Error::EndOfFile,
            SharedError::Timeout => Error::Timeout,
            SharedError::NotOwner => Error::NotOwner,
            SharedError::OverRelease => Error::OverRelease,
            SharedError::Broken => Error::Broken,
            SharedError::OutOfRange => Error::OutOfRange,
            SharedError::TooLarge => Error::TooLarge,
            SharedError::NotANumber => Error::NotANumber,
            SharedError::NotJoinable => Error::NotJoinable,
            // `Closed`. The others are the host's own, and never reach a guest.
            _ => Error::Closed,
        }
    }
}

/// Reads a reply for a guest. A reply of another kind than was asked for is an error of the
/// host's, which ends the task.
fn read<T>(reply: Reply, read: impl FnOnce(Reply) -> Option<T>) -> Answer<T> {
    if let Reply::Failed(error) = reply {
        return Ok(Err(error.into()));
    }
    let value = read(reply);
    let value = value.ok_or_else(|| wasmtime::format_err!("an answer of another kind"))?;
    Ok(Ok(value))
}

fn done(reply: Reply) -> Answer<()> {
    read(reply, |reply| (reply == Reply::Done).then_some(()))
}

fn number<T: TryFrom<i64>>(reply: Reply) -> Answer<T> {
    read(reply, |reply| match reply {
        Reply::Number(number) => T::try_from(number).ok(),
        _ => None,
    })
}

fn flag(reply: Reply) -> Answer<bool> {
    read(reply, |reply| match reply {
        Reply::Flag(flag) => Some(flag),
        _ => None,
    })
}

fn item(reply: Reply) -> Answer<Vec<u8>> {
    read(reply, |reply| match reply {
        Reply::Item(item) => Some(item.into_vec()),
        _ => None,
    })
}

fn items(reply: Reply) -> Answer<Vec<Vec<u8>>> {
    read(reply, |reply| match reply {
        Reply::Items(items) => Some(items.into_iter().map(Item::into_vec).collect()),
        _ => None,
    })
}

fn acquired(reply: Reply) -> Answer<Acquired> {
    read(reply, |reply| match reply {
        Reply::Acquired { abandoned: true } => Some(Acquired::Abandoned),
        Reply::Acquired { abandoned: false } => Some(Acquired::Clean),
        _ => None,
    })
}

fn all(items: Vec<Vec<u8>>) -> Vec<Item> {
    items.into_iter().map(Item::from).collect()
}

impl shared::Host for Guest {}

impl queue::Host for Guest {}

impl queue::HostQueue for Guest {
    fn open(&mut self, name: String) -> Answer<Resource<Opened>> {
        Guest::open(self, Kind::Queue, &name)
    }

    fn put(&mut self, this: Resource<Opened>, item: Vec<u8>, timeout: Option<u64>) -> Answer<()> {
        let object = self.number(&this)?;
        let item = Item::from(item);
        let reply = match &self.broker {
            Some(broker) => broker.put(object, item, timeout),
            None => Reply::Failed(SharedError::Denied),
        };
        read(reply, |reply| {
            matches!(reply, Reply::Number(_)).then_some(())
        })
    }

    fn try_put(&mut self, this: Resource<Opened>, item: Vec<u8>) -> Answer<()> {
        self.put(this, item, Some(0))
    }

    fn put_many(
        &mut self,
        this: Resource<Opened>,
        items: Vec<Vec<u8>>,
        timeout: Option<u64>,
    ) -> Answer<u64> {
        number(self.ask(&this, Op::Queue(QueueOp::Put(all(items))), timeout)?)
    }

    fn get(&mut self, this: Resource<Opened>, timeout: Option<u64>) -> Answer<Vec<u8>> {
        let reply = self.ask_queue(&this, |broker, object| broker.get(object, 1, timeout))?;
        read(reply, |reply| match reply {
            Reply::Items(items) => items.into_iter().next().map(Item::into_vec),
            _ => None,
        })
    }

    fn try_get(&mut self, this: Resource<Opened>) -> Answer<Vec<u8>> {
        self.get(this, Some(0))
    }

    fn get_many(
        &mut self,
        this: Resource<Opened>,
        max: u32,
        timeout: Option<u64>,
    ) -> Answer<Vec<Vec<u8>>> {
        items(self.ask_queue(&this, |broker, object| broker.get(object, max, timeout))?)
    }

    fn size(&mut self, this: Resource<Opened>) -> Answer<u64> {
        number(self.ask(&this, Op::Queue(QueueOp::Size), None)?)
    }

    fn maxsize(&mut self, this: Resource<Opened>) -> Answer<u64> {
        number(self.ask(&this, Op::Queue(QueueOp::MaxSize), None)?)
    }

    fn empty(&mut self, this: Resource<Opened>) -> Answer<bool> {
        Ok(self.size(this)?.map(|size| size == 0))
    }

    fn full(&mut self, this: Resource<Opened>) -> Answer<bool> {
        flag(self.ask(&this, Op::Queue(QueueOp::Full), None)?)
    }

    fn close(&mut self, this: Resource<Opened>) -> Answer<()> {
        done(self.ask(&this, Op::Queue(QueueOp::Close), None)?)
    }

    fn task_done(&mut self, this: Resource<Opened>) -> Answer<()> {
        done(self.ask(&this, Op::Queue(QueueOp::TaskDone), None)?)
    }

    fn join(&mut self, this: Resource<Opened>, timeout: Option<u64>) -> Answer<()> {
        done(self.ask(&this, Op::Queue(QueueOp::Join), timeout)?)
    }

    fn drop(&mut self, this: Resource<Opened>) -> wasmtime::Result<()> {
        Guest::close(self, this)
    }
}

impl pipe::Host for Guest {}

impl pipe::HostConnection for Guest {
    fn open(&mut self, name: String) -> Answer<Resource<Opened>> {
        Guest::open(self, Kind::Connection, &name)
    }

    fn send(
        &mut self,
        this: Resource<Opened>,
        message: Vec<u8>,
        timeout: Option<u64>,
    ) -> Answer<()> {
        let op = ConnectionOp::Send(Item::from(message));
        done(self.ask(&this, Op::Connection(op), timeout)?)
    }

    fn recv(&mut self, this: Resource<Opened>, timeout: Option<u64>) -> Answer<Vec<u8>> {
        item(self.ask(&this, Op::Connection(ConnectionOp::Receive), timeout)?)
    }

    fn poll(&mut self, this: Resource<Opened>, timeout: Option<u64>) -> Answer<bool> {
        flag(self.ask(&this, Op::Connection(ConnectionOp::Poll), timeout)?)
    }

    fn close(&mut self, this: Resource<Opened>) -> Answer<()> {
        done(self.ask(&this, Op::Connection(ConnectionOp::Close), None)?)
    }

    fn drop(&mut self, this: Resource<Opened>) -> wasmtime::Result<()> {
        Guest::close(self, this)
    }
}

impl manager::Host for Guest {}

impl manager::HostDict for Guest {
    fn open(&mut self, name: String) -> Answer<Resource<Opened>> {
        Guest::open(self, Kind::Dict, &name)
    }

    fn get(&mut self, this: Resource<Opened>, key: String) -> Answer<Option<Vec<u8>>> {
        let reply = self.ask(&this, Op::Dict(DictOp::Get(key)), None)?;
        read(reply, |reply| match reply {
            Reply::MaybeItem(item) => Some(item.map(Item::into_vec)),
            _ => None,
        })
    }

    fn set(&mut self, this: Resource<Opened>, key: String, value: Vec<u8>) -> Answer<()> {
        let op = DictOp::Set(key, Item::from(value));
        done(self.ask(&this, Op::Dict(op), None)?)
    }

    fn delete(&mut self, this: Resource<Opened>, key: String) -> Answer<bool> {
        flag(self.ask(&this, Op::Dict(DictOp::Delete(key)), None)?)
    }

    fn keys(&mut self, this: Resource<Opened>) -> Answer<Vec<String>> {
        let reply = self.ask(&this, Op::Dict(DictOp::Keys), None)?;
        read(reply, |reply| match reply {
            Reply::Names(names) => Some(names),
            _ => None,
        })
    }

    fn items(&mut self, this: Resource<Opened>) -> Answer<Vec<(String, Vec<u8>)>> {
        let reply = self.ask(&this, Op::Dict(DictOp::Items), None)?;
        read(reply, |reply| match reply {
            Reply::Pairs(pairs) => {
                let pairs = pairs.into_iter();
                Some(pairs.map(|(key, value)| (key, value.into_vec())).collect())
            }
            _ => None,
        })
    }

    fn len(&mut self, this: Resource<Opened>) -> Answer<u64> {
        number(self.ask(&this, Op::Dict(DictOp::Len), None)?)
    }

    fn contains(&mut self, this: Resource<Opened>, key: String) -> Answer<bool> {
        flag(self.ask(&this, Op::Dict(DictOp::Contains(key)), None)?)
    }

    fn update(&mut self, this: Resource<Opened>, items: Vec<(String, Vec<u8>)>) -> Answer<()> {
        let items = items.into_iter();
        let items = items.map(|(key, value)| (key, Item::from(value))).collect();
        done(self.ask(&this, Op::Dict(DictOp::Update(items)), None)?)
    }

    fn compare_and_set(
        &mut self,
        this: Resource<Opened>,
        key: String,
        expected: Option<Vec<u8>>,
        replacement: Option<Vec<u8>>,
    ) -> Answer<bool> {
        let op = DictOp::CompareAndSet {
            key,
            expected: expected.map(Item::from),
            replacement: replacement.map(Item::from),
        };
        flag(self.ask(&this, Op::Dict(op), None)?)
    }

    fn drop(&mut self, this: Resource<Opened>) -> wasmtime::Result<()> {
        Guest::close(self, this)
    }
}

impl manager::HostSequence for Guest {
    fn open(&mut self, name: String) -> Answer<Resource<Opened>> {
        Guest::open(self, Kind::List, &name)
    }

    fn append(&mut self, this: Resource<Opened>, item: Vec<u8>) -> Answer<()> {
        self.extend(this, vec![item])
    }

    fn get(&mut self, this: Resource<Opened>, index: i64) -> Answer<Vec<u8>> {
        item(self.ask(&this, Op::List(ListOp::Get(index)), None)?)
    }

    fn set(&mut self, this: Resource<Opened>, index: i64, item: Vec<u8>) -> Answer<()> {
        let op = ListOp::Set(index, Item::from(item));
        done(self.ask(&this, Op::List(op), None)?)
    }

    fn pop(&mut self, this: Resource<Opened>, index: Option<i64>) -> Answer<Vec<u8>> {
        item(self.ask(&this, Op::List(ListOp::Pop(index)), None)?)
    }

    fn extend(&mut self, this: Resource<Opened>, items: Vec<Vec<u8>>) -> Answer<()> {
        done(self.ask(&this, Op::List(ListOp::Extend(all(items))), None)?)
    }

    fn len(&mut self, this: Resource<Opened>) -> Answer<u64> {
        number(self.ask(&this, Op::List(ListOp::Len), None)?)
    }

    fn items(&mut self, this: Resource<Opened>) -> Answer<Vec<Vec<u8>>> {
        items(self.ask(&this, Op::List(ListOp::Items), None)?)
    }

    fn drop(&mut self, this: Resource<Opened>) -> wasmtime::Result<()> {
        Guest::close(self, this)
    }
}

impl manager::HostValue for Guest {
    fn open(&mut self, name: String) -> Answer<Resource<Opened>> {
        Guest::open(self, Kind::Value, &name)
    }

    fn get(&mut self, this: Resource<Opened>) -> Answer<Vec<u8>> {
        item(self.ask(&this, Op::Value(ValueOp::Get), None)?)
    }

    fn set(&mut self, this: Resource<Opened>, value: Vec<u8>) -> Answer<()> {
        let op = ValueOp::Set(Item::from(value));
        done(self.ask(&this, Op::Value(op), None)?)
    }

    fn add(&mut self, this: Resource<Opened>, amount: i64) -> Answer<i64> {
        number(self.ask(&this, Op::Value(ValueOp::Add(amount)), None)?)
    }

    fn drop(&mut self, this: Resource<Opened>) -> wasmtime::Result<()> {
        Guest::close(self, this)
    }
}

/// Implements both kinds of locks, which differ only in their kind.
macro_rules! locks {
    ($($host:ident $kind:ident),+) => {
        $(
            impl manager::$host for Guest {
                fn open(&mut self, name: String) -> Answer<Resource<Opened>> {
                    Guest::open(self, Kind::$kind, &name)
                }

                fn acquire(
                    &mut self,
                    this: Resource<Opened>,
                    timeout: Option<u64>,
                ) -> Answer<Acquired> {
                    acquired(self.ask(&this, Op::Lock(LockOp::Acquire), timeout)?)
                }

                fn release(&mut self, this: Resource<Opened>) -> Answer<()> {
                    done(self.ask(&this, Op::Lock(LockOp::Release), None)?)
                }

                fn drop(&mut self, this: Resource<Opened>) -> wasmtime::Result<()> {
                    Guest::close(self, this)
                }
            }
        )+
    };
}

locks!(HostLock Lock, HostRlock RLock);

impl manager::HostSemaphore for Guest {
    fn open(&mut self, name: String) -> Answer<Resource<Opened>> {
        Guest::open(self, Kind::Semaphore, &name)
    }

    fn acquire(&mut self, this: Resource<Opened>, timeout: Option<u64>) -> Answer<()> {
        done(self.ask(&this, Op::Semaphore(SemaphoreOp::Acquire), timeout)?)
    }

    fn release(&mut self, this: Resource<Opened>) -> Answer<()> {
        done(self.ask(&this, Op::Semaphore(SemaphoreOp::Release), None)?)
    }

    fn drop(&mut self, this: Resource<Opened>) -> wasmtime::Result<()> {
        Guest::close(self, this)
    }
}

impl manager::HostEvent for Guest {
    fn open(&mut self, name: String) -> Answer<Resource<Opened>> {
        Guest::open(self, Kind::Event, &name)
    }

    fn set(&mut self, this: Resource<Opened>) -> Answer<()> {
        done(self.ask(&this, Op::Event(EventOp::Set), None)?)
    }

    fn clear(&mut self, this: Resource<Opened>) -> Answer<()> {
        done(self.ask(&this, Op::Event(EventOp::Clear), None)?)
    }

    fn is_set(&mut self, this: Resource<Opened>) -> Answer<bool> {
        flag(self.ask(&this, Op::Event(EventOp::IsSet), None)?)
    }

    fn wait(&mut self, this: Resource<Opened>, timeout: Option<u64>) -> Answer<bool> {
        flag(self.ask(&this, Op::Event(EventOp::Wait), timeout)?)
    }

    fn drop(&mut self, this: Resource<Opened>) -> wasmtime::Result<()> {
        Guest::close(self, this)
    }
}

impl manager::HostCondition for Guest {
    fn open(&mut self, name: String) -> Answer<Resource<Opened>> {
        Guest::open(self, Kind::Condition, &name)
    }

    fn acquire(&mut self, this: Resource<Opened>, timeout: Option<u64>) -> Answer<Acquired> {
        acquired(self.ask(&this, Op::Condition(ConditionOp::Acquire), timeout)?)
    }

    fn release(&mut self, this: Resource<Opened>) -> Answer<()> {
        done(self.ask(&this, Op::Condition(ConditionOp::Release), None)?)
    }

    fn wait(&mut self, this: Resource<Opened>, timeout: Option<u64>) -> Answer<bool> {
        flag(self.ask(&this, Op::Condition(ConditionOp::Wait), timeout)?)
    }

    fn notify(&mut self, this: Resource<Opened>, count: u32) -> Answer<()> {
        done(self.ask(&this, Op::Condition(ConditionOp::Notify(count)), None)?)
    }

    fn notify_all(&mut self, this: Resource<Opened>) -> Answer<()> {
        self.notify(this, u32::MAX)
    }

    fn drop(&mut self, this: Resource<Opened>) -> wasmtime::Result<()> {
        Guest::close(self, this)
    }
}

impl manager::HostBarrier for Guest {
    fn open(&mut self, name: String) -> Answer<Resource<Opened>> {
        Guest::open(self, Kind::Barrier, &name)
    }

    fn wait(&mut self, this: Resource<Opened>, timeout: Option<u64>) -> Answer<u32> {
        number(self.ask(&this, Op::Barrier(BarrierOp::Wait), timeout)?)
    }

    fn reset(&mut self, this: Resource<Opened>) -> Answer<()> {
        done(self.ask(&this, Op::Barrier(BarrierOp::Reset), None)?)
    }

    fn abort(&mut self, this: Resource<Opened>) -> Answer<()> {
        done(self.ask(&this, Op::Barrier(BarrierOp::Abort), None)?)
    }

    fn parties(&mut self, this: Resource<Opened>) -> Answer<u32> {
        number(self.ask(&this, Op::Barrier(BarrierOp::Parties), None)?)
    }

    fn n_waiting(&mut self, this: Resource<Opened>) -> Answer<u32> {
        number(self.ask(&this, Op::Barrier(BarrierOp::Waiting), None)?)
    }

    fn broken(&mut self, this: Resource<Opened>) -> Answer<bool> {
        flag(self.ask(&this, Op::Barrier(BarrierOp::Broken), None)?)
    }

    fn drop(&mut self, this: Resource<Opened>) -> wasmtime::Result<()> {
        Guest::close(self, this)
    }
}
