//! The sandbox of a child, looked at from outside and tried from inside.

mod layers;
mod ordinary_user;
mod probe;
mod status;

use std::collections::BTreeMap;
use std::fs;

/// `/proc/<pid>/status`, by its keys.
pub fn status(pid: u32) -> BTreeMap<String, String> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process is there");
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    lines
        .map(|(key, value)| (key.to_owned(), value.trim().replace('\t', " ")))
        .collect()
}

/// Returns the number of filters of system calls of a process: those that these tests
/// were started with, and its own.
pub fn filters(pid: u32) -> u32 {
    // None in a process that is gone.
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    // Kernels before 5.9 say only that there are some.
    let found = ["Seccomp_filters:", "Seccomp:"]
        .into_iter()
        .find_map(|key| text.lines().find_map(|line| line.strip_prefix(key)));
    found.map_or(0, |count| count.trim().parse().expect("a number"))
}

/// Lists the descriptors of a process.
pub fn descriptors(pid: u32) -> Vec<String> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).expect("its descriptors can be listed");
    let links = entries.flatten().map(|entry| fs::read_link(entry.path()));
    let mut links: Vec<_> = links
        .flatten()
        .map(|link| link.display().to_string())
        .collect();
    links.sort();
    links
}

/// The namespaces of a process, by kind.
pub fn namespaces(pid: u32) -> BTreeMap<&'static str, String> {
    ["user", "pid", "mnt", "net", "ipc", "uts", "cgroup"]
        .into_iter()
        .map(|kind| {
            let link = fs::read_link(format!("/proc/{pid}/ns/{kind}")).expect("a namespace");
            (kind, link.display().to_string())
        })
        .collect()
}

/// Returns whether this machine has namespaces to give, and these tests may look into
/// other users' processes.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
