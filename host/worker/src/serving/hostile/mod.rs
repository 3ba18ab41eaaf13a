//! A worker that was taken over by its guest, for the tests: a real process
//! that speaks the protocol and then misbehaves as it is told. And a compiler
//! that was taken over by what it compiled.
//!
//! It exists only in builds with debug assertions, under a hidden subcommand of
//! its own: `__sandpool-hostile BEHAVIOUR __sandpool-worker DESCRIPTOR`. It runs
//! no guest, so it does not lock itself in. [`WorkerParts`] is what every behaviour
//! needs; the behaviours are in the other files of this folder, by what they
//! attack; `frames` writes for those that attack an exchange.

mod answers;
mod compiler;
mod exchange;
mod frames;
mod host_calls;
mod http;
mod messages;
mod start;
mod words;

use std::ffi::OsString;
use std::io;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use sandpool_protocol::compact::CompactTask;
use sandpool_protocol::control::{FromChild, Says, ToChild, decode as decode_message, encode};
use sandpool_protocol::exchange::{EXCHANGE_SIZE, Exchange};
use sandpool_protocol::frame::{AnswerHeader, Payload, TaskEnd, TaskHeader, inline_payload, split};
use sandpool_protocol::handshake::Hello;
use sandpool_protocol::layers::SandboxReport;
use sandpool_protocol::limits::LimitName;
use sandpool_protocol::ring::{ARENA, Claim, Lane, RING_SIZE, Ring};
use sandpool_sys::{
    ControlSocket, EventFd, MAX_MESSAGE, Mapping, Received, own_control_descriptor,
};
use sandpool_value::{Type, Value, decode, encode_args};

/// The hidden subcommand.
pub const HOSTILE_ROLE: &str = "__sandpool-hostile";

/// Plays the behaviour that the arguments name, and does not return.
pub fn misbehave(mut args: impl Iterator<Item = OsString>) -> ! {
    let behaviour = args.next().and_then(|name| name.into_string().ok());
    let control = args
        .nth(1)
        .and_then(|number| number.to_str()?.parse().ok())
        .and_then(|number| own_control_descriptor(number).ok());
    let (Some(behaviour), Some(control)) = (behaviour, control) else {
        std::process::exit(2);
    };
    let play = [
        start::find,
        words::find,
        answers::find,
        messages::find,
        exchange::find,
        http::find,
        host_calls::find,
        compiler::find,
    ]
    .iter()
    .find_map(|find| find(&behaviour));
    let code = match play {
        Some(Play::BeforeHello(play)) => i32::from(play(control).is_err()),
        Some(Play::BeforeReady(play)) => {
            i32::from(WorkerParts::set(control).and_then(play).is_err())
        }
        Some(Play::Ready(play)) => {
            let ready = WorkerParts::set(control).and_then(|worker| {
                worker.say(&FromChild::Ready {
                    report: SandboxReport::default(),
                })?;
                Ok(worker)
            });
            i32::from(ready.and_then(play).is_err())
        }
        // A name that is misspelled must not look like a behaviour.
        None => 3,
    };
    std::process::exit(code);
}

/// A behaviour, by how far the worker is when it begins.
enum Play {
    BeforeHello(fn(ControlSocket) -> io::Result<()>),
    BeforeReady(fn(WorkerParts) -> io::Result<()>),
    Ready(fn(WorkerParts) -> io::Result<()>),
}

/// The parts of a worker that is set up.
struct WorkerParts {
    control: ControlSocket,
    ring: Ring,
    /// The same memory again, for a second thread.
    other_ring: Option<Ring>,
    bell: EventFd,
    /// Where it asks for shared objects, if its module may, or else for HTTP.
    exchange: Option<Exchange>,
}

/// A task that was claimed, or only looked at.
struct Task {
    id: u64,
    raw: Vec<u8>,
}

impl WorkerParts {
    /// Makes the handshake of an honest worker, all but its last word.
    fn set(control: ControlSocket) -> io::Result<Self> {
        control.send(&Hello::of_this_build().encode(), &[], true)?;
        let mut buffer = vec![0; MAX_MESSAGE];
        let Received::Message(len, fds) = control.receive(&mut buffer, true)? else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        let setup = decode_message::<ToChild>(&buffer[..len]);
        let (shares, http) = match setup {
            Ok(ToChild::Work(setup)) => (setup.shares, setup.http),
            _ => (false, false),
        };
        let mut fds = fds.into_iter();
        let mut next = || fds.next().ok_or(io::ErrorKind::UnexpectedEof);
        let (memory, bell) = (next()?, next()?);
        let ring = || Ok::<_, io::Error>(Ring::new(Mapping::new(&memory, RING_SIZE)?));
        let exchange = match shares || http {
            true => {
                let (_artifact, memory) = (next()?, next()?);
                Some(Exchange::new(Mapping::new(&memory, EXCHANGE_SIZE)?))
            }
            false => None,
        };
        Ok(WorkerParts {
            exchange,
            control,
            ring: ring()?,
            other_ring: Some(ring()?),
            bell: EventFd::from_fd(bell),
        })
    }

    fn say(&self, message: &FromChild) -> io::Result<()> {
        self.control.send(&encode(message), &[], true)
    }

    fn say_about(&self, task: u64, says: Says) -> io::Result<()> {
        self.say(&FromChild::Task { task, says })
    }

    fn claim_word(&self) -> Claim {
        Claim::from_word(self.ring.claim().load(Ordering::Acquire))
    }

    /// Waits until this many tasks are there to be claimed.
    fn wait_for(&self, count: u32) -> Claim {
        loop {
            let claim = self.claim_word();
            if claim.tail.wrapping_sub(claim.head) >= count {
                return claim;
            }
            thread::sleep(Duration::from_micros(200));
        }
    }

    /// Returns the next task, which stays unclaimed.
    fn peek(&self) -> Task {
        let claim = self.wait_for(1);
        self.read_task(claim.head)
    }

    /// Claims the next task as an honest worker does.
    fn claim(&self) -> Task {
        loop {
            let claim = self.wait_for(1);
            let next = Claim {
                head: claim.head.wrapping_add(1),
                ..claim
            };
            let claimed = self.ring.claim().compare_exchange(
                claim.word(),
                next.word(),
                Ordering::AcqRel,
                Ordering::Relaxed,
            );
            if claimed.is_ok() {
                return self.read_task(claim.head);
            }
        }
    }

    fn read_task(&self, sequence: u32) -> Task {
        let mut payload = Vec::new();
        let place = self.ring.place(Lane::Tasks, sequence);
        let taken = place.map(|place| self.ring.take(Lane::Tasks, place, &mut payload));
        match taken.and_then(|()| Payload::read(&payload).ok()) {
            Some(Payload::Inline(frame)) => match split::<TaskHeader>(frame) {
                Ok((header, raw)) => Task {
                    id: header.task,
                    raw: raw.to_vec(),
                },
                Err(_) => std::process::exit(4),
            },
            Some(Payload::Compact(bytes)) => match CompactTask::read(bytes) {
                Ok((compact, raw)) => Task {
                    id: compact.task,
                    raw: raw.to_vec(),
                },
                Err(_) => std::process::exit(4),
            },
            // The file is left unread.
            Some(Payload::InFile { id, .. }) => Task {
                id,
                raw: Vec::new(),
            },
            None => std::process::exit(4),
        }
    }

    /// Puts a payload where the next answer goes, which nobody sees yet.
    fn fill(&self, payload: &[u8]) {
        const PLACES: u32 = 16;
        let next = self.ring.published().load(Ordering::Relaxed);
        // Not over an answer that the host has not read.
        while next.wrapping_sub(self.ring.consumed().load(Ordering::Acquire)) >= PLACES {
            thread::sleep(Duration::from_micros(200));
        }
        let offset = (next % PLACES) as usize * (ARENA / PLACES as usize);
        self.ring.fill(Lane::Answers, next, offset, &[payload]);
    }

    /// Says that this many further answers are there, and rings.
    fn publish(&self, count: u32) {
        self.ring.published().fetch_add(count, Ordering::Release);
        self.bell.ring();
    }

    fn answer(&self, header: &AnswerHeader, parts: &[&[u8]]) {
        let payload = inline_payload(header, parts);
        self.fill(&payload);
        self.publish(1);
    }

    /// Answers as an honest worker does, with the sum of two numbers.
    fn answer_honestly(&self, task: &Task) {
        let value = encode_args(&[Value::S32(sum(&task.raw))]);
        let header = header(task, TaskEnd::Ok, value.len());
        self.answer(&header, &[&value]);
    }

    /// Lives on until it is killed, and does nothing.
    fn linger(self) -> io::Result<()> {
        stand_still()
    }
}

/// Does nothing until it is killed.
fn stand_still() -> io::Result<()> {
    loop {
        thread::sleep(Duration::from_secs(3600));
    }
}

/// Returns the sum of a task's two arguments.
fn sum(mut raw: &[u8]) -> i32 {
    let mut next = || match decode(&Type::S32, &mut raw) {
        Ok(Value::S32(number)) => number,
        _ => 0,
    };
    next().wrapping_add(next())
}

fn header(task: &Task, end: TaskEnd, value_len: usize) -> AnswerHeader {
    AnswerHeader {
        task: task.id,
        end,
        message: None,
        run_time: Duration::from_micros(1),
        peak_memory: 0,
        fuel: None,
        refusals: Vec::new(),
        value_len: value_len as u64,
        stdout_len: 0,
        stderr_len: 0,
    }
}

/// A limit that no worker keeps.
const NOT_A_WORKERS: LimitName = LimitName::CompileTimeout;
