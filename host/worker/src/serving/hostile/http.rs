//! Workers that misbehave in their exchange for outgoing HTTP. No rule allows any request
//! that they make.

use std::io;

use super::{Play, Task, WorkerParts, stand_still};
use sandpool_protocol::exchange::{Exchange, StreamWriter, Way, framed};
use sandpool_protocol::http::{Fields, MAX_DATA, MAX_HEAD, RequestHead, ToHost};

pub(super) fn find(name: &str) -> Option<Play> {
    Some(Play::Ready(match name {
        "http-ids-that-do-not-grow" => |worker| play(worker, &[begin(0, 7), begin(0, 7)]),
        "http-of-no-request" => |worker| play(worker, &[data(1, 1)]),
        "http-cancels-what-it-never-began" => |worker| play(worker, &[ToHost::Cancel { id: 3 }]),
        "http-of-another-task" => |worker| play(worker, &[begin(1, 1)]),
        "http-of-no-task-ever" => |worker| play(worker, &[begin(u64::MAX, 1)]),
        "http-unclaimed" => unclaimed,
        "http-empty-part" => |worker| play(worker, &[begin(0, 1), data(1, 0)]),
        "http-long-part" => |worker| play(worker, &[begin(0, 1), data(1, MAX_DATA + 1)]),
        "http-long-head" => long_head,
        "http-endless-frame" => |worker| raw(worker, &u32::MAX.to_le_bytes()),
        "http-garbage" => |worker| raw(worker, &[6, 0, 0, 0, 9, 9, 9, 9, 9, 9]),
        "http-writes-too-far" => writes_too_far,
        "http-dies-in-a-frame" => dies_in_a_frame,
        "http-after-its-answer" => after_its_answer,
        "http-floods-unread" => floods_unread,
        _ => return None,
    }))
}

/// A worker that runs a task and may make requests.
struct Requester {
    worker: WorkerParts,
    exchange: Exchange,
    task: Task,
    writer: StreamWriter,
}

impl Requester {
    fn new(worker: WorkerParts) -> io::Result<Self> {
        let task = worker.claim();
        Self::of(worker, task)
    }

    fn of(mut worker: WorkerParts, task: Task) -> io::Result<Self> {
        let exchange = worker.exchange.take();
        let exchange = exchange.ok_or_else(|| io::Error::other("it was granted no HTTP"))?;
        Ok(Requester {
            worker,
            exchange,
            task,
            writer: StreamWriter::new(Way::ToHost),
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

    fn send(&mut self, frame: &ToHost) -> io::Result<()> {
        self.write(&framed(frame))
    }
}

fn begin(task: u64, id: u32) -> ToHost {
    let head = RequestHead {
        method: "GET".into(),
        scheme: "https".into(),
        authority: "denied.example".into(),
        path_with_query: "/".into(),
        ..RequestHead::default()
    };
    ToHost::Begin { task, id, head }
}

fn data(id: u32, length: usize) -> ToHost {
    let bytes = vec![b'x'; length].into();
    ToHost::Data { id, bytes }
}

/// Sends these, and lives on until it is killed.
fn play(worker: WorkerParts, frames: &[ToHost]) -> io::Result<()> {
    let mut requester = Requester::new(worker)?;
    for frame in frames {
        requester.send(frame)?;
    }
    stand_still()
}

fn unclaimed(worker: WorkerParts) -> io::Result<()> {
    let task = worker.peek();
    Requester::of(worker, task)?.send(&begin(0, 1))?;
    stand_still()
}

fn long_head(worker: WorkerParts) -> io::Result<()> {
    let ToHost::Begin { task, id, mut head } = begin(0, 1) else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    head.path_with_query = "x".repeat(MAX_HEAD);
    play(worker, &[ToHost::Begin { task, id, head }])
}

fn raw(worker: WorkerParts, bytes: &[u8]) -> io::Result<()> {
    Requester::new(worker)?.write(bytes)?;
    stand_still()
}

fn writes_too_far(worker: WorkerParts) -> io::Result<()> {
    let requester = Requester::new(worker)?;
    let [written, _] = requester.exchange.bare_counts(Way::ToHost);
    written.store(1 << 30, std::sync::atomic::Ordering::Release);
    requester.worker.bell.ring();
    stand_still()
}

fn dies_in_a_frame(worker: WorkerParts) -> io::Result<()> {
    let mut requester = Requester::new(worker)?;
    let bytes = framed(&begin(0, 1));
    requester.write(&bytes[..bytes.len() / 2])?;
    std::process::exit(0);
}

/// Sends what an honest worker may: its task was answered before the host read it.
fn after_its_answer(worker: WorkerParts) -> io::Result<()> {
    let mut requester = Requester::new(worker)?;
    requester.send(&begin(0, 1))?;
    requester.worker.answer_honestly(&requester.task);
    let trailers = Fields::new();
    for frame in [
        begin(0, 2),
        data(1, 5),
        data(2, 5),
        ToHost::End { id: 1, trailers },
    ] {
        requester.send(&frame)?;
    }
    stand_still()
}

/// Makes requests on and on, and reads none of the answers: they must not pile up.
fn floods_unread(worker: WorkerParts) -> io::Result<()> {
    let mut requester = Requester::new(worker)?;
    for id in 1.. {
        requester.send(&begin(0, id))?;
    }
    stand_still()
}
