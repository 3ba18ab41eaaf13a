//! Pools whose first workers are hostile: real processes that speak the
//! protocol and then misbehave as they are told. See `worker/hostile` in the
//! host's sources for the behaviours.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use sandpool::{Outcome, Pool, PoolBuilder, Verdict};

use super::{one_worker, wat};

/// More hostile workers than any pool starts.
pub const ALL: u32 = 1000;

/// A worker binary that misbehaves.
pub struct Troupe {
    folder: tempfile::TempDir,
}

impl Troupe {
    /// Of the workers that are started, the first `count` behave as named.
    pub fn new(behaviour: &str, count: u32) -> Self {
        Self::of("__sandpool-worker", behaviour, count)
    }

    /// The first compiler that is started behaves as named.
    pub fn compiler(behaviour: &str) -> Self {
        Self::of("__sandpool-compiler", behaviour, 1)
    }

    fn of(role: &str, behaviour: &str, count: u32) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path();
        // A worker may run as somebody else.
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("readable");
        let put = |name: &str, text: &str| {
            fs::write(path.join(name), format!("{text}\n")).expect("written");
        };
        put("binary", env!("CARGO_BIN_EXE_sandpool"));
        put("role", role);
        put("behaviour", behaviour);
        put("count", &count.to_string());
        // A link to one script for all, since a script that was only just
        // written may be busy still: some other test that forks holds it open.
        let script = super::repository().join("tests/support/hostile-worker");
        symlink(script, path.join("worker")).expect("linked");
        Troupe { folder }
    }

    /// A builder whose workers are these.
    pub fn pool(&self) -> PoolBuilder {
        Pool::builder().processes(1).worker_binary(self.binary())
    }

    fn binary(&self) -> PathBuf {
        self.folder.path().join("worker")
    }

    /// Returns the number of hostile processes that were started.
    pub fn started(&self) -> usize {
        let entries = fs::read_dir(self.folder.path()).expect("the folder is there");
        let names = entries.flatten().map(|entry| entry.file_name());
        names
            .filter(|name| name.to_string_lossy().starts_with("started-"))
            .count()
    }
}

/// Checks that a task was lost to a worker that broke this rule of the protocol.
pub fn assert_lost_to_broken_rule(behaviour: &str, outcome: &Outcome<i32>, rule: &str) {
    let said = outcome.error.as_deref().unwrap_or_default();
    assert_eq!(
        outcome.verdict,
        Verdict::WorkerLost,
        "{behaviour}: {outcome}"
    );
    assert!(said.starts_with("protocol: "), "{behaviour}: {said}");
    assert!(said.contains(rule), "{behaviour}: {said}");
}

/// Runs something while another pool of the same process works: its results
/// must all be right.
pub fn beside_honest_work(run: impl FnOnce()) {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let honest = scope.spawn(|| {
            let pool = one_worker();
            let module = pool.wat(wat::ADD);
            let mut rounds = 0;
            while !over.load(Ordering::Relaxed) || rounds == 0 {
                let sums = pool.map::<i32>(&module, "add", (0..50).map(|n| (n, 1)));
                for (n, outcome) in (0..).zip(sums.expect("sent")) {
                    assert_eq!(outcome.value, Some(n + 1), "{outcome}");
                }
                rounds += 1;
                thread::sleep(std::time::Duration::from_millis(5));
            }
        });
        // Also if it panics: the scope waits for the thread.
        let _over = Over(&over);
        run();
        drop(_over);
        honest.join().expect("honest work is unharmed");
    });
}

struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A figure of this process from `/proc`, in bytes.
fn memory(figure: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("/proc can be read");
    let line = status.lines().find(|line| line.starts_with(figure));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    kib.and_then(|kib| kib.parse::<u64>().ok())
        .expect("a figure")
        * 1024
}

/// Returns the growth of this process's memory.
pub fn growth(run: impl FnOnce()) -> u64 {
    fs::write("/proc/self/clear_refs", "5").expect("the peak is reset");
    let before = memory("VmRSS:");
    run();
    memory("VmHWM:").saturating_sub(before)
}
