//! The kernel's status of a child while it works.

use std::fs;

use sandpool::{DirGrant, MIB, Pool};

use super::{descriptors, filters, is_root, namespaces, status};
use crate::support::process::children;
use crate::support::{SOON, eventually, one_worker, open, pool, test};

/// Looks at the worker of a task that sleeps.
fn during_a_task(pool: &Pool, look: impl FnOnce(u32)) {
    let sleeper = pool
        .load(crate::support::guest("sleeper"))
        .expect("the guest is there");
    let task = pool
        .call(&sleeper, "sleep-ms")
        .arg(60_000u32)
        .timeout(None)
        .apply_async::<()>()
        .expect("sent");
    eventually("the task runs", || {
        pool.worker_pids()
            .first()
            .is_some_and(|pid| filters(*pid) > filters(std::process::id()))
    });
    let pid = pool.worker_pids()[0];
    // Sealed means that its standard streams are gone, and then that it may
    // start no thread.
    eventually("it is sealed", || {
        !descriptors(pid).iter().any(|link| link == "/dev/null") && may_start_no_thread(pid)
    });
    look(pid);
    task.cancel();
    let _ = task.wait(Some(SOON));
}

fn may_start_no_thread(pid: u32) -> bool {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap_or_default();
    let mut lines = limits.lines();
    let line = lines.find(|line| line.starts_with("Max processes"));
    line.is_some_and(|line| line.split_whitespace().nth(2) == Some("0"))
}

#[track_caller]
fn assert_no_rights(pid: u32) {
    let status = status(pid);
    assert_eq!(status["NoNewPrivs"], "1");
    assert_eq!(status["Seccomp"], "2");
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(status[set], "0000000000000000", "{set}");
    }
}

#[test]
fn during_a_task_its_worker_has_no_rights_and_no_identity() {
    let _test = test();
    let pool = one_worker();
    during_a_task(&pool, |pid| {
        assert_no_rights(pid);
        if is_root() {
            let status = status(pid);
            assert_eq!(status["Uid"], "65534 65534 65534 65534");
            assert_eq!(status["Gid"], "65534 65534 65534 65534");
            assert_eq!(status["Groups"], "");
        }
    });
}

#[test]
fn during_a_task_its_worker_has_its_channel_and_its_artifact_and_nothing_else() {
    let _test = test();
    let pool = one_worker();
    during_a_task(&pool, |pid| {
        let environment = fs::read(format!("/proc/{pid}/environ")).expect("readable");
        assert_eq!(environment, b"");
        for link in descriptors(pid) {
            let channel = ["socket:[", "anon_inode:[eventfd]", "anon_inode:[eventpoll]"];
            let memory = ["/memfd:sandpool-ring", "/memfd:sandpool-artifact"];
            let known = channel
                .iter()
                .chain(&memory)
                .any(|known| link.starts_with(known));
            assert!(known, "{link} is open");
        }
        assert!(descriptors(pid).len() <= 12);
    });
}

#[test]
fn during_a_task_its_worker_has_namespaces_of_its_own_and_an_empty_root() {
    let _test = test();
    let pool = one_worker();
    during_a_task(&pool, |pid| {
        let (theirs, ours) = (namespaces(pid), namespaces(std::process::id()));
        for (kind, namespace) in theirs {
            assert_ne!(namespace, ours[kind], "{kind}");
        }
        let root = fs::read_dir(format!("/proc/{pid}/root")).expect("readable");
        assert_eq!(root.count(), 0);
        let working_directory = fs::read_link(format!("/proc/{pid}/cwd")).expect("a link");
        assert_eq!(working_directory.to_str(), Some("/"));
        let interfaces = fs::read_to_string(format!("/proc/{pid}/net/dev")).expect("readable");
        let interfaces: Vec<_> = interfaces.lines().skip(2).collect();
        assert!(interfaces.iter().all(|line| line.trim().starts_with("lo:")));
    });
}

#[test]
fn during_a_task_its_worker_is_limited_and_the_first_to_be_killed() {
    let _test = test();
    let pool = open(pool().processes(1).process_memory(300 * MIB));
    during_a_task(&pool, |pid| {
        let score = fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).expect("readable");
        assert_eq!(score.trim(), "1000");
        let limits = fs::read_to_string(format!("/proc/{pid}/limits")).expect("readable");
        let limit = |name: &str| {
            let line = limits.lines().find(|line| line.starts_with(name));
            let rest = &line.expect("a limit")[name.len()..];
            rest.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(limit("Max core file size")[..2], ["0", "0"]);
        assert_eq!(limit("Max processes")[..2], ["0", "0"]);
        assert_eq!(limit("Max file size")[..2], ["0", "0"]);
        assert_eq!(limit("Max open files")[..2], ["256", "256"]);
        let memory = (300 * MIB).to_string();
        assert_eq!(limit("Max data size")[..2], [memory.clone(), memory]);
    });
}

#[test]
fn a_worker_with_a_granted_directory_has_that_and_nothing_else() {
    let _test = test();
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("file"), "content").expect("written");
    let pool = open(pool().processes(1).dir(DirGrant {
        host: folder.path().into(),
        guest: "/data".into(),
        writable: false,
    }));
    during_a_task(&pool, |pid| {
        assert_no_rights(pid);
        let root = fs::read_dir(format!("/proc/{pid}/root")).expect("readable");
        let names: Vec<_> = root.flatten().map(|entry| entry.file_name()).collect();
        assert_eq!(names, ["0"]);
        assert!(fs::exists(format!("/proc/{pid}/root/0/file")).expect("readable"));
        // The one that the host opened is closed when all is set up.
        let of_a_directory = |link: &String| link.starts_with('/') && !link.starts_with("/memfd:");
        eventually("it has one directory", || {
            descriptors(pid).into_iter().filter(of_a_directory).count() == 1
        });
        if is_root() {
            // Files are read as who granted them, without his powers.
            assert_eq!(status(pid)["Uid"], "0 0 0 0");
            assert_eq!(status(pid)["Groups"], "");
        }
    });
}

#[test]
fn a_compiler_is_locked_in_while_it_reads_a_strangers_module() {
    let _test = test();
    let pool = open(pool().processes(1).cache(false));
    // Takes a while: many functions with many locals.
    let body = "(local.set 0 (i32.add (local.get 0) (i32.const 3)))".repeat(2000);
    let functions = format!("(func (export \"f\") (param i32) {body})")
        + &format!("(func (param i32) {body})").repeat(60);
    let text = format!("(module {functions})");
    let loader = (*pool).clone();
    let loading = std::thread::spawn(move || loader.load_bytes(text.as_bytes()).is_ok());
    let mut compiler = None;
    eventually("a compiler is locked in", || {
        compiler = children(std::process::id()).into_iter().find(|pid| {
            let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let is_compiler = String::from_utf8_lossy(&command).contains("compiler");
            is_compiler && filters(*pid) > filters(std::process::id())
        });
        compiler.is_some() || loading.is_finished()
    });
    let pid = compiler.expect("seen at work");
    assert_no_rights(pid);
    let working_directory = fs::read_link(format!("/proc/{pid}/cwd")).expect("a link");
    assert_eq!(working_directory.to_str(), Some("/"));
    let (theirs, ours) = (namespaces(pid), namespaces(std::process::id()));
    for (kind, namespace) in theirs {
        assert_ne!(namespace, ours[kind], "{kind}");
    }
    // Its threads are started before it reads the module, and no more after.
    eventually("no more threads are to be had", || {
        may_start_no_thread(pid) || loading.is_finished()
    });
    assert!(may_start_no_thread(pid), "the compiler is still at work");
    assert!(loading.join().expect("no panic"));
}
