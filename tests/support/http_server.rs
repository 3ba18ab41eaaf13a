//! An HTTP server on the loopback address, for tests: a thread for each connection, which
//! answers by the path.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// The longest wait of a request for others.
const MEETING: Duration = Duration::from_secs(5);

/// A server that runs until it is dropped.
pub struct HttpServer {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    over: AtomicBool,
    requests: AtomicUsize,
    /// The connections of `/never` that were closed.
    closed: AtomicUsize,
    /// The requests of `/meet` that are there now, and the most that were.
    meeting: Mutex<(usize, usize)>,
    changed: Condvar,
}

impl HttpServer {
    /// Starts a server. Its paths:
    ///
    /// - `/hello` answers `hello`; `/size/N` with N bytes
    /// - `/echo` answers with the request's body, after it has read it
    /// - `/headers` answers with the request's headers
    /// - `/redirect` leads to `/hello`
    /// - `/meet/N` answers when N requests are there at once
    /// - `/never` never answers; `/endless` never ends
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if shared.over.load(Ordering::Relaxed) {
                    return;
                }
                let state = Arc::clone(&shared);
                thread::spawn(move || state.serve(stream));
            }
        });
        HttpServer { address, state }
    }

    /// Returns the URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Returns the origin, as outcomes tell it.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the number of requests that came.
    pub fn requests(&self) -> usize {
        self.state.requests.load(Ordering::SeqCst)
    }

    /// Returns the number of connections that were closed while they waited for `/never`.
    pub fn closed(&self) -> usize {
        self.state.closed.load(Ordering::SeqCst)
    }

    /// Returns the highest number of requests that met.
    pub fn most_at_once(&self) -> usize {
        self.state.lock().1
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
    }
}

impl State {
    fn lock(&self) -> std::sync::MutexGuard<'_, (usize, usize)> {
        self.meeting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, mut stream: TcpStream) {
        let Ok(reader) = stream.try_clone() else {
            return;
        };
        let mut reader = BufReader::new(reader);
        while let Some((path, headers)) = head(&mut reader) {
            self.requests.fetch_add(1, Ordering::SeqCst);
            let Some(body) = body(&mut reader, &headers) else {
                return;
            };
            if self
                .answer(&mut stream, &mut reader, &path, &headers, &body)
                .is_none()
            {
                return;
            }
        }
    }

    fn answer(
        &self,
        stream: &mut TcpStream,
        reader: &mut impl Read,
        path: &str,
        headers: &str,
        body: &[u8],
    ) -> Option<()> {
        let number = |text: &str| text.parse::<usize>().ok();
        match path.split('/').collect::<Vec<_>>()[1..] {
            ["hello"] => ok(stream, b"hello"),
            ["size", count] => ok(stream, &vec![b'1'; number(count)?]),
            ["echo"] => ok(stream, body),
            ["headers"] => ok(stream, headers.as_bytes()),
            ["redirect"] => {
                let text = "HTTP/1.1 302 Found\r\nlocation: /hello\r\ncontent-length: 0\r\n\r\n";
                stream.write_all(text.as_bytes()).ok()
            }
            ["meet", count] => {
                self.meet(number(count)?);
                ok(stream, b"met")
            }
            ["never"] => {
                let _ = reader.read(&mut [0]);
                self.closed.fetch_add(1, Ordering::SeqCst);
                None
            }
            ["endless"] => {
                let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
                stream.write_all(head.as_bytes()).ok()?;
                let chunk = [b"1000\r\n".as_slice(), &[b'2'; 4096], b"\r\n"].concat();
                loop {
                    stream.write_all(&chunk).ok()?;
                }
            }
            _ => {
                let text = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
                stream.write_all(text.as_bytes()).ok()
            }
        }
    }

    /// Waits until so many are here, or have been.
    fn meet(&self, count: usize) {
        let mut here = self.lock();
        here.0 += 1;
        here.1 = here.1.max(here.0);
        self.changed.notify_all();
        let waited = self
            .changed
            .wait_timeout_while(here, MEETING, |(_, most)| *most < count);
        let (mut here, _) = waited.unwrap_or_else(PoisonError::into_inner);
        here.0 -= 1;
    }
}

fn ok(stream: &mut TcpStream, body: &[u8]) -> Option<()> {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(&[head.as_bytes(), body].concat()).ok()
}

/// Reads the head of a request: its path, and its header lines.
fn head(reader: &mut impl BufRead) -> Option<(String, String)> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = String::new();
    loop {
        let before = headers.len();
        reader.read_line(&mut headers).ok()?;
        if headers[before..].trim().is_empty() {
            return Some((path, headers));
        }
    }
}

fn body(reader: &mut impl BufRead, headers: &str) -> Option<Vec<u8>> {
    let lower = headers.to_ascii_lowercase();
    let header = |name: &str| {
        let line = lower.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.trim().to_owned())
    };
    let mut body = Vec::new();
    if let Some(length) = header("content-length:") {
        body.resize(length.parse().ok()?, 0);
        reader.read_exact(&mut body).ok()?;
    } else if header("transfer-encoding:").is_some() {
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let length = usize::from_str_radix(line.trim(), 16).ok()?;
            let start = body.len();
            body.resize(start + length + 2, 0);
            reader.read_exact(&mut body[start..]).ok()?;
            body.truncate(start + length);
            if length == 0 {
                break;
            }
        }
    }
    Some(body)
}
