//! Workers whose answers lie: about their lengths, their values, and how the
//! task ended.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use super::{NOT_A_WORKERS, Play, Stage, header, stand_still};
use sandpool_protocol::control::{FromChild, Says, ToChild, decode, encode};
use sandpool_protocol::frame::{AnswerHeader, End, Payload, inline_payload};
use sandpool_protocol::limits::LimitName;
use sandpool_sys::{MAX_MESSAGE, Received};
use sandpool_value::{Value, encode_args};

pub(super) fn find(name: &str) -> Option<Play> {
    Some(Play::Ready(match name {
        "no-payload" => |stage| payload(stage, &[]),
        "unknown-payload" => |stage| payload(stage, &[7; 100]),
        "garbage-payload" => |stage| payload(stage, &[0xff; 1000]),
        "garbage-header" => |stage| payload(stage, &[[0].as_slice(), &[0xff; 1000]].concat()),
        "endless-header" => endless_header,
        "lengths-lie" => lengths_lie,
        "lengths-overflow" => lengths_overflow,
        "answers-another" => answers_another,
        "wrong-type" => |stage| value(stage, &[1, 2, 3]),
        "no-value" => |stage| value(stage, &[]),
        "huge-count" => |stage| value(stage, &[0xff; 64]),
        "bomb" => bomb,
        "file-without-room" => file_without_room,
        "room-of-another-size" => room_of_another_size,
        "changes-file" => changes_file,
        "sends-descriptors" => sends_descriptors,
        "too-much-stdout" => too_much_stdout,
        "too-large-a-result" => |stage| value(stage, &[0; 4096]),
        "runs-for-ever" => runs_for_ever,
        "blames-initializer" => |stage| end(stage, End::Initializer),
        "claims-interrupted" => |stage| end(stage, End::Interrupted),
        "claims-fuel" => |stage| end(stage, End::OutOfFuel),
        "claims-memory" => |stage| end(stage, End::MemoryLimit(LimitName::Timeout)),
        "claims-output" => |stage| end(stage, End::OutputLimit(NOT_A_WORKERS)),
        "claims-error" => |stage| end(stage, End::Error),
        _ => return None,
    }))
}

fn payload(stage: Stage, bytes: &[u8]) -> io::Result<()> {
    stage.claim();
    stage.fill(bytes);
    stage.publish(1);
    stage.linger()
}

/// Numbers that go on for ever, as the header's encoding has them.
fn endless_header(stage: Stage) -> io::Result<()> {
    let mut bytes = vec![0x80; 60_000];
    bytes[0] = 0;
    payload(stage, &bytes)
}

fn answer(stage: Stage, change: impl Fn(&mut AnswerHeader), parts: &[&[u8]]) -> io::Result<()> {
    let task = stage.claim();
    let mut header = header(&task, End::Ok, parts.first().map_or(0, |value| value.len()));
    change(&mut header);
    stage.answer(&header, parts);
    stage.linger()
}

fn value(stage: Stage, bytes: &[u8]) -> io::Result<()> {
    answer(stage, |_| {}, &[bytes])
}

fn end(stage: Stage, end: End) -> io::Result<()> {
    answer(stage, |header| header.end = end, &[])
}

fn lengths_lie(stage: Stage) -> io::Result<()> {
    answer(stage, |header| header.value_len = u64::MAX, &[&[0; 4]])
}

fn lengths_overflow(stage: Stage) -> io::Result<()> {
    let change = |header: &mut AnswerHeader| {
        header.value_len = 4;
        (header.stdout_len, header.stderr_len) = (u64::MAX - 3, 4);
    };
    answer(stage, change, &[&[0; 4]])
}

fn answers_another(stage: Stage) -> io::Result<()> {
    let value = encode_args(&[Value::S32(7)]);
    answer(stage, |header| header.task += 1, &[&value])
}

/// A list of as many things as there are bytes, each of which its type makes
/// large.
fn bomb(stage: Stage) -> io::Result<()> {
    let mut list = 60_000u32.to_le_bytes().to_vec();
    list.resize(4 + 60_000, 1);
    loop {
        let task = stage.claim();
        stage.answer(&header(&task, End::Ok, list.len()), &[&list]);
    }
}

fn file_without_room(stage: Stage) -> io::Result<()> {
    payload(stage, &Payload::in_file(0, 1000))
}

/// Asks for room and waits for it; sends some descriptors along.
fn ask_for_room(stage: &Stage, task: u64, len: u64, fds: &[BorrowedFd<'_>]) -> io::Result<File> {
    let says = Says::WantRoom { len };
    let message = encode(&FromChild::Task { task, says });
    stage.control.send(&message, fds, true)?;
    let mut buffer = vec![0; MAX_MESSAGE];
    loop {
        let Received::Message(len, fds) = stage.control.receive(&mut buffer, true)? else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        if let (Ok(ToChild::Room { .. }), Some(fd)) =
            (decode(&buffer[..len]), fds.into_iter().next())
        {
            return Ok(fd.into());
        }
    }
}

/// Honest sums, in files, and descriptors of its own with each message.
fn sends_descriptors(stage: Stage) -> io::Result<()> {
    loop {
        let task = stage.claim();
        let value = encode_args(&[Value::S32(super::sum(&task.raw))]);
        let header = header(&task, End::Ok, value.len());
        let frame = inline_payload(&header, &[&value]).split_off(1);
        let null = File::open("/dev/null")?;
        let fds = [stage.control.as_fd(), null.as_fd(), null.as_fd()];
        let file = ask_for_room(&stage, task.id, frame.len() as u64, &fds)?;
        file.write_all_at(&frame, 0)?;
        stage.fill(&Payload::in_file(0, frame.len() as u64));
        stage.publish(1);
    }
}

fn room_of_another_size(stage: Stage) -> io::Result<()> {
    let task = stage.claim();
    let file = ask_for_room(&stage, task.id, 1000, &[])?;
    file.write_all_at(&[0; 1000], 0)?;
    stage.fill(&Payload::in_file(0, u64::MAX));
    stage.publish(1);
    stage.linger()
}

/// Writes into the file of an answer while the host reads it.
fn changes_file(stage: Stage) -> io::Result<()> {
    let task = stage.claim();
    let value = encode_args(&[Value::S32(0)]);
    let mut header = header(&task, End::Ok, value.len());
    header.stdout_len = 900_000;
    let stdout = vec![b'a'; 900_000];
    let frame = inline_payload(&header, &[&value, &stdout]).split_off(1);
    let file = ask_for_room(&stage, task.id, frame.len() as u64, &[])?;
    file.write_all_at(&frame, 0)?;
    stage.fill(&Payload::in_file(0, frame.len() as u64));
    stage.publish(1);
    let scribble = vec![0xff; frame.len()];
    loop {
        file.write_all_at(&scribble, 0)?;
        file.write_all_at(&frame, 0)?;
    }
}

fn too_much_stdout(stage: Stage) -> io::Result<()> {
    let stdout = [b'a'; 50_000];
    let value = encode_args(&[Value::S32(0)]);
    answer(
        stage,
        |header| header.stdout_len = 50_000,
        &[&value, &stdout],
    )
}

/// An honest sum, and a run time that no clock can show.
fn runs_for_ever(stage: Stage) -> io::Result<()> {
    let task = stage.claim();
    let value = encode_args(&[Value::S32(super::sum(&task.raw))]);
    let mut header = header(&task, End::Ok, value.len());
    header.run_time = Duration::MAX;
    header.peak_memory = u64::MAX;
    stage.answer(&header, &[&value]);
    stand_still()
}
