//! Servers that do what a test tells them to, on a port of this machine.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use super::SOON;

/// A server, which accepts a number of connections and ends.
pub(super) struct Server {
    address: SocketAddr,
    scheme: &'static str,
    name: &'static str,
    heads: Receiver<Head>,
}

/// A request as the server read it: its head as text, its body decoded, and the number of
/// the connection on which it came.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) text: String,
    pub(super) body: Vec<u8>,
    pub(super) connection: usize,
}

impl Server {
    /// A server that hands each connection to a script.
    pub(super) fn scripted(
        connections: usize,
        script: impl Fn(TcpStream) + Send + Sync + 'static,
    ) -> Self {
        Self::new(connections, move |stream, _, _| script(stream))
    }

    /// A server that answers each request on a connection until the client or the answer
    /// closes it.
    pub(super) fn answering(
        connections: usize,
        answer: impl Fn(&Head) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        Self::new(connections, move |stream, connection, heads| {
            answer_all(stream, connection, &heads, &answer);
        })
    }

    pub(super) fn new(
        connections: usize,
        script: impl Fn(TcpStream, usize, Sender<Head>) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let (sender, heads) = channel();
        let script = Arc::new(script);
        thread::spawn(move || {
            for (index, stream) in listener.incoming().take(connections).enumerate() {
                let Ok(stream) = stream else { return };
                stream.set_read_timeout(Some(SOON)).expect("a timeout");
                stream.set_write_timeout(Some(SOON)).expect("a timeout");
                let (script, sender) = (script.clone(), sender.clone());
                thread::spawn(move || script(stream, index, sender));
            }
        });
        Server {
            address,
            scheme: "http",
            name: "api.test",
            heads,
        }
    }

    pub(super) fn with_tls(mut self, name: &'static str) -> Self {
        (self.scheme, self.name) = ("https", name);
        self
    }

    pub(super) fn authority(&self) -> String {
        format!("{}:{}", self.name, self.address.port())
    }

    pub(super) fn origin(&self) -> String {
        format!("{}://{}", self.scheme, self.authority())
    }

    /// The next request that the server has read.
    pub(super) fn next(&self) -> Head {
        self.heads.recv_timeout(SOON).expect("a request")
    }

    /// Returns true if no request has come.
    pub(super) fn is_untouched(&self) -> bool {
        self.heads.try_recv().is_err()
    }
}

/// Answers the requests on a connection until one of both ends closes it.
pub(super) fn answer_all<S: Read + Write>(
    mut stream: S,
    connection: usize,
    heads: &Sender<Head>,
    answer: &impl Fn(&Head) -> Vec<u8>,
) {
    while let Ok(Some(mut head)) = read_request(&mut stream) {
        head.connection = connection;
        let bytes = answer(&head);
        // The test may have ended.
        let _ = heads.send(head);
        if stream.write_all(&bytes).is_err() || stream.flush().is_err() {
            return;
        }
        if !String::from_utf8_lossy(&bytes).contains("content-length") {
            return;
        }
    }
}

pub(super) fn ok(body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into()
}

/// Reads a request; `None` if the client has closed the connection.
pub(super) fn read_request(stream: &mut impl Read) -> io::Result<Option<Head>> {
    let Some(text) = read_head(stream)? else {
        return Ok(None);
    };
    let body = read_body(stream, &text)?;
    Ok(Some(Head {
        text,
        body,
        connection: 0,
    }))
}

/// Reads a request as far as its empty line.
pub(super) fn read_head(stream: &mut impl Read) -> io::Result<Option<String>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if !read_byte(stream, &mut head)? {
            return Ok(None);
        }
    }
    Ok(Some(String::from_utf8(head).expect("text")))
}

/// Reads the body behind a head.
pub(super) fn read_body(stream: &mut impl Read, head: &str) -> io::Result<Vec<u8>> {
    match head.split("content-length: ").nth(1) {
        Some(rest) => {
            let length = rest.split("\r\n").next().expect("a line");
            let mut body = vec![0; length.parse().expect("a number")];
            stream.read_exact(&mut body)?;
            Ok(body)
        }
        None if head.contains("transfer-encoding: chunked") => read_chunks(stream),
        None => Ok(Vec::new()),
    }
}

fn read_chunks(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            if !read_byte(stream, &mut line)? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let digits = String::from_utf8(line).expect("text");
        let length = usize::from_str_radix(digits.trim_end(), 16).expect("a length");
        let mut chunk = vec![0; length + 2];
        stream.read_exact(&mut chunk)?;
        if length == 0 {
            return Ok(body);
        }
        body.extend(&chunk[..length]);
    }
}

fn read_byte(stream: &mut impl Read, into: &mut Vec<u8>) -> io::Result<bool> {
    let mut byte = [0];
    let read = stream.read(&mut byte)?;
    into.extend(&byte[..read]);
    Ok(read == 1)
}

/// Reads until the client closes the connection, by whatever way.
pub(super) fn until_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return all,
            Ok(read) => all.extend(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                panic!("the client keeps the connection")
            }
            Err(_) => return all,
        }
    }
}
