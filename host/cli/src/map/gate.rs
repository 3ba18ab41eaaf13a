//! `--memfree` and `--load`: while the machine has no room for further tasks, none is
//! begun. Running tasks go on.
//!
//! A thread looks at the machine and pauses the pool. It ends with the process, as the pool
//! does, in any state of the pool.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use sandpool::Pool;

use crate::parse::{self, OrNone};
use crate::report::{self, Failure, Kind};

/// The free resources without which no task is started.
#[derive(Args, Debug)]
pub struct GateFlags {
    /// Start no task while less memory than this is available
    #[arg(long, value_name = "SIZE", value_parser = parse::size, help_heading = "Workers")]
    memfree: Option<OrNone<u64>>,
    /// Start no task while N processes, or more, are running on this machine: a number,
    /// or N% of the cores
    #[arg(long, value_name = "N", value_parser = parse::load, help_heading = "Workers")]
    load: Option<f64>,
}

/// The time between two looks at the machine.
const INTERVAL: Duration = Duration::from_millis(100);

/// The number of looks over which the load is averaged: the number of running processes at
/// a single moment means little.
const LOOKS: usize = 10;

/// The length of a pause from which on it is reported.
const NOTABLE: Duration = Duration::from_secs(5);

impl GateFlags {
    /// Pauses this pool, from now on, whenever there is no room for a task.
    pub fn watch(&self, pool: &Pool, quiet: bool) -> Result<(), Failure> {
        let memory = self.memfree.and_then(|OrNone(memory)| memory);
        if memory.is_none() && self.load.is_none() {
            return Ok(());
        }
        let mut gate = Gate {
            memory,
            load: self.load,
            looks: [0; LOOKS],
            next: 0,
            // The processes that run before the first task are its measure.
            filled: false,
        };
        // Before the first task, which may find the machine full.
        let mut paused = gate.refusal().is_some();
        if paused {
            pool.pause();
        }
        let pool = pool.clone();
        let keep = move || {
            let mut since = Instant::now();
            let mut said = false;
            loop {
                thread::sleep(INTERVAL);
                match gate.refusal() {
                    Some(reason) => {
                        if !paused {
                            pool.pause();
                            since = Instant::now();
                        }
                        paused = true;
                        if !said && !quiet && since.elapsed() > NOTABLE {
                            report::note(&format!("no task is started: {reason}"));
                            said = true;
                        }
                    }
                    None if paused => {
                        pool.resume();
                        (paused, said) = (false, false);
                    }
                    None => {}
                }
            }
        };
        let spawned = thread::Builder::new().name("gate".into()).spawn(keep);
        spawned.map(drop).map_err(|error| {
            let error = anyhow::Error::new(error).context("the machine's load cannot be watched");
            Failure::new(Kind::Pool, error)
        })
    }
}

struct Gate {
    memory: Option<u64>,
    load: Option<f64>,
    /// The numbers of running processes at the last looks.
    looks: [u32; LOOKS],
    next: usize,
    filled: bool,
}

impl Gate {
    /// Returns the reason why no task should begin now; `None` if one may. A measure that
    /// cannot be taken forbids nothing.
    fn refusal(&mut self) -> Option<String> {
        if let Some(wanted) = self.memory
            && let Some(available) = available_memory()
            && available < wanted
        {
            return Some(format!(
                "{} MiB of memory are available, and `--memfree` wants {} MiB",
                available >> 20,
                wanted >> 20
            ));
        }
        if let Some(most) = self.load
            && let Some(running) = running_processes()
        {
            let load = self.average(running);
            if load >= most {
                return Some(format!(
                    "about {load:.1} processes are running, and `--load` wants fewer than {most}"
                ));
            }
        }
        None
    }

    fn average(&mut self, running: u32) -> f64 {
        if !std::mem::replace(&mut self.filled, true) {
            self.looks = [running; LOOKS];
        }
        self.looks[self.next] = running;
        self.next = (self.next + 1) % LOOKS;
        f64::from(self.looks.iter().sum::<u32>()) / LOOKS as f64
    }
}

/// Returns the memory that could be used without swapping, in bytes: of the machine, or of
/// this process's control group, if that is less.
fn available_memory() -> Option<u64> {
    let info = fs::read_to_string("/proc/meminfo").ok()?;
    let machine = available_in(&info)?;
    Some(available_in_group().map_or(machine, |group| group.min(machine)))
}

fn available_in(info: &str) -> Option<u64> {
    let line = info
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

/// Returns the memory that the control group (version 2) may still use, if it has a
/// limit.
fn available_in_group() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    let number = |name: &str| -> Option<u64> {
        let file = format!("/sys/fs/cgroup{path}/{name}");
        fs::read_to_string(file).ok()?.trim().parse().ok()
    };
    number("memory.max")?.checked_sub(number("memory.current")?)
}

/// Returns the number of processes and threads that run or want to, without this one.
fn running_processes() -> Option<u32> {
    running_in(&fs::read_to_string("/proc/loadavg").ok()?)
}

fn running_in(loadavg: &str) -> Option<u32> {
    let running: u32 = loadavg.split(' ').nth(3)?.split('/').next()?.parse().ok()?;
    Some(running.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_files_are_understood() {
        let info = "MemTotal:       16 kB\nMemAvailable:   12 kB\nBuffers: 1 kB\n";
        assert_eq!(available_in(info), Some(12 << 10));
        assert_eq!(running_in("0.20 0.18 0.12 3/80 11206\n"), Some(2));
        assert!(available_memory() > Some(0) && running_processes().is_some());
    }

    #[test]
    fn a_moment_of_load_is_no_load() {
        let mut gate = Gate {
            memory: None,
            load: Some(2.0),
            looks: [0; LOOKS],
            next: 0,
            filled: false,
        };
        assert_eq!(gate.average(1), 1.0);
        assert!(gate.average(6) < 2.0);
        for _ in 0..LOOKS {
            gate.average(6);
        }
        assert_eq!(gate.average(6), 6.0);
    }

    #[test]
    fn too_little_memory_refuses() {
        let mut gate = Gate {
            memory: Some(u64::MAX),
            load: None,
            looks: [0; LOOKS],
            next: 0,
            filled: false,
        };
        assert!(
            gate.refusal()
                .is_some_and(|text| text.contains("--memfree"))
        );
        gate.memory = Some(1);
        assert_eq!(gate.refusal(), None);
    }
}
