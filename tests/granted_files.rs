//! Granted directories: what is in them, what their rights are, and every way
//! out of them that a guest or somebody on the host may try.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{TryRecvError, channel};
use std::thread;

use rustix::fs::{IFlags, ioctl_setflags};
use sandpool::{DirGrant, Isolation, Layer, Outcome, Refusal, Verdict};

use crate::support::{TestPool, open, pool, test, texts};

const SECRET: &str = "nobody may read this";

/// A folder with something to grant, `inside`, and a secret next to it.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Place { folder };
        fs::create_dir_all(place.path("inside/deep/deeper")).expect("made");
        fs::create_dir(place.path("outside")).expect("made");
        fs::write(place.path("inside/x"), "a text").expect("written");
        fs::write(place.path("inside/deep/y"), "deep").expect("written");
        fs::write(place.path("outside/secret"), SECRET).expect("written");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn grant(&self, name: &str, guest: &str, writable: bool) -> DirGrant {
        DirGrant {
            host: self.path(name),
            guest: guest.into(),
            writable,
        }
    }

    /// A pool that grants `inside` as `/data`.
    fn pool(&self, writable: bool) -> TestPool {
        open(
            pool()
                .processes(1)
                .dir(self.grant("inside", "/data", writable)),
        )
    }

    /// Every name with what it holds or leads to, and its time of change.
    fn snapshot(&self) -> BTreeMap<PathBuf, String> {
        let mut found = BTreeMap::new();
        collect(self.folder.path(), &mut found);
        found
    }
}

fn collect(folder: &Path, found: &mut BTreeMap<PathBuf, String>) {
    for entry in fs::read_dir(folder).expect("readable") {
        let path = entry.expect("an entry").path();
        let metadata = path.symlink_metadata().expect("there");
        let modified = metadata.modified().expect("known");
        let text = match metadata.is_file() {
            true => fs::read_to_string(&path).expect("a text"),
            false => String::new(),
        };
        if metadata.is_dir() {
            collect(&path, found);
        }
        found.insert(path, format!("{modified:?} {text}"));
    }
}

fn files(pool: &TestPool, function: &str, args: &[&str]) -> Outcome {
    let module = pool.guest("files");
    let call = pool.call(&module, function).values(texts(args));
    call.outcome().expect("sent")
}

fn refusal(what: &str, detail: &str) -> Refusal {
    Refusal {
        what: what.into(),
        detail: detail.into(),
    }
}

#[track_caller]
fn text_of(outcome: Outcome) -> String {
    let outcome = outcome.typed::<String>();
    outcome.value.clone().unwrap_or_else(|| panic!("{outcome}"))
}

#[track_caller]
fn assert_refused(outcome: &Outcome, what: &str, name: &str) {
    assert_eq!(outcome.verdict, Verdict::Error, "{outcome}");
    assert_eq!(outcome.refusals, [refusal(what, name)]);
    let told = format!("{outcome:?}");
    assert!(!told.contains(SECRET), "{told}");
}

#[test]
fn a_read_only_directory_can_be_read_and_nothing_in_it_changed() {
    let _test = test();
    let place = Place::new();
    let pool = place.pool(false);
    assert_eq!(text_of(files(&pool, "read-file", &["/data/x"])), "a text");
    assert_eq!(
        text_of(files(&pool, "read-file", &["/data/deep/../x"])),
        "a text"
    );
    assert_eq!(
        text_of(files(&pool, "read-below", &["/data", "deep/y"])),
        "deep"
    );
    let names = files(&pool, "list-dir", &["/data"]).typed::<Vec<String>>();
    assert_eq!(names.value, Some(vec!["deep".to_owned(), "x".to_owned()]));
    let before = place.snapshot();
    for (function, args, name) in [
        ("write-file", &["/data/new", "text"][..], "/data/new"),
        ("write-file", &["/data/x", "text"], "/data/x"),
        ("append-file", &["/data/x", "text"], "/data/x"),
        ("truncate-file", &["/data/x"], "/data/x"),
        ("remove-file", &["/data/x"], "/data/x"),
        ("link-file", &["/data/x", "/data/new"], "/data/x"),
        ("move-file", &["/data/x", "/data/new"], "/data/x"),
        ("make-symlink", &["x", "/data/new"], "/data/new"),
        ("set-times", &["/data/x"], "/data/x"),
        ("set-times", &["/data/deep"], "/data/deep"),
        ("make-dir", &["/data/deep/new"], "/data/deep/new"),
        ("remove-dir", &["/data/deep/deeper"], "/data/deep/deeper"),
        ("stream-through", &["/data", "x", "text"], "/data/x"),
    ] {
        let outcome = files(&pool, function, args);
        assert_eq!(outcome.verdict, Verdict::Error, "{function}: {outcome}");
        let first = outcome.refusals.first().cloned();
        assert_eq!(first, Some(refusal("write access", name)), "{function}");
    }
    assert_eq!(place.snapshot(), before);
    let missing = files(&pool, "read-file", &["/data/missing"]);
    assert_eq!(missing.verdict, Verdict::Error, "it is only not there");
    assert_eq!(missing.refusals, []);
}

#[test]
fn a_writable_directory_can_be_changed() {
    let _test = test();
    let place = Place::new();
    let pool = place.pool(true);
    let done = |function: &str, args: &[&str]| {
        let outcome = files(&pool, function, args);
        assert_eq!(outcome.verdict, Verdict::Ok, "{function}: {outcome}");
        assert_eq!(outcome.refusals, [], "{function}");
    };
    let there = |name: &str| fs::read_to_string(place.path("inside").join(name)).ok();
    done("write-file", &["/data/new", "one"]);
    done("append-file", &["/data/new", "two"]);
    assert_eq!(there("new").as_deref(), Some("onetwo"));
    done("link-file", &["/data/new", "/data/deep/same"]);
    done("move-file", &["/data/new", "/data/moved"]);
    done("truncate-file", &["/data/moved"]);
    assert_eq!(there("deep/same").as_deref(), Some(""));
    done("make-symlink", &["deep/y", "/data/link"]);
    assert_eq!(there("link").as_deref(), Some("deep"));
    assert_eq!(text_of(files(&pool, "read-file", &["/data/link"])), "deep");
    done("set-times", &["/data/x"]);
    let modified = fs::metadata(place.path("inside/x")).and_then(|x| x.modified());
    assert_eq!(modified.expect("known"), std::time::UNIX_EPOCH);
    done("make-dir", &["/data/made"]);
    done("remove-dir", &["/data/made"]);
    done("remove-file", &["/data/moved"]);
    assert!(there("moved").is_none() && !place.path("inside/made").exists());
}

#[test]
fn what_the_system_refuses_is_no_refusal_of_ours() {
    let _test = test();
    let place = Place::new();
    let pool = place.pool(true);
    for (function, args) in [
        ("remove-dir", &["/data/deep"][..]),
        ("write-file", &["/data/deep", "text"]),
        ("remove-file", &["/data/deep"]),
        ("make-dir", &["/data/x/y"]),
        ("read-file", &["/data/missing"]),
    ] {
        let outcome = files(&pool, function, args);
        assert_eq!(outcome.verdict, Verdict::Error, "{function}: {outcome}");
        assert_eq!(outcome.refusals, [], "{function}");
    }
    // With the same words as a grant would refuse it, where this is possible.
    let file = fs::File::open(place.path("inside/x")).expect("there");
    if ioctl_setflags(&file, IFlags::IMMUTABLE).is_ok() {
        let outcome = files(&pool, "remove-file", &["/data/x"]);
        ioctl_setflags(&file, IFlags::empty()).expect("as before");
        let error = outcome.error.as_deref().unwrap_or_default();
        assert!(error.contains("not permitted"), "{outcome}");
        assert_eq!(
            (outcome.verdict, outcome.refusals),
            (Verdict::Error, vec![])
        );
    }
}

#[test]
fn no_path_leads_out_of_a_granted_directory() {
    let _test = test();
    let place = Place::new();
    let secret = place.path("outside/secret");
    let secret = secret.to_str().expect("UTF-8");
    let inside = place.path("inside");
    let link = |target: &str, name: &str| symlink(target, inside.join(name)).expect("linked");
    link("../outside/secret", "relative");
    link(secret, "absolute");
    link("../outside", "folder");
    link("relative", "chain-2");
    link("deep/../chain-2", "chain-3");
    link("../../outside/secret", "deep/up");
    link(&format!("/proc/self/root{secret}"), "proc");
    link("/proc/self/cwd", "cwd");
    link("/proc/self/fd", "fds");
    link(".", "here");
    for writable in [false, true] {
        let pool = place.pool(writable);
        for (path, name) in [
            ("/data/../outside/secret", "/outside/secret"),
            ("/data/deep/../../outside/secret", "/outside/secret"),
            ("/data/relative", "/data/relative"),
            ("/data/absolute", "/data/absolute"),
            ("/data/folder/secret", "/data/folder/secret"),
            ("/data/chain-2", "/data/chain-2"),
            ("/data/chain-3", "/data/chain-3"),
            ("/data/deep/up", "/data/deep/up"),
            ("/data/here/here/relative", "/data/here/here/relative"),
            ("/data/proc", "/data/proc"),
            ("/data/cwd/Cargo.toml", "/data/cwd/Cargo.toml"),
            ("/data/fds/0", "/data/fds/0"),
            (secret, secret),
        ] {
            assert_refused(&files(&pool, "read-file", &[path]), "file", name);
        }
        for (path, name) in [
            ("..", "/"),
            ("../outside/secret", "/outside/secret"),
            ("deep/../../outside/secret", "/outside/secret"),
            (secret, secret),
            ("/data/x", "/data/x"),
            ("/", "/"),
        ] {
            // Without a C library that cleans paths before it asks.
            assert_refused(&files(&pool, "read-below", &["/data", path]), "file", name);
        }
        assert_eq!(
            text_of(files(&pool, "read-file", &["/data/here/here/x"])),
            "a text"
        );
    }
    let pool = place.pool(true);
    let before = place.snapshot();
    for (function, args, name) in [
        (
            "write-file",
            &["/data/relative", "text"][..],
            "/data/relative",
        ),
        (
            "write-file",
            &["/data/folder/new", "text"],
            "/data/folder/new",
        ),
        (
            "remove-file",
            &["/data/folder/secret"],
            "/data/folder/secret",
        ),
        ("make-dir", &["/data/folder/new"], "/data/folder/new"),
        ("remove-dir", &["/data/../outside"], "/outside"),
        (
            "move-file",
            &["/data/folder/secret", "/data/mine"],
            "/data/folder/secret",
        ),
        (
            "move-file",
            &["/data/x", "/data/folder/x"],
            "/data/folder/x",
        ),
        (
            "link-file",
            &["/data/folder/secret", "/data/mine"],
            "/data/folder/secret",
        ),
        (
            "make-symlink",
            &["/etc/passwd", "/data/mine"],
            "/etc/passwd",
        ),
    ] {
        assert_refused(&files(&pool, function, args), "file", name);
    }
    assert_eq!(place.snapshot(), before);
}

#[test]
fn a_directory_that_becomes_a_link_while_it_is_read_leads_nowhere() {
    let _test = test();
    let place = Place::new();
    let (swapped, kept) = (place.path("inside/swapped"), place.path("inside/kept"));
    fs::create_dir(&swapped).expect("made");
    fs::write(swapped.join("secret"), "harmless").expect("written");
    let pool = place.pool(false);
    let module = pool.guest("files");
    let rounds = AtomicU64::new(0);
    let mut found = BTreeSet::new();
    let mut refused = false;
    thread::scope(|scope| {
        // Dropped at the end of this block, however it ends.
        let (_go_on, stopped) = channel::<()>();
        let (swapped, kept, rounds) = (&swapped, &kept, &rounds);
        scope.spawn(move || {
            while stopped.try_recv() == Err(TryRecvError::Empty) {
                fs::rename(swapped, kept).expect("moved");
                symlink("../outside", swapped).expect("linked");
                fs::remove_file(swapped).expect("removed");
                fs::rename(kept, swapped).expect("moved back");
                rounds.fetch_add(1, Ordering::Relaxed);
            }
        });
        // Until the guest has met both: the directory, and the link.
        while !refused || found.is_empty() || rounds.load(Ordering::Relaxed) < 1000 {
            let call = pool.call(&module, "read-again");
            let outcome = call.args(("/data/swapped/secret", 2000u32)).outcome();
            let outcome = outcome.expect("sent").typed::<Vec<String>>();
            assert_eq!(outcome.verdict, Verdict::Ok, "{outcome}");
            let name = refusal("file", "/data/swapped/secret");
            assert!(outcome.refusals.iter().all(|one| *one == name));
            refused |= !outcome.refusals.is_empty();
            found.extend(outcome.value.expect("a list"));
        }
    });
    assert!(found.iter().eq(["harmless"]), "{found:?}");
}

#[test]
fn a_grant_inside_another_has_its_own_rights_under_its_own_path() {
    let _test = test();
    let place = Place::new();
    let builder = pool().processes(1);
    let builder = builder.dir(place.grant("inside", "/data", false));
    let pool = open(builder.dir(place.grant("inside/deep", "/data/deep", true)));
    let outcome = files(&pool, "write-file", &["/data/deep/y", "new"]);
    assert_eq!(outcome.verdict, Verdict::Ok, "{outcome}");
    assert_eq!(
        text_of(files(&pool, "read-below", &["/data", "deep/y"])),
        "new"
    );
    let outcome = files(&pool, "write-file", &["/data/x", "new"]);
    assert_refused(&outcome, "write access", "/data/x");
    // By way of the outer grant the inner directory is as the outer one says.
    let outcome = files(&pool, "stream-through", &["/data", "deep/y", "newer"]);
    assert_refused(&outcome, "write access", "/data/deep/y");
    let outcome = files(&pool, "read-file", &["/data/deep/../../outside/secret"]);
    assert_refused(&outcome, "file", "/outside/secret");
    let outcome = files(&pool, "move-file", &["/data/deep/y", "/data/y"]);
    assert_refused(&outcome, "write access", "/data/y");
}

#[test]
fn a_granted_directory_that_was_moved_away_costs_no_worker_its_root() {
    let _test = test();
    let place = Place::new();
    let builder = pool().processes(1).isolation(Isolation::ProcessPerTask);
    let builder = builder.dir(place.grant("inside", "/data", true));
    let pool = open(builder.dir(place.grant("inside/deep", "/deep", false)));
    let moved = files(&pool, "move-file", &["/data/deep", "/data/elsewhere"]);
    assert_eq!(moved.verdict, Verdict::Ok, "{moved}");
    symlink("../outside", place.path("inside/deep")).expect("linked");
    assert_eq!(text_of(files(&pool, "read-file", &["/deep/y"])), "deep");
    assert_eq!(text_of(files(&pool, "read-file", &["/data/x"])), "a text");
    let outcome = files(&pool, "read-file", &["/deep/../secret"]);
    assert_refused(&outcome, "file", "/secret");
    let outcome = files(&pool, "write-file", &["/deep/y", "new"]);
    assert_refused(&outcome, "write access", "/deep/y");
    if let Some(root) = pool.sandbox_report() {
        let missing: Vec<_> = root.missing().map(|gap| gap.layer).collect();
        assert!(!missing.contains(&Layer::MountNamespace), "{missing:?}");
    }
}

#[test]
fn a_hard_link_that_is_already_inside_is_granted() {
    let _test = test();
    let place = Place::new();
    let (secret, inside) = (place.path("outside/secret"), place.path("inside/linked"));
    fs::hard_link(secret, inside).expect("linked");
    let pool = place.pool(false);
    assert_eq!(
        text_of(files(&pool, "read-file", &["/data/linked"])),
        SECRET
    );
}

#[test]
fn files_are_read_and_written_as_streams_without_another_thread() {
    let _test = test();
    let place = Place::new();
    let pool = place.pool(true);
    let text: String = (0..40_000).map(|n| format!("{n} ")).collect();
    let outcome = files(&pool, "stream-through", &["/data", "stream", &text]);
    let pid = outcome.worker_pid.expect("it ran");
    assert_eq!(text_of(outcome), text);
    let there = fs::read_to_string(place.path("inside/stream"));
    assert_eq!(there.expect("a file"), text);
    let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("it lives");
    assert_eq!(threads.count(), 2, "the guest's, and the one that listens");
}

#[test]
fn an_empty_root_is_given_only_where_no_grant_stands_for_it() {
    let _test = test();
    let place = Place::new();
    for (guest, expected) in [
        ("/data", vec!["/data", "/"]),
        ("data", vec!["data", "/"]),
        ("/", vec!["/"]),
        (".", vec!["."]),
        ("./", vec!["./"]),
    ] {
        let pool = open(pool().processes(1).dir(place.grant("inside", guest, false)));
        let dirs = files(&pool, "given-dirs", &[]).typed::<Vec<String>>();
        let dirs = dirs.value.expect("a list");
        assert_eq!(dirs, expected, "{guest}");
    }
    let pool = open(pool().processes(1).dir(place.grant("inside", "/", false)));
    assert_eq!(text_of(files(&pool, "read-file", &["/deep/y"])), "deep");
    assert_eq!(text_of(files(&pool, "read-file", &["deep/y"])), "deep");
    let missing = files(&pool, "read-file", &["/etc/passwd"]);
    assert_eq!(
        (missing.verdict, missing.refusals),
        (Verdict::Error, vec![])
    );
}
