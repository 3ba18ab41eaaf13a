//! Pipes as a host program uses them.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::SharedError;
use super::ask::{Asking, ask};
use super::handle::{Handle, Share};
use super::json::{from_json, to_json};
use super::pipe::PipeEnd;
use super::queues::{done, failure};
use sandpool_protocol::request::{ConnectionOp, Item, Op, Reply};

/// A pipe: messages sent into one side come out of the other, both ways:
/// multiprocessing's `Pipe()`.
#[must_use]
pub fn pipe() -> (Connection, Connection) {
    let [one, other] = PipeEnd::pair();
    (Connection { end: one }, Connection { end: other })
}

/// One side of a [`pipe`]. A clone is another handle to this side.
///
/// A side is closed when its last handle is dropped: handles of the host, and
/// those that calls were given until their tasks have ended. So a host that
/// gives a side to a task drops its own handle, to learn when the task is gone.
///
/// A side that is behind with 4,096 messages or 1 MiB makes the other one wait.
#[derive(Clone)]
pub struct Connection {
    end: Arc<PipeEnd>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

impl Share for Connection {
    fn handle(&self) -> Handle {
        Handle::new(Arc::clone(&self.end) as _)
    }
}

impl Connection {
    fn ask(&self, op: ConnectionOp, timeout: Option<Duration>) -> Reply {
        ask(&*self.end, Op::Connection(op), timeout)
    }

    /// Sends a value as JSON. Waits without end while the other side is behind.
    ///
    /// # Errors
    /// `EndOfFile` when the other side is gone, `Closed` when this one is
    /// closed, `TooLarge`, `Json`.
    pub fn send<T: Serialize + ?Sized>(&self, message: &T) -> Result<(), SharedError> {
        done(self.ask(ConnectionOp::Send(to_json(message)?), None))
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// As [`Connection::send`].
    pub fn send_bytes(&self, message: impl Into<Vec<u8>>) -> Result<(), SharedError> {
        done(self.ask(ConnectionOp::Send(Item::from(message.into())), None))
    }

    /// Sends a value as JSON, waiting without blocking the thread while the other
    /// side is behind. A future that is dropped has sent the whole message, or
    /// nothing.
    ///
    /// # Errors
    /// As [`Connection::send`].
    pub async fn send_async<T: Serialize + ?Sized>(&self, message: &T) -> Result<(), SharedError> {
        self.send_item(to_json(message)?).await
    }

    /// Sends bytes as they are, as [`Connection::send_async`] sends a value.
    ///
    /// # Errors
    /// As [`Connection::send`].
    pub async fn send_bytes_async(&self, message: impl Into<Vec<u8>>) -> Result<(), SharedError> {
        self.send_item(Item::from(message.into())).await
    }

    async fn send_item(&self, message: Item) -> Result<(), SharedError> {
        done(self.asking(ConnectionOp::Send(message), |_| {}).await)
    }

    fn asking(&self, op: ConnectionOp, back: impl FnOnce(Reply) + Send + 'static) -> Asking {
        Asking::new(Arc::clone(&self.end) as _, Op::Connection(op), back)
    }

    /// Receives a value that was sent as JSON. Waits for one, without end.
    ///
    /// # Errors
    /// `EndOfFile` when nothing is left and the other side is gone, `Closed`,
    /// `Json`.
    pub fn recv<T: DeserializeOwned>(&self) -> Result<T, SharedError> {
        self.recv_timeout(None)
    }

    /// The same, for `timeout` at most.
    ///
    /// # Errors
    /// As [`Connection::recv`], and `Timeout`.
    pub fn recv_timeout<T: DeserializeOwned>(
        &self,
        timeout: impl Into<Option<Duration>>,
    ) -> Result<T, SharedError> {
        from_json(&self.recv_bytes(timeout)?)
    }

    /// Receives a message as it is, waiting for `timeout` at most.
    ///
    /// # Errors
    /// As [`Connection::recv_timeout`].
    pub fn recv_bytes(&self, timeout: impl Into<Option<Duration>>) -> Result<Vec<u8>, SharedError> {
        match self.ask(ConnectionOp::Receive, timeout.into()) {
            Reply::Item(message) => Ok(message.into_vec()),
            other => Err(failure(&other)),
        }
    }

    /// Receives a value without blocking the thread. A future that is dropped
    /// has received nothing.
    ///
    /// # Errors
    /// As [`Connection::recv`].
    pub async fn recv_async<T: DeserializeOwned>(&self) -> Result<T, SharedError> {
        from_json(&self.recv_bytes_async().await?)
    }

    /// Receives a message as it is, without blocking the thread. A future that is
    /// dropped has received nothing.
    ///
    /// # Errors
    /// As [`Connection::recv`], but for `Json`.
    pub async fn recv_bytes_async(&self) -> Result<Vec<u8>, SharedError> {
        let end = Arc::clone(&self.end);
        let back = move |reply| {
            if let Reply::Item(message) = reply {
                end.unget(message);
            }
        };
        match self.asking(ConnectionOp::Receive, back).await {
            Reply::Item(message) => Ok(message.into_vec()),
            other => Err(failure(&other)),
        }
    }

    /// Waits, without blocking the thread, until there is a message or the other
    /// side is gone. It takes nothing.
    ///
    /// # Errors
    /// `Closed`.
    pub async fn poll_async(&self) -> Result<(), SharedError> {
        match self.asking(ConnectionOp::Poll, |_| {}).await {
            Reply::Flag(_) => Ok(()),
            other => Err(failure(&other)),
        }
    }

    /// Returns whether there is a message, or the other side is gone. Waits until that
    /// is so, for `timeout` at most; multiprocessing's default is not to wait.
    ///
    /// # Errors
    /// `Closed`.
    pub fn poll(&self, timeout: impl Into<Option<Duration>>) -> Result<bool, SharedError> {
        match self.ask(ConnectionOp::Poll, timeout.into()) {
            Reply::Flag(there) => Ok(there),
            other => Err(failure(&other)),
        }
    }

    /// Closes this side for all its holders.
    pub fn close(&self) {
        self.end.close();
    }
}
