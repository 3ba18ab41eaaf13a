//! Workers that misbehave while they start.

use std::io;
use std::thread;
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};

use super::{Play, Stage, stand_still};
use sandpool_protocol::control::{Failure, FromChild};
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
        "never-ready" => Play::BeforeReady(Stage::linger),
        "fails-for-ever" => Play::BeforeReady(fails_for_ever),
        "logs-before-ready" => Play::BeforeReady(logs_before_ready),
        "ready-twice" => Play::Ready(ready_twice),
        "failed-after-ready" => Play::Ready(failed_after_ready),
        "ready-and-gone" => Play::Ready(|_| Ok(())),
        "never-claims" => Play::Ready(Stage::linger),
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

fn stops_at_start(stage: Stage) -> io::Result<()> {
    kill_process(getpid(), Signal::STOP)?;
    stage.linger()
}

fn fails_for_ever(stage: Stage) -> io::Result<()> {
    loop {
        stage.say(&FromChild::Failed {
            reason: Failure::System,
            message: "x".repeat(1000),
        })?;
    }
}

fn logs_before_ready(stage: Stage) -> io::Result<()> {
    stage.say_about(0, super::messages::log("early"))?;
    stage.linger()
}

fn ready_twice(stage: Stage) -> io::Result<()> {
    stage.claim();
    stage.say(&FromChild::Ready {
        report: SandboxReport::default(),
    })?;
    stage.linger()
}

fn failed_after_ready(stage: Stage) -> io::Result<()> {
    stage.claim();
    stage.say(&FromChild::Failed {
        reason: Failure::Artifact,
        message: "after all".into(),
    })?;
    stage.linger()
}

/// Late with everything, and nothing worse.
fn slow_and_honest(control: ControlSocket) -> io::Result<()> {
    thread::sleep(Duration::from_millis(300));
    let stage = Stage::set(control)?;
    thread::sleep(Duration::from_millis(1200));
    stage.say(&FromChild::Ready {
        report: SandboxReport::default(),
    })?;
    loop {
        let task = stage.claim();
        thread::sleep(Duration::from_millis(30));
        stage.answer_honestly(&task);
    }
}
