//! The capabilities of a task: nothing but clocks and random numbers, unless it was
//! granted; a part of what the pool grants, if its call says so; and never a process
//! with a task that has more.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::time::{SystemTime, UNIX_EPOCH};

use sandpool::value::with_causes;
use sandpool::{DirGrant, Error, Grants, Isolation, Outcome, PoolBuilder, Refusal, Stdin, Verdict};

use crate::support::{SOON, TestPool, one_worker, open, pool, test, texts, wat};

/// Runs a function of the guest `files`.
fn files(pool: &TestPool, function: &str, args: impl sandpool::value::ToArgs) -> Outcome {
    let module = pool.guest("files");
    let call = pool.call(&module, function).args(args);
    call.outcome().expect("sent")
}

fn refusal(what: &str, detail: &str) -> Refusal {
    Refusal {
        what: what.into(),
        detail: detail.into(),
    }
}

#[test]
fn a_task_has_clocks_and_random_numbers_and_nothing_else() {
    let _test = test();
    let pool = one_worker();
    let module = pool.guest("files");
    let env: Vec<(String, String)> = pool.apply(&module, "given-env", ()).expect("ok");
    assert_eq!(env, []);
    let args: Vec<String> = pool.apply(&module, "given-args", ()).expect("ok");
    assert_eq!(args, [] as [&str; 0], "not even the name of a program");
    let dirs: Vec<String> = pool.apply(&module, "given-dirs", ()).expect("ok");
    assert_eq!(dirs, ["/"], "the root of nothing");
    let names: Vec<String> = pool.apply(&module, "list-dir", ("/",)).expect("ok");
    assert_eq!(names, [] as [&str; 0]);
    let (seconds, differ): (u64, bool) = pool.apply(&module, "given-freely", ()).expect("ok");
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    assert!(seconds.abs_diff(now.expect("after 1970").as_secs()) < 3600);
    assert!(differ, "two random numbers of 64 bits");
}

#[test]
fn a_file_that_was_not_granted_is_refused_by_its_name_and_the_guests_error_is_told() {
    let _test = test();
    let pool = one_worker();
    for (path, name) in [
        ("/etc/passwd", "/etc/passwd"),
        ("etc/../notes", "/notes"),
        ("/proc/self/environ", "/proc/self/environ"),
        ("/a/../../b//c", "/b/c"),
    ] {
        let outcome = files(&pool, "read-file", (path,));
        assert_eq!(outcome.verdict, Verdict::Error, "{path}: {outcome}");
        assert_eq!(outcome.refusals, [refusal("file", name)], "{path}");
        assert_eq!(outcome.refused(), Some(format!("file {name}")));
        let error = outcome.error.as_deref().unwrap_or_default();
        assert!(error.contains("No such file"), "{error}");
        let line = outcome.to_string();
        let told = format!(" error: {error} (refused: file {name})");
        assert!(line.ends_with(&told), "{line}");
    }
}

#[test]
fn without_grants_nothing_can_be_made_or_changed_anywhere() {
    let _test = test();
    let pool = one_worker();
    let denied = |function: &str, args: &[&str], name: &str| {
        let outcome = files(&pool, function, texts(args));
        assert_eq!(outcome.verdict, Verdict::Error, "{function}: {outcome}");
        assert_eq!(outcome.refusals, [refusal("file", name)], "{function}");
    };
    denied("write-file", &["/tmp/x", "text"], "/tmp/x");
    denied("append-file", &["/tmp/x", "text"], "/tmp/x");
    denied("truncate-file", &["/tmp/x"], "/tmp/x");
    denied("remove-file", &["/tmp/x"], "/tmp/x");
    denied("move-file", &["/tmp/x", "/tmp/y"], "/tmp/x");
    denied("link-file", &["/tmp/x", "/tmp/y"], "/tmp/x");
    denied("make-symlink", &["y", "/tmp/x"], "/tmp/x");
    denied("make-dir", &["/tmp/x"], "/tmp/x");
    denied("remove-dir", &["/tmp"], "/tmp");
    denied("list-dir", &["/tmp"], "/tmp");
    denied("set-times", &["/"], "/");
}

#[test]
fn a_task_that_looks_for_files_and_goes_on_keeps_its_verdict() {
    let _test = test();
    let pool = one_worker();
    let paths = vec!["/etc/a.conf", "/etc/b.conf", "/etc/a.conf"];
    let outcome = files(&pool, "can-read", (paths,));
    assert_eq!(outcome.verdict, Verdict::Ok, "{outcome}");
    let expected = ["/etc/b.conf", "/etc/a.conf"].map(|name| refusal("file", name));
    assert_eq!(outcome.refusals, expected, "each once, the latest last");
    let outcome = files(&pool, "kind-of", ("/",));
    assert_eq!(outcome.refusals, [], "the root may be looked at");
    let many: Vec<String> = (0..1000)
        .map(|n| format!("/{n}/{}", "x".repeat(5000)))
        .collect();
    let outcome = files(&pool, "can-read", (many,));
    assert_eq!(outcome.verdict, Verdict::Ok, "{outcome}");
    assert_eq!(outcome.refusals.len(), 64, "and no more than so many");
    let longest = outcome.refusals.iter().map(|refusal| refusal.detail.len());
    assert!(longest.max() < Some(600), "names are cut");
}

#[test]
fn a_guest_that_merely_starts_is_refused_nothing() {
    let _test = test();
    let folder = tempfile::tempdir().expect("a folder");
    let grants = [None, Some("/data"), Some("/"), Some(".")];
    for guest_path in grants {
        let mut builder = pool().processes(1);
        if let Some(guest_path) = guest_path {
            builder = builder.dir(DirGrant {
                host: folder.path().into(),
                guest: guest_path.into(),
                writable: false,
            });
        }
        let pool = open(builder);
        let math = pool.guest("math");
        let outcome = pool.call(&math, "fib").arg(10).outcome().expect("sent");
        assert_eq!((outcome.verdict, outcome.refusals), (Verdict::Ok, vec![]));
        for command in [pool.guest("wc"), pool.wat(wat::COMMAND)] {
            let call = pool
                .command(&command)
                .stdin(Stdin::Bytes(b"a b\n".to_vec()));
            let outcome = call.outcome().expect("sent");
            assert_eq!(outcome.refusals, [], "{outcome}");
        }
    }
}

#[test]
fn the_name_of_a_host_is_not_looked_up_and_refused() {
    let _test = test();
    let pool = one_worker();
    let outcome = files(&pool, "look-up", ("example.com",));
    assert_eq!(outcome.verdict, Verdict::Error, "{outcome}");
    assert_eq!(outcome.refusals, [refusal("name look-up", "example.com")]);
    let outcome = files(&pool, "look-up", ("127.0.0.1",));
    assert_eq!(outcome.verdict, Verdict::Error, "{outcome}");
}

#[test]
fn a_variable_has_the_value_that_was_granted_last() {
    let _test = test();
    let builder = pool()
        .processes(1)
        .env("A", "1")
        .env("B", "")
        .env("A", "2=3");
    let pool = open(builder);
    let outcome = files(&pool, "given-env", ());
    let expected = [("A", "2=3"), ("B", "")].map(|(k, v)| (k.to_owned(), v.to_owned()));
    let env: Vec<(String, String)> = outcome.typed().value.expect("a value");
    assert_eq!(env, expected);
}

/// A pool that grants `/data` for reading, `/out` for writing, and `A` and `B`.
fn generous(processes: usize) -> (TestPool, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["data", "out"] {
        fs::create_dir(folder.path().join(name)).expect("made");
        fs::write(folder.path().join(name).join("x"), name).expect("written");
    }
    let dir = |name: &str, writable| DirGrant {
        host: folder.path().join(name),
        guest: format!("/{name}"),
        writable,
    };
    let builder = pool().processes(processes).env("A", "1").env("B", "2");
    let builder = builder.dir(dir("data", false)).dir(dir("out", true));
    (open(builder), folder)
}

#[test]
fn a_call_with_narrower_grants_cannot_reach_what_the_pool_grants() {
    let _test = test();
    let (pool, folder) = generous(2);
    let module = pool.guest("files");
    let run = |function: &str, args: &[&str], grants: Option<Grants>| {
        let call = pool.call(&module, function).values(texts(args));
        let call = match grants {
            Some(grants) => call.grants(grants),
            None => call,
        };
        call.outcome().expect("sent")
    };
    let wide = run("read-file", &["/data/x"], None);
    assert_eq!(wide.verdict, Verdict::Ok, "{wide}");
    let none = run("read-file", &["/data/x"], Some(Grants::none()));
    assert_eq!(none.verdict, Verdict::Error, "{none}");
    assert_eq!(none.refusals, [refusal("file", "/data/x")]);
    assert_ne!(none.worker_pid, wide.worker_pid, "not in the same process");
    let other = run("read-file", &["/data/x"], Some(Grants::none().dir("/out")));
    assert_eq!(other.verdict, Verdict::Error, "{other}");
    assert!(![wide.worker_pid, none.worker_pid].contains(&other.worker_pid));
    let reading = || Some(Grants::none().read_only("/out").env("B"));
    let write = run("write-file", &["/out/x", "new"], reading());
    assert_eq!(write.verdict, Verdict::Error, "{write}");
    assert_eq!(write.refusals, [refusal("write access", "/out/x")]);
    let read = run("read-file", &["/out/x"], reading());
    assert_eq!(read.verdict, Verdict::Ok, "{read}");
    let env = run("given-env", &[], reading());
    let env: Vec<(String, String)> = env.typed().value.expect("a value");
    assert_eq!(env, [("B".to_owned(), "2".to_owned())]);
    let write = run(
        "write-file",
        &["/out/x", "new"],
        Some(Grants::none().dir("/out")),
    );
    assert_eq!(write.verdict, Verdict::Ok, "{write}");
    let text = fs::read_to_string(folder.path().join("out/x"));
    assert_eq!(text.expect("a file"), "new");
}

#[test]
fn tasks_with_different_grants_or_tenants_never_share_a_process() {
    let _test = test();
    let (pool, _folder) = generous(2);
    let module = pool.guest("files");
    let mut tasks = Vec::new();
    for n in 0..60 {
        let call = pool
            .call(&module, "can-read")
            .arg(vec!["/data/x", "/out/x"]);
        let (name, call, expected) = match n % 5 {
            0 => ("all", call, [true, true]),
            1 => ("none", call.grants(Grants::none()), [false, false]),
            2 => (
                "data",
                call.grants(Grants::none().dir("/data")),
                [true, false],
            ),
            3 => ("anne", call.tenant("anne"), [true, true]),
            _ => (
                "anne, data",
                call.tenant("anne").grants(Grants::none().dir("/data")),
                [true, false],
            ),
        };
        let task = call.apply_async::<Vec<bool>>().expect("sent");
        tasks.push((name, expected, task));
    }
    let mut owner: HashMap<u32, &str> = HashMap::new();
    for (name, expected, task) in tasks {
        let outcome = task.outcome(Some(SOON)).expect("it ends");
        let value = Some(expected.to_vec());
        assert_eq!(outcome.value, value, "{name}: {outcome}");
        let pid = outcome.worker_pid.expect("it ran");
        assert_eq!(*owner.entry(pid).or_insert(name), name, "worker {pid}");
    }
}

#[test]
fn calls_with_the_same_part_of_the_grants_share_their_workers() {
    let _test = test();
    let (pool, _folder) = generous(1);
    let module = pool.guest("files");
    let pid = |grants: Option<Grants>| {
        let call = pool.call(&module, "given-dirs");
        let call = match grants {
            Some(grants) => call.grants(grants),
            None => call,
        };
        call.outcome().expect("sent").worker_pid
    };
    let part = pid(Some(Grants::none().dir("/data").dir("out").env("A")));
    let same = pid(Some(Grants::none().env("A").dir("/out/").dir("/data")));
    assert_eq!(part, same, "however it is named");
    let all = Grants::none().dir("/data").dir("/out").env("A").env("B");
    assert_eq!(
        pid(None),
        pid(Some(all)),
        "all of it is what the pool grants"
    );
}

#[test]
fn a_call_cannot_be_granted_more_than_its_pool_grants() {
    let _test = test();
    let (pool, _folder) = generous(1);
    let module = pool.guest("files");
    for grants in [
        Grants::none().dir("/etc"),
        Grants::none().dir("/"),
        Grants::none().read_only("/data/deeper"),
        Grants::none().env("HOME"),
    ] {
        let sent = pool.call(&module, "given-dirs").grants(grants).outcome();
        let error = sent.expect_err("not granted");
        assert!(matches!(error, Error::Grant(_)), "{error}");
        assert!(error.to_string().contains("does not grant"), "{error}");
        assert_eq!(error.to_string().lines().count(), 1);
    }
    let write = pool.call(&module, "write-file").args(("/data/x", "new"));
    let write = write.grants(Grants::none().dir("/data")).outcome();
    let write = write.expect("sent");
    assert_eq!(write.refusals, [refusal("write access", "/data/x")]);
}

#[test]
fn a_pool_with_grants_that_make_no_sense_is_not_built() {
    let _test = test();
    let grant = |host: &str, guest: &str| DirGrant {
        host: host.into(),
        guest: guest.into(),
        writable: false,
    };
    let error = |builder: PoolBuilder| match builder.build() {
        Ok(_) => panic!("it is built"),
        Err(error) => with_causes(&error),
    };
    let twice = pool().dir(grant("/", "/data")).dir(grant("/usr", "data/"));
    let text = "two directories are granted as `/data`; guests need a path for each";
    assert_eq!(error(twice), text);
    let file = pool().dir(grant("/dev/null", "/x"));
    let text = "`/dev/null` cannot be granted: it is not a directory";
    assert_eq!(error(file), text);
    let missing = error(pool().dir(grant("/no/such", "/x")));
    assert!(
        missing.starts_with("`/no/such` cannot be granted: No such file"),
        "{missing}"
    );
    let up = error(pool().dir(grant("/", "../up")));
    assert!(up.contains("it has `..` in it"), "{up}");
    assert_eq!(error(pool().env("", "x")), "`` is no name for a variable");
}

#[test]
fn a_pool_grants_up_to_64_directories_and_refuses_more() {
    let _test = test();
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("notes"), "hello").expect("written");
    let granting = |count: usize| {
        (0..count).fold(pool().processes(1), |pool, number| {
            pool.dir(DirGrant {
                host: folder.path().into(),
                guest: format!("/{number}"),
                writable: false,
            })
        })
    };
    let pool = open(granting(64));
    let outcome = files(&pool, "read-file", ("/63/notes",));
    assert!(outcome.is_ok(), "{outcome}");
    let error = granting(65).build().expect_err("refused").to_string();
    assert!(
        error.contains("65 directories are granted, and the most is 64"),
        "{error}"
    );
}

#[test]
fn a_directory_whose_name_is_not_utf_8_can_be_granted() {
    let _test = test();
    let folder = tempfile::tempdir().expect("a folder");
    let host = folder.path().join(OsStr::from_bytes(b"\xff"));
    fs::create_dir(&host).expect("made");
    fs::write(host.join("notes"), "hello").expect("written");
    let pool = open(pool().processes(1).dir(DirGrant {
        host,
        guest: "/data".into(),
        writable: false,
    }));
    let outcome = files(&pool, "read-file", ("/data/notes",));
    assert!(outcome.is_ok(), "{outcome}");
}

#[test]
fn a_kept_instance_has_refusals_of_its_running_task_alone() {
    let _test = test();
    let kept = Isolation::ProcessReuse(100.try_into().expect("not zero"));
    let pool = open(pool().processes(1).isolation(kept));
    let first = files(&pool, "can-read", (vec!["/a"],));
    assert_eq!(first.refusals, [refusal("file", "/a")]);
    let second = files(&pool, "can-read", (vec!["/b"],));
    assert_eq!(second.refusals, [refusal("file", "/b")]);
    let third = files(&pool, "given-env", ());
    assert_eq!(third.refusals, []);
}
