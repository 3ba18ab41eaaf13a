//! The grants of a WASI preview 1 module, asked for call by call, as no C library would
//! do it. The instance is kept from call to call, so a test is one guest's life.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use sandpool::value::ToArgs;
use sandpool::{DirGrant, Isolation, Module, Outcome, Refusal, Verdict};

use crate::support::{TestPool, open, pool, test};

/// Hands WASI's functions on. A path is one of those that lie in its memory; a
/// function that makes a descriptor returns it behind the error code.
const FILES: &str = r#"
(module
  (import "wasi_snapshot_preview1" "fd_prestat_get"
    (func $fd_prestat_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_dir_name"
    (func $fd_prestat_dir_name (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_fdstat_get"
    (func $fd_fdstat_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_filestat_get"
    (func $fd_filestat_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_readdir"
    (func $fd_readdir (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read"
    (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_filestat_set_times"
    (func $fd_filestat_set_times (param i32 i64 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_renumber"
    (func $fd_renumber (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_filestat_get"
    (func $path_filestat_get (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_filestat_set_times"
    (func $path_filestat_set_times (param i32 i32 i32 i32 i64 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_readlink"
    (func $path_readlink (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_create_directory"
    (func $path_create_directory (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_remove_directory"
    (func $path_remove_directory (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_unlink_file"
    (func $path_unlink_file (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_symlink"
    (func $path_symlink (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_link"
    (func $path_link (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_rename"
    (func $path_rename (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff"
    (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  ;; 0: an answer; 256: an iovec; 1024: a buffer; 4096: a path every 32 bytes,
  ;; its length in the first
  (data (i32.const 4096) "\01x")
  (data (i32.const 4128) "\0aetc/passwd")
  (data (i32.const 4160) "\11../outside/secret")
  (data (i32.const 4192) "\04link")
  (data (i32.const 4224) "\01.")
  (data (i32.const 4256) "\03new")
  (data (i32.const 4288) "\0b/etc/passwd")
  (data (i32.const 4320) "\04deep")
  (data (i32.const 4352) "\02\ff\fe")
  (func $path (param $n i32) (result i32 i32)
    (local $at i32)
    (local.set $at (i32.add (i32.const 4096) (i32.mul (local.get $n) (i32.const 32))))
    (i32.add (local.get $at) (i32.const 1))
    (i32.load8_u (local.get $at)))
  (func (export "prestat") (param i32) (result i32 i32)
    (call $fd_prestat_get (local.get 0) (i32.const 0))
    (i32.load (i32.const 4)))
  (func (export "dir-name") (param i32 i32) (result i32 i32)
    (call $fd_prestat_dir_name (local.get 0) (i32.const 0) (local.get 1))
    (i32.load8_u (i32.const 0)))
  (func (export "fdstat") (param i32) (result i32 i32)
    (call $fd_fdstat_get (local.get 0) (i32.const 0))
    (i32.load8_u (i32.const 0)))
  (func (export "filestat") (param i32) (result i32 i32)
    (call $fd_filestat_get (local.get 0) (i32.const 0))
    (i32.load8_u (i32.const 16)))
  (func (export "readdir") (param i32) (result i32 i32)
    (call $fd_readdir (local.get 0) (i32.const 1024) (i32.const 1024) (i64.const 0) (i32.const 0))
    (i32.load (i32.const 0)))
  ;; the error code, and the first byte
  (func (export "read") (param i32) (result i32 i32)
    (i32.store (i32.const 256) (i32.const 1024))
    (i32.store (i32.const 260) (i32.const 1024))
    (call $fd_read (local.get 0) (i32.const 256) (i32.const 1) (i32.const 0))
    (i32.load8_u (i32.const 1024)))
  (func (export "set-times") (param i32) (result i32)
    (call $fd_filestat_set_times (local.get 0) (i64.const 0) (i64.const 0) (i32.const 5)))
  ;; waits for a second and for a descriptor; the number of events and the
  ;; first one's mark
  (func (export "poll") (param i32) (result i32 i32)
    (i64.store (i32.const 8192) (i64.const 1))
    (i32.store8 (i32.const 8200) (i32.const 0))
    (i32.store (i32.const 8208) (i32.const 1))
    (i64.store (i32.const 8216) (i64.const 1000000000))
    (i64.store (i32.const 8240) (i64.const 2))
    (i32.store8 (i32.const 8248) (i32.const 1))
    (i32.store (i32.const 8256) (local.get 0))
    (drop (call $poll_oneoff (i32.const 8192) (i32.const 1024) (i32.const 2) (i32.const 0)))
    (i32.load (i32.const 0))
    (i32.load (i32.const 1024)))
  (func (export "close") (param i32) (result i32) (call $fd_close (local.get 0)))
  (func (export "renumber") (param i32 i32) (result i32)
    (call $fd_renumber (local.get 0) (local.get 1)))
  ;; descriptor, path, oflags, rights
  (func (export "open") (param i32 i32 i32 i64) (result i32 i32)
    (call $path_open (local.get 0) (i32.const 1) (call $path (local.get 1))
      (local.get 2) (local.get 3) (i64.const 0) (i32.const 0) (i32.const 0))
    (i32.load (i32.const 0)))
  (func (export "open-or-trap") (param i32 i32)
    (if (call $path_open (local.get 0) (i32.const 1) (call $path (local.get 1))
          (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 0))
      (then unreachable)))
  (func (export "stat") (param i32 i32) (result i32 i32)
    (call $path_filestat_get (local.get 0) (i32.const 1) (call $path (local.get 1)) (i32.const 0))
    (i32.load8_u (i32.const 16)))
  (func (export "set-times-at") (param i32 i32) (result i32)
    (call $path_filestat_set_times (local.get 0) (i32.const 1) (call $path (local.get 1))
      (i64.const 0) (i64.const 0) (i32.const 5)))
  (func (export "readlink") (param i32 i32) (result i32)
    (call $path_readlink (local.get 0) (call $path (local.get 1))
      (i32.const 1024) (i32.const 1024) (i32.const 0)))
  (func (export "mkdir") (param i32 i32) (result i32)
    (call $path_create_directory (local.get 0) (call $path (local.get 1))))
  (func (export "rmdir") (param i32 i32) (result i32)
    (call $path_remove_directory (local.get 0) (call $path (local.get 1))))
  (func (export "unlink") (param i32 i32) (result i32)
    (call $path_unlink_file (local.get 0) (call $path (local.get 1))))
  (func (export "symlink") (param i32 i32 i32) (result i32)
    (call $path_symlink (call $path (local.get 0)) (local.get 1) (call $path (local.get 2))))
  (func (export "link") (param i32 i32 i32 i32) (result i32)
    (call $path_link (local.get 0) (i32.const 0) (call $path (local.get 1))
      (local.get 2) (call $path (local.get 3))))
  (func (export "rename") (param i32 i32 i32 i32) (result i32)
    (call $path_rename (local.get 0) (call $path (local.get 1))
      (local.get 2) (call $path (local.get 3)))))
"#;

// The paths in its memory.
const X: i32 = 0;
const PASSWD: i32 = 1;
const OUTSIDE: i32 = 2;
const LINK: i32 = 3;
const DOT: i32 = 4;
const NEW: i32 = 5;
const ABSOLUTE: i32 = 6;
const DEEP: i32 = 7;
const NOT_UTF8: i32 = 8;

// Error codes, flags and kinds of WASI preview 1.
const OK: i32 = 0;
const BADF: i32 = 8;
const ILSEQ: i32 = 25;
const INVAL: i32 = 28;
const NAMETOOLONG: i32 = 37;
const NOENT: i32 = 44;
const NOTSUP: i32 = 58;
const PERM: i32 = 63;
const CREATE: i32 = 1;
const DIRECTORY: i32 = 2;
const READ: i64 = 1 << 1;
const WRITE: i64 = 1 << 6;
const A_DIRECTORY: i32 = 3;

/// One guest, for as long as the test.
struct Guest {
    pool: TestPool,
    module: Module,
    _folder: tempfile::TempDir,
}

impl Guest {
    /// A guest with `inside` of a folder, where there is a file `x`, as each of
    /// these paths.
    fn granted(guests: &[&str], writable: bool) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        fs::create_dir_all(path("inside/deep")).expect("made");
        fs::create_dir(path("outside")).expect("made");
        fs::write(path("outside/secret"), "secret").expect("written");
        fs::write(path("inside/x"), "text").expect("written");
        std::os::unix::fs::symlink("../outside/secret", path("inside/link")).expect("linked");
        let kept = Isolation::ProcessReuse(1000.try_into().expect("not zero"));
        let mut builder = pool().processes(1).isolation(kept);
        for guest in guests {
            builder = builder.dir(DirGrant {
                host: path("inside"),
                guest: (*guest).into(),
                writable,
            });
        }
        let pool = open(builder);
        let module = pool.wat(FILES);
        Guest {
            pool,
            module,
            _folder: folder,
        }
    }

    fn inside(&self, name: &str) -> std::path::PathBuf {
        Path::new(self._folder.path()).join("inside").join(name)
    }

    fn call(&self, function: &str, args: impl ToArgs) -> Outcome {
        let call = self.pool.call(&self.module, function).args(args);
        call.outcome().expect("sent")
    }

    /// The error code of a function, and the path that was refused, if one was.
    #[track_caller]
    fn code(&self, function: &str, args: impl ToArgs) -> (i32, Option<(String, String)>) {
        let outcome = self.call(function, args);
        assert_eq!(outcome.verdict, Verdict::Ok, "{function}: {outcome}");
        let refused = outcome.refusals.first().map(|Refusal { what, detail }| {
            assert_eq!(outcome.refusals.len(), 1, "{outcome:?}");
            (what.clone(), detail.clone())
        });
        (outcome.typed().value.expect("a code"), refused)
    }

    /// An error code and what stands behind it, with nothing refused.
    #[track_caller]
    fn pair(&self, function: &str, args: impl ToArgs) -> (i32, i32) {
        let outcome = self.call(function, args);
        assert_eq!(outcome.verdict, Verdict::Ok, "{function}: {outcome}");
        assert_eq!(outcome.refusals, [], "{function}");
        outcome.typed().value.expect("a pair")
    }

    /// The descriptor of a file that is opened.
    #[track_caller]
    fn open(&self, fd: i32, path: i32) -> i32 {
        let (code, opened) = self.pair("open", (fd, path, 0, READ));
        assert_eq!(code, OK, "open {path} in {fd}");
        opened
    }
}

fn file(name: &str) -> Option<(String, String)> {
    Some(("file".into(), name.into()))
}

fn write_access(name: &str) -> Option<(String, String)> {
    Some(("write access".into(), name.into()))
}

#[test]
fn a_file_that_was_not_granted_is_refused_by_its_name_in_preview_1() {
    let _test = test();
    let guest = Guest::granted(&[], false);
    let outcome = guest.call("open-or-trap", (3, PASSWD));
    assert_eq!(outcome.verdict, Verdict::Trap, "{outcome}");
    assert_eq!(outcome.refused().as_deref(), Some("file /etc/passwd"));
    let outcome = guest.call("open", (3, PASSWD, 0, READ));
    assert_eq!(outcome.verdict, Verdict::Ok, "it goes on: {outcome}");
    assert_eq!(outcome.refusals.len(), 1);
}

#[test]
fn the_empty_root_is_a_directory_in_which_nothing_is_or_can_be() {
    let _test = test();
    let guest = Guest::granted(&[], false);
    assert_eq!(guest.pair("prestat", (3,)), (OK, 1));
    assert_eq!(guest.pair("dir-name", (3, 1)), (OK, i32::from(b'/')));
    assert_eq!(guest.pair("dir-name", (3, 0)).0, NAMETOOLONG);
    assert_eq!(guest.pair("prestat", (4,)).0, BADF, "and there is no other");
    assert_eq!(guest.pair("fdstat", (3,)), (OK, A_DIRECTORY));
    assert_eq!(guest.pair("filestat", (3,)), (OK, A_DIRECTORY));
    assert_eq!(guest.pair("stat", (3, DOT)), (OK, A_DIRECTORY));
    assert_eq!(guest.pair("readdir", (3,)), (OK, 0));
    assert_eq!(guest.pair("read", (3,)).0, BADF);
    assert_eq!(guest.code("readlink", (3, DOT)), (INVAL, None));
    let again = guest.open(3, DOT);
    assert_eq!(guest.pair("readdir", (again,)), (OK, 0));
    assert_eq!(guest.code("unlink", (again, X)), (NOENT, file("/x")));
    assert_ne!(guest.open(3, DOT), again);
    assert_eq!(guest.code("close", (again,)), (OK, None));
    assert_eq!(guest.pair("fdstat", (again,)).0, BADF);

    let (new, passwd) = (file("/new"), file("/etc/passwd"));
    let open = |path, how, rights| {
        let outcome = guest
            .call("open", (3, path, how, rights))
            .typed::<(i32, i32)>();
        let refused = outcome.refusals.first().map(|one| one.detail.clone());
        (outcome.value.expect("a pair").0, refused)
    };
    assert_eq!(open(PASSWD, 0, READ), (NOENT, Some("/etc/passwd".into())));
    assert_eq!(open(PASSWD, 0, WRITE), (NOENT, Some("/etc/passwd".into())));
    assert_eq!(open(NEW, CREATE, WRITE), (PERM, Some("/new".into())));
    assert_eq!(open(NOT_UTF8, 0, READ), (ILSEQ, None));
    assert_eq!(guest.code("readlink", (3, PASSWD)), (NOENT, passwd.clone()));
    assert_eq!(guest.code("unlink", (3, PASSWD)), (NOENT, passwd.clone()));
    assert_eq!(guest.code("rmdir", (3, PASSWD)), (NOENT, passwd.clone()));
    assert_eq!(
        guest.code("set-times-at", (3, PASSWD)),
        (NOENT, passwd.clone())
    );
    assert_eq!(
        guest.code("rename", (3, PASSWD, 3, NEW)),
        (NOENT, passwd.clone())
    );
    assert_eq!(guest.code("link", (3, PASSWD, 3, NEW)), (NOENT, passwd));
    assert_eq!(guest.code("mkdir", (3, NEW)), (PERM, new.clone()));
    assert_eq!(guest.code("symlink", (X, 3, NEW)), (PERM, new));
    assert_eq!(guest.code("set-times", (3,)), (PERM, file("/")));
    assert_eq!(guest.code("renumber", (3, 1)), (NOTSUP, None));
    assert_eq!(guest.code("close", (3,)), (OK, None));
    assert_eq!(guest.code("mkdir", (3, NEW)), (BADF, None), "it is closed");
    assert_eq!(guest.pair("prestat", (3,)).0, BADF);
}

#[test]
fn the_root_keeps_its_number_behind_the_grants_while_files_come_and_go() {
    let _test = test();
    let guest = Guest::granted(&["/data", "/more"], false);
    assert_eq!(guest.pair("prestat", (3,)), (OK, 5));
    assert_eq!(guest.pair("prestat", (4,)), (OK, 5));
    assert_eq!(guest.pair("prestat", (5,)), (OK, 1));
    assert_eq!(guest.pair("prestat", (6,)).0, BADF);
    assert_eq!(guest.code("close", (0,)), (OK, None));
    let first = guest.open(3, X);
    let second = guest.open(4, X);
    assert!(
        first != 5 && second != 5 && first != second,
        "{first}, {second}"
    );
    assert_eq!(guest.pair("read", (first,)), (OK, i32::from(b't')));
    assert_eq!(guest.pair("prestat", (5,)), (OK, 1));
    assert_eq!(guest.code("mkdir", (5, X)), (PERM, file("/x")));
    assert_eq!(
        guest.pair("readdir", (5,)),
        (OK, 0),
        "nothing of a grant shows"
    );
    assert_eq!(guest.pair("stat", (5, DOT)), (OK, A_DIRECTORY));
    assert_eq!(guest.code("close", (first,)), (OK, None));
    assert_eq!(guest.code("close", (5,)), (OK, None));
    assert_eq!(guest.pair("prestat", (5,)).0, BADF);
    let opened: Vec<i32> = (0..3).map(|_| guest.open(3, X)).collect();
    assert!(opened.contains(&5), "the number is free again: {opened:?}");
    assert_eq!(guest.pair("read", (5,)), (OK, i32::from(b't')));
}

#[test]
fn a_root_whose_number_cannot_be_kept_makes_way_for_the_file_that_gets_it() {
    let _test = test();
    let guest = Guest::granted(&["/data"], false);
    let mode = |bits| fs::Permissions::from_mode(bits);
    // Its files can be opened, but not it: nothing is there to keep a number
    // with. (To root without restraint this says nothing.)
    fs::set_permissions(guest.inside(""), mode(0o111)).expect("set");
    let opened = guest.open(3, X);
    assert_eq!(guest.pair("read", (opened,)), (OK, i32::from(b't')));
    if opened == 4 {
        assert_eq!(guest.pair("prestat", (4,)).0, BADF, "it is the file's now");
    }
    assert_eq!(guest.code("close", (opened,)), (OK, None));
    assert_eq!(guest.pair("read", (opened,)).0, BADF);
    fs::set_permissions(guest.inside(""), mode(0o755)).expect("set");
}

#[test]
fn a_file_is_waited_for_without_another_thread() {
    let _test = test();
    let guest = Guest::granted(&["/data"], false);
    let opened = guest.open(3, X);
    let outcome = guest.call("poll", (opened,));
    let pid = outcome.worker_pid.expect("it ran");
    let value = outcome.typed::<(i32, i32)>().value;
    assert_eq!(value, Some((1, 2)), "one event, and it is the file's");
    let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("it lives");
    assert_eq!(threads.count(), 2, "the guest's, and the one that listens");
    assert_eq!(guest.pair("poll", (0,)), (1, 2), "as standard input is");
}

#[test]
fn a_grant_that_stands_for_the_root_leaves_no_empty_one() {
    let _test = test();
    for path in ["/", "."] {
        let guest = Guest::granted(&[path], false);
        assert_eq!(guest.pair("prestat", (3,)), (OK, 1));
        assert_eq!(guest.pair("prestat", (4,)).0, BADF);
        assert_eq!(guest.open(3, X), 4);
        assert_eq!(
            guest.pair("stat", (3, PASSWD)).0,
            NOENT,
            "and nothing is refused"
        );
    }
}

#[test]
fn what_a_read_only_grant_refuses_is_named_in_preview_1() {
    let _test = test();
    let guest = Guest::granted(&["/data"], false);
    let x = || write_access("/data/x");
    let open = |path, how| {
        let outcome = guest
            .call("open", (3, path, how, WRITE))
            .typed::<(i32, i32)>();
        let refused = outcome
            .refusals
            .into_iter()
            .next()
            .map(|one| (one.what, one.detail));
        (outcome.value.expect("a pair").0, refused)
    };
    assert_eq!(open(X, 0), (PERM, x()));
    assert_eq!(open(NEW, CREATE), (PERM, write_access("/data/new")));
    assert_eq!(guest.code("unlink", (3, X)), (PERM, x()));
    assert_eq!(
        guest.code("rmdir", (3, DEEP)),
        (PERM, write_access("/data/deep"))
    );
    assert_eq!(
        guest.code("mkdir", (3, NEW)),
        (PERM, write_access("/data/new"))
    );
    assert_eq!(
        guest.code("symlink", (X, 3, NEW)),
        (PERM, write_access("/data/new"))
    );
    assert_eq!(guest.code("set-times-at", (3, X)), (PERM, x()));
    let rename = guest.call("rename", (3, X, 3, NEW));
    assert_eq!(rename.refusals[0].detail, "/data/x", "{rename:?}");
    let opened = guest.open(3, X);
    assert_eq!(guest.code("set-times", (opened,)), (PERM, x()));
    let (code, deep) = guest.pair("open", (3, DEEP, DIRECTORY, READ));
    assert_eq!(code, OK);
    assert_eq!(
        guest.code("mkdir", (deep, NEW)),
        (PERM, write_access("/data/deep/new"))
    );
    // Moved to another number, it is the same directory.
    assert_eq!(guest.code("renumber", (deep, opened)), (OK, None));
    let refused = write_access("/data/deep/new");
    assert_eq!(guest.code("mkdir", (opened, NEW)), (PERM, refused));
    assert_eq!(
        guest.call("stat", (3, PASSWD)).refusals,
        [],
        "it is only not there"
    );
    assert!(!guest.inside("new").exists() && guest.inside("x").exists());
}

#[test]
fn no_path_leads_out_of_a_granted_directory_in_preview_1() {
    let _test = test();
    for writable in [false, true] {
        let guest = Guest::granted(&["/data"], writable);
        for (path, name) in [
            (OUTSIDE, "/outside/secret"),
            (LINK, "/data/link"),
            (ABSOLUTE, "/etc/passwd"),
        ] {
            let outcome = guest.call("open-or-trap", (3, path));
            assert_eq!(outcome.verdict, Verdict::Trap, "{name}: {outcome}");
            assert_eq!(outcome.refusals[0].detail, name);
            let outcome = guest.call("stat", (3, path));
            assert_eq!(outcome.refusals[0].detail, name, "{outcome:?}");
        }
    }
    let guest = Guest::granted(&["/data"], true);
    assert_eq!(
        guest.code("unlink", (3, OUTSIDE)),
        (PERM, file("/outside/secret"))
    );
    assert_eq!(
        guest.code("mkdir", (3, OUTSIDE)),
        (PERM, file("/outside/secret"))
    );
    assert_eq!(
        guest.code("symlink", (ABSOLUTE, 3, NEW)),
        (PERM, file("/etc/passwd"))
    );
    assert_eq!(
        guest.code("rename", (3, OUTSIDE, 3, NEW)),
        (PERM, file("/outside/secret"))
    );
    assert_eq!(
        guest.code("rename", (3, X, 4, NEW)),
        (PERM, file("/new")),
        "into the root"
    );
    assert_eq!(guest.code("link", (3, X, 4, NEW)), (PERM, file("/new")));
    assert_eq!(guest.code("mkdir", (3, NEW)), (OK, None));
    assert!(guest.inside("new").is_dir());
    // The system refuses it: there is something in it.
    let (code, refused) = guest.code("unlink", (3, DEEP));
    assert!(code != OK && refused.is_none());
}
