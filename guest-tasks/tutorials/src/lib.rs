//! The functions that the tutorials of multiprocessing run in their processes.
//!
//! Where those call `os.getpid()`, a guest asks the host: it has no process of
//! its own to know of.

use std::borrow::Cow;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::thread;
use std::time::{Duration, Instant};

wit_bindgen::generate!({
    path: ["../../wit", "wit"],
    world: "demo:tutorials/tutorials",
    generate_all,
});

use sandpool::task::manager::{Dict, Sequence};
use sandpool::task::pipe::Connection;
use sandpool::task::queue::Queue;
use sandpool::task::task::{name, worker_pid};

struct Tutorials;

impl Guest for Tutorials {
    fn greet(name: String) {
        for time in 1..=3 {
            println!(
                "hello {name}, for the {time}. time (process {})",
                worker_pid()
            );
            sleep(100);
        }
    }

    fn add_hundred(n: u32) -> u32 {
        sleep(100);
        println!("task {n} (process {})", worker_pid());
        n + 100
    }

    fn show(message: String) {
        sleep(50);
        println!("{message} (process {})", worker_pid());
    }

    fn serve(message: String, ms: u32) -> String {
        println!("begin {message} (process {})", worker_pid());
        sleep(ms);
        println!("end {message} (process {})", worker_pid());
        format!("done {message}")
    }

    fn nap(n: u32) {
        println!("begin {n} (process {})", worker_pid());
        let slept = sleep(random_below(500));
        println!("end {n} (process {}) after {:.2} s", worker_pid(), slept);
    }

    fn lee() {
        run("Lee", 100);
    }

    fn marlon() {
        run("Marlon", 400);
    }

    fn allen() {
        run("Allen", 300);
    }

    fn frank() {
        run("Frank", 200);
    }

    fn count_files(folder: String) -> Result<u32, String> {
        let unreadable = |error| format!("{folder}: {error}");
        let entries = fs::read_dir(&folder).map_err(unreadable)?;
        let names: Result<Vec<_>, _> = entries.collect();
        let count = names.map_err(unreadable)?.len();
        println!("counted {count} in {folder} (process {})", worker_pid());
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }

    fn put_some(queue: String) -> Result<(), Error> {
        let queue = Queue::open(&queue)?;
        let item = r#"[1,"2sdf"]"#;
        println!("child puts {item} (process {})", worker_pid());
        queue.put(item.as_bytes(), None)
    }

    fn produce(evens: String, odds: String, first: u32, count: u32) -> Result<(), Error> {
        let queues = [Queue::open(&evens)?, Queue::open(&odds)?];
        let me = format!("{} (process {})", name(), worker_pid());
        for n in first..first + count {
            let (queue, item) = (&queues[n as usize % 2], n.to_string());
            if let Err(Error::Full) = queue.try_put(item.as_bytes()) {
                println!("{me} holds back {n}");
                queue.put(item.as_bytes(), None)?; // waits for room
            }
            println!("{me} has put {n}");
        }
        Ok(())
    }

    fn consume(queue: String, ms: u32) -> Result<u32, Error> {
        let queue = Queue::open(&queue)?;
        let me = format!("{} (process {})", name(), worker_pid());
        let mut taken = 0;
        loop {
            match queue.get(None) {
                Ok(item) => println!("{me} takes {}", text(&item)),
                Err(Error::Closed) => break, // and nothing is left in it
                Err(error) => return Err(error),
            }
            taken += 1;
            sleep(ms);
        }
        println!("{me} has no work left");
        Ok(taken)
    }

    fn talk(connection: String) -> Result<(), Error> {
        let parent = Connection::open(&connection)?;
        parent.send(r#""你好""#.as_bytes(), None)?;
        let message = parent.recv(None)?;
        println!("child got {} (process {})", text(&message), worker_pid());
        parent.send(r#""知行合一""#.as_bytes(), None)
    }

    fn count(connection: String, up_to: u32) -> Result<(), Error> {
        let parent = Connection::open(&connection)?;
        for n in 1..=up_to {
            parent.send(n.to_string().as_bytes(), None)?;
        }
        println!("child has sent {up_to} (process {})", worker_pid());
        Ok(())
    }

    fn sign(signatures: String, names: String) -> Result<(), Error> {
        let pid = worker_pid().to_string();
        Sequence::open(&signatures)?.append(pid.as_bytes())?;
        Dict::open(&names)?.set(&name(), pid.as_bytes())?;
        println!("{} has signed (process {pid})", name());
        Ok(())
    }
}

export!(Tutorials);

/// A task with a name, which takes up to so many milliseconds.
fn run(who: &str, at_most: u32) {
    println!("run {who} (process {})", worker_pid());
    let slept = sleep(random_below(at_most));
    println!("{who} ran for {slept:.2} s");
}

/// An item as it is shown: JSON is text.
fn text(item: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(item)
}

/// Returns the seconds that it slept.
fn sleep(ms: u32) -> f64 {
    let begin = Instant::now();
    thread::sleep(Duration::from_millis(ms.into()));
    begin.elapsed().as_secs_f64()
}

/// A number that is another in each task: where a hash begins is random.
fn random_below(end: u32) -> u32 {
    let random = RandomState::new().hash_one(0) % u64::from(end);
    u32::try_from(random).unwrap_or_default()
}
