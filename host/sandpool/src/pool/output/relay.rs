//! Passes the output of guests on to the host's own: live, in whole lines, in the order in
//! which it arrives.
//!
//! The relay has a thread of its own, since the host's output may block for any length of
//! time while deadlines are kept. A task's outcome goes through here too, so that the
//! guest's output comes before it.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};

use super::callbacks::CallbackSender;
use crate::pool::tasks::Completion;
use sandpool_sys::stdio;
use sandpool_sys::{EventFd, Poller, thread_error, writes_to_a_limit_here};

/// The length in bytes above which a line is passed on in pieces.
const MAX_LINE: usize = 64 * 1024;

/// The number of bytes that one stream may pass on before others have their turn.
const A_TURN: u64 = 64 * 1024;

/// The token of the relay's own bell.
const BELL: u64 = u64::MAX;

/// The relay's thread and the channel to it.
pub(crate) struct Relay {
    commands: Sender<RelayCommand>,
    bell: Arc<EventFd>,
    thread: JoinHandle<()>,
}

enum RelayCommand {
    Worker(u64, OutputPipes),
    Complete(u64, Completion),
    Gone(u64),
    Finish,
}

impl Relay {
    /// Starts the thread. With `raw`, bytes are passed on as they come: for the output of a
    /// single worker that must not change.
    pub(crate) fn start(
        raw: bool,
        callback_sender: CallbackSender,
        trouble: Arc<Trouble>,
    ) -> io::Result<Self> {
        let (commands, inbox) = channel();
        let bell = Arc::new(EventFd::new()?);
        let poller = Poller::new()?;
        poller.add(&*bell, BELL)?;
        let relay = RelayThread {
            inbox,
            bell: Arc::clone(&bell),
            poller,
            raw,
            trouble,
            callback_sender,
            streams: HashMap::new(),
        };
        let thread = thread::Builder::new()
            .name("sandpool-relay".into())
            .spawn(move || {
                writes_to_a_limit_here();
                relay.work();
            })
            .map_err(thread_error)?;
        Ok(Relay {
            commands,
            bell,
            thread,
        })
    }

    fn send(&self, command: RelayCommand) {
        let _ = self.commands.send(command);
        self.bell.ring();
    }

    /// Adds a new worker's pipes.
    pub(crate) fn worker(&self, serial: u64, pipes: OutputPipes) {
        self.send(RelayCommand::Worker(serial, pipes));
    }

    /// Passes on the text that the worker has printed, then delivers the outcome.
    pub(crate) fn complete(&self, serial: u64, completion: Completion) {
        self.send(RelayCommand::Complete(serial, completion));
    }

    /// Notes that the worker is gone, and passes on the rest of its output.
    pub(crate) fn worker_gone(&self, serial: u64) {
        self.send(RelayCommand::Gone(serial));
    }

    /// Waits until all output is passed on.
    pub(crate) fn finish(self) {
        self.send(RelayCommand::Finish);
        let _ = self.thread.join();
    }
}

/// The host's ends of a worker's passed-on output streams.
pub(crate) struct OutputPipes {
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
}

/// The reason why one of the host's own standard streams failed.
pub(crate) type Trouble = OnceLock<String>;

/// One output stream of one worker.
struct OutputStream {
    trouble: Arc<Trouble>,
    pipe: File,
    to_stderr: bool,
    line: Vec<u8>,
    open: bool,
}

struct RelayThread {
    inbox: Receiver<RelayCommand>,
    bell: Arc<EventFd>,
    poller: Poller,
    raw: bool,
    trouble: Arc<Trouble>,
    callback_sender: CallbackSender,
    /// The streams by token: the worker's serial number times 2, plus 1 for stderr.
    streams: HashMap<u64, OutputStream>,
}

impl RelayThread {
    fn work(mut self) {
        let mut ready = Vec::new();
        loop {
            if self.poller.wait(None, &mut ready).is_err() {
                return;
            }
            for token in &ready {
                if *token == BELL {
                    self.bell.clear();
                } else {
                    self.drain(*token, A_TURN);
                }
            }
            while let Ok(command) = self.inbox.try_recv() {
                match command {
                    RelayCommand::Worker(serial, pipes) => {
                        self.watch(serial * 2, pipes.stdout);
                        self.watch(serial * 2 + 1, pipes.stderr);
                    }
                    RelayCommand::Complete(serial, completion) => {
                        self.flush(serial);
                        self.callback_sender.finish(completion);
                    }
                    RelayCommand::Gone(serial) => {
                        // The worker writes no more, so this is the rest.
                        self.flush(serial);
                        self.streams.remove(&(serial * 2));
                        self.streams.remove(&(serial * 2 + 1));
                    }
                    RelayCommand::Finish => return,
                }
            }
        }
    }

    fn watch(&mut self, token: u64, pipe: OwnedFd) {
        if self.poller.add(&pipe, token).is_ok() {
            let to_stderr = token % 2 == 1;
            let stream = OutputStream {
                trouble: Arc::clone(&self.trouble),
                pipe: File::from(pipe),
                to_stderr,
                line: Vec::new(),
                open: true,
            };
            self.streams.insert(token, stream);
        }
    }

    fn flush(&mut self, serial: u64) {
        for token in [serial * 2, serial * 2 + 1] {
            // Only the bytes that are there now, without those that the next task adds.
            let there = self.streams.get(&token).map_or(0, OutputStream::waiting);
            self.drain(token, there);
            if let Some(stream) = self.streams.get_mut(&token) {
                if !stream.line.is_empty() && !self.raw {
                    stream.line.push(b'\n');
                }
                stream.emit_all();
            }
        }
    }

    /// Passes on about `at_most` of the bytes that are in a pipe now.
    fn drain(&mut self, token: u64, mut at_most: u64) {
        let Some(stream) = self.streams.get_mut(&token).filter(|stream| stream.open) else {
            return;
        };
        let mut buffer = [0; 16 * 1024];
        while at_most > 0 {
            let piece =
                usize::try_from(at_most).map_or(buffer.len(), |most| most.min(buffer.len()));
            match stream.pipe.read(&mut buffer[..piece]) {
                Ok(0) => return stream.close(),
                Ok(len) => {
                    at_most = at_most.saturating_sub(len as u64);
                    stream.line.extend_from_slice(&buffer[..len]);
                    if self.raw || stream.line.len() > MAX_LINE {
                        stream.emit_all();
                    } else {
                        stream.emit_lines();
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }
}

impl OutputStream {
    /// Returns the number of bytes that are in the pipe.
    fn waiting(&self) -> u64 {
        rustix::io::ioctl_fionread(&self.pipe).unwrap_or(0)
    }

    fn emit_lines(&mut self) {
        if let Some(end) = self.line.iter().rposition(|byte| *byte == b'\n') {
            let rest = self.line.split_off(end + 1);
            self.emit_all();
            self.line = rest;
        }
    }

    fn emit_all(&mut self) {
        if self.line.is_empty() {
            return;
        }
        let written = match self.to_stderr {
            true => stdio::write_stderr(&self.line),
            false => stdio::write_stdout(&self.line),
        };
        self.line.clear();
        if let Err(error) = written {
            // The output is gone, and the guest must learn that. A reader that has left is no
            // trouble; a full disk is.
            if error.kind() != io::ErrorKind::BrokenPipe {
                let stream = if self.to_stderr { "stderr" } else { "stdout" };
                let text = format!("{stream} cannot be written: {error}");
                let _ = self.trouble.set(text);
            }
            self.close();
        }
    }

    /// Closes the pipe and stops watching it: its writer meets a broken pipe.
    fn close(&mut self) {
        self.open = false;
        if let Ok(null) = File::open("/dev/null") {
            self.pipe = null;
        }
    }
}
