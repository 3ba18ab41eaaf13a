//! Workers that misbehave on the control socket, or leave in the middle of a
//! task.

use std::io;
use std::thread;
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};

use super::{Play, WorkerParts, stand_still};
use sandpool_protocol::control::{FromChild, Says, encode};
use sandpool_protocol::settings::LogLevel;
use sandpool_sys::{MAX_MESSAGE, Received};

pub(super) fn find(name: &str) -> Option<Play> {
    Some(Play::Ready(match name {
        "garbage-message" => |worker| message(worker, &[0xff; 1000]),
        "long-message" => |worker| message(worker, &[0; MAX_MESSAGE + 1]),
        "empty-message" => |worker| message(worker, &[]),
        "message-with-more" => message_with_more,
        "log-of-a-lie" => log_of_a_lie,
        "speaks-for-another" => speaks_for_another,
        "speaks-unclaimed" => speaks_unclaimed,
        "room-twice" => room_twice,
        "room-huge" => room_huge,
        "wants-stdin" => wants_stdin,
        "stdin-for-ever" => stdin_for_ever,
        "floods-log" => floods_log,
        "floods-progress" => floods_progress,
        "floods-long-log" => floods_long_log,
        "silent" => silent,
        "dribbles" => dribbles,
        "deaf" => deaf,
        "hangs-up" => hangs_up,
        "closes-everything" => closes_everything,
        "stops-itself" => stops_itself,
        "exits-with-0" => exits_with_0,
        "dies-interrupted" => dies_interrupted,
        _ => return None,
    }))
}

pub(super) fn log(text: &str) -> Says {
    Says::Log {
        level: LogLevel::Info,
        message: text.into(),
    }
}

fn message(worker: WorkerParts, bytes: &[u8]) -> io::Result<()> {
    worker.claim();
    worker.control.send(bytes, &[], true)?;
    worker.linger()
}

fn message_with_more(worker: WorkerParts) -> io::Result<()> {
    let task = worker.claim();
    let says = log("and");
    let mut bytes = encode(&FromChild::Task {
        task: task.id,
        says,
    });
    bytes.extend(b"more");
    worker.control.send(&bytes, &[], true)?;
    worker.linger()
}

/// Sends a message whose text is said to be longer than the message.
fn log_of_a_lie(worker: WorkerParts) -> io::Result<()> {
    let task = worker.claim();
    let says = log(&"x".repeat(1000));
    let mut bytes = encode(&FromChild::Task {
        task: task.id,
        says,
    });
    bytes.truncate(20);
    worker.control.send(&bytes, &[], true)?;
    worker.linger()
}

fn speaks_for_another(worker: WorkerParts) -> io::Result<()> {
    let task = worker.claim();
    worker.say_about(task.id + 1, log("not mine"))?;
    worker.linger()
}

fn speaks_unclaimed(worker: WorkerParts) -> io::Result<()> {
    let task = worker.peek();
    worker.say_about(task.id, log("not yet mine"))?;
    worker.linger()
}

fn room_twice(worker: WorkerParts) -> io::Result<()> {
    let task = worker.claim();
    for _ in 0..2 {
        worker.say_about(task.id, Says::WantRoom { len: 1000 })?;
    }
    worker.linger()
}

fn room_huge(worker: WorkerParts) -> io::Result<()> {
    let task = worker.claim();
    worker.say_about(task.id, Says::WantRoom { len: u64::MAX })?;
    worker.linger()
}

fn wants_stdin(worker: WorkerParts) -> io::Result<()> {
    let task = worker.claim();
    worker.say_about(task.id, Says::WantStdin)?;
    worker.linger()
}

fn stdin_for_ever(worker: WorkerParts) -> io::Result<()> {
    let task = worker.claim();
    loop {
        worker.say_about(task.id, Says::WantStdin)?;
    }
}

fn floods_log(worker: WorkerParts) -> io::Result<()> {
    let task = worker.claim();
    loop {
        worker.say_about(task.id, log(""))?;
    }
}

fn floods_long_log(worker: WorkerParts) -> io::Result<()> {
    let task = worker.claim();
    let text = "x".repeat(48 * 1024);
    loop {
        worker.say_about(task.id, log(&text))?;
    }
}

fn floods_progress(worker: WorkerParts) -> io::Result<()> {
    let task = worker.claim();
    loop {
        let says = Says::Progress {
            done: u64::MAX,
            total: Some(0),
            message: None,
        };
        worker.say_about(task.id, says)?;
    }
}

fn silent(worker: WorkerParts) -> io::Result<()> {
    worker.claim();
    worker.linger()
}

fn dribbles(worker: WorkerParts) -> io::Result<()> {
    let task = worker.claim();
    loop {
        worker.say_about(task.id, log("."))?;
        worker.bell.ring();
        thread::sleep(Duration::from_millis(50));
    }
}

/// Answers, and never reads what it is sent.
fn deaf(worker: WorkerParts) -> io::Result<()> {
    loop {
        let task = worker.claim();
        worker.answer_honestly(&task);
    }
}

fn hangs_up(worker: WorkerParts) -> io::Result<()> {
    worker.claim();
    drop(worker.control);
    stand_still()
}

fn closes_everything(worker: WorkerParts) -> io::Result<()> {
    worker.claim();
    drop(worker);
    stand_still()
}

fn stops_itself(worker: WorkerParts) -> io::Result<()> {
    worker.claim();
    kill_process(getpid(), Signal::STOP)?;
    worker.linger()
}

fn exits_with_0(worker: WorkerParts) -> io::Result<()> {
    worker.claim();
    // At once: whoever closes its socket first has hung up.
    std::process::exit(0);
}

/// Leaves when it is told to end its task.
fn dies_interrupted(worker: WorkerParts) -> io::Result<()> {
    worker.claim();
    let mut buffer = vec![0; MAX_MESSAGE];
    let Received::Message(..) = worker.control.receive(&mut buffer, true)? else {
        return stand_still();
    };
    Ok(())
}
