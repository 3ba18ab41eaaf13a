//! The host's end of a worker's outgoing HTTP: reads and checks the worker's frames, and
//! writes those of the host, within the credit of each stream.
//!
//! It never waits. Bytes that find no room are kept, at most one frame for each request
//! that is under way, and what a request that ended at once was answered.

use std::collections::VecDeque;

use crate::Violation;
use crate::exchange::{Exchange, StreamReader, StreamWriter, Way, framed};
use crate::http::{
    CREDIT, Fields, HttpError, MAX_DATA, MAX_FRAME, MAX_HEAD, MAX_LIVE, RequestHead, ToHost,
    ToWorker, size_of_fields,
};
use crate::sleep;

/// A frame of the worker that keeps all rules.
#[derive(Clone, Debug, PartialEq)]
pub enum HttpEvent {
    /// A request begins.
    Begin {
        task: u64,
        id: u32,
        head: RequestHead,
    },
    /// A part of the body of a request that is under way.
    Data { id: u32, bytes: Vec<u8> },
    /// The end of the body of a request that is under way.
    End { id: u32, trailers: Fields },
    /// A request that is under way may be sent more of its response.
    Room { id: u32 },
    /// A request that was under way is no longer.
    Cancelled { id: u32 },
}

/// A request that is under way.
#[derive(Debug)]
struct Live {
    id: u32,
    /// The worker's number of the task that began it.
    task: u64,
    /// The number of bytes that the worker may still send.
    upload: u32,
    /// `true` once the worker has sent the end of the body.
    is_uploaded: bool,
    /// The number of bytes that the host may still send.
    download: u32,
}

/// The host's end of one worker's HTTP exchange.
#[derive(Debug)]
pub struct HttpEnd {
    exchange: Exchange,
    reader: StreamReader,
    writer: StreamWriter,
    /// Bytes that found no room in the exchange yet.
    backlog: VecDeque<u8>,
    live: Vec<Live>,
    /// The highest id so far.
    last: u32,
    violation: Option<Violation>,
    /// `true` if something was written, or read, since the worker was last rung for it.
    wrote: bool,
    read: bool,
}

impl HttpEnd {
    pub fn new(exchange: Exchange) -> Self {
        HttpEnd {
            exchange,
            reader: StreamReader::bounded(Way::ToHost, MAX_FRAME),
            writer: StreamWriter::new(Way::ToWorker),
            backlog: VecDeque::new(),
            live: Vec::new(),
            last: 0,
            violation: None,
            wrote: false,
            read: false,
        }
    }

    pub fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// Returns `true` if there is something to read, to write on, or to report.
    pub fn has_news(&self) -> bool {
        let has_more = match self.is_full() {
            true => self.writer.may_write_on(&self.exchange),
            false => self.reader.has_more(&self.exchange),
        };
        has_more || self.violation.is_some()
    }

    fn may_write_on(&self) -> bool {
        !self.backlog.is_empty() && self.writer.may_write_on(&self.exchange)
    }

    /// Returns `true` if frames wait for room in the exchange.
    pub fn is_full(&self) -> bool {
        !self.backlog.is_empty()
    }

    /// Reads the next frame. Frames about requests that have ended are passed over; the
    /// worker may not know it yet.
    ///
    /// While frames of the host wait for room nothing is read: a worker that reads nothing
    /// is not answered more and more.
    ///
    /// # Errors
    ///
    /// Returns a violation if a frame breaks a rule.
    pub fn next_event(&mut self) -> Result<Option<HttpEvent>, Violation> {
        self.write_on();
        if let Some(violation) = self.violation.take() {
            return Err(violation);
        }
        loop {
            if self.is_full() {
                return Ok(None);
            }
            let Some(message) = self.reader.message()? else {
                if self.reader.fill(&self.exchange)? == 0 {
                    return Ok(None);
                }
                self.read = true;
                continue;
            };
            let (frame, rest) = postcard::take_from_bytes::<ToHost>(message)
                .map_err(|_| Violation("a frame of HTTP cannot be read"))?;
            if !rest.is_empty() {
                return Err(Violation("a frame of HTTP has bytes left over"));
            }
            if let Some(event) = self.check(frame)? {
                return Ok(Some(event));
            }
        }
    }

    /// Returns the request with this id if it is under way, `None` if it has ended.
    fn find(&mut self, id: u32) -> Result<Option<&mut Live>, Violation> {
        if id > self.last {
            return Err(Violation("a frame of HTTP is of no request"));
        }
        Ok(self.live.iter_mut().find(|live| live.id == id))
    }

    fn check(&mut self, frame: ToHost) -> Result<Option<HttpEvent>, Violation> {
        Ok(match frame {
            ToHost::Begin { task, id, head } => {
                if id <= self.last {
                    return Err(Violation("the ids of its HTTP requests do not grow"));
                }
                // A task may begin while the host still knows the requests of the last one.
                let of_task = self.live.iter().filter(|live| live.task == task);
                if of_task.count() >= MAX_LIVE || self.live.len() >= 2 * MAX_LIVE {
                    return Err(Violation("it has more HTTP requests under way than it may"));
                }
                if head.size() > MAX_HEAD {
                    return Err(Violation("the head of its HTTP request is too long"));
                }
                self.last = id;
                self.live.push(Live {
                    id,
                    task,
                    upload: CREDIT,
                    is_uploaded: false,
                    download: CREDIT,
                });
                Some(HttpEvent::Begin { task, id, head })
            }
            ToHost::Data { id, bytes } => {
                if bytes.is_empty() || bytes.len() > MAX_DATA {
                    return Err(Violation(
                        "a part of its HTTP request is too short or too long",
                    ));
                }
                let Some(live) = self.find(id)? else {
                    return Ok(None);
                };
                if live.is_uploaded {
                    return Err(Violation("it goes on after the end of its HTTP request"));
                }
                // `MAX_DATA` fits.
                let left = live.upload.checked_sub(bytes.len() as u32);
                live.upload = left.ok_or(Violation("it sends more HTTP than its credit"))?;
                let bytes = bytes.into_vec();
                Some(HttpEvent::Data { id, bytes })
            }
            ToHost::End { id, trailers } => {
                if size_of_fields(&trailers) > MAX_HEAD {
                    return Err(Violation("the trailers of its HTTP request are too long"));
                }
                let Some(live) = self.find(id)? else {
                    return Ok(None);
                };
                if live.is_uploaded {
                    return Err(Violation("it goes on after the end of its HTTP request"));
                }
                live.is_uploaded = true;
                Some(HttpEvent::End { id, trailers })
            }
            ToHost::Credit { id, bytes } => {
                let Some(live) = self.find(id)? else {
                    return Ok(None);
                };
                let credit = live.download.checked_add(bytes);
                let credit = credit.filter(|credit| bytes > 0 && *credit <= CREDIT);
                live.download = credit.ok_or(Violation("it gives credit for no bytes of HTTP"))?;
                Some(HttpEvent::Room { id })
            }
            ToHost::Cancel { id } => {
                if self.find(id)?.is_none() {
                    return Ok(None);
                }
                self.forget(id);
                Some(HttpEvent::Cancelled { id })
            }
        })
    }

    fn forget(&mut self, id: u32) {
        self.live.retain(|live| live.id != id);
    }

    /// Forgets all requests, since their task has ended, but for one of the next task.
    pub fn forget_all_but(&mut self, next: Option<u32>) {
        self.live.retain(|live| Some(live.id) == next);
    }

    /// Returns the number of bytes of the response that may be sent now, 0 if the sender
    /// has to wait; `None` if the request has ended.
    pub fn room(&self, id: u32) -> Option<usize> {
        let live = self.live.iter().find(|live| live.id == id)?;
        match self.is_full() {
            true => Some(0),
            false => Some((live.download as usize).min(MAX_DATA)),
        }
    }

    /// Sends the head of a response. Nothing is sent of a request that has ended.
    pub fn send_head(&mut self, id: u32, status: u16, fields: Fields) {
        if self.room(id).is_some() {
            self.write(&ToWorker::Head { id, status, fields });
        }
    }

    /// Sends a part of a response, for which there is [room](HttpEnd::room).
    pub fn send_data(&mut self, id: u32, bytes: Vec<u8>) {
        let Some(live) = self.live.iter_mut().find(|live| live.id == id) else {
            return;
        };
        // `MAX_DATA` fits.
        live.download = live.download.saturating_sub(bytes.len() as u32);
        let bytes = bytes.into();
        self.write(&ToWorker::Data { id, bytes });
    }

    /// Ends a request whose response is complete.
    pub fn finish(&mut self, id: u32, trailers: Fields) {
        if self.room(id).is_some() {
            self.forget(id);
            self.write(&ToWorker::End { id, trailers });
        }
    }

    /// Ends a request that failed.
    pub fn fail(&mut self, id: u32, error: HttpError) {
        if self.room(id).is_some() {
            self.forget(id);
            self.write(&ToWorker::Failed { id, error });
        }
    }

    /// Lets the worker send so many bytes more of a request's body: they were passed on.
    pub fn give_credit(&mut self, id: u32, bytes: u32) {
        if let Some(live) = self.live.iter_mut().find(|live| live.id == id)
            && bytes > 0
        {
            live.upload = live.upload.saturating_add(bytes).min(CREDIT);
            self.write(&ToWorker::Credit { id, bytes });
        }
    }

    fn write(&mut self, frame: &ToWorker) {
        self.backlog.extend(framed(frame));
        self.write_on();
    }

    /// Writes as much of what waits as there is room for.
    pub fn write_on(&mut self) {
        loop {
            self.write_what_fits();
            if self.backlog.is_empty() {
                return;
            }
            // The worker rings when it has made room.
            sleep::announce(self.exchange.host_waits());
            if !self.may_write_on() {
                return;
            }
        }
    }

    fn write_what_fits(&mut self) {
        while !self.backlog.is_empty() {
            let (next, _) = self.backlog.as_slices();
            match self.writer.write(&self.exchange, next) {
                Ok(0) => return,
                Ok(written) => {
                    self.backlog.drain(..written);
                    self.wrote = true;
                }
                Err(violation) => {
                    self.violation = Some(violation);
                    self.backlog.clear();
                }
            }
        }
    }

    /// Returns `true` if the worker has to be rung: it was written to and does not look by
    /// itself, or it waits for the room that was made.
    pub fn has_to_ring(&mut self) -> bool {
        let wrote = std::mem::take(&mut self.wrote);
        let read = std::mem::take(&mut self.read);
        let (looks, waits) = (self.exchange.worker_sleeps(), self.exchange.worker_waits());
        let for_frames = wrote && sleep::has_to_be_woken(looks);
        let for_room = read && sleep::has_to_be_woken(waits);
        for_frames || for_room
    }
}

#[cfg(test)]
mod tests;
