//! Reads the HTTP requests of a worker's tasks, and has the client send those that are
//! granted. Runs under the pool's lock, and never waits: bodies are handed to the client's
//! thread, which writes the responses.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::ReadProgress;
use super::http_books::{Entry, LIMIT, TaskBooks};
use super::http_channel::HttpChannel;
use super::http_responses::Response;
use crate::http::{Access, BodyPart, HttpClient, RequestHead};
use crate::pool::tasks::{HttpRecord, Task};
use sandpool_protocol::Violation;
use sandpool_protocol::exchange::Exchange;
use sandpool_protocol::http::{self, Fields, HttpError};
use sandpool_protocol::http_end::HttpEvent;
use sandpool_protocol::limits::show_bytes;
use sandpool_sys::ControlSocket;

/// The number of frames that are read from one worker before others have their turn.
const AT_ONCE: usize = 256;

/// The host's end of one worker's outgoing HTTP.
pub(crate) struct HttpRequests {
    channel: Arc<HttpChannel>,
    access: Access,
    /// The beginning of a request of the next task, held until the answer of the current
    /// one is taken.
    held: Option<HttpEvent>,
    /// The number of tasks that have ended.
    ended: u64,
    /// The requests of the running task that are under way.
    under_way: HashMap<u32, UnderWay>,
    /// The running task's books, once it has asked for anything.
    books: Option<Arc<TaskBooks>>,
    /// The number of its requests.
    begun: u64,
    /// The number of bytes of their bodies.
    uploaded: u64,
    /// The highest number of those bytes.
    most_bytes: Option<u64>,
}

struct UnderWay {
    /// The way of its body to the client. The worker's credit bounds what waits there.
    body: mpsc::UnboundedSender<BodyPart>,
    entry: Arc<Entry>,
    response: AbortHandle,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        // Closes the connection.
        self.response.abort();
    }
}

impl HttpRequests {
    pub(crate) fn new(exchange: Exchange, control: Arc<ControlSocket>, access: Access) -> Self {
        HttpRequests {
            channel: Arc::new(HttpChannel::new(exchange, control)),
            access,
            held: None,
            ended: 0,
            under_way: HashMap::new(),
            books: None,
            begun: 0,
            uploaded: 0,
            most_bytes: None,
        }
    }

    /// Returns `true` if frames wait, or something can be written on.
    pub(crate) fn has_news(&self) -> bool {
        self.held.is_some() || self.channel.has_news()
    }

    pub(crate) fn announce_sleep(&self) {
        self.channel.announce_sleep();
    }

    pub(crate) fn announce_awake(&self) {
        self.channel.announce_awake();
    }

    /// Reads the frames that are there. `task` is the running task.
    ///
    /// # Errors
    ///
    /// Returns a violation if a frame breaks a rule.
    pub(crate) fn read(&mut self, task: Option<&Task>) -> Result<ReadProgress, Violation> {
        for _ in 0..AT_ONCE {
            let event = match self.held.take() {
                Some(event) => event,
                None => match self.channel.next_event()? {
                    Some(event) => event,
                    None => return Ok(ReadProgress::All),
                },
            };
            match event {
                HttpEvent::Begin { task: of, id, head } if of == self.ended => {
                    let task =
                        task.ok_or(Violation("it asks for a task that it has not claimed"))?;
                    self.begin(task, id, head);
                }
                // Of a task that ended meanwhile.
                HttpEvent::Begin { task: of, id, .. } if of < self.ended => {
                    self.channel.fail(id, HttpError::ConnectionTerminated);
                }
                HttpEvent::Begin { .. } => {
                    self.held = Some(event);
                    return Ok(ReadProgress::Next);
                }
                HttpEvent::Data { id, bytes } => self.upload(id, bytes),
                HttpEvent::End { id, trailers } => {
                    if let Some(request) = self.under_way.get(&id) {
                        let last = match trailers.is_empty() {
                            true => BodyPart::Finished,
                            false => BodyPart::Trailers(fields_of_wire(trailers)),
                        };
                        // A client that has its response already may want no more.
                        let _ = request.body.send(last);
                    }
                }
                HttpEvent::Cancelled { id } => {
                    self.under_way.remove(&id);
                }
                HttpEvent::Room { .. } => {}
            }
        }
        Ok(ReadProgress::More)
    }

    fn begin(&mut self, task: &Task, id: u32, head: http::RequestHead) {
        let limits = &task.template().limits;
        self.most_bytes = limits.http_bytes.value;
        self.begun += 1;
        let books = Arc::clone(self.books.get_or_insert_default());
        let request = match self.access.check(&of_wire(head)) {
            Ok(request) => request,
            Err(refused) => {
                books.deny(&refused);
                return self.channel.fail(id, HttpError::RequestDenied);
            }
        };
        if let Some(most) = limits.http_requests.value
            && self.begun > most
        {
            let line = format!("{} {}", request.method(), request.origin());
            books.refuse(LIMIT, &line, &format!("more than {most} requests"));
            return self.channel.fail(id, HttpError::ConnectionLimitReached);
        }
        let client = match HttpClient::shared() {
            Ok(client) => client,
            Err(error) => {
                let text = format!("the host cannot send it: {error}");
                return self.channel.fail(id, HttpError::InternalError(text));
            }
        };
        let (body, parts) = mpsc::unbounded_channel();
        let entry = books.enter(&request);
        let response = Response {
            id,
            channel: Arc::clone(&self.channel),
            books,
            entry: Arc::clone(&entry),
            most_bytes: self.most_bytes,
        };
        let running = response.run(client, request, parts);
        let request = UnderWay {
            body,
            entry,
            response: client.handle().spawn(running).abort_handle(),
        };
        self.under_way.insert(id, request);
    }

    fn upload(&mut self, id: u32, bytes: Vec<u8>) {
        let Some(request) = self.under_way.get(&id) else {
            return;
        };
        self.uploaded = self.uploaded.saturating_add(bytes.len() as u64);
        match self.most_bytes {
            Some(most) if self.uploaded > most => {
                if let Some(books) = &self.books {
                    let why = format!("bodies of more than {}", show_bytes(most));
                    books.refuse(LIMIT, &request.entry.line(), &why);
                }
                self.under_way.remove(&id);
                self.channel.fail(id, HttpError::RequestBodySize(most));
            }
            _ => {
                request.entry.add_sent(bytes.len());
                let _ = request.body.send(BodyPart::Data(bytes));
            }
        }
    }

    /// Ends the requests of the running task, which has ended, and returns what the host
    /// knows of them.
    pub(crate) fn end(&mut self) -> Option<HttpRecord> {
        let next = match &self.held {
            Some(HttpEvent::Begin { id, .. }) => Some(*id),
            _ => None,
        };
        self.under_way.clear();
        self.channel.forget_all_but(next);
        self.ended += 1;
        self.begun = 0;
        self.uploaded = 0;
        self.books.take()?.record()
    }
}

/// Turns a head that a worker sent into one that nobody has checked yet.
fn of_wire(head: http::RequestHead) -> RequestHead {
    RequestHead {
        method: head.method,
        scheme: head.scheme,
        authority: head.authority,
        path_with_query: head.path_with_query,
        headers: fields_of_wire(head.fields),
        connect_timeout: head.connect_timeout,
        first_byte_timeout: head.first_byte_timeout,
        between_bytes_timeout: head.between_bytes_timeout,
    }
}

/// Turns fields of the wire into those of the client.
fn fields_of_wire(fields: Fields) -> Vec<(String, Vec<u8>)> {
    let fields = fields.into_iter();
    fields
        .map(|(name, value)| (name, value.into_vec()))
        .collect()
}
