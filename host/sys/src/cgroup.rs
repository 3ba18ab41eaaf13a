//! The cgroup that this process is in: what it may use, and whether the kernel has
//! killed for it. Where nothing can be read, nothing is known.

use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = "/sys/fs/cgroup";

/// Where a controller's files of this process's cgroup are, in the unified hierarchy
/// or in one of its own.
fn folder(controller: &str) -> Option<PathBuf> {
    let list = fs::read_to_string("/proc/self/cgroup").ok()?;
    let places = places(&list, controller, Path::new(ROOT));
    places.into_iter().find(|place| place.is_dir())
}

/// Where they may be, by a list as `/proc/self/cgroup` has it. In a container, whose
/// cgroup is the root of all that it sees, the path may lead nowhere.
fn places(list: &str, controller: &str, root: &Path) -> Vec<PathBuf> {
    let mut places = Vec::new();
    let mut add = |root: PathBuf, path: &str| {
        places.push(root.join(path.trim_start_matches('/')));
        places.push(root);
    };
    let lines = list.lines().filter_map(|line| {
        let (_, line) = line.split_once(':')?;
        line.split_once(':')
    });
    for (controllers, path) in lines {
        if controllers.split(',').any(|name| name == controller) {
            add(root.join(controller), path);
        } else if controllers.is_empty() {
            add(root.to_owned(), path);
        }
    }
    places
}

fn number(folder: &Path, file: &str) -> Option<u64> {
    let text = fs::read_to_string(folder.join(file)).ok()?;
    text.trim().parse().ok()
}

/// Returns a text about the cgroup's limit of processes, if the limit is reached.
pub fn full_of_processes() -> Option<String> {
    let folder = folder("pids")?;
    let most = number(&folder, "pids.max")?;
    let current = number(&folder, "pids.current")?;
    // The one that was refused is not counted, and others end all the time.
    let is_full = current.saturating_add(4) >= most;
    is_full.then(|| format!("its cgroup allows {most} processes and threads (`pids.max`)"))
}

/// Counts the kills of the kernel's memory killer.
#[derive(Debug)]
pub struct OomKills {
    counter: Option<Counter>,
    /// The count at the last kill that was told of.
    told: u64,
}

#[derive(Debug)]
enum Counter {
    /// Of this cgroup: a file, and the key of its line.
    Cgroup { file: PathBuf, limit: Option<u64> },
    /// Of the whole system.
    System,
}

impl OomKills {
    /// Begins to count.
    pub fn from_now() -> Self {
        let counter = Counter::find();
        let count = counter.as_ref().and_then(Counter::read);
        OomKills {
            counter: counter.filter(|_| count.is_some()),
            told: count.unwrap_or(0),
        }
    }

    /// The count now, for a process that is about to start.
    pub fn count(&self) -> u64 {
        let counter = self.counter.as_ref();
        counter.and_then(Counter::read).unwrap_or(self.told)
    }

    /// The reason for the SIGKILL of a process that was started at the count `before`:
    /// `None` unless the kernel has killed since, and this kill was not told of.
    pub fn one_more(&mut self, before: u64) -> Option<String> {
        let counter = self.counter.as_ref()?;
        let told = self.told.max(before);
        if counter.read()? <= told {
            return None;
        }
        self.told = told + 1;
        Some(match counter {
            Counter::Cgroup {
                limit: Some(bytes), ..
            } => {
                let kib = bytes / 1024;
                format!("the kernel killed it, since its cgroup had no memory left ({kib}KiB)")
            }
            _ => "the kernel killed it, since memory ran out".into(),
        })
    }
}

impl Counter {
    fn find() -> Option<Self> {
        let of_cgroup = |folder: &Path, file: &str, limit: &str| Counter::Cgroup {
            file: folder.join(file),
            // Where there is none, the first version has a very large number.
            limit: number(folder, limit).filter(|bytes| *bytes < 1 << 60),
        };
        let folder = folder("memory");
        let of_cgroup = folder.iter().flat_map(|folder| {
            [
                of_cgroup(folder, "memory.events", "memory.max"),
                of_cgroup(folder, "memory.oom_control", "memory.limit_in_bytes"),
            ]
        });
        let mut counters = of_cgroup.chain([Counter::System]);
        counters.find(|counter| counter.read().is_some())
    }

    fn read(&self) -> Option<u64> {
        let path = match self {
            Counter::Cgroup { file, .. } => file.as_path(),
            Counter::System => Path::new("/proc/vmstat"),
        };
        count(&fs::read_to_string(path).ok()?)
    }
}

/// The line `oom_kill N`.
fn count(text: &str) -> Option<u64> {
    let lines = text.lines();
    let mut found = lines.filter_map(|line| line.strip_prefix("oom_kill "));
    found.next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_controller_is_found_in_its_own_hierarchy_or_the_unified_one() {
        let list = "3:memory:/docker/x\n2:cpu,pids:/p\n0::/user.slice\n";
        let root = Path::new("/r");
        let show = |controller| -> Vec<String> {
            let places = places(list, controller, root);
            places
                .iter()
                .map(|place| place.display().to_string())
                .collect()
        };
        assert_eq!(
            show("memory"),
            ["/r/memory/docker/x", "/r/memory", "/r/user.slice", "/r"]
        );
        assert_eq!(
            show("pids"),
            ["/r/pids/p", "/r/pids", "/r/user.slice", "/r"]
        );
    }

    #[test]
    fn each_kill_of_the_kernels_is_told_of_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("memory.events");
        let write = |kills: u64| {
            let text = format!("low 0\noom 9\noom_kill {kills}\noom_group_kill 0\n");
            fs::write(&file, text).expect("written");
        };
        write(4);
        let mut kills = OomKills {
            counter: Some(Counter::Cgroup {
                file: file.clone(),
                limit: Some(512 << 20),
            }),
            told: 4,
        };
        assert_eq!(kills.one_more(4), None);
        write(5);
        assert_eq!(
            kills.one_more(4).as_deref(),
            Some("the kernel killed it, since its cgroup had no memory left (524288KiB)")
        );
        assert_eq!(kills.one_more(4), None);
        // A kill before a process was started is none of it, told of or not.
        write(7);
        let before = kills.count();
        assert_eq!(kills.one_more(before), None);
        write(8);
        assert!(kills.one_more(before).is_some());
        assert_eq!(kills.one_more(before), None);
    }
}
