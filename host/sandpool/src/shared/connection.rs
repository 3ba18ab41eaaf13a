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

/// Makes a pipe: messages sent into one side come out of the other, both ways. It is
/// multiprocessing's `Pipe()`.
#[must_use]
pub fn pipe() -> (Connection, Connection) {
    let [one, other] = PipeEnd::pair();
    (Connection { end: one }, Connection { end: other })
}

/// One side of a [`pipe`]. A clone is another handle to this side.
///
/// A side is closed when its last handle is dropped. Handles of the host count, and those
/// that calls were given, until their tasks have ended. So a host that gives a side to a
/// task drops its own handle, to learn when the task is gone.
///
/// A side that has 4,096 messages or 1 MiB unread makes the other side wait. A message has
/// 64 MiB at most.
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

    /// Sends a value as JSON. Waits without end while the other side has too much unread.
    ///
    /// # Errors
    ///
    /// Returns `EndOfFile` when the other side is gone, `Closed` when this one is closed,
    /// `TooLarge` for a message of more than 64 MiB, and `Json` for a value that JSON
    /// cannot hold.
    pub fn send<T: Serialize + ?Sized>(&self, message: &T) -> Result<(), SharedError> {
        done(self.ask(ConnectionOp::Send(to_json(message)?), None))
    }

    /// Sends bytes as they are, waiting as [`Connection::send`] does.
    ///
    /// # Errors
    ///
    /// Returns an error as [`Connection::send`] does, except `Json`.
    pub fn send_bytes(&self, message: impl Into<Vec<u8>>) -> Result<(), SharedError> {
        done(self.ask(ConnectionOp::Send(Item::from(message.into())), None))
    }

    /// Sends a value as JSON, waiting without blocking the thread while the other side has
    /// too much unread. Dropping the future has sent the whole message, or nothing.
    ///
    /// # Errors
    ///
    /// Returns an error as [`Connection::send`] does.
    pub async fn send_async<T: Serialize + ?Sized>(&self, message: &T) -> Result<(), SharedError> {
        self.send_item(to_json(message)?).await
    }

    /// Sends bytes as they are, waiting as [`Connection::send_async`] does.
    ///
    /// # Errors
    ///
    /// Returns an error as [`Connection::send`] does, except `Json`.
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
    ///
    /// Returns `EndOfFile` when nothing is left and the other side is gone, `Closed` when
    /// this side is closed, and `Json` for a message that is no `T`.
    pub fn recv<T: DeserializeOwned>(&self) -> Result<T, SharedError> {
        self.recv_timeout(None)
    }

    /// Receives a value that was sent as JSON. Waits for one, for `timeout` at most.
    ///
    /// # Errors
    ///
    /// Returns an error as [`Connection::recv`] does, and `Timeout` after the timeout.
    pub fn recv_timeout<T: DeserializeOwned>(
        &self,
        timeout: impl Into<Option<Duration>>,
    ) -> Result<T, SharedError> {
        from_json(&self.recv_bytes(timeout)?)
    }

    /// Receives a message as it is, waiting for `timeout` at most; `None` waits for ever.
    ///
    /// # Errors
    ///
    /// Returns an error as [`Connection::recv_timeout`] does, except `Json`.
    pub fn recv_bytes(&self, timeout: impl Into<Option<Duration>>) -> Result<Vec<u8>, SharedError> {
        match self.ask(ConnectionOp::Receive, timeout.into()) {
            Reply::Item(message) => Ok(message.into_vec()),
            other => Err(failure(&other)),
        }
    }

    /// Receives a value, waiting without blocking the thread. Dropping the future has
    /// received nothing.
    ///
    /// # Errors
    ///
    /// Returns an error as [`Connection::recv`] does.
    pub async fn recv_async<T: DeserializeOwned>(&self) -> Result<T, SharedError> {
        from_json(&self.recv_bytes_async().await?)
    }

    /// Receives a message as it is, waiting without blocking the thread. Dropping the
    /// future has received nothing.
    ///
    /// # Errors
    ///
    /// Returns an error as [`Connection::recv`] does, except `Json`.
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

    /// Waits, without blocking the thread, until there is a message or the other side is
    /// gone. It takes no message.
    ///
    /// # Errors
    ///
    /// Returns `Closed` when this side is closed.
    pub async fn poll_async(&self) -> Result<(), SharedError> {
        match self.asking(ConnectionOp::Poll, |_| {}).await {
            Reply::Flag(_) => Ok(()),
            other => Err(failure(&other)),
        }
    }

    /// Waits until there is a message or the other side is gone, for `timeout` at most;
    /// returns `true` if so. `None` waits for ever; multiprocessing's default is not to
    /// wait.
    ///
    /// # Errors
    ///
    /// Returns `Closed` when this side is closed.
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
