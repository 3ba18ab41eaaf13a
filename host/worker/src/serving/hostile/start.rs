//! Workers that misbehave while they start.

use std::io;
use std::thread;
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};

use super::{Play, WorkerParts, stand_still};
use sandpool_protocol::control::{ChildFailure, FromChild};
use sandpool_protocol::handshake::Hello;
use sandpool_protocol::layers::SandboxReport;
use sandpool_sys::ControlSocket;

pub(super) fn find(name: &str) -> Option<Play> {
    Some(match name {
        "garbage-hello" => Play::BeforeHello(garbage_hello),
        "split-hello" => Play::BeforeHello(split_hello),
        "no-hello" => Play::BeforeHello(no_hello),
        "exits-at-start" => Play::BeforeHello(|_| Ok(())),
        "stops-at-start" => Play::BeforeReady(stops_at_start),
        "never-ready" => Play::BeforeReady(WorkerParts::linger),
        "fails-for-ever" => Play::BeforeReady(fails_for_ever),
        "logs-before-ready" => Play::BeforeReady(logs_before_ready),
        "ready-twice" => Play::Ready(ready_twice),
        "failed-after-ready" => Play::Ready(failed_after_ready),
        "ready-and-gone" => Play::Ready(|_| Ok(())),
        "never-claims" => Play::Ready(WorkerParts::linger),
        "slow-and-honest" => Play::BeforeHello(slow_and_honest),
        _ => return None,
    })
}

fn garbage_hello(control: ControlSocket) -> io::Result<()> {
    control.send(&[0xff; 300], &[], true)?;
    stand_still()
}

fn split_hello(control: ControlSocket) -> io::Result<()> {
    let hello = Hello::of_this_build().encode();
    for byte in hello.chunks(1) {
        control.send(byte, &[], true)?;
        thread::sleep(Duration::from_millis(20));
    }
    stand_still()
}

/// Keeps the socket open, or it would have hung up.
fn no_hello(_control: ControlSocket) -> io::Result<()> {
    stand_still()
}

fn stops_at_start(worker: WorkerParts) -> io::Result<()> {
    kill_process(getpid(), Signal::STOP)?;
    worker.linger()
}

fn fails_for_ever(worker: WorkerParts) -> io::Result<()> {
    loop {
        worker.say(&FromChild::Failed {
            reason: ChildFailure::System,
            message: "x".repeat(1000),
        })?;
    }
}

fn logs_before_ready(worker: WorkerParts) -> io::Result<()> {
    worker.say_about(0, super::messages::log("early"))?;
    worker.linger()
}

fn ready_twice(worker: WorkerParts) -> io::Result<()> {
    worker.claim();
    worker.say(&FromChild::Ready {
        report: SandboxReport::default(),
    })?;
    worker.linger()
}

fn failed_after_ready(worker: WorkerParts) -> io::Result<()> {
    worker.claim();
    worker.say(&FromChild::Failed {
        reason: ChildFailure::Artifact,
        message: "after all".into(),
    })?;
    worker.linger()
}

/// Does everything late, and nothing worse.
fn slow_and_honest(control: ControlSocket) -> io::Result<()> {
    thread::sleep(Duration::from_millis(300));
    let worker = WorkerParts::set(control)?;
    thread::sleep(Duration::from_millis(1200));
    worker.say(&FromChild::Ready {
        report: SandboxReport::default(),
    })?;
    loop {
        let task = worker.claim();
        thread::sleep(Duration::from_millis(30));
        worker.answer_honestly(&task);
    }
}
