//! Workers that misbehave in their exchange, where guests ask for shared
//! objects. The queue `q` is granted to them.

use std::io;
use std::sync::atomic::Ordering;

use super::{Play, Task, WorkerParts, stand_still};
use sandpool_protocol::exchange::{Exchange, StreamReader, StreamWriter, Way, Word, framed};
use sandpool_protocol::request::{
    Answer, Asks, CREDIT_ITEM, Item, Kind, LockOp, MAX_ITEM, Op, QueueOp, Request,
};
use sandpool_protocol::ring::Claim;

pub(super) fn find(name: &str) -> Option<Play> {
    Some(Play::Ready(match name {
        "asks-twice" => asks_twice,
        "asks-for-another" => asks_for_another,
        "asks-unclaimed" => asks_unclaimed,
        "asks-what-it-never-opened" => asks_what_it_never_opened,
        "asks-another-kind" => asks_another_kind,
        "gives-up-nothing" => |worker| Sharer::new(worker)?.then(&[Asks::GiveUp]),
        "gives-up-twice" => gives_up_twice,
        "posts-uncredited" => |worker| Sharer::new(worker)?.then(&[post(1)]),
        "posts-more-than-its-credit" => posts_more_than_its_credit,
        "posts-too-long" => posts_too_long,
        "unclaims-an-item" => {
            |worker| handed(worker, |claim| claim.head = claim.head.wrapping_sub(1))
        }
        "claims-items-past-the-end" => |worker| handed(worker, |claim| claim.head = claim.tail + 1),
        "moves-the-items-tail" => |worker| handed(worker, |claim| claim.tail += 1),
        "unclaims-credit" => unclaims_credit,
        "endless-request" => |worker| raw(worker, &u32::MAX.to_le_bytes()),
        "garbage-request" => |worker| raw(worker, &[10, 0, 0, 0, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9]),
        "writes-too-far" => writes_too_far,
        "dies-in-a-request" => dies_in_a_request,
        "floods-unread" => floods_unread,
        "floods-posts" => floods_posts,
        "floods-requests" => |worker| floods_requests(worker, false),
        "floods-after-its-answer" => |worker| floods_requests(worker, true),
        _ => return None,
    }))
}

/// A worker that runs a task and may ask.
pub(super) struct Sharer {
    worker: WorkerParts,
    exchange: Exchange,
    task: Task,
    writer: StreamWriter,
    reader: StreamReader,
}

impl Sharer {
    pub(super) fn new(worker: WorkerParts) -> io::Result<Self> {
        let task = worker.claim();
        Self::of(worker, task)
    }

    fn of(mut worker: WorkerParts, task: Task) -> io::Result<Self> {
        let exchange = worker.exchange.take();
        let exchange = exchange.ok_or_else(|| io::Error::other("its module shares nothing"))?;
        Ok(Sharer {
            worker,
            exchange,
            task,
            writer: StreamWriter::new(Way::ToHost),
            reader: StreamReader::new(Way::ToWorker),
        })
    }

    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let written = self.writer.write(&self.exchange, bytes);
            let written = written.map_err(|_| io::Error::other("the host broke a rule"))?;
            bytes = &bytes[written..];
            self.worker.bell.ring();
        }
        Ok(())
    }

    fn send(&mut self, asks: Asks) -> io::Result<()> {
        let task = self.task.id;
        self.write(&framed(&Request { task, asks }))
    }

    /// Sends these, and lives on until it is killed.
    pub(super) fn then(mut self, all: &[Asks]) -> io::Result<()> {
        for asks in all {
            self.send(asks.clone())?;
        }
        stand_still()
    }

    fn answer(&mut self) -> io::Result<Answer> {
        loop {
            let broken = |_| io::Error::other("the host broke a rule");
            self.reader.fill(&self.exchange).map_err(broken)?;
            if let Some(message) = self.reader.message().map_err(broken)? {
                return postcard::from_bytes(message).map_err(io::Error::other);
            }
            std::thread::yield_now();
        }
    }

    /// Opens the queue, whose number is 0, and asks it something.
    fn ask_queue(&mut self, op: QueueOp) -> io::Result<Answer> {
        self.send(open())?;
        self.answer()?;
        self.send(call(op, false))?;
        self.answer()
    }

    /// Puts an item as an honest worker does; returns the credit.
    fn put(&mut self) -> io::Result<u32> {
        match self.ask_queue(QueueOp::Put(vec![Item::from(vec![b'1'])]))? {
            Answer::Reply { credit, .. } => Ok(credit),
            Answer::Handed(_) => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

fn open() -> Asks {
    Asks::Open {
        kind: Kind::Queue,
        name: "q".into(),
    }
}

fn call(op: QueueOp, wait: bool) -> Asks {
    let op = Op::Queue(op);
    Asks::Call {
        object: 0,
        op,
        wait,
    }
}

fn post(size: usize) -> Asks {
    let item = Item::from(vec![b'1'; size]);
    Asks::Post { item }
}

fn asks_twice(worker: WorkerParts) -> io::Result<()> {
    let get = call(QueueOp::Get(1), true);
    Sharer::new(worker)?.then(&[open(), get, call(QueueOp::Size, false)])
}

fn asks_for_another(worker: WorkerParts) -> io::Result<()> {
    let mut sharer = Sharer::new(worker)?;
    sharer.task.id += 1;
    sharer.then(&[open()])
}

fn asks_unclaimed(worker: WorkerParts) -> io::Result<()> {
    let task = worker.peek();
    Sharer::of(worker, task)?.then(&[open()])
}

/// As an instance may that is kept, and holds handles of an earlier task.
fn asks_what_it_never_opened(worker: WorkerParts) -> io::Result<()> {
    let mut sharer = Sharer::new(worker)?;
    // The timeout may have passed before the answer was there.
    sharer.send(call(QueueOp::Get(1), true))?;
    sharer.send(Asks::GiveUp)?;
    sharer.answer()?;
    sharer.worker.answer_honestly(&sharer.task);
    stand_still()
}

fn asks_another_kind(worker: WorkerParts) -> io::Result<()> {
    let asks = Asks::Call {
        object: 0,
        op: Op::Lock(LockOp::Acquire),
        wait: true,
    };
    Sharer::new(worker)?.then(&[open(), asks])
}

fn gives_up_twice(worker: WorkerParts) -> io::Result<()> {
    let get = call(QueueOp::Get(1), true);
    Sharer::new(worker)?.then(&[open(), get, Asks::GiveUp, Asks::GiveUp])
}

fn posts_more_than_its_credit(worker: WorkerParts) -> io::Result<()> {
    let mut sharer = Sharer::new(worker)?;
    for _ in 0..=sharer.put()? {
        sharer.send(post(1))?;
    }
    stand_still()
}

fn posts_too_long(worker: WorkerParts) -> io::Result<()> {
    let mut sharer = Sharer::new(worker)?;
    sharer.put()?;
    sharer.then(&[post(CREDIT_ITEM + 1)])
}

/// Is handed items, changes what it claims, and has the queue look.
fn handed(worker: WorkerParts, change: fn(&mut Claim)) -> io::Result<()> {
    let mut sharer = Sharer::new(worker)?;
    for _ in 0..3 {
        sharer.put()?;
    }
    sharer.ask_queue(QueueOp::Get(1))?;
    let word = sharer.exchange.bare_word(Word::Handed);
    let mut claim = Claim::from_word(word.load(Ordering::Acquire));
    change(&mut claim);
    word.store(claim.word(), Ordering::Release);
    sharer.then(&[call(QueueOp::Size, false)])
}

fn unclaims_credit(worker: WorkerParts) -> io::Result<()> {
    let mut sharer = Sharer::new(worker)?;
    sharer.put()?;
    let word = sharer.exchange.bare_word(Word::Credit);
    let claim = Claim::from_word(word.load(Ordering::Acquire));
    let head = claim.head.wrapping_sub(1);
    word.store(Claim { head, ..claim }.word(), Ordering::Release);
    sharer.then(&[call(QueueOp::Close, false)])
}

fn raw(worker: WorkerParts, bytes: &[u8]) -> io::Result<()> {
    Sharer::new(worker)?.write(bytes)?;
    stand_still()
}

fn writes_too_far(worker: WorkerParts) -> io::Result<()> {
    let sharer = Sharer::new(worker)?;
    let [written, _] = sharer.exchange.bare_counts(Way::ToHost);
    written.store(1 << 30, Ordering::Release);
    sharer.worker.bell.ring();
    stand_still()
}

fn dies_in_a_request(worker: WorkerParts) -> io::Result<()> {
    let mut sharer = Sharer::new(worker)?;
    let task = sharer.task.id;
    let asks = post(100);
    let bytes = framed(&Request { task, asks });
    sharer.write(&bytes[..50])?;
    // At once: whoever closes its socket first has hung up.
    std::process::exit(0);
}

/// Asks on and on, and reads none of the answers: they must not pile up.
fn floods_unread(worker: WorkerParts) -> io::Result<()> {
    let mut sharer = Sharer::new(worker)?;
    loop {
        sharer.send(open())?;
    }
}

/// Puts what is far too long on credit, again and again.
fn floods_posts(worker: WorkerParts) -> io::Result<()> {
    let mut sharer = Sharer::new(worker)?;
    sharer.put()?;
    let task = sharer.task.id;
    let asks = post(MAX_ITEM / 4);
    let bytes = framed(&Request { task, asks });
    loop {
        sharer.write(&bytes)?;
    }
}

/// Asks as fast as it can and says that it has read every answer, before or
/// after it has answered its task.
fn floods_requests(worker: WorkerParts, answered: bool) -> io::Result<()> {
    let mut sharer = Sharer::new(worker)?;
    let task = sharer.task.id;
    // Longer than its answer, or there would be no room for that.
    let (kind, name) = (Kind::Queue, "denied".repeat(20));
    let asks = Asks::Open { kind, name };
    let one = framed(&Request { task, asks });
    let many = one.repeat(1000);
    sharer.write(&many[..one.len()])?;
    if answered {
        sharer.worker.answer_honestly(&sharer.task);
    }
    loop {
        let mut left = &many[..];
        while !left.is_empty() {
            let [written, read] = sharer.exchange.bare_counts(Way::ToWorker);
            read.store(written.load(Ordering::Acquire), Ordering::Release);
            let written = sharer.writer.write(&sharer.exchange, left);
            left = &left[written.unwrap_or(0)..];
            sharer.worker.bell.ring();
        }
    }
}
