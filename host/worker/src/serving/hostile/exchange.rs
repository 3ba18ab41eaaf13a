//! Workers that misbehave in their exchange, where guests ask for shared
//! objects. The queue `q` is granted to them.

use std::io;
use std::sync::atomic::Ordering;

use super::frames::{FrameWriter, broken, raw, writes_too_far};
use super::{Play, WorkerParts, stand_still};
use sandpool_protocol::exchange::{StreamReader, Way, Word, framed};
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
    frames: FrameWriter,
    reader: StreamReader,
}

impl Sharer {
    pub(super) fn new(worker: WorkerParts) -> io::Result<Self> {
        Ok(Self::of(FrameWriter::new(worker)?))
    }

    fn of(frames: FrameWriter) -> Self {
        Sharer {
            frames,
            reader: StreamReader::new(Way::ToWorker),
        }
    }

    fn send(&mut self, asks: Asks) -> io::Result<()> {
        let request = self.request(asks);
        self.frames.write(&request)
    }

    /// Returns the frame of a request of its task.
    fn request(&self, asks: Asks) -> Vec<u8> {
        let task = self.frames.task();
        framed(&Request { task, asks })
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
            let filled = self.reader.fill(self.frames.exchange());
            filled.map_err(|_| broken())?;
            if let Some(message) = self.reader.message().map_err(|_| broken())? {
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
    let mut frames = FrameWriter::new(worker)?;
    let (task, asks) = (frames.task() + 1, open());
    frames.write(&framed(&Request { task, asks }))?;
    stand_still()
}

fn asks_unclaimed(worker: WorkerParts) -> io::Result<()> {
    let task = worker.peek();
    let frames = FrameWriter::of(worker, task)?;
    Sharer::of(frames).then(&[open()])
}

/// Asks as an instance may that is kept, and holds handles of an earlier task.
fn asks_what_it_never_opened(worker: WorkerParts) -> io::Result<()> {
    let mut sharer = Sharer::new(worker)?;
    // The timeout may have passed before the answer was there.
    sharer.send(call(QueueOp::Get(1), true))?;
    sharer.send(Asks::GiveUp)?;
    sharer.answer()?;
    sharer.frames.answer_honestly();
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

/// Takes items that are handed to it, changes what it claims, and has the queue look.
fn handed(worker: WorkerParts, change: fn(&mut Claim)) -> io::Result<()> {
    let mut sharer = Sharer::new(worker)?;
    for _ in 0..3 {
        sharer.put()?;
    }
    sharer.ask_queue(QueueOp::Get(1))?;
    let word = sharer.frames.exchange().bare_word(Word::Handed);
    let mut claim = Claim::from_word(word.load(Ordering::Acquire));
    change(&mut claim);
    word.store(claim.word(), Ordering::Release);
    sharer.then(&[call(QueueOp::Size, false)])
}

fn unclaims_credit(worker: WorkerParts) -> io::Result<()> {
    let mut sharer = Sharer::new(worker)?;
    sharer.put()?;
    let word = sharer.frames.exchange().bare_word(Word::Credit);
    let claim = Claim::from_word(word.load(Ordering::Acquire));
    let head = claim.head.wrapping_sub(1);
    word.store(Claim { head, ..claim }.word(), Ordering::Release);
    sharer.then(&[call(QueueOp::Close, false)])
}

fn dies_in_a_request(worker: WorkerParts) -> io::Result<()> {
    let mut sharer = Sharer::new(worker)?;
    let bytes = sharer.request(post(100));
    sharer.frames.write(&bytes[..50])?;
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
    let bytes = sharer.request(post(MAX_ITEM / 4));
    loop {
        sharer.frames.write(&bytes)?;
    }
}

/// Asks as fast as it can and says that it has read every answer, before or
/// after it has answered its task.
fn floods_requests(worker: WorkerParts, answered: bool) -> io::Result<()> {
    let mut sharer = Sharer::new(worker)?;
    // Longer than its answer, or there would be no room for that.
    let (kind, name) = (Kind::Queue, "denied".repeat(20));
    let one = sharer.request(Asks::Open { kind, name });
    let many = one.repeat(1000);
    let frames = &mut sharer.frames;
    frames.write(&many[..one.len()])?;
    if answered {
        frames.answer_honestly();
    }
    loop {
        let mut left = &many[..];
        while !left.is_empty() {
            let [written, read] = frames.exchange().bare_counts(Way::ToWorker);
            read.store(written.load(Ordering::Acquire), Ordering::Release);
            let written = frames.write_some(left);
            left = &left[written.unwrap_or(0)..];
        }
    }
}
