//! Waits, and talks to the host about itself.
//!
//! It shows the three interfaces of `sandpool:task`: its world includes
//! `task-module`, and `generate!` is told where that package lies.

use std::thread;
use std::time::Duration;

wit_bindgen::generate!({
    path: ["../../wit", "wit"],
    world: "demo:sleeper/sleeper",
    generate_all,
});

use sandpool::task::log::{Level, log};
use sandpool::task::{progress, task};

struct Sleeper;

impl Guest for Sleeper {
    fn sleep_ms(ms: u32) {
        sleep(ms);
    }

    fn sleep_then(ms: u32, value: u32) -> u32 {
        sleep(ms);
        value
    }

    fn who_am_i() -> Identity {
        Identity {
            index: task::index(),
            attempt: task::attempt(),
            name: task::name(),
            worker_pid: task::worker_pid(),
            time_left: task::time_left(),
        }
    }

    fn chat(lines: u32) {
        const LEVELS: [Level; 5] = [
            Level::Trace,
            Level::Debug,
            Level::Info,
            Level::Warn,
            Level::Error,
        ];
        for (line, level) in (1..=lines).zip(LEVELS.into_iter().cycle()) {
            let message = format!("line {line} of {lines}");
            log(level, &message);
            progress::report(line.into(), Some(lines.into()), Some(&message));
        }
    }
}

export!(Sleeper);

fn sleep(ms: u32) {
    thread::sleep(Duration::from_millis(ms.into()));
}
