//! A process that locks itself in and tries to get out: each attempt has to be
//! refused, and by the layer that is meant to. With that layer left out, the
//! next one refuses it, where there is one.

use std::path::Path;

use sandpool::{Attempt, DirGrant, Escape, Layer, PoolBuilder};

use crate::support::{pool, test};

const KILLED: Escape = Escape::Killed(libc::SIGSYS);

fn became(builder: PoolBuilder, without: &[Layer], attempt: Attempt) -> Escape {
    let builder = builder.without_layers(without);
    let probed = builder.probe_sandbox(Some(attempt));
    probed
        .unwrap_or_else(|error| panic!("{attempt:?} without {without:?}: {error:?}"))
        .attempt
}

fn granting(folder: &Path, writable: bool) -> PoolBuilder {
    pool().dir(DirGrant {
        host: folder.into(),
        guest: "/data".into(),
        writable,
    })
}

#[test]
fn every_attempt_to_get_out_ends_in_death_by_the_list_of_system_calls() {
    let _test = test();
    for attempt in Attempt::ALL {
        assert_eq!(became(pool(), &[], attempt), KILLED, "{attempt:?}");
    }
}

/// Attempts that name a path.
const PATHS: [Attempt; 7] = [
    Attempt::OpenFile,
    Attempt::MakeFile,
    Attempt::LeaveDirectory,
    Attempt::ReadEnvironment,
    Attempt::SeeProcesses,
    Attempt::ReadParentMemory,
    Attempt::Execute,
];

/// Attempts on the process that started it.
const PARENT: [Attempt; 3] = [
    Attempt::TraceParent,
    Attempt::SignalParent,
    Attempt::CopyParentMemory,
];

#[track_caller]
fn assert_refused(
    builder: fn() -> PoolBuilder,
    without: &[Layer],
    attempts: &[Attempt],
    errno: i32,
) {
    for attempt in attempts {
        let became = became(builder(), without, *attempt);
        assert_eq!(
            became,
            Escape::Refused(errno),
            "{attempt:?} without {without:?}"
        );
    }
}

#[test]
fn without_seccomp_there_is_no_such_path_in_its_root() {
    let _test = test();
    assert_refused(pool, &[Layer::Seccomp], &PATHS, libc::ENOENT);
    let without = [Layer::Seccomp, Layer::Landlock];
    assert_refused(pool, &without, &PATHS, libc::ENOENT);
}

#[test]
fn without_seccomp_and_a_root_of_its_own_landlock_forbids_every_path() {
    let _test = test();
    let without = [Layer::Seccomp, Layer::MountNamespace];
    assert_refused(pool, &without, &PATHS, libc::EACCES);
}

#[test]
fn without_seccomp_there_is_no_parent_in_its_pid_namespace() {
    let _test = test();
    assert_refused(pool, &[Layer::Seccomp], &PARENT, libc::ESRCH);
    let without = [Layer::Seccomp, Layer::Landlock];
    assert_refused(pool, &without, &PARENT, libc::ESRCH);
}

#[test]
fn without_seccomp_and_a_pid_namespace_it_is_not_allowed_to_touch_its_parent() {
    let _test = test();
    // Landlock's scope, and being another user, or one without capabilities in
    // a user namespace of its own.
    let without = [Layer::Seccomp, Layer::PidNamespace];
    assert_refused(pool, &without, &PARENT, libc::EPERM);
    if super::is_root() {
        let without = [Layer::Seccomp, Layer::PidNamespace, Layer::Landlock];
        assert_refused(pool, &without, &PARENT, libc::EPERM);
    }
}

#[test]
fn without_seccomp_no_connection_is_made() {
    let _test = test();
    let connect = [Attempt::Connect];
    // Landlock knows no port, and the network namespace no way to one.
    assert_refused(pool, &[Layer::Seccomp], &connect, libc::EACCES);
    let without = [Layer::Seccomp, Layer::Landlock];
    assert_refused(pool, &without, &connect, libc::ENETUNREACH);
}

#[test]
fn without_seccomp_limits_and_missing_rights_still_hold() {
    let _test = test();
    if super::is_root() {
        // A limit on processes binds nobody who is root, which it is not.
        assert_refused(pool, &[Layer::Seccomp], &[Attempt::Fork], libc::EAGAIN);
        let without = [Layer::Seccomp, Layer::ResourceLimits];
        assert_eq!(became(pool(), &without, Attempt::Fork), Escape::Succeeded);
    }
    assert_refused(pool, &[Layer::Seccomp], &[Attempt::LoadBpf], libc::EPERM);
    // An ordinary user is user 0 of his own user namespace, without capabilities: he
    // may make another, and become who he is.
    if super::is_root() {
        // There is no user 0 in its namespace, or it may not be.
        let became = became(pool(), &[Layer::Seccomp], Attempt::BecomeRoot);
        assert!(matches!(became, Escape::Refused(_)), "{became:?}");
        assert_refused(
            pool,
            &[Layer::Seccomp],
            &[Attempt::MakeNamespace],
            libc::EPERM,
        );
    }
}

#[test]
fn executable_memory_sockets_and_io_uring_are_for_seccomp_alone_to_refuse() {
    let _test = test();
    // No further layer stops these attempts: if this changes, the documents have to.
    for attempt in [
        Attempt::MapExecutable,
        Attempt::MapUncounted,
        Attempt::MakeSockets,
        Attempt::SetUpIoUring,
    ] {
        let became = became(pool(), &[Layer::Seccomp], attempt);
        // A machine may have io_uring turned off.
        let alone = matches!(
            became,
            Escape::Succeeded | Escape::Refused(libc::EPERM | libc::ENOSYS)
        );
        assert!(alone, "{attempt:?}: {became:?}");
    }
}

#[test]
fn with_a_granted_directory_every_other_path_is_refused_twice() {
    let _test = test();
    let folder = tempfile::tempdir().expect("a folder");
    let (no_mounts, no_landlock) = ([Layer::MountNamespace], [Layer::Landlock]);
    for writable in [false, true] {
        for attempt in Attempt::ALL {
            let is_path = PATHS.contains(&attempt) && attempt != Attempt::Execute;
            let granting = || granting(folder.path(), writable);
            if !is_path {
                assert_eq!(became(granting(), &[], attempt), KILLED, "{attempt:?}");
                continue;
            }
            let gone = Escape::Refused(libc::ENOENT);
            assert_eq!(became(granting(), &[], attempt), gone, "{attempt:?}");
            assert_eq!(
                became(granting(), &no_landlock, attempt),
                gone,
                "{attempt:?}"
            );
            let forbidden = Escape::Refused(libc::EACCES);
            assert_eq!(
                became(granting(), &no_mounts, attempt),
                forbidden,
                "{attempt:?}"
            );
        }
    }
}

#[test]
fn a_directory_that_is_no_longer_the_one_that_was_granted_is_not_granted() {
    let _test = test();
    let folder = tempfile::tempdir().expect("a folder");
    let (granted, secret) = (folder.path().join("granted"), folder.path().join("secret"));
    std::fs::create_dir(&granted).expect("made");
    std::fs::create_dir(&secret).expect("made");
    let pool = granting(&granted, false)
        .processes(1)
        .build()
        .expect("built");
    // As a guest could that may write to the folder above.
    std::fs::rename(&granted, folder.path().join("old")).expect("renamed");
    std::os::unix::fs::symlink(&secret, &granted).expect("linked");
    let module = pool.load_bytes(crate::support::wat::ADD).expect("loads");
    let outcome = pool.call(&module, "add").args((1, 2)).outcome();
    // Either the directory that was granted, wherever it is now, or none.
    let pid = pool.worker_pids();
    if let (Ok(outcome), Some(pid)) = (&outcome, pid.first()) {
        assert!(outcome.is_ok(), "{outcome}");
        let open = super::descriptors(*pid);
        assert!(!open.iter().any(|link| link.contains("secret")), "{open:?}");
    }
    pool.terminate();
}
