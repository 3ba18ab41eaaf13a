//! A web service whose requests are tasks, on tokio alone: a module that is loaded
//! without blocking, a task for each request, outcomes that are awaited, and a client
//! that goes away, whose task is cancelled. What axum or hyper would do is done by
//! hand here, and the clients are in the same program.
//!
//! `GET /serve/MESSAGE/MS` waits for so many milliseconds and answers.
#![expect(clippy::print_stdout, reason = "an example prints what it does")]

mod common;

use std::time::Duration;

use sandpool::value::with_causes;
use sandpool::{Module, Outcome, Pool, Verdict};
use tokio::net::{TcpListener, TcpStream};

fn main() -> anyhow::Result<()> {
    sandpool::worker_entry(); // before there is any other thread, so no `#[tokio::main]`
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(serve_some())
}

/// Serves as long as there are clients.
async fn serve_some() -> anyhow::Result<()> {
    let pool = Pool::builder().processes(2).build()?;
    let module = pool.load_async(common::guest("tutorials")).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let service = Service {
        pool: pool.clone(),
        module,
    };
    let server = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(service.clone().handle(stream));
        }
    });
    let [hello, late, gone] = ["/serve/hello/50", "/serve/late/60000", "/serve/gone/60000"]
        .map(|path| format!("GET {path} HTTP/1.0\r\n\r\n"));
    println!("hello: {}", ask(address, &hello).await?);
    println!("late: {}", ask(address, &late).await?);
    println!(
        "nothing: {}",
        ask(address, "GET /nothing HTTP/1.0\r\n\r\n").await?
    );
    let gives_up = tokio::time::timeout(Duration::from_millis(300), ask(address, &gone));
    println!(
        "gone: {}",
        if gives_up.await.is_err() {
            "gave up"
        } else {
            "answered"
        }
    );
    server.abort();
    pool.close();
    pool.join_async().await?; // at once: no task runs for a client that has gone
    println!("all tasks have ended");
    Ok(())
}

/// The state that every request needs. Handles are cheap to clone.
#[derive(Clone)]
struct Service {
    pool: Pool,
    module: Module,
}

impl Service {
    async fn handle(self, stream: TcpStream) {
        let Ok(request) = read(&stream).await else {
            return;
        };
        let answer = async {
            let words: Vec<&str> = request.split(['/', ' ']).collect();
            match words[..] {
                ["GET", "", "serve", message, ms, ..] => self.serve(message, ms).await,
                _ => (404, "there is nothing".into()),
            }
        };
        // Whichever is first: when the client goes away, the future of its answer is
        // dropped, and with it the handle of its task. A framework does the same.
        tokio::select! {
            (status, text) = answer => {
                let _ = write(&stream, &format!("HTTP/1.0 {status}\r\n\r\n{text}")).await;
            }
            _ = read(&stream) => {}
        }
    }

    /// The status and the text of an answer.
    async fn serve(&self, message: &str, ms: &str) -> (u16, String) {
        let Ok(ms) = ms.parse::<u32>() else {
            return (400, format!("`{ms}` is no number"));
        };
        let who = message.to_owned();
        let call = self
            .pool
            .call(&self.module, "serve")
            .args((message, ms))
            .timeout(Duration::from_secs(if message == "gone" { 60 } else { 1 }))
            .callback(move |outcome| println!("the task of {who} ended: {}", outcome.verdict));
        match call.apply_async::<String>() {
            Ok(task) => status(task.cancel_on_drop().outcome_async().await),
            Err(sandpool::Error::QueueFull { .. }) => (503, "too many tasks".into()),
            Err(error) => (400, with_causes(&error)),
        }
    }
}

/// Returns the outcome of a task as an HTTP status.
fn status(outcome: Outcome<String>) -> (u16, String) {
    let status = match outcome.verdict {
        Verdict::Ok => 200,
        Verdict::Error => 422,
        Verdict::Timeout | Verdict::CpuLimit | Verdict::OutOfFuel => 504,
        Verdict::InternalError => 500,
        // It trapped, wanted too much, or what it was not given.
        _ => 502,
    };
    let text = outcome.value.or(outcome.error);
    (status, text.unwrap_or_default())
}

/// Reads once; at the end of the stream, nothing.
async fn read(stream: &TcpStream) -> std::io::Result<String> {
    let mut buffer = [0; 1024];
    loop {
        stream.readable().await?;
        match stream.try_read(&mut buffer) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            read => return Ok(String::from_utf8_lossy(&buffer[..read?]).into()),
        }
    }
}

/// Writes a text that fits into the buffer of a socket.
async fn write(stream: &TcpStream, text: &str) -> std::io::Result<usize> {
    stream.writable().await?;
    stream.try_write(text.as_bytes())
}

/// The client: asks, and returns the first and the last line of the answer.
async fn ask(address: std::net::SocketAddr, request: &str) -> std::io::Result<String> {
    let stream = TcpStream::connect(address).await?;
    write(&stream, request).await?;
    let answer = read(&stream).await?;
    let (first, last) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    Ok(format!("{first}: {last}"))
}
