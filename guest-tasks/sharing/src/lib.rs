//! Every call on queues, pipes and managed objects.

use std::thread;
use std::time::{Duration, Instant};

wit_bindgen::generate!({
    path: ["../../wit", "wit"],
    world: "demo:sharing/sharing",
    generate_all,
});

mod steps;

use sandpool::task::manager::{Dict, Lock, Value};
use sandpool::task::pipe::Connection;
use sandpool::task::queue::Queue;
use sandpool::task::shared::Error;

struct Sharing;

impl Guest for Sharing {
    fn perform(steps: Vec<String>) -> Vec<String> {
        let results = steps.iter().map(|step| steps::perform(step));
        results
            .map(|result| result.unwrap_or_else(|error| format!("error {error}")))
            .collect()
    }

    fn attempt(steps: Vec<String>) -> Result<Vec<String>, String> {
        steps.iter().map(|step| steps::perform(step)).collect()
    }

    fn produce(queue: String, count: u32, size: u32) -> Result<(), String> {
        let queue = Queue::open(&queue).map_err(text)?;
        let item = vec![b'7'; size as usize];
        for _ in 0..count {
            queue.put(&item, None).map_err(text)?;
        }
        Ok(())
    }

    fn produce_many(queue: String, count: u32, size: u32, batch: u32) -> Result<(), String> {
        let queue = Queue::open(&queue).map_err(text)?;
        let item = vec![b'7'; size as usize];
        let items = vec![item; batch as usize];
        for _ in 0..count / batch {
            queue.put_many(&items, None).map_err(text)?;
        }
        Ok(())
    }

    fn put_numbers(queue: String, first: u32, count: u32) -> Result<(), String> {
        let queue = Queue::open(&queue).map_err(text)?;
        for n in first..first + count {
            queue.put(n.to_string().as_bytes(), None).map_err(text)?;
        }
        Ok(())
    }

    fn consume(queue: String) -> Result<u32, String> {
        let queue = Queue::open(&queue).map_err(text)?;
        for count in 0.. {
            match queue.get(None) {
                Ok(_) => {}
                Err(Error::Closed) => return Ok(count),
                Err(error) => return Err(text(error)),
            }
        }
        Ok(u32::MAX)
    }

    fn consume_many(queue: String, batch: u32) -> Result<u32, String> {
        let queue = Queue::open(&queue).map_err(text)?;
        let mut count = 0;
        loop {
            match queue.get_many(batch, None) {
                Ok(items) => count += items.len() as u32,
                Err(Error::Closed) => return Ok(count),
                Err(error) => return Err(text(error)),
            }
        }
    }

    fn move_numbers(source: String, target: String) -> Result<u32, String> {
        let source = Queue::open(&source).map_err(text)?;
        let target = Queue::open(&target).map_err(text)?;
        for count in 0.. {
            match source.get(None) {
                Ok(item) => target.put(&item, None).map_err(text)?,
                Err(Error::Closed) => return Ok(count),
                Err(error) => return Err(text(error)),
            }
        }
        Ok(u32::MAX)
    }

    fn set_and_get(dict: String, times: u32) -> Result<u64, String> {
        let dict = Dict::open(&dict).map_err(text)?;
        let begin = Instant::now();
        for _ in 0..times / 2 {
            dict.set("key", b"1").map_err(text)?;
            dict.get("key").map_err(text)?;
        }
        let nanos = begin.elapsed().as_nanos() / u128::from(times.max(1));
        Ok(nanos as u64)
    }

    fn add_under_lock(lock: String, value: String, times: u32) -> Result<(), String> {
        let lock = Lock::open(&lock).map_err(text)?;
        let value = Value::open(&value).map_err(text)?;
        for _ in 0..times {
            lock.acquire(None).map_err(text)?;
            let before = value.get().map_err(text)?;
            let before: u64 = String::from_utf8_lossy(&before).parse().unwrap_or(0);
            value
                .set((before + 1).to_string().as_bytes())
                .map_err(text)?;
            lock.release().map_err(text)?;
        }
        Ok(())
    }

    fn echo(connection: String) -> Result<u32, String> {
        let connection = Connection::open(&connection).map_err(text)?;
        for count in 0.. {
            match connection.recv(None) {
                Ok(message) => connection.send(&message, None).map_err(text)?,
                Err(Error::EndOfFile) => return Ok(count),
                Err(error) => return Err(text(error)),
            }
        }
        Ok(u32::MAX)
    }
}

export!(Sharing);

/// The name of an error, as it stands in the interface.
fn text(error: Error) -> String {
    let name = match error {
        Error::Denied => "denied",
        Error::Full => "full",
        Error::Empty => "empty",
        Error::Closed => "closed",
        Error::EndOfFile => "end-of-file",
        Error::Timeout => "timeout",
        Error::NotOwner => "not-owner",
        Error::OverRelease => "over-release",
        Error::Broken => "broken",
        Error::OutOfRange => "out-of-range",
        Error::TooLarge => "too-large",
        Error::NotANumber => "not-a-number",
        Error::NotJoinable => "not-joinable",
    };
    name.to_owned()
}

fn sleep(ms: u64) {
    thread::sleep(Duration::from_millis(ms));
}
