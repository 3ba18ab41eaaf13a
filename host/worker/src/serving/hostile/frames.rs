//! Writes frames into the exchange of a worker that misbehaves, whether it asks for shared
//! objects or for HTTP there. It does not know what the frames say.

use std::io;
use std::sync::atomic::Ordering;

use super::{Task, WorkerParts, stand_still};
use sandpool_protocol::exchange::{Exchange, StreamWriter, Way};

/// A worker that runs a task and writes to the host's end of its exchange.
pub(super) struct FrameWriter {
    worker: WorkerParts,
    exchange: Exchange,
    task: Task,
    writer: StreamWriter,
}

impl FrameWriter {
    /// Claims the next task, and writes about that.
    pub(super) fn new(worker: WorkerParts) -> io::Result<Self> {
        let task = worker.claim();
        Self::of(worker, task)
    }

    /// Writes about a task that need not be claimed.
    pub(super) fn of(mut worker: WorkerParts, task: Task) -> io::Result<Self> {
        let exchange = worker.exchange.take();
        let exchange = exchange.ok_or_else(|| io::Error::other("it was given no exchange"))?;
        Ok(FrameWriter {
            worker,
            exchange,
            task,
            writer: StreamWriter::new(Way::ToHost),
        })
    }

    /// Returns the id of its task.
    pub(super) fn task(&self) -> u64 {
        self.task.id
    }

    pub(super) fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// Writes all bytes, as there is room for them.
    pub(super) fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let written = self.write_some(bytes)?;
            bytes = &bytes[written..];
        }
        Ok(())
    }

    /// Writes as many bytes as there is room for, and rings; returns their number.
    pub(super) fn write_some(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.writer.write(&self.exchange, bytes);
        self.worker.bell.ring();
        written.map_err(|_| broken())
    }

    /// Answers its task as an honest worker does.
    pub(super) fn answer_honestly(&self) {
        self.worker.answer_honestly(&self.task);
    }
}

/// Returns the error of a host that does not keep to the protocol.
pub(super) fn broken() -> io::Error {
    io::Error::other("the host broke a rule")
}

/// Writes bytes that make no frame, and lives on until it is killed.
pub(super) fn raw(worker: WorkerParts, bytes: &[u8]) -> io::Result<()> {
    FrameWriter::new(worker)?.write(bytes)?;
    stand_still()
}

/// Claims to have written more than there is room for.
pub(super) fn writes_too_far(worker: WorkerParts) -> io::Result<()> {
    let frames = FrameWriter::new(worker)?;
    let [written, _] = frames.exchange.bare_counts(Way::ToHost);
    written.store(1 << 30, Ordering::Release);
    frames.worker.bell.ring();
    stand_still()
}
