//! The host's end of a worker's HTTP exchange, shared by the pool, which reads requests
//! under its lock, and the thread of the client, which writes responses.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use sandpool_protocol::Violation;
use sandpool_protocol::control::{ToChild, encode};
use sandpool_protocol::exchange::Exchange;
use sandpool_protocol::http::{Fields, HttpError};
use sandpool_protocol::http_end::{HttpEnd, HttpEvent};
use sandpool_protocol::sleep;
use sandpool_sys::ControlSocket;

/// One worker's HTTP exchange. Its lock is held for moments only.
pub(super) struct HttpChannel {
    end: Mutex<HttpEnd>,
    /// Notified when there may be room for a part of a response.
    room: Notify,
    control: Arc<ControlSocket>,
}

impl HttpChannel {
    pub(super) fn new(exchange: Exchange, control: Arc<ControlSocket>) -> Self {
        HttpChannel {
            end: Mutex::new(HttpEnd::new(exchange)),
            room: Notify::new(),
            control,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HttpEnd> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a step, and rings the worker if that calls for it.
    fn step<T>(&self, step: impl FnOnce(&mut HttpEnd) -> T) -> T {
        let mut end = self.lock();
        let done = step(&mut end);
        if end.has_to_ring() {
            // A full socket means that the worker has messages to read: it looks into the
            // exchange after each of them.
            let _ = self.control.send(&encode(&ToChild::Http), &[], false);
        }
        done
    }

    pub(super) fn has_news(&self) -> bool {
        self.lock().has_news()
    }

    pub(super) fn announce_sleep(&self) {
        sleep::announce(self.lock().exchange().host_sleeps());
    }

    pub(super) fn announce_awake(&self) {
        sleep::announce_awake(self.lock().exchange().host_sleeps());
    }

    /// Reads the next frame of the worker, and writes what waits for room.
    pub(super) fn next_event(&self) -> Result<Option<HttpEvent>, Violation> {
        let (was_full, event, is_full) = self.step(|end| {
            let was_full = end.is_full();
            (was_full, end.next_event(), end.is_full())
        });
        let event = event?;
        let has_room = matches!(
            event,
            Some(HttpEvent::Room { .. } | HttpEvent::Cancelled { .. })
        );
        if has_room || was_full && !is_full {
            self.room.notify_waiters();
        }
        Ok(event)
    }

    /// Forgets all requests, since their task has ended, but for one of the next task.
    pub(super) fn forget_all_but(&self, next: Option<u32>) {
        self.lock().forget_all_but(next);
        self.room.notify_waiters();
    }

    /// Waits until a part of a response may be sent, and returns its highest number of
    /// bytes; `None` if the request has ended.
    pub(super) async fn room(&self, id: u32) -> Option<usize> {
        loop {
            let mut changed = pin!(self.room.notified());
            changed.as_mut().enable();
            match self.step(|end| {
                end.write_on();
                end.room(id)
            }) {
                Some(0) => changed.await,
                other => return other,
            }
        }
    }

    pub(super) fn send_head(&self, id: u32, status: u16, fields: Fields) {
        self.step(|end| end.send_head(id, status, fields));
    }

    pub(super) fn send_data(&self, id: u32, bytes: Vec<u8>) {
        self.step(|end| end.send_data(id, bytes));
    }

    pub(super) fn finish(&self, id: u32, trailers: Fields) {
        self.step(|end| end.finish(id, trailers));
    }

    pub(super) fn fail(&self, id: u32, error: HttpError) {
        self.step(|end| end.fail(id, error));
    }

    pub(super) fn give_credit(&self, id: u32, bytes: u32) {
        self.step(|end| end.give_credit(id, bytes));
    }
}
