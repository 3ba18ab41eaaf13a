//! Workers that misbehave on the control socket, or leave in the middle of a
//! task.

use std::io;
use std::thread;
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};

use super::{Play, Stage, stand_still};
use sandpool_protocol::control::{FromChild, Says, encode};
use sandpool_protocol::settings::LogLevel;
use sandpool_sys::{MAX_MESSAGE, Received};

pub(super) fn find(name: &str) -> Option<Play> {
    Some(Play::Ready(match name {
        "garbage-message" => |stage| message(stage, &[0xff; 1000]),
        "long-message" => |stage| message(stage, &[0; MAX_MESSAGE + 1]),
        "empty-message" => |stage| message(stage, &[]),
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

fn message(stage: Stage, bytes: &[u8]) -> io::Result<()> {
    stage.claim();
    stage.control.send(bytes, &[], true)?;
    stage.linger()
}

fn message_with_more(stage: Stage) -> io::Result<()> {
    let task = stage.claim();
    let says = log("and");
    let mut bytes = encode(&FromChild::Task {
        task: task.id,
        says,
    });
    bytes.extend(b"more");
    stage.control.send(&bytes, &[], true)?;
    stage.linger()
}

/// A message whose text is said to be longer than the message.
fn log_of_a_lie(stage: Stage) -> io::Result<()> {
    let task = stage.claim();
    let says = log(&"x".repeat(1000));
    let mut bytes = encode(&FromChild::Task {
        task: task.id,
        says,
    });
    bytes.truncate(20);
    stage.control.send(&bytes, &[], true)?;
    stage.linger()
}

fn speaks_for_another(stage: Stage) -> io::Result<()> {
    let task = stage.claim();
    stage.say_about(task.id + 1, log("not mine"))?;
    stage.linger()
}

fn speaks_unclaimed(stage: Stage) -> io::Result<()> {
    let task = stage.peek();
    stage.say_about(task.id, log("not yet mine"))?;
    stage.linger()
}

fn room_twice(stage: Stage) -> io::Result<()> {
    let task = stage.claim();
    for _ in 0..2 {
        stage.say_about(task.id, Says::WantRoom { len: 1000 })?;
    }
    stage.linger()
}

fn room_huge(stage: Stage) -> io::Result<()> {
    let task = stage.claim();
    stage.say_about(task.id, Says::WantRoom { len: u64::MAX })?;
    stage.linger()
}

fn wants_stdin(stage: Stage) -> io::Result<()> {
    let task = stage.claim();
    stage.say_about(task.id, Says::WantStdin)?;
    stage.linger()
}

fn stdin_for_ever(stage: Stage) -> io::Result<()> {
    let task = stage.claim();
    loop {
        stage.say_about(task.id, Says::WantStdin)?;
    }
}

fn floods_log(stage: Stage) -> io::Result<()> {
    let task = stage.claim();
    loop {
        stage.say_about(task.id, log(""))?;
    }
}

fn floods_long_log(stage: Stage) -> io::Result<()> {
    let task = stage.claim();
    let text = "x".repeat(48 * 1024);
    loop {
        stage.say_about(task.id, log(&text))?;
    }
}

fn floods_progress(stage: Stage) -> io::Result<()> {
    let task = stage.claim();
    loop {
        let says = Says::Progress {
            done: u64::MAX,
            total: Some(0),
            message: None,
        };
        stage.say_about(task.id, says)?;
    }
}

fn silent(stage: Stage) -> io::Result<()> {
    stage.claim();
    stage.linger()
}

fn dribbles(stage: Stage) -> io::Result<()> {
    let task = stage.claim();
    loop {
        stage.say_about(task.id, log("."))?;
        stage.bell.ring();
        thread::sleep(Duration::from_millis(50));
    }
}

/// Answers, and never reads what it is sent.
fn deaf(stage: Stage) -> io::Result<()> {
    loop {
        let task = stage.claim();
        stage.answer_honestly(&task);
    }
}

fn hangs_up(stage: Stage) -> io::Result<()> {
    stage.claim();
    drop(stage.control);
    stand_still()
}

fn closes_everything(stage: Stage) -> io::Result<()> {
    stage.claim();
    drop(stage);
    stand_still()
}

fn stops_itself(stage: Stage) -> io::Result<()> {
    stage.claim();
    kill_process(getpid(), Signal::STOP)?;
    stage.linger()
}

fn exits_with_0(stage: Stage) -> io::Result<()> {
    stage.claim();
    // At once: whoever closes its socket first has hung up.
    std::process::exit(0);
}

/// Leaves when it is told to end its task.
fn dies_interrupted(stage: Stage) -> io::Result<()> {
    stage.claim();
    let mut buffer = vec![0; MAX_MESSAGE];
    let Received::Message(..) = stage.control.receive(&mut buffer, true)? else {
        return stand_still();
    };
    Ok(())
}
