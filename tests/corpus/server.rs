//! A server on the loopback address that answers as no decent one would, and remembers
//! what should never have come to it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// The longest head of a request that is read.
const MAX_HEAD: usize = 64 * 1024;

/// A header that guests try to smuggle in.
const SMUGGLED: &str = "x-smuggled";

/// A server that runs as long as the process. It closes each connection after one answer.
pub struct Server {
    address: SocketAddr,
    strays: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Starts the server. Its paths:
    ///
    /// - `/open/hello` answers `hello`; `/open/echo` with the head of the request
    /// - `/open/endless` never ends its body, `/open/endless-head` not even its head
    /// - `/open/swallow` reads as long as there is something, and never answers
    /// - `/open/redirect` leads to an address that nobody may reach
    /// - `/open/garbage` is no HTTP, `/open/short` ends too early, `/open/two-lengths` and
    ///   `/open/length-and-chunks` can be read in two ways
    /// - `/open/bomb` says that its body is compressed
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let strays = Arc::<Mutex<Vec<String>>>::default();
        let seen = Arc::clone(&strays);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let seen = Arc::clone(&seen);
                // What the other side does with the connection is no matter.
                thread::spawn(move || {
                    let _ = serve(&stream, &seen);
                });
            }
        });
        Server { address, strays }
    }

    /// Returns the URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Returns the heads of requests that should not have come.
    pub fn strays(&self) -> Vec<String> {
        let strays = self.strays.lock();
        strays.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn serve(mut stream: &TcpStream, strays: &Mutex<Vec<String>>) -> Option<()> {
    let head = head(stream)?;
    let path = head.split(' ').nth(1)?;
    let lower = head.to_ascii_lowercase();
    let own_host = format!("\r\nhost: {}\r\n", stream.local_addr().ok()?);
    if !path.starts_with("/open/") || lower.contains(SMUGGLED) || !lower.contains(&own_host) {
        let mut strays = strays.lock().unwrap_or_else(PoisonError::into_inner);
        strays.push(head.clone());
    }
    let mut send = |text: &str| stream.write_all(text.as_bytes()).ok();
    match path.strip_prefix("/open/").unwrap_or_default() {
        "hello" => send(&ok("", "hello")),
        "echo" => send(&ok("", &head)),
        "endless" => {
            send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
            let chunk = format!("1000\r\n{}\r\n", "2".repeat(4096));
            loop {
                send(&chunk)?;
            }
        }
        "endless-head" => {
            send("HTTP/1.1 200 OK\r\n")?;
            loop {
                send("x-more: and more\r\n")?;
            }
        }
        "swallow" => std::io::copy(&mut stream, &mut std::io::sink())
            .ok()
            .map(drop),
        "redirect" => send(
            "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\
             connection: close\r\n\r\n",
        ),
        "garbage" => send("\u{1b}[2JSSH-2.0-OpenSSH\r\n\r\n"),
        "short" => send("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nshort"),
        "two-lengths" => send(&ok("content-length: 400\r\n", "hello")),
        "length-and-chunks" => send(&ok("transfer-encoding: chunked\r\n", "0\r\n\r\nsecond")),
        "bomb" => send(&ok("content-encoding: gzip\r\n", "bomb!")),
        _ => send("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"),
    }
}

/// An answer with one more header, or with none.
fn ok(header: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n{header}\r\n{body}"
    )
}

fn head(mut stream: &TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < MAX_HEAD {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()
}
