//! Workers that misbehave in their exchange for outgoing HTTP. No rule allows any request
//! that they make.

use std::io;

use super::frames::{FrameWriter, raw, writes_too_far};
use super::{Play, WorkerParts, stand_still};
use sandpool_protocol::exchange::framed;
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
    let mut writer = FrameWriter::new(worker)?;
    for frame in frames {
        writer.write(&framed(frame))?;
    }
    stand_still()
}

fn unclaimed(worker: WorkerParts) -> io::Result<()> {
    let task = worker.peek();
    FrameWriter::of(worker, task)?.write(&framed(&begin(0, 1)))?;
    stand_still()
}

fn long_head(worker: WorkerParts) -> io::Result<()> {
    let ToHost::Begin { task, id, mut head } = begin(0, 1) else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    head.path_with_query = "x".repeat(MAX_HEAD);
    play(worker, &[ToHost::Begin { task, id, head }])
}

fn dies_in_a_frame(worker: WorkerParts) -> io::Result<()> {
    let mut writer = FrameWriter::new(worker)?;
    let bytes = framed(&begin(0, 1));
    writer.write(&bytes[..bytes.len() / 2])?;
    std::process::exit(0);
}

/// Sends what an honest worker may: its task was answered before the host read it.
fn after_its_answer(worker: WorkerParts) -> io::Result<()> {
    let mut writer = FrameWriter::new(worker)?;
    writer.write(&framed(&begin(0, 1)))?;
    writer.answer_honestly();
    let trailers = Fields::new();
    for frame in [
        begin(0, 2),
        data(1, 5),
        data(2, 5),
        ToHost::End { id: 1, trailers },
    ] {
        writer.write(&framed(&frame))?;
    }
    stand_still()
}

/// Makes requests on and on, and reads none of the answers: they must not pile up.
fn floods_unread(worker: WorkerParts) -> io::Result<()> {
    let mut writer = FrameWriter::new(worker)?;
    for id in 1.. {
        writer.write(&framed(&begin(0, id)))?;
    }
    stand_still()
}
