//! What the tutorials of multiprocessing run in their processes.
//!
//! Where those call `os.getpid()`, a guest asks the host: it has no process of
//! its own to know of.

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::thread;
use std::time::{Duration, Instant};

wit_bindgen::generate!({
    path: ["../../wit", "wit"],
    world: "demo:tutorials/tutorials",
    generate_all,
});

use sandpool::task::task::worker_pid;

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
}

export!(Tutorials);

/// A task with a name, which takes up to so many milliseconds.
fn run(name: &str, at_most: u32) {
    println!("run {name} (process {})", worker_pid());
    let slept = sleep(random_below(at_most));
    println!("{name} ran for {slept:.2} s");
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
