//! The worker's second thread: reads the control socket, and drives the timers
//! of guests that sleep.
//!
//! The first thread runs guests and is often busy for long. When the host hangs
//! up, this one ends the process, whatever the first is doing.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;

use tokio::io::Interest;
use tokio::net::UnixDatagram;
use tokio::runtime::{Builder, Handle, Runtime};
use wasmtime::Engine;

use super::http::HttpLink;
use crate::engine::guest::Messages;
use sandpool_protocol::control::{FromChild, Says, ToChild, WorkerSetup, decode, encode};
use sandpool_protocol::settings::LogLevel;
use sandpool_sys::{ControlSocket, MAX_MESSAGE, Received, SealedMapping};

/// A log message is cut to this many bytes, so that it fits a control message;
/// the cut is told.
const MAX_TEXT: usize = 48 * 1024;

/// The state that the two threads share.
pub(super) struct HostLink {
    control: Arc<ControlSocket>,
    inbox: Mutex<Inbox>,
    arrived: Condvar,
    /// The task that runs, and one; 0 between two.
    running: AtomicU64,
    /// Locked while a task is interrupted, and while another becomes the one
    /// that runs, so that an interrupt that comes too late never meets it.
    interrupts: Mutex<()>,
    is_interruptible: bool,
    may_ask_to_stop: bool,
    /// The task that is asked to stop, and one; 0 for none.
    asked_to_stop: AtomicU64,
    runtime: Handle,
    /// Outgoing HTTP, if it was granted.
    http: Option<Arc<HttpLink>>,
}

#[derive(Default)]
struct Inbox {
    payloads: VecDeque<(u64, OwnedFd, u64)>,
    room: Option<OwnedFd>,
    stdin: Option<OwnedFd>,
}

/// The event loop of the second thread, not yet running.
pub(super) struct EventLoop(Runtime);

impl EventLoop {
    /// Makes the event loop, which is to be done before this process locks itself in: which
    /// system calls that takes depends on the features of tokio that the final
    /// program has turned on (`signal` makes a pair of sockets, for instance).
    /// To run it takes the same few calls with all of them.
    pub(super) fn new() -> io::Result<Self> {
        let mut builder = Builder::new_current_thread();
        Ok(EventLoop(builder.enable_io().enable_time().build()?))
    }
}

impl HostLink {
    /// Starts the second thread, and returns when it listens: what it needs only
    /// for its start it may not do later.
    pub(super) fn start(
        EventLoop(runtime): EventLoop,
        control: Arc<ControlSocket>,
        engine: Engine,
        setup: &WorkerSetup,
        http: Option<Arc<HttpLink>>,
    ) -> io::Result<Arc<Self>> {
        let link = Arc::new(HostLink {
            control,
            inbox: Mutex::default(),
            arrived: Condvar::new(),
            running: AtomicU64::new(0),
            interrupts: Mutex::default(),
            is_interruptible: setup.engine.check_epochs,
            may_ask_to_stop: setup.may_ask_to_stop,
            asked_to_stop: AtomicU64::new(0),
            runtime: runtime.handle().clone(),
            http,
        });
        let listener = Arc::clone(&link);
        let (listens, started) = mpsc::sync_channel(1);
        thread::Builder::new().name("link".into()).spawn(move || {
            // Leaves if it is told to, and if it cannot listen any longer: a worker
            // without its host has no reason to live.
            let code = i32::from(runtime.block_on(listener.listen(&engine, listens)).is_err());
            std::process::exit(code);
        })?;
        started.recv().map_err(io::Error::other)?;
        Ok(link)
    }

    /// Returns the runtime that guests' sleeps wait in.
    pub(super) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    pub(super) fn http(&self) -> Option<&Arc<HttpLink>> {
        self.http.as_ref()
    }

    async fn listen(&self, engine: &Engine, listens: mpsc::SyncSender<()>) -> io::Result<()> {
        // Only watched through this one; messages keep being received, with
        // their descriptors, by our own socket.
        let watched = UnixDatagram::from_std(self.control.for_event_loop()?)?;
        let mut buffer = vec![0; MAX_MESSAGE];
        let _ = listens.send(());
        loop {
            let received = watched
                .async_io(Interest::READABLE, || {
                    match self.control.receive(&mut buffer, false)? {
                        Received::Nothing => Err(io::ErrorKind::WouldBlock.into()),
                        received => Ok(received),
                    }
                })
                .await?;
            let Received::Message(len, fds) = received else {
                return Ok(());
            };
            let message = decode(&buffer[..len])
                .map_err(|_| io::Error::other("unreadable message from the host"))?;
            self.take_in(message, fds, engine);
            // The host may have had no room to ring between its other messages.
            if let Some(http) = &self.http {
                http.look();
            }
        }
    }

    fn take_in(&self, message: ToChild, fds: Vec<OwnedFd>, engine: &Engine) {
        let fd = fds.into_iter().next();
        let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
        match (message, fd) {
            (ToChild::Payload { id, len }, Some(fd)) => inbox.payloads.push_back((id, fd, len)),
            (ToChild::Room { .. }, Some(fd)) => inbox.room = Some(fd),
            (ToChild::Stdin, Some(fd)) => inbox.stdin = Some(fd),
            (ToChild::AskToStop { task }, _) => {
                self.asked_to_stop.store(task + 1, Ordering::Release);
            }
            (ToChild::Interrupt { task }, _) => {
                let _others_wait = self.interrupts();
                if self.running() == Some(task) {
                    engine.increment_epoch();
                }
            }
            _ => {}
        }
        self.arrived.notify_all();
    }

    fn wait_for<T>(&self, mut find: impl FnMut(&mut Inbox) -> Option<T>) -> T {
        let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(found) = find(&mut inbox) {
                return found;
            }
            inbox = self
                .arrived
                .wait(inbox)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Says which task runs now; `None` between two.
    pub(super) fn set_running(&self, task: Option<u64>) {
        let _not_meanwhile = self.is_interruptible.then(|| self.interrupts());
        let word = task.map_or(0, |task| task + 1);
        self.running.store(word, Ordering::Release);
    }

    fn running(&self) -> Option<u64> {
        self.running.load(Ordering::Acquire).checked_sub(1)
    }

    fn interrupts(&self) -> MutexGuard<'_, ()> {
        let interrupts = self.interrupts.lock();
        interrupts.unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the frame that the host sent in a memory file. Files of tasks that
    /// were taken back are dropped on the way.
    pub(super) fn payload(&self, id: u64) -> io::Result<SealedMapping> {
        let (file, len) = self.wait_for(|inbox| {
            while let Some((found, file, len)) = inbox.payloads.pop_front() {
                if found == id {
                    return Some((file, len));
                }
            }
            None
        });
        SealedMapping::new(file, len)
    }

    /// Returns a memory file of `len` bytes for an answer.
    pub(super) fn room(&self, len: u64) -> io::Result<File> {
        self.say(Says::WantRoom { len })?;
        Ok(File::from(self.wait_for(|inbox| inbox.room.take())))
    }

    /// Returns the host's standard input, or what stands for it.
    pub(super) fn stdin(&self) -> io::Result<OwnedFd> {
        self.say(Says::WantStdin)?;
        Ok(self.wait_for(|inbox| inbox.stdin.take()))
    }

    /// Says something about the running task.
    fn say(&self, says: Says) -> io::Result<()> {
        let task = self.running();
        let task = task.ok_or_else(|| io::Error::other("no task runs"))?;
        self.control
            .send(&encode(&FromChild::Task { task, says }), &[], true)
    }
}

impl Messages for HostLink {
    fn log(&self, level: LogLevel, message: String) {
        let message = cut(message);
        // A host that is gone ends this process anyway.
        let _ = self.say(Says::Log { level, message });
    }

    fn progress(&self, done: u64, total: Option<u64>, message: Option<String>) {
        let message = message.map(cut);
        let _ = self.say(Says::Progress {
            done,
            total,
            message,
        });
    }

    fn may_ask_to_stop(&self) -> bool {
        self.may_ask_to_stop
    }

    fn asks_to_stop(&self) -> bool {
        let asked = self.asked_to_stop.load(Ordering::Acquire);
        asked != 0 && asked == self.running.load(Ordering::Acquire)
    }
}

fn cut(mut text: String) -> String {
    if text.len() > MAX_TEXT {
        let whole = text.len();
        text.truncate(text.floor_char_boundary(MAX_TEXT));
        let cut = whole - text.len();
        text.push_str(&format!("… ({cut} bytes more)"));
    }
    text
}
