//! Workers whose answers lie: about their lengths, their values, and how the
//! task ended.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use super::{NOT_A_WORKERS, Play, WorkerParts, header, stand_still};
use sandpool_protocol::control::{FromChild, Says, ToChild, decode, encode};
use sandpool_protocol::frame::{AnswerHeader, Payload, TaskEnd, inline_payload};
use sandpool_protocol::limits::LimitName;
use sandpool_sys::{MAX_MESSAGE, Received};
use sandpool_value::{Value, encode_args};

pub(super) fn find(name: &str) -> Option<Play> {
    Some(Play::Ready(match name {
        "no-payload" => |worker| payload(worker, &[]),
        "unknown-payload" => |worker| payload(worker, &[7; 100]),
        "garbage-payload" => |worker| payload(worker, &[0xff; 1000]),
        "garbage-header" => |worker| payload(worker, &[[0].as_slice(), &[0xff; 1000]].concat()),
        "endless-header" => endless_header,
        "lengths-lie" => lengths_lie,
        "lengths-overflow" => lengths_overflow,
        "answers-another" => answers_another,
        "wrong-type" => |worker| value(worker, &[1, 2, 3]),
        "no-value" => |worker| value(worker, &[]),
        "huge-count" => |worker| value(worker, &[0xff; 64]),
        "bomb" => bomb,
        "file-without-room" => file_without_room,
        "room-of-another-size" => room_of_another_size,
        "changes-file" => changes_file,
        "sends-descriptors" => sends_descriptors,
        "too-much-stdout" => too_much_stdout,
        "garbage-snapshot" => |worker| bytes(worker, vec![0xff; 999]),
        "too-large-a-snapshot" => |worker| bytes(worker, vec![0; 65 * 1024]),
        "too-large-a-result" => |worker| value(worker, &[0; 4096]),
        "runs-for-ever" => runs_for_ever,
        "blames-initializer" => |worker| end(worker, TaskEnd::Initializer),
        "claims-interrupted" => |worker| end(worker, TaskEnd::Interrupted),
        "claims-fuel" => |worker| end(worker, TaskEnd::OutOfFuel),
        "claims-memory" => |worker| end(worker, TaskEnd::MemoryLimit(LimitName::Timeout)),
        "claims-output" => |worker| end(worker, TaskEnd::OutputLimit(NOT_A_WORKERS)),
        "claims-error" => |worker| end(worker, TaskEnd::Error),
        _ => return None,
    }))
}

fn payload(worker: WorkerParts, bytes: &[u8]) -> io::Result<()> {
    worker.claim();
    worker.fill(bytes);
    worker.publish(1);
    worker.linger()
}

/// Numbers that go on for ever, as the header's encoding has them.
fn endless_header(worker: WorkerParts) -> io::Result<()> {
    let mut bytes = vec![0x80; 60_000];
    bytes[0] = 0;
    payload(worker, &bytes)
}

fn answer(
    worker: WorkerParts,
    change: impl Fn(&mut AnswerHeader),
    parts: &[&[u8]],
) -> io::Result<()> {
    let task = worker.claim();
    let mut header = header(
        &task,
        TaskEnd::Ok,
        parts.first().map_or(0, |value| value.len()),
    );
    change(&mut header);
    worker.answer(&header, parts);
    worker.linger()
}

fn value(worker: WorkerParts, bytes: &[u8]) -> io::Result<()> {
    answer(worker, |_| {}, &[bytes])
}

fn bytes(worker: WorkerParts, bytes: Vec<u8>) -> io::Result<()> {
    value(worker, &encode_args(&[Value::Bytes(bytes)]))
}

pub(super) fn end(worker: WorkerParts, end: TaskEnd) -> io::Result<()> {
    answer(worker, |header| header.end = end, &[])
}

fn lengths_lie(worker: WorkerParts) -> io::Result<()> {
    answer(worker, |header| header.value_len = u64::MAX, &[&[0; 4]])
}

fn lengths_overflow(worker: WorkerParts) -> io::Result<()> {
    let change = |header: &mut AnswerHeader| {
        header.value_len = 4;
        (header.stdout_len, header.stderr_len) = (u64::MAX - 3, 4);
    };
    answer(worker, change, &[&[0; 4]])
}

fn answers_another(worker: WorkerParts) -> io::Result<()> {
    let value = encode_args(&[Value::S32(7)]);
    answer(worker, |header| header.task += 1, &[&value])
}

/// Answers with a list of as many items as there are bytes, each of which its type
/// makes large.
fn bomb(worker: WorkerParts) -> io::Result<()> {
    let mut list = 60_000u32.to_le_bytes().to_vec();
    list.resize(4 + 60_000, 1);
    loop {
        let task = worker.claim();
        worker.answer(&header(&task, TaskEnd::Ok, list.len()), &[&list]);
    }
}

fn file_without_room(worker: WorkerParts) -> io::Result<()> {
    payload(worker, &Payload::in_file(0, 1000))
}

/// Asks for room and waits for it; sends some descriptors along.
fn ask_for_room(
    worker: &WorkerParts,
    task: u64,
    len: u64,
    fds: &[BorrowedFd<'_>],
) -> io::Result<File> {
    let says = Says::WantRoom { len };
    let message = encode(&FromChild::Task { task, says });
    worker.control.send(&message, fds, true)?;
    let mut buffer = vec![0; MAX_MESSAGE];
    loop {
        let Received::Message(len, fds) = worker.control.receive(&mut buffer, true)? else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        if let (Ok(ToChild::Room { .. }), Some(fd)) =
            (decode(&buffer[..len]), fds.into_iter().next())
        {
            return Ok(fd.into());
        }
    }
}

/// Answers with honest sums, in files, and sends descriptors of its own with each message.
fn sends_descriptors(worker: WorkerParts) -> io::Result<()> {
    loop {
        let task = worker.claim();
        let value = encode_args(&[Value::S32(super::sum(&task.raw))]);
        let header = header(&task, TaskEnd::Ok, value.len());
        let frame = inline_payload(&header, &[&value]).split_off(1);
        let null = File::open("/dev/null")?;
        let fds = [worker.control.as_fd(), null.as_fd(), null.as_fd()];
        let file = ask_for_room(&worker, task.id, frame.len() as u64, &fds)?;
        file.write_all_at(&frame, 0)?;
        worker.fill(&Payload::in_file(0, frame.len() as u64));
        worker.publish(1);
    }
}

fn room_of_another_size(worker: WorkerParts) -> io::Result<()> {
    let task = worker.claim();
    let file = ask_for_room(&worker, task.id, 1000, &[])?;
    file.write_all_at(&[0; 1000], 0)?;
    worker.fill(&Payload::in_file(0, u64::MAX));
    worker.publish(1);
    worker.linger()
}

/// Writes into the file of an answer while the host reads it.
fn changes_file(worker: WorkerParts) -> io::Result<()> {
    let task = worker.claim();
    let value = encode_args(&[Value::S32(0)]);
    let mut header = header(&task, TaskEnd::Ok, value.len());
    header.stdout_len = 900_000;
    let stdout = vec![b'a'; 900_000];
    let frame = inline_payload(&header, &[&value, &stdout]).split_off(1);
    let file = ask_for_room(&worker, task.id, frame.len() as u64, &[])?;
    file.write_all_at(&frame, 0)?;
    worker.fill(&Payload::in_file(0, frame.len() as u64));
    worker.publish(1);
    let scribble = vec![0xff; frame.len()];
    loop {
        file.write_all_at(&scribble, 0)?;
        file.write_all_at(&frame, 0)?;
    }
}

fn too_much_stdout(worker: WorkerParts) -> io::Result<()> {
    let stdout = [b'a'; 50_000];
    let value = encode_args(&[Value::S32(0)]);
    answer(
        worker,
        |header| header.stdout_len = 50_000,
        &[&value, &stdout],
    )
}

/// Answers with an honest sum, and a run time that no clock can show.
fn runs_for_ever(worker: WorkerParts) -> io::Result<()> {
    let task = worker.claim();
    let value = encode_args(&[Value::S32(super::sum(&task.raw))]);
    let mut header = header(&task, TaskEnd::Ok, value.len());
    header.run_time = Duration::MAX;
    header.peak_memory = u64::MAX;
    worker.answer(&header, &[&value]);
    stand_still()
}
